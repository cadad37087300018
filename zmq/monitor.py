"""What happens to a socket's connections: typed events, and the messages that libzmq's monitors send (zmq_socket_monitor(3)).

libzmq has one monitor for a socket. All Monitors of a socket share it, by one PAIR socket that whoever waits reads for all;
get_monitor_socket() and monitor() take it away from them, which ends their iteration.
"""

from __future__ import annotations

import os
import struct
from collections import deque
from dataclasses import dataclass
from threading import Condition
from time import monotonic
from weakref import WeakSet

from ._core._lib import strerror
from ._core.handle import exiting
from ._core.socket import Socket as _CoreSocket
from .constants import Errno, Event, Flag, SocketOption, SocketType
from .error import Again, ContextTerminated, ZMQError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, TypedDict

    from typing_extensions import Self

    from ._methods import SocketMethods

    class MonitorMessage(TypedDict):
        event: Event
        value: int
        endpoint: bytes


__all__ = ["Monitor", "MonitorEvent", "parse_monitor_message", "recv_monitor_message"]

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


# ---------------------------------------------------------------- typed events

_WITH_ERRNO = (
    Event.CONNECT_DELAYED
    | Event.BIND_FAILED
    | Event.ACCEPT_FAILED
    | Event.CLOSE_FAILED
    | Event.HANDSHAKE_FAILED_NO_DETAIL
)
_WITH_DESCRIPTOR = Event.CONNECTED | Event.LISTENING | Event.ACCEPTED | Event.CLOSED | Event.DISCONNECTED


@dataclass(frozen=True)
class MonitorEvent:
    """One thing that happened to a socket's connections.

    `event` says what, `endpoint` where: the address that was bound or connected. `peer` is the other side's address where that
    can be told. `error` tells in words what went wrong, and `errno` by number where there is one. `interval` is the time to the
    next try to connect, in milliseconds. `value` is libzmq's number for all of these.
    """

    event: Event
    endpoint: str
    value: int = 0
    peer: str | None = None
    errno: int | None = None
    error: str | None = None
    interval: int | None = None

    def __str__(self) -> str:
        parts = [self.event.name or str(int(self.event)), self.endpoint]
        if self.peer is not None and self.peer != self.endpoint:
            parts.append(f"peer {self.peer}")
        if self.error is not None:
            parts.append(self.error)
        if self.interval is not None:
            parts.append(f"again in {self.interval} ms")
        return " ".join(filter(None, parts))


def _protocol_error(value: int) -> str:
    from . import constants  # the name of one of forty numbers

    names = [name for name in constants.__all__ if name.startswith("PROTOCOL_ERROR_") and getattr(constants, name) == value]
    return names[0] if names else f"protocol error 0x{value & 0xFFFFFFFF:x}"


def _accepted_from(descriptor: int) -> str | None:
    """The address at the other end of a connection that was just accepted, if it is still there."""
    import socket

    # PyPy makes a descriptor that it is given blocking unless the type says no, and libzmq's thread would wait in it
    kind = socket.SOCK_STREAM | getattr(socket, "SOCK_NONBLOCK", 0)
    try:
        with socket.socket(-1, kind, -1, os.dup(descriptor)) as copy:
            name = copy.getpeername()
    except (OSError, ValueError):
        return None
    if not isinstance(name, tuple) or len(name) < 2:
        return None
    return f"tcp://[{name[0]}]:{name[1]}" if ":" in str(name[0]) else f"tcp://{name[0]}:{name[1]}"


class _Hub:
    """The one libzmq monitor of a socket, for all its Monitors."""

    def __init__(self, socket: SocketMethods) -> None:
        address = f"inproc://zmq.monitor.{os.urandom(8).hex()}"
        self.changed = Condition()
        self.monitors: WeakSet[Monitor] = WeakSet()
        self.leader = False  # a thread waits for the PAIR, for all
        self.tasks = 0  # so many tasks of an event loop do
        self.gone = False  # the socket is closed
        self.ended = False
        self._peers: dict[int, str] = {}  # of accepted connections, by descriptor
        self.pair = _CoreSocket(socket.context, SocketType.PAIR)
        try:
            self.pair.set(SocketOption.RCVHWM, 0)
            self.pair.set(SocketOption.LINGER, 0)
            self.pair.connect(address)
            socket.monitor(address, Event.ALL)
            self.pair._read_monitor(address)
        except BaseException:
            undo_connect(self.pair, address)
            raise

    def collect(self) -> None:
        """Give what has come to every Monitor. With the lock held, and no leader."""
        while not self.ended:
            try:
                message = self.pair.recv_multipart(int(Flag.DONTWAIT))
            except Again:
                return
            except ZMQError:  # somebody closed it, or terminated the context
                self.ended = True
                return
            event = self._typed(parse_monitor_message(message))
            self.ended = event.event == Event.MONITOR_STOPPED
            for monitor in list(self.monitors):
                monitor._put(event)

    def _typed(self, message: MonitorMessage) -> MonitorEvent:
        event, value, endpoint = message["event"], int(message["value"]), message["endpoint"].decode("utf-8", "replace")
        peer = errno = error = interval = None
        if event == Event.ACCEPTED:
            peer = _accepted_from(value)
            if peer is not None:
                self._peers[value] = peer
        elif event == Event.CONNECTED:
            peer = endpoint
        elif event == Event.DISCONNECTED:
            peer = self._peers.pop(value, None)
        if event & _WITH_ERRNO:
            errno, error = value, strerror(value)
        elif event == Event.HANDSHAKE_FAILED_AUTH:
            error = f"refused with ZAP status {value}"
        elif event == Event.HANDSHAKE_FAILED_PROTOCOL:
            error = _protocol_error(value)
        elif event == Event.CONNECT_RETRIED:
            interval = value
        return MonitorEvent(event, endpoint, value, peer, errno, error, interval)

    def socket_closed(self) -> None:
        """The monitored socket is gone: what has come is all that will."""
        with self.changed:
            self.gone = True
            if self.leader or self.tasks:
                return  # MONITOR_STOPPED wakes them, and they come to the same end
            self.collect()
            self.ended = True
            self.pair.close(0)

    def leave(self, monitor: Monitor) -> None:
        """One Monitor less; the last one ends libzmq's."""
        with self.changed:
            self.monitors.discard(monitor)
            if not self.monitors and not self.leader and not self.tasks:
                self.ended = True
                self.pair.close(0)


def undo_connect(reader: _CoreSocket, address: str) -> None:
    """Close a monitor's reader that was connected before its monitor failed to begin.

    libzmq remembers an inproc connection that nobody bound until the context ends, and makes a socket for it then.
    """
    binder = _CoreSocket(reader.context, SocketType.PAIR)
    try:
        binder.bind(address)
    finally:
        binder.close(0)
        reader.close(0)


class Monitor:
    """The events of a socket's connections, to be iterated over; made by Socket.monitor_events().

    ``for event in monitor`` waits for each where receiving blocks, ``async for`` where it is awaited. The iteration ends
    after the last event of a socket that was closed. Several Monitors of a socket each get every event, in one thread or
    several. It is a context manager, and ends with close() or when it is collected; meanwhile events queue without limit.
    """

    def __init__(self, socket: SocketMethods, events: int = Event.ALL) -> None:
        self._wanted = int(events)
        self._queue: deque[MonitorEvent] = deque()
        self._flavour: Any = type(socket)
        self._waiter: Any = None
        self._closed = False
        hub = socket._handle.hub
        if hub is not None and not hub.ended:
            with hub.changed:
                if not hub.leader:
                    hub.collect()  # what was before is not this one's
        if hub is None or hub.ended:
            reader = socket._monitor_socket
            if reader is not None and not reader.closed:
                raise ZMQError(
                    Errno.EADDRINUSE,
                    "get_monitor_socket() has this socket's one monitor: read its events there, or disable_monitor() first",
                )
            hub = socket._handle.hub = _Hub(socket)
        self._hub: _Hub = hub
        with hub.changed:
            hub.monitors.add(self)

    def _put(self, event: MonitorEvent) -> None:
        if event.event & self._wanted:
            self._queue.append(event)

    def _waits(self) -> Any:
        """A socket of the flavour, to wait with."""
        if self._waiter is None:
            self._waiter = self._flavour.shadow(self._hub.pair)
        return self._waiter

    def _taken(self) -> MonitorEvent | None:
        """The next event, if it has come; with the lock held."""
        if not self._hub.leader:
            self._hub.collect()
        return self._queue.popleft() if self._queue and not self._closed else None

    def get(self, timeout: float | None = None) -> MonitorEvent | None:
        """Wait for an event; only of sockets that block.

        Args:
            timeout: milliseconds; None or negative: no limit.
        Returns:
            The event; None after the last one.
        Raises:
            Again: none within the timeout. TypeError: the socket belongs to an event loop: use ``async for`` or anext().
        """
        hub = self._hub
        deadline = None if timeout is None or timeout < 0 else monotonic() + timeout / 1000
        while True:
            with hub.changed:
                event = self._taken()
                if event is not None:
                    return event
                if hub.ended or self._closed:
                    break
                left = None if deadline is None else deadline - monotonic()
                if left is not None and left <= 0:
                    raise Again
                if hub.leader:
                    hub.changed.wait(left)
                    continue
                hub.leader = True
            try:
                waited = self._waits().poll(None if left is None else left * 1000)
                if hasattr(waited, "__await__"):
                    getattr(waited, "close" if hasattr(waited, "close") else "cancel")()
                    raise TypeError("this socket belongs to an event loop: iterate with `async for`, or await anext()")
            except ZMQError as error:
                _expected(error)
            finally:
                with hub.changed:
                    hub.leader = False
                    hub.changed.notify_all()
        self.close()
        return None

    async def _next(self) -> MonitorEvent | None:
        hub = self._hub
        while True:
            with hub.changed:
                event = self._taken()
            if event is not None:
                return event
            if hub.ended or self._closed:
                break
            hub.tasks += 1
            try:
                if self._waiter is None:
                    looked = self._waits().poll(0)
                    if not hasattr(looked, "__await__"):
                        raise TypeError("this socket blocks: iterate with `for`")
                    await looked
                await self._waits().poll()
            except ZMQError as error:
                _expected(error)
            finally:
                hub.tasks -= 1
                if hub.gone and not hub.tasks:
                    # a cancelled task may be collected late, and must not hold up term()
                    hub.socket_closed()
                    self._waits().close(0)
        self.close()
        return None

    def close(self) -> None:
        """End the iteration; a last Monitor ends libzmq's."""
        self._closed = True
        hub = self._hub
        hub.leave(self)
        if self._waiter is not None and hub.ended and not hub.tasks:
            # by the flavour, whose event loop has to forget the descriptor
            self._waiter.close(0)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> MonitorEvent:
        event = self.get()
        if event is None:
            raise StopIteration
        return event

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> MonitorEvent:
        event = await self._next()
        if event is None:
            raise StopAsyncIteration
        return event

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *args: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *args: object) -> None:
        self.close()

    def __del__(self, exiting: Callable[[], bool] = exiting) -> None:  # the module's own name may be gone by then
        if "_hub" in self.__dict__ and not self._closed and not exiting():
            self.close()


def _expected(error: ZMQError) -> None:
    """Raise it again unless the PAIR socket has come to its end."""
    if not isinstance(error, ContextTerminated) and error.errno not in (Errno.ENOTSOCK, Errno.ENOTSUP):
        raise error
