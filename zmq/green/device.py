"""device and proxy of zmq.green: forward messages between two sockets in greenlets."""

from __future__ import annotations

from typing import Any

import gevent
from gevent.event import AsyncResult

from .._awaited import frames_of
from ..constants import SocketType
from .core import Socket

_CANNOT_RECEIVE = (SocketType.PUSH, SocketType.PUB, SocketType.RADIO, SocketType.SCATTER)
_CANNOT_SEND = (SocketType.PULL, SocketType.SUB, SocketType.DISH, SocketType.GATHER)


def proxy(frontend: Any, backend: Any, capture: Any = None) -> None:
    """Forward messages both ways between two sockets, until one of them or the context is closed; other greenlets run meanwhile.

    Args:
        frontend, backend: zmq sockets of any flavour; may be the same one. capture: a socket that gets a copy of every message.
    Raises:
        ContextTerminated, or what a socket raises: ZMQError ENOTSOCK when it was closed. It never returns (zmq_proxy(3)).

    A gevent.Timeout or kill() that ends it loses no message.
    """
    front, back = _green(frontend), _green(backend)
    copies = None if capture is None else _green(capture)
    ended: AsyncResult = AsyncResult()
    pairs = {(front.underlying, back.underlying): (front, back), (back.underlying, front.underlying): (back, front)}
    forwarders = [
        gevent.spawn(_forward, source, target, copies, ended)
        for source, target in pairs.values()
        if source.type not in _CANNOT_RECEIVE and target.type not in _CANNOT_SEND
    ]
    try:
        raise ended.get()
    finally:
        gevent.killall(forwarders)


def _green(socket: Any) -> Socket:
    return socket if isinstance(socket, Socket) else Socket.shadow(socket)


def _forward(source: Socket, target: Socket, capture: Socket | None, ended: AsyncResult) -> None:
    try:
        while True:
            message = source.recv_multipart(copy=False)
            number = source._number()
            try:
                target.send_multipart(message, copy=False)
            except BaseException:
                source._give_back(frames_of(message, False), number)
                raise
            if capture is not None:
                capture.send_multipart(message, copy=False)
    except Exception as error:  # noqa: BLE001  # proxy() raises it
        ended.set(error)


def device(device_type: int, isocket: Any, osocket: Any) -> None:
    """Forward messages between two sockets: proxy() by a name of old.

    Args:
        device_type: ignored. isocket, osocket: as for proxy(); osocket may be -1 for the same one.
    """
    proxy(isocket, isocket if isinstance(osocket, int) and osocket == -1 else osocket)
