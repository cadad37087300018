"""Events of a socket's connections, as its monitor socket receives them."""

from __future__ import annotations

import struct

from .constants import Event

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, TypedDict

    from ._methods import SocketMethods

    class MonitorMessage(TypedDict):
        event: Event
        value: int
        endpoint: bytes


__all__ = ["parse_monitor_message", "recv_monitor_message"]

# event number and value in native byte order, without padding (zmq_socket_monitor(3))
_HEADER = struct.Struct("=Hi")


def parse_monitor_message(msg: Sequence[bytes]) -> MonitorMessage:
    """Return a monitor message as a dict.

    Args:
        msg: its two frames.
    Returns:
        event: zmq.Event; value: what belongs to it (a descriptor, an errno, milliseconds...); endpoint: bytes.
    Raises:
        RuntimeError: not two frames, the first of 6 bytes (zmq_socket_monitor(3)).
    """
    if len(msg) != 2 or len(msg[0]) != _HEADER.size:
        raise RuntimeError(f"not a monitor message of two frames, {_HEADER.size} bytes first: {list(msg)!r}")
    event, value = _HEADER.unpack(msg[0])
    # an IntFlag keeps no negative number, and -1 is what libzmq says for none
    return {"event": Event(event), "value": Event(value) if value >= 0 else value, "endpoint": msg[1]}


def recv_monitor_message(socket: SocketMethods, flags: int = 0) -> Any:
    """Receive from a monitor socket and parse the message.

    Args:
        socket: from get_monitor_socket(). flags: as for recv().
    Returns:
        The dict of parse_monitor_message(); from an async socket an awaitable of it.
    """
    return socket._deserialize(socket.recv_multipart(flags), parse_monitor_message)
