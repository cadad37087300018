"""Text, JSON and pickle to bytes and back: what the methods of every flavour encode with."""

from __future__ import annotations

TYPE_CHECKING = False  # the name is enough for type checkers; importing typing costs 2 ms
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = [
    "decode_json",
    "decode_pyobj",
    "decode_string",
    "encode_json",
    "encode_pyobj",
    "encode_string",
    "filler",
]

# json and pickle are imported at their first use: most programs need neither, and they cost 3 ms.


def encode_string(text: str, encoding: str = "utf-8") -> bytes:
    """Encode text; TypeError for anything else."""
    if not isinstance(text, str):
        raise TypeError(f"expected str, got {type(text).__name__}; use send() for bytes")
    return text.encode(encoding)


def decode_string(data: bytes, encoding: str = "utf-8") -> str:
    """Decode text."""
    return data.decode(encoding)


def encode_json(obj: object, **kwargs: Any) -> bytes:
    """Encode as JSON in UTF-8; keywords go to json.dumps."""
    from json import dumps

    return dumps(obj, **kwargs).encode("utf-8")


def decode_json(data: bytes | str, **kwargs: Any) -> Any:
    """Decode JSON; bytes are UTF-8, keywords go to json.loads."""
    from json import loads

    if isinstance(data, bytes):
        data = data.decode("utf-8")
    return loads(data, **kwargs)


def encode_pyobj(obj: object, protocol: int | None = None) -> bytes:
    """Pickle an object; None is pickle's default protocol."""
    from pickle import dumps

    return dumps(obj, protocol)


def decode_pyobj(data: bytes) -> Any:
    """Unpickle an object. Data from somebody you do not trust can run any code."""
    from pickle import loads

    return loads(data)


def filler(buffer: Any, nbytes: int = 0) -> Callable[[Any], int]:
    """Return a function that copies a frame into a buffer, which stays pinned until then, and returns the frame's true length.

    Args:
        buffer: writable and C-contiguous. nbytes: use only so many bytes of it; 0: all.
    Raises:
        TypeError: no buffer. BufferError: read-only or not contiguous. ValueError: nbytes negative or too large.
    """
    view = memoryview(buffer)
    if view.readonly or not view.c_contiguous:
        raise BufferError(f"cannot receive into {type(buffer).__name__}: it must be writable and C-contiguous")
    if nbytes < 0 or nbytes > view.nbytes:
        raise ValueError(f"nbytes={nbytes} is outside the buffer's 0 to {view.nbytes} bytes")
    room = view.cast("B")[: nbytes or view.nbytes] if view.nbytes else memoryview(bytearray())

    def fill(frame: Any) -> int:
        size = min(len(frame), len(room))
        room[:size] = frame.buffer[:size]
        return len(frame)

    return fill
