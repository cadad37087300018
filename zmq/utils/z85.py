"""Z85, ZeroMQ's encoding of binary keys as printable text (RFC 32)."""

from __future__ import annotations

import struct

__all__ = ["Z85CHARS", "Z85MAP", "decode", "encode"]

Z85CHARS = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"
Z85MAP = {character: digit for digit, character in enumerate(Z85CHARS)}

_WEIGHTS = (85**4, 85**3, 85**2, 85, 1)


def encode(rawbytes: bytes | bytearray | memoryview) -> bytes:
    """Return bytes as Z85: five characters for every four bytes.

    Args:
        rawbytes: bytes-like, a multiple of four long.
    Raises:
        ValueError: another length (RFC 32). TypeError: not bytes-like.
    """
    with memoryview(rawbytes) as view:
        size = view.nbytes
        if size % 4:
            raise ValueError(f"Z85 encodes multiples of 4 bytes, not {size}: pad them first")
        words = struct.unpack(f">{size // 4}I", view)
    return bytes(Z85CHARS[word // weight % 85] for word in words for weight in _WEIGHTS)


def decode(z85bytes: str | bytes | bytearray | memoryview) -> bytes:
    """Return the bytes that Z85 text stands for.

    Args:
        z85bytes: str or bytes-like, a multiple of five long.
    Raises:
        ValueError: another length, text that is not ASCII, or five characters that stand for more than 32 bits (RFC 32).
        KeyError: a character that Z85 does not have. TypeError: neither str nor bytes-like.
    """
    if isinstance(z85bytes, str):
        try:
            text = z85bytes.encode("ascii")
        except UnicodeEncodeError:
            raise ValueError("Z85 is ASCII text") from None
    else:
        with memoryview(z85bytes) as view:
            text = view.tobytes()
    if len(text) % 5:
        raise ValueError(f"Z85 text is a multiple of 5 characters long, not {len(text)}")
    digits = [Z85MAP[character] for character in text]
    words = [sum(map(int.__mul__, digits[start : start + 5], _WEIGHTS)) for start in range(0, len(digits), 5)]
    if any(word > 0xFFFFFFFF for word in words):
        raise ValueError("five characters of Z85 stand for at most 32 bits: this text was not made by encode()")
    return struct.pack(f">{len(words)}I", *words)
