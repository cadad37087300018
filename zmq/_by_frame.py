"""Multipart messages frame by frame, for subclasses of zmq.Socket that have a `send` or `recv` of their own.

The core sends and receives whole messages, which is faster, but would pass such a method by.
"""

from __future__ import annotations

from ._core.release import MessageTracker
from ._core.socket import Socket as _CoreSocket
from ._core.socket import go_by_frame
from .constants import Flag, SocketOption

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .sync import Socket


def honour(cls: type[Any]) -> None:
    """Have the multipart verbs of a class go through its own `send` and `recv`, if it has such and waits as the core does."""
    own = frozenset(verb for verb in ("send", "recv") if not _is_ours(_owner(cls, verb)) and _is_blocking(cls, f"{verb}_multipart"))
    cls._own_verbs = own
    if own:
        go_by_frame(send_multipart, recv_multipart)


def _owner(cls: type[Any], name: str) -> type[Any]:
    return next(base for base in cls.__mro__ if name in base.__dict__)


def _is_ours(cls: type[Any]) -> bool:
    return cls.__module__.partition(".")[0] == "zmq"


def _is_blocking(cls: type[Any], verb: str) -> bool:
    """Whether it has the core's, whatever a program has put over it."""
    return next(base for base in cls.__mro__ if verb in base.__dict__ and _is_ours(base)) is _CoreSocket


def send_multipart(self: Socket, msg_parts: Any, flags: int, copy: bool, track: bool, routing_id: Any, group: Any) -> Any:
    """Send each frame by the class's own `send`; all are looked at before."""
    for index, part in enumerate(msg_parts):
        try:
            memoryview(part)
        except TypeError:
            text = repr(part)
            shown = text if len(text) < 30 else f"{text[:26]}..."
            raise TypeError(f"Frame {index} ({shown}) does not support the buffer interface") from None
    draft = {} if routing_id is None and group is None else {"routing_id": routing_id, "group": group}
    results = [self.send(part, flags | Flag.SNDMORE, copy=copy, track=track, **draft) for part in msg_parts[:-1]]
    results.append(self.send(msg_parts[-1], flags, copy=copy, track=track, **draft))
    if not track or len(results) == 1:
        return results[-1]
    return MessageTracker(*[result for result in results if isinstance(result, MessageTracker)])


def recv_multipart(self: Socket, flags: int, copy: bool, track: bool) -> list[Any]:
    """Receive each frame by the class's own `recv`."""
    parts = [self.recv(flags, copy=copy, track=track)]
    while self.get(SocketOption.RCVMORE):
        parts.append(self.recv(flags, copy=copy, track=track))
    return parts
