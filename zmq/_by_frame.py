"""Multipart messages frame by frame, for subclasses of zmq.Socket that have a `send` or `recv` of their own.

The core sends and receives whole messages, which is faster, but passes such a method by. Only a program that defines such a class
has these functions in zmq.Socket.
"""

from __future__ import annotations

from ._core.release import MessageTracker
from .constants import Flag, SocketOption

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .sync import Socket


_honoured: set[str] = set()


def honour(plain: type[Socket], cls: type[Any]) -> None:
    """Have the multipart verbs of zmq.Socket go through those of a subclass, if it has such of its own."""
    for verb, make in (("send", send_multipart_of), ("recv", recv_multipart_of)):
        owner = next(base for base in cls.__mro__ if verb in base.__dict__)
        if verb not in _honoured and owner.__module__.partition(".")[0] != "zmq":
            _honoured.add(verb)
            setattr(plain, f"{verb}_multipart", make(plain))


def send_multipart_of(plain: type[Socket]) -> Callable[..., Any]:
    """Make the send_multipart that goes through an overridden send."""
    whole, send = plain.send_multipart, plain.send

    def send_multipart(
        self: Socket,
        msg_parts: Any,
        flags: int = 0,
        copy: bool = True,
        track: bool = False,
        routing_id: Any = None,
        group: Any = None,
        **kwargs: Any,
    ) -> Any:
        if type(self).send is send:
            return whole(self, msg_parts, flags, copy, track, routing_id, group, **kwargs)
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

    send_multipart.__doc__ = whole.__doc__
    return send_multipart


def recv_multipart_of(plain: type[Socket]) -> Callable[..., Any]:
    """Make the recv_multipart that goes through an overridden recv."""
    whole, recv = plain.recv_multipart, plain.recv

    def recv_multipart(self: Socket, flags: int = 0, copy: bool = True, track: bool = False) -> list[Any]:
        if type(self).recv is recv:
            return whole(self, flags, copy, track)
        parts = [self.recv(flags, copy=copy, track=track)]
        while self.get(SocketOption.RCVMORE):
            parts.append(self.recv(flags, copy=copy, track=track))
        return parts

    recv_multipart.__doc__ = whole.__doc__
    return recv_multipart
