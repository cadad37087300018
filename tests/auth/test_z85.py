"""Z85 (RFC 32) and the CURVE functions."""

from __future__ import annotations

from typing import Any

import pytest
import zmq
from hypothesis import given
from hypothesis import strategies as st
from zmq.utils import z85

from auth.peers import NEEDS_CURVE

WORDS = st.integers(0, 16).flatmap(lambda count: st.binary(min_size=4 * count, max_size=4 * count))

#: The example of RFC 32, the keys of RFC 26's, and the ends of the range.
VECTORS = [
    (bytes.fromhex("864fd26fb559f75b"), b"HelloWorld"),
    (bytes(4), b"00000"),
    (b"\xff" * 4, b"%nSc0"),
    (b"", b""),
]


@pytest.mark.parametrize(("raw", "text"), VECTORS)
def test_vectors(raw: bytes, text: bytes) -> None:
    assert z85.encode(raw) == text
    assert z85.decode(text) == raw
    assert z85.decode(text.decode()) == raw


@given(WORDS)
def test_round_trip(raw: bytes) -> None:
    text = z85.encode(raw)
    assert len(text) == len(raw) * 5 // 4
    assert set(text) <= set(z85.Z85CHARS)
    for form in (text, text.decode(), bytearray(text), memoryview(text)):
        assert z85.decode(form) == raw
    assert z85.encode(bytearray(raw)) == z85.encode(memoryview(raw)) == text


@given(st.binary(max_size=40) | st.text(max_size=40))
def test_anything_decodes_or_is_refused(text: Any) -> None:
    try:
        raw = z85.decode(text)
    except (KeyError, ValueError):
        return
    assert z85.encode(raw) == (text.encode() if isinstance(text, str) else text)


@pytest.mark.parametrize("raw", [b"1", b"12345", b"123"])
def test_length_of_what_is_encoded(raw: bytes) -> None:
    with pytest.raises(ValueError, match="multiples of 4"):
        z85.encode(raw)


@pytest.mark.parametrize("text", ["1", "123456", "\u00e4" * 5, b"%nSc1", "%%%%%", "#####"])
def test_text_that_is_none(text: Any) -> None:
    with pytest.raises(ValueError):
        z85.decode(text)


def test_foreign_character() -> None:
    with pytest.raises(KeyError):
        z85.decode(b"1234 ")


@pytest.mark.parametrize("wrong", ["1234", 4, None])
def test_only_bytes_are_encoded(wrong: Any) -> None:
    with pytest.raises(TypeError):
        z85.encode(wrong)


@NEEDS_CURVE
def test_curve_keys_are_z85() -> None:
    for _ in range(50):
        public, secret = zmq.curve_keypair()
        assert len(z85.decode(public)) == len(z85.decode(secret)) == 32
        assert zmq.curve_public(secret) == zmq.curve_public(secret.decode()) == public


@NEEDS_CURVE
@given(st.binary(min_size=32, max_size=32))
def test_every_32_bytes_are_a_secret_key(raw: bytes) -> None:
    public = zmq.curve_public(z85.encode(raw))
    assert len(z85.decode(public)) == 32
    assert public == zmq.curve_public(z85.encode(raw).decode())


@NEEDS_CURVE
@given(st.binary(max_size=60) | st.text(max_size=60))
def test_curve_public_of_anything(key: Any) -> None:
    try:
        public = zmq.curve_public(key)
    except (ValueError, zmq.ZMQError):
        return
    assert len(public) == 40
