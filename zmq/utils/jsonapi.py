"""JSON as bytes, as send_json and recv_json use it."""

from __future__ import annotations

from ..codecs import decode_json, encode_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    import json as jsonmod
    from typing import Any

__all__ = ["dumps", "jsonmod", "loads"]


def dumps(o: Any, **kwargs: Any) -> bytes:
    """Return an object as JSON in utf-8; keywords go to json.dumps."""
    return encode_json(o, **kwargs)


def loads(s: str | bytes, **kwargs: Any) -> Any:
    """Return the object that JSON (str, or bytes in utf-8) stands for; keywords go to json.loads."""
    return decode_json(s, **kwargs)


if not TYPE_CHECKING:

    def __getattr__(name):
        if name == "jsonmod":
            import json  # only here: `import zmq` need not load it

            return json
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
