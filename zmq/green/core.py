"""Socket and Context of zmq.green: each verb is tried at once, and waits in gevent's hub when it cannot be done."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from gevent import get_hub, getcurrent, sleep

from .._awaited import SendMany
from .._context import Context as _BlockingContext
from .._core.socket import Socket as _CoreSocket
from ..codecs import filler
from ..constants import Errno, Flag, PollEvent, SocketOption
from ..error import Again, ZMQError
from ..sync import Socket as _BlockingSocket
from ._hub import IMMEDIATE_IN_A_ROW, HubReadiness, ManyReceiver, Receiver, Waiter, readiness_of
from ._tracker import for_greenlets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

DONTWAIT = int(Flag.DONTWAIT)
POLLIN = int(PollEvent.POLLIN)
RCVTIMEO, SNDTIMEO, EVENTS = int(SocketOption.RCVTIMEO), int(SocketOption.SNDTIMEO), int(SocketOption.EVENTS)
TIMEOS = (SocketOption.RCVTIMEO, SocketOption.SNDTIMEO)

_get: Any = _CoreSocket.get
_recv, _recv_multipart = _CoreSocket.recv, _CoreSocket.recv_multipart
_send, _send_multipart = _CoreSocket.send, _CoreSocket.send_multipart
_recv_many = _CoreSocket.recv_many

# a term() that has to wait looks so often whether it is over, in seconds
TERM_LOOKS = (0.001, 0.02)


class Socket(_BlockingSocket):
    """A zmq.Socket whose send, receive and poll methods let other greenlets run while they wait.

    Args:
        As for zmq.Socket.

    Several greenlets may wait in one socket: they are served in the order they came. RCVTIMEO and SNDTIMEO hold. A gevent.Timeout
    or kill() that ends a receive loses no message; one that ends a send_multipart has sent it whole or not at all. Closing the
    socket ends what waits in it with ZMQError ENOTSOCK. Flag DONTWAIT never switches.
    """

    _repr_cls = "zmq.green.Socket"
    _here: HubReadiness | None = None  # that of the hub it waited in last

    def close(self, linger: int | None = None) -> None:
        """Close the socket; see zmq.Socket.close. Greenlets that wait in it get ZMQError ENOTSOCK."""
        readiness, self._handle.readiness = self._handle.readiness, None
        if readiness is None:
            super().close(linger)
        else:
            readiness.close(partial(super().close, linger), ZMQError(Errno.ENOTSOCK, f"{self!r} was closed"))

    # ---------------------------------------------------------------- running a verb

    def _readiness(self) -> HubReadiness:
        if self._closed:
            raise ZMQError(Errno.ENOTSOCK)
        readiness = readiness_of(self)
        if readiness is not self._here:
            self.__dict__["_here"] = readiness
        if not readiness.budget:
            readiness.budget = IMMEDIATE_IN_A_ROW
            if getcurrent() is not readiness.hub:
                sleep(0)
        return readiness

    def _receive(self, operation: Callable[[], Any], flags: int, kind: type[Receiver] = Receiver) -> Any:
        if flags & DONTWAIT:
            return operation()
        readiness = self._readiness()
        if not readiness.receivers:
            readiness.budget -= 1
            try:
                return operation()
            except Again:
                return self._wait(kind(readiness.hub, self), operation, readiness, RCVTIMEO)
        return self._wait(kind(readiness.hub, self), operation, readiness, RCVTIMEO)

    def _transmit(self, operation: Callable[[], Any], flags: int) -> Any:
        if flags & DONTWAIT:
            return operation()
        readiness = self._readiness()
        if not readiness.senders:
            readiness.budget -= 1
            try:
                return operation()
            except Again:
                return self._wait(Waiter(readiness.hub), operation, readiness, SNDTIMEO)
        return self._wait(Waiter(readiness.hub), operation, readiness, SNDTIMEO)

    def _wait(self, waiter: Waiter, operation: Callable[[], Any], readiness: HubReadiness, timeout_option: int) -> Any:
        timeout = _get(self, timeout_option)
        if timeout == 0:
            raise Again()
        queue = readiness.receivers if timeout_option == RCVTIMEO else readiness.senders
        readiness.enqueue(queue, waiter, operation)
        if queue is readiness.receivers and not readiness.senders:
            readiness.sleep()
        else:
            readiness.look()
        return waiter.wait(timeout, readiness)

    # ---------------------------------------------------------------- the verbs

    # the two most frequent take the shortest way when they can be done at once

    def recv(self, flags: int = 0, copy: bool = True, track: bool = False) -> Any:
        here = self._here
        if here is not None and here.budget and not here.receivers:
            here.budget -= 1
            try:
                return _recv(self, flags | DONTWAIT, copy, track)
            except Again:
                if flags & DONTWAIT:
                    raise
        return self._receive(partial(_recv, self, flags | DONTWAIT, copy, track), flags)

    def recv_multipart(self, flags: int = 0, copy: bool = True, track: bool = False) -> Any:
        return self._receive(partial(_recv_multipart, self, flags | DONTWAIT, copy, track), flags)

    def recv_into(self, buffer: Any, /, *, nbytes: int = 0, flags: int = 0) -> Any:
        fill = filler(buffer, nbytes)
        return fill(self._receive(partial(_recv, self, flags | DONTWAIT, False, False), flags))

    def send(
        self, data: Any, flags: int = 0, copy: bool = True, track: bool = False, routing_id: Any = None, group: Any = None
    ) -> Any:
        here = self._here
        if here is not None and here.budget and not here.senders:
            here.budget -= 1
            try:
                return for_greenlets(_send(self, data, flags | DONTWAIT, copy, track, routing_id, group), data)
            except Again:
                if flags & DONTWAIT:
                    raise
        operation = partial(_send, self, data, flags | DONTWAIT, copy, track, routing_id, group)
        return for_greenlets(self._transmit(operation, flags), data)

    def send_multipart(
        self,
        msg_parts: Sequence[Any],
        flags: int = 0,
        copy: bool = True,
        track: bool = False,
        routing_id: Any = None,
        group: Any = None,
        **kwargs: Any,
    ) -> Any:
        operation = partial(_send_multipart, self, msg_parts, flags | DONTWAIT, copy, track, routing_id, group)
        return for_greenlets(self._transmit(operation, flags), msg_parts[-1] if not track else None)

    def recv_many(self, n: int, flags: int = 0, copy: bool = True, multipart: bool = False) -> Any:
        if n < 1:
            raise ValueError(f"recv_many() receives at least one message, not {n}")
        received = self._receive(partial(_recv_many, self, n, flags | DONTWAIT, copy, multipart), flags, ManyReceiver)
        self._spend(len(received) - 1)
        return received

    def send_many(self, messages: Iterable[Any], flags: int = 0, copy: bool = True, multipart: bool = False) -> int:
        # _transmit counts one itself
        send = SendMany(self, messages, flags, copy, multipart, lambda number: self._spend(number - 1))
        try:
            return int(self._transmit(send, flags))
        except Again:
            if not send.sent:
                raise
            return send.sent
        except BaseException as error:
            error.sent = send.sent  # type: ignore[attr-defined]
            raise

    def _spend(self, operations: int) -> None:
        here = self._here
        if here is not None:
            here.budget = max(0, here.budget - operations)

    def poll(self, timeout: float | None = None, flags: int = POLLIN) -> int:
        if self._closed:
            raise ZMQError(Errno.ENOTSUP, "socket is closed: it cannot be polled")
        if timeout == 0:
            return int(_get(self, EVENTS) & flags)
        readiness = self._readiness()
        mask: int = _get(self, EVENTS) & int(flags)
        if mask:
            readiness.budget -= 1
            return mask
        waiter = Waiter(readiness.hub)
        readiness.pollers.append((waiter, flags))
        readiness.look()
        return int(waiter.wait(timeout, readiness, 0))

    for _verb in (recv, recv_multipart, recv_into, send, send_multipart, recv_many, send_many, poll):
        _verb.__doc__ = getattr(_CoreSocket, _verb.__name__).__doc__
    del _verb


class Context(_BlockingContext[Socket]):
    """A zmq.Context whose sockets are zmq.green's, and whose term() lets other greenlets close theirs."""

    _socket_class = Socket
    _instance = None
    _repr_cls = "zmq.green.Context"

    def term(self, timeout: float | None = None) -> None:
        """Terminate the context; see zmq.Context.term. Other greenlets run while it waits: they get ContextTerminated.

        Args:
            timeout: seconds; None: no limit.
        Raises:
            ZMQError: ETIMEDOUT, as zmq.Context.term.
        """
        if getcurrent() is get_hub():
            super().term(timeout)
            return
        pause, longest = TERM_LOOKS
        left = float("inf") if timeout is None else timeout
        while True:
            try:
                super().term(0)
            except ZMQError as error:
                if error.errno != Errno.ETIMEDOUT:
                    raise
                if timeout is not None and left <= 0:
                    raise ZMQError(Errno.ETIMEDOUT, self._unfinished(timeout)) from None
            else:
                return
            pause = min(2 * pause, longest, left)
            sleep(pause)
            left -= pause


_Socket, _Context = Socket, Context
