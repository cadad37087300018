"""Old helpers from the time of Python 2: str.encode() and bytes.decode() do this today."""

from __future__ import annotations

from builtins import bytes  # noqa: UP029  # programs import it from here

from .._warnings import warn_deprecated

__all__ = ["asbytes", "b", "basestring", "bytes", "cast_bytes", "cast_unicode", "u", "unicode"]

unicode = str
basestring: tuple[type[str]] = (str,)


def cast_bytes(s: str | bytes, encoding: str = "utf8", errors: str = "strict") -> bytes:
    """Return a str as bytes, and bytes as they are; TypeError for anything else.

    Args:
        s: str or bytes. encoding, errors: as for str.encode().
    """
    warn_deprecated("zmq.utils.strtypes is from the time of Python 2: use s.encode()")
    if isinstance(s, bytes):
        return s
    if isinstance(s, str):
        return s.encode(encoding, errors)
    raise TypeError(f"expected str or bytes, not {s!r}")


def cast_unicode(s: str | bytes, encoding: str = "utf8", errors: str = "strict") -> str:
    """Return bytes as str, and a str as it is; TypeError for anything else.

    Args:
        s: str or bytes. encoding, errors: as for bytes.decode().
    """
    warn_deprecated("zmq.utils.strtypes is from the time of Python 2: use s.decode()")
    if isinstance(s, bytes):
        return s.decode(encoding, errors)
    if isinstance(s, str):
        return s
    raise TypeError(f"expected str or bytes, not {s!r}")


asbytes = cast_bytes
b = cast_bytes
u = cast_unicode
