"""Socket and Context for asyncio."""

from __future__ import annotations

import asyncio
from functools import partial

from .._awaited import SendMany
from .._context import Context as _Context
from .._core.awaiting import AwaitingSocket, Stream, receive_frames
from .._core.socket import Socket as _CoreSocket
from .._warnings import warn_deprecated
from ..codecs import filler
from ..constants import Errno, Flag, PollEvent, SocketOption
from ..error import Again, ZMQError
from ..sync import Socket as _BlockingSocket
from ._futures import Future, Received, SentMany
from ._listener import Listener
from ._loops import LoopReadiness, current_loop

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections import deque
    from collections.abc import AsyncIterator, Callable, Iterable
    from typing import Any

    from typing_extensions import Self

    from .._core.awaiting import Receive

DONTWAIT = int(Flag.DONTWAIT)
POLLIN = int(PollEvent.POLLIN)
RCVTIMEO, SNDTIMEO, EVENTS = int(SocketOption.RCVTIMEO), int(SocketOption.SNDTIMEO), int(SocketOption.EVENTS)

_get: Any = _CoreSocket.get


class Socket(AwaitingSocket, _BlockingSocket):
    """A zmq.Socket whose send, receive and poll methods return futures.

    Args:
        context: the Context, or a socket to use from asyncio. socket_type: a zmq.SocketType. io_loop: deprecated, ignored.
        **kwargs: for zmq.Socket.

    Cancelling a receive loses no message; a cancelled send_multipart was sent whole or not at all.
    """

    __module__ = "zmq.asyncio"
    _repr_cls = "zmq.asyncio.Socket"
    if TYPE_CHECKING:  # futures here, where the blocking flavour has str

        def recv_string(self, flags: int = 0, encoding: str = "utf-8") -> Any: ...
        def recv_unicode(self, flags: int = 0, encoding: str = "utf-8") -> Any: ...

    _shadow_sock_made: Any = None
    _listener: Listener | None = None
    _readiness_class: type[LoopReadiness] = LoopReadiness

    def __init__(
        self, context: Any = None, socket_type: int = -1, io_loop: Any = None, _from_socket: Any = None, **kwargs: Any
    ) -> None:
        if io_loop is not None:
            warn_deprecated("the io_loop argument is deprecated and ignored: the running loop is used")
        if _from_socket is not None:
            context = _from_socket
        if isinstance(context, _CoreSocket) or "shadow" in kwargs:
            super().__init__(context, **kwargs)
        elif socket_type < 0:
            raise TypeError("a socket needs a type such as zmq.PUSH")
        else:
            super().__init__(context, socket_type, **kwargs)

    @classmethod
    def from_socket(cls, socket: Any, io_loop: Any = None) -> Self:
        """Return an asyncio socket over an existing one, which stays usable.

        Args:
            socket: zmq.Socket. io_loop: deprecated, ignored.
        """
        return cls(_from_socket=socket, io_loop=io_loop)

    @property
    def _shadow_sock(self) -> Any:
        if self._shadow_sock_made is None:
            self._shadow_sock_made = _BlockingSocket.shadow(self)
        return self._shadow_sock_made

    def _default_loop(self) -> asyncio.AbstractEventLoop:
        return current_loop()

    def _get_loop(self) -> asyncio.AbstractEventLoop:
        return self._readiness().loop

    def _readiness(self) -> LoopReadiness:
        """The waiters of this socket in the running loop."""
        loop = self._default_loop()
        found: LoopReadiness | None = self._here
        if found is None or found.loop is not loop or found.left:
            found = self._handle.readiness
            if found is None or found.loop is not loop or found.left:
                if found is not None:
                    found.leave()
                found = self._handle.readiness = self._readiness_class(self, loop)
            self._here = found
        return found

    @property
    def _recv_futures(self) -> Any:
        found = self._handle.readiness
        return () if found is None else found.receivers

    @property
    def _send_futures(self) -> Any:
        found = self._handle.readiness
        return () if found is None else found.senders

    def close(self, linger: int | None = None) -> None:
        """Close the socket; see zmq.Socket.close.

        Waiting sends and receives fail with ENOTSOCK, waiting polls are cancelled.
        """
        readiness, self._handle.readiness = self._handle.readiness, None
        if readiness is None:
            super().close(linger)
            return
        readiness.close(partial(super().close, linger), ZMQError(Errno.ENOTSOCK, f"{self!r} was closed"))

    # ---------------------------------------------------------------- verbs that cannot be done by their shortest way

    def _failed(self, error: Exception) -> Any:
        """The future of an operation that failed at once."""
        future = Future(loop=self._default_loop())
        future.set_exception(error)
        return future

    def _receive(self, receive: Receive, flags: int) -> Any:
        if self._closed:
            raise ZMQError(Errno.ENOTSOCK)
        readiness = self._readiness()
        if flags & DONTWAIT or (readiness.budget and not readiness.receivers):
            readiness.spend(1)
            try:
                return receive.done(readiness.loop, receive())
            except Again as error:
                if flags & DONTWAIT:
                    return self._failed(error)
            except Exception as error:  # noqa: BLE001  # the awaiter is told
                return self._failed(error)
        return self._wait_to_receive(receive, readiness)

    def _wait_to_receive(self, receive: Receive, readiness: LoopReadiness) -> Any:
        future = Received(loop=readiness.loop)
        future._receive = receive
        return self._wait(future, receive, readiness, readiness.receivers, RCVTIMEO)

    def _transmit(self, verb: Callable[..., Any], message: Any, flags: int, *args: Any) -> Any:
        if self._closed:
            return self._failed(ZMQError(Errno.ENOTSOCK))
        readiness = self._readiness()
        operation = partial(verb, self, message, flags | DONTWAIT, *args)
        return self._send_now_or_later(Future(loop=readiness.loop), operation, flags, readiness, 1)

    def _send_now_or_later(
        self, future: Future, operation: Callable[[], Any], flags: int, readiness: LoopReadiness, cost: int
    ) -> Future:
        if flags & DONTWAIT or (readiness.budget and not readiness.senders):
            readiness.spend(cost)
            try:
                future.set_result(operation())
                return future
            except Again as error:
                if flags & DONTWAIT:
                    future.set_exception(error)
                    return future
            except Exception as error:  # noqa: BLE001  # the awaiter is told
                future.set_exception(error)
                return future
        return self._wait(future, operation, readiness, readiness.senders, SNDTIMEO)

    def _wait(
        self, future: Future, operation: Callable[[], Any], readiness: LoopReadiness, queue: deque[Any], timeout_option: int
    ) -> Future:
        timeout = _get(self, timeout_option)
        if timeout >= 0:
            future.expire_in(timeout)
        readiness.enqueue(queue, future, operation)
        if not readiness.budget:
            readiness.look_soon()
        elif queue is readiness.receivers and not readiness.senders:
            readiness.sleep()
        else:
            readiness.look()
        return future

    def _deserialize(self, recvd: Any, load: Callable[[Any], Any]) -> Any:
        recvd._load = load
        return recvd

    # ---------------------------------------------------------------- the other verbs

    def recv_into(self, buffer: Any, /, *, nbytes: int = 0, flags: int = 0) -> Any:
        fill = filler(buffer, nbytes)
        return self._deserialize(self.recv(flags, False), fill)

    def send_many(self, messages: Iterable[Any], flags: int = 0, copy: bool = True, multipart: bool = False) -> Any:
        if self._closed:
            return self._failed(ZMQError(Errno.ENOTSOCK))
        readiness = self._readiness()
        future = SentMany(loop=readiness.loop)
        try:
            future.operation = send = SendMany(self, messages, flags, copy, multipart, readiness.spend)
        except Exception as error:  # noqa: BLE001  # the awaiter is told
            future.set_exception(error)
            return future
        # it counts its messages itself
        return self._send_now_or_later(future, send, flags, readiness, 0)

    def poll(self, timeout: float | None = None, flags: int = POLLIN) -> Any:
        if self._closed:
            raise ZMQError(Errno.ENOTSUP, "socket is closed: it cannot be polled")
        readiness = self._readiness()
        future = Future(loop=readiness.loop)
        try:
            mask = _get(self, EVENTS) & int(flags)
        except ZMQError as error:
            future.set_exception(error)
            return future
        if timeout == 0 or (mask and readiness.budget):
            readiness.spend(1)
            future.set_result(mask)
            return future
        if timeout is not None and timeout >= 0:
            future.expire_in(timeout, 0)
        readiness.pollers.append((future, flags))
        if mask:
            readiness.look_soon()
        else:
            readiness.look()
        return future

    recv_into.__doc__ = _CoreSocket.recv_into.__doc__
    send_many.__doc__ = _CoreSocket.send_many.__doc__
    poll.__doc__ = _CoreSocket.poll.__doc__

    # ---------------------------------------------------------------- as a stream

    def on_recv(
        self, callback: Callable[[Any], object] | None, *, batch: int | None = None, copy: bool = True, multipart: bool = False
    ) -> None:
        """Call a function with everything that is received, in the running loop and without futures.

        Args:
            callback: called with a frame, or with multipart=True a list of frames; None stops. batch: call it with lists of up
                to so many of them instead. copy: False gives Frames.
        Raises:
            ValueError: batch is less than 1. ZMQError: ENOTSOCK.

        What the callback raises goes to the loop's exception handler and stops nothing. It may close the socket. Another call
        replaces the callback. It ends with the event loop, and quietly when the socket is closed or its context terminated.
        """
        if self._listener is not None:
            self._listener.stop()
            self._listener = None
        if callback is None:
            return
        if batch is not None and batch < 1:
            raise ValueError(f"a batch has at least one message, not {batch}")
        if self._closed:
            raise ZMQError(Errno.ENOTSOCK)
        receive = receive_frames(self, batch or 1, copy, multipart, batch is not None)
        self._listener = Listener(self._readiness(), self, receive, callback)

    def __aiter__(self) -> AsyncIterator[Any]:
        """Iterate over received frames: ``async for frame in socket``."""
        return Stream(self.recv)

    def iter_multipart(self, copy: bool = True) -> AsyncIterator[Any]:
        """Iterate over received messages, each a list of frames.

        Args:
            copy: False gives Frames instead of bytes.
        """
        return Stream(self.recv_multipart if copy else partial(self.recv_multipart, copy=False))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *args: object) -> None:
        self.close()


class Context(_Context[Socket]):
    """A zmq.Context whose sockets are asyncio's; shadow an existing one with ``zmq.asyncio.Context(context)``."""

    __module__ = "zmq.asyncio"
    _socket_class = Socket
    _instance = None
    _repr_cls = "zmq.asyncio.Context"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *args: object) -> None:
        # lingering messages are no reason to stop the loop
        for socket in self._open_sockets():
            socket.close()
        await asyncio.get_running_loop().run_in_executor(None, self.term)
