"""zmq.asyncio: sockets whose sends, receives and polls are awaited.

Every operation starts when it is called and returns a future, done already if libzmq could do it at once. A received message
belongs to the awaiter only once the await has returned it: if the awaiter is cancelled after the message arrived, the next receive
gets it.
"""

from __future__ import annotations

import asyncio
import selectors
from asyncio import CancelledError
from functools import partial
from weakref import WeakKeyDictionary

from ._context import Context as _Context
from ._core.poll import zmq_poll
from ._core.socket import Socket as _CoreSocket
from ._poller import Poller as _BlockingPoller
from ._readiness import Readiness
from ._selector_thread import SelectorThread
from ._warnings import warn_deprecated
from .codecs import filler
from .constants import Errno, Flag, PollEvent, SocketOption
from .error import Again, ZMQError
from .sync import Socket as _BlockingSocket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections import deque
    from collections.abc import AsyncIterator, Callable, Iterable, Sequence
    from typing import Any

    from typing_extensions import Self

__all__ = ["Context", "Poller", "Socket", "ZMQEventLoop", "install"]

DONTWAIT = int(Flag.DONTWAIT)
POLLIN, POLLOUT = int(PollEvent.POLLIN), int(PollEvent.POLLOUT)
# So many operations in a row may be done at once; then one goes through the loop, for the sake of everybody else in it.
IMMEDIATE_IN_A_ROW = 64

RCVTIMEO, SNDTIMEO, EVENTS = int(SocketOption.RCVTIMEO), int(SocketOption.SNDTIMEO), int(SocketOption.EVENTS)

_running_loop = asyncio._get_running_loop
_get: Any = _CoreSocket.get
_recv, _recv_multipart = _CoreSocket.recv, _CoreSocket.recv_multipart
_recv_many = _CoreSocket.recv_many
_send, _send_multipart = _CoreSocket.send, _CoreSocket.send_multipart


class ProactorSelectorThreadWarning(RuntimeWarning):
    """Given by no version of this package: loops without add_reader are served by a thread of ours, quietly."""


# ---------------------------------------------------------------- futures


class _Future(asyncio.Future):  # type: ignore[type-arg]  # typeshed's is generic
    """The future of an operation that hands nothing over: a send or a poll."""

    _timer: asyncio.TimerHandle | None = None

    def settle(self, result: Any) -> None:
        """The operation is done."""
        self._stop_timer()
        self.set_result(result)

    def fail(self, error: BaseException) -> None:
        """The operation failed, or the socket is gone."""
        self._stop_timer()
        self.set_exception(error)
        # nobody may be left to hear of a socket that was closed: no reason for asyncio to complain
        self._log_traceback = False

    def cancel(self, msg: Any = None) -> bool:
        self._stop_timer()
        return super().cancel(msg)

    def expire_in(self, milliseconds: float, result: Any = None) -> None:
        """End it then: with `result`, or with Again when that is None."""
        self._timer = self.get_loop().call_later(milliseconds / 1000, self._expire, result)

    def _expire(self, result: Any) -> None:
        if not self.done():
            if result is None:
                self.set_exception(Again())
            else:
                self.set_result(result)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


_await_future = asyncio.Future.__await__
_result_of = asyncio.Future.result
_set_result = asyncio.Future.set_result


class _Received(_Future):
    """The future of a receive: gives the message back to the socket unless somebody got it."""

    _socket: Any = None  # to give back to; None once somebody got the message
    _more: bool = False
    _number: int = 0  # among the messages received, to keep their order
    _given_back: bool = False
    _awaited: int = 0  # by so many tasks, suspended in it
    _load: Any = None  # applied when somebody gets it

    def settle(self, result: Any) -> None:
        self._stop_timer()
        self._more = self._socket._more
        self._number = self._socket._number()
        self.set_result(result)

    def __await__(self) -> Any:
        if not self.done():
            return self._wait()
        if self._load is None and not self._given_back:
            # what does not suspend cannot be cancelled: the message has reached the awaiter
            self._socket = None
            return _await_future(self)
        return self._ready()

    __iter__ = __await__

    def _ready(self) -> Any:
        return self.result()
        yield  # makes it a generator, though one that never suspends

    def _wait(self) -> Any:
        self._awaited += 1
        try:
            yield from _await_future(self)
        except BaseException:
            if self._awaited == 1:  # the others still get it
                self._give_back()
            raise
        finally:
            self._awaited -= 1
        return self.result()

    def result(self) -> Any:
        if self._given_back:
            raise CancelledError("cancel() gave the message back to the socket")
        result = _result_of(self)
        if self._awaited:
            return result  # a task is being woken: it has not got the message yet
        self._socket = None
        return result if self._load is None else self._load(result)

    def cancel(self, msg: Any = None) -> bool:
        if super().cancel(msg):
            return True
        # a task that awaits it gives the message back when the cancellation gets there
        if not self._awaited:
            self._give_back()
        return self._given_back

    # a message given back leaves a cancelled future behind, as gather() expects of its children

    def cancelled(self) -> bool:
        return self._given_back or super().cancelled()

    def exception(self) -> BaseException | None:
        if self._given_back:
            raise CancelledError("cancel() gave the message back to the socket")
        return super().exception()

    def _give_back(self) -> None:
        socket, self._socket = self._socket, None
        if socket is None or not self.done() or self.cancelled() or self.exception() is not None:
            return
        self._given_back = True
        socket._give_back(self._frames(_result_of(self)), self._number)

    def _frames(self, received: Any) -> list[tuple[Any, bool]]:
        """What was received as frames, each with whether another is behind it."""
        return _continued(received) if type(received) is list else [(received, self._more)]


class _ReceivedMany(_Received):
    """The future of recv_many."""

    _continued: list[int] | None = None  # of frames by themselves, those with another behind them

    def settle(self, result: Any) -> None:
        self._continued = self._socket._continued
        super().settle(result)

    def _frames(self, received: Any) -> list[tuple[Any, bool]]:
        if type(received[0]) is list:
            return [frame for message in received for frame in _continued(message)]
        continued = self._continued or ()
        return [(frame, i in continued) for i, frame in enumerate(received)]


def _continued(message: list[Any]) -> list[tuple[Any, bool]]:
    last = len(message) - 1
    return [(frame, i < last) for i, frame in enumerate(message)]


class _SentMany(_Future):
    """The future of send_many, which knows how many messages have gone, whatever became of it."""

    sent: int = 0

    def _expire(self, result: Any) -> None:
        super()._expire(self.sent or None)


# ---------------------------------------------------------------- event loops

_selector_threads: WeakKeyDictionary[asyncio.AbstractEventLoop, SelectorThread] = WeakKeyDictionary()


def _watch_fd(loop: asyncio.AbstractEventLoop, fd: int, event: int, callback: Callable[[], None]) -> None:
    """loop.add_reader or add_writer, where the loop has them."""
    thread = _selector_threads.get(loop)
    if thread is None:
        add = loop.add_reader if event == selectors.EVENT_READ else loop.add_writer
        try:
            add(fd, callback)
        except NotImplementedError:
            thread = _selector_threads[loop] = SelectorThread(loop)
        except FileNotFoundError:
            # the loop still knows a descriptor of that number that was closed without telling it
            _unwatch_fd(loop, fd, event)
            add(fd, callback)
    if thread is not None:
        thread.add(fd, event, callback)


def _unwatch_fd(loop: asyncio.AbstractEventLoop, fd: int, event: int) -> None:
    if loop.is_closed():
        return
    thread = _selector_threads.get(loop)
    if thread is not None:
        thread.remove(fd, event)
    elif event == selectors.EVENT_READ:
        loop.remove_reader(fd)
    else:
        loop.remove_writer(fd)


class LoopReadiness(Readiness):
    """A socket's waiters in one event loop."""

    def __init__(self, socket: _CoreSocket, loop: asyncio.AbstractEventLoop) -> None:
        # a shadow of its own: it lives as long as the libzmq socket has waiters, whatever becomes of the Python objects
        core = _CoreSocket(shadow=socket.underlying)
        super().__init__(core.get, core._watch, core._unwatch)
        self.loop = loop
        self.fd: int = core.get(SocketOption.FD)
        # how many more operations may be done at once before one goes through the loop
        self.budget = IMMEDIATE_IN_A_ROW
        self.look_due = False
        self.left = False
        # the future of every send that was done at once and has nothing to return
        self.sent = loop.create_future()
        self.sent.set_result(None)
        _watch_fd(loop, self.fd, selectors.EVENT_READ, self.look)

    def spend(self, operations: int) -> None:
        """So many operations were done at once."""
        self.budget = max(0, self.budget - operations)

    def look(self) -> None:
        self.look_due = False
        if self.left:
            return
        self.budget = IMMEDIATE_IN_A_ROW
        super().look()

    def look_soon(self) -> None:
        if self.look_due or self.loop.is_closed():
            return
        self.look_due = True
        self.soon(self.look)

    def soon(self, function: Callable[[], None]) -> None:
        if _running_loop() is self.loop:
            self.loop.call_soon(function)
        elif not self.loop.is_closed():
            self.loop.call_soon_threadsafe(function)

    def is_here(self) -> bool:
        return _running_loop() is self.loop

    def leave(self) -> None:
        """Take the descriptor out of the loop."""
        self.left = True
        self.budget = 0
        _unwatch_fd(self.loop, self.fd, selectors.EVENT_READ)
        self._unwatch()
        self.forget()


def _current_loop() -> asyncio.AbstractEventLoop:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        import warnings

        warnings.warn("no event loop is running: use zmq.asyncio from within one", RuntimeWarning, stacklevel=5)
    return asyncio.get_event_loop()


# ---------------------------------------------------------------- sockets


class Socket(_BlockingSocket):
    """A zmq.Socket whose send, receive and poll methods return futures.

    Args:
        context: the Context, or a socket to use from asyncio. socket_type: a zmq.SocketType. io_loop: deprecated, ignored.
        **kwargs: for zmq.Socket.

    Cancelling a receive loses no message; a cancelled send_multipart was sent whole or not at all.
    """

    _repr_cls = "zmq.asyncio.Socket"
    if TYPE_CHECKING:  # futures here, where the blocking flavour has str

        def recv_string(self, flags: int = 0, encoding: str = "utf-8") -> Any: ...
        def recv_unicode(self, flags: int = 0, encoding: str = "utf-8") -> Any: ...

    _shadow_sock_made: Any = None
    _here: LoopReadiness | None = None  # that of the loop it was used in last

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

    def _get_loop(self) -> asyncio.AbstractEventLoop:
        return self._readiness().loop

    def _readiness(self) -> LoopReadiness:
        """The waiters of this socket in the running loop."""
        loop = _current_loop()
        found = self._here
        if found is None or found.loop is not loop or found.left:
            found = self._handle.readiness
            if found is None or found.loop is not loop or found.left:
                if found is not None:
                    found.leave()
                found = self._handle.readiness = LoopReadiness(self, loop)
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

    # ---------------------------------------------------------------- running a verb

    def _receive(self, verb: Callable[..., Any], flags: int, *args: Any, kind: Any = _Received) -> Any:
        if self._closed:
            raise ZMQError(Errno.ENOTSOCK)
        readiness = self._readiness()
        future: _Received = kind(loop=readiness.loop)
        future._socket = self
        if flags & DONTWAIT or (readiness.budget and not readiness.receivers):
            readiness.budget -= 1
            try:
                result = verb(self, flags | DONTWAIT, *args)
            except Again as error:
                if flags & DONTWAIT:
                    future.set_exception(error)
                    return future
            except Exception as error:  # noqa: BLE001  # the awaiter is told
                future.set_exception(error)
                return future
            else:
                future.settle(result)
                return future
        operation = partial(verb, self, flags | DONTWAIT, *args)
        return self._wait(future, operation, readiness, readiness.receivers, RCVTIMEO)

    def _transmit(self, operation: Callable[[], Any], flags: int) -> Any:
        if self._closed:
            future = _Future(loop=_current_loop())
            future.set_exception(ZMQError(Errno.ENOTSOCK))
            return future
        readiness = self._readiness()
        if flags & DONTWAIT or (readiness.budget and not readiness.senders):
            readiness.budget -= 1
            try:
                result = operation()
            except Again as error:
                if flags & DONTWAIT:
                    future = _Future(loop=readiness.loop)
                    future.set_exception(error)
                    return future
            except Exception as error:  # noqa: BLE001  # the awaiter is told
                future = _Future(loop=readiness.loop)
                future.set_exception(error)
                return future
            else:
                if result is None:
                    return readiness.sent
                future = _Future(loop=readiness.loop)
                future.set_result(result)
                return future
        future = _Future(loop=readiness.loop)
        return self._wait(future, operation, readiness, readiness.senders, SNDTIMEO)

    def _wait(
        self, future: _Future, operation: Callable[[], Any], readiness: LoopReadiness, queue: deque[Any], timeout_option: int
    ) -> Any:
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

    # ---------------------------------------------------------------- the verbs

    # the two most frequent take the shortest way when they can be done at once

    def recv(self, flags: int = 0, copy: bool = True, track: bool = False) -> Any:
        here = self._here
        if here is None or not here.budget or here.receivers or here.loop is not _running_loop():
            return self._receive(_recv, flags, copy, track)
        try:
            result = _recv(self, flags | DONTWAIT, copy, track)
        except Exception:  # noqa: BLE001  # the long way does it again, and waits or tells
            return self._receive(_recv, flags, copy, track)
        here.budget -= 1
        future = _Received(loop=here.loop)
        future._socket = self
        if self._more:
            future._more = True
        future._number = self._number()
        _set_result(future, result)
        return future

    def recv_multipart(self, flags: int = 0, copy: bool = True, track: bool = False) -> Any:
        return self._receive(_recv_multipart, flags, copy, track)

    def recv_into(self, buffer: Any, /, *, nbytes: int = 0, flags: int = 0) -> Any:
        fill = filler(buffer, nbytes)
        return self._deserialize(self._receive(_recv, flags, False, False), fill)

    def send(
        self, data: Any, flags: int = 0, copy: bool = True, track: bool = False, routing_id: Any = None, group: Any = None
    ) -> Any:
        here = self._here
        if here is not None and here.budget and not here.senders and here.loop is _running_loop():
            try:
                result = _send(self, data, flags | DONTWAIT, copy, track, routing_id, group)
            except Exception:  # noqa: BLE001  # the long way does it again, and puts it into a future
                here.budget -= 1
            else:
                here.budget -= 1
                if result is None:
                    return here.sent
                future = _Future(loop=here.loop)
                future.set_result(result)
                return future
        return self._transmit(partial(_send, self, data, flags | DONTWAIT, copy, track, routing_id, group), flags)

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
        return self._transmit(operation, flags)

    def recv_many(self, n: int, flags: int = 0, copy: bool = True, multipart: bool = False) -> Any:
        if n < 1:
            raise ValueError(f"recv_many() receives at least one message, not {n}")

        def receive(self: Socket, flags: int) -> Any:
            received = _recv_many(self, n, flags, copy, multipart)
            if self._here is not None:
                self._here.spend(len(received))
            return received

        return self._receive(receive, flags, kind=_ReceivedMany)

    def send_many(self, messages: Iterable[Any], flags: int = 0, copy: bool = True, multipart: bool = False) -> Any:
        if self._closed:
            return self._transmit(lambda: None, flags)
        readiness = self._readiness()
        future = _SentMany(loop=readiness.loop)
        try:
            batch = self._check_many(messages, multipart)
        except Exception as error:  # noqa: BLE001  # the awaiter is told
            future.set_exception(error)
            return future

        def send() -> int:
            before = future.sent
            try:
                future.sent = self._send_from(batch, before, flags | DONTWAIT, copy, multipart)
            except Again:
                if not flags & DONTWAIT or not before:
                    raise
            except Exception as error:
                future.sent = getattr(error, "sent", before)
                raise
            readiness.spend(future.sent - before)
            if future.sent < len(batch) and not flags & DONTWAIT:
                raise Again()
            return future.sent

        if flags & DONTWAIT or (readiness.budget and not readiness.senders):
            try:
                future.set_result(send())
            except Again as error:
                if flags & DONTWAIT:
                    future.set_exception(error)
                    return future
            except Exception as error:  # noqa: BLE001  # the awaiter is told
                future.set_exception(error)
                return future
            else:
                return future
        return self._wait(future, send, readiness, readiness.senders, SNDTIMEO)

    def poll(self, timeout: float | None = None, flags: int = POLLIN) -> Any:
        if self._closed:
            raise ZMQError(Errno.ENOTSUP, "socket is closed: it cannot be polled")
        readiness = self._readiness()
        future = _Future(loop=readiness.loop)
        try:
            mask = _get(self, EVENTS) & flags
        except ZMQError as error:
            future.set_exception(error)
            return future
        if mask or timeout == 0:
            future.set_result(mask)
            return future
        if timeout is not None and timeout >= 0:
            future.expire_in(timeout, 0)
        readiness.pollers.append((future, flags))
        readiness.look()
        return future

    for _verb in (recv, recv_multipart, recv_into, send, send_multipart, recv_many, send_many, poll):
        _verb.__doc__ = getattr(_CoreSocket, _verb.__name__).__doc__
    del _verb

    # ---------------------------------------------------------------- as a stream

    def __aiter__(self) -> AsyncIterator[Any]:
        """Iterate over received frames: ``async for frame in socket``."""
        return self._iterate(self.recv)

    def iter_multipart(self, copy: bool = True) -> AsyncIterator[Any]:
        """Iterate over received messages, each a list of frames.

        Args:
            copy: False gives Frames instead of bytes.
        """
        return self._iterate(partial(self.recv_multipart, copy=copy))

    async def _iterate(self, receive: Callable[[], Any]) -> AsyncIterator[Any]:
        while True:
            yield await receive()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *args: object) -> None:
        self.close()


class Context(_Context[Socket]):
    """A zmq.Context whose sockets are asyncio's; shadow an existing one with ``zmq.asyncio.Context(context)``."""

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


# ---------------------------------------------------------------- polling many


class Poller(_BlockingPoller):
    """A zmq.Poller whose poll method returns a future.

    Members are asyncio sockets, blocking sockets, descriptors and objects with ``fileno()``.
    """

    def poll(self, timeout: float | None = -1) -> Any:
        """Wait until a member is ready.

        Args:
            timeout: milliseconds; None or negative: no limit. Without members it waits that long.
        Returns:
            A future of the list of (member, mask): sockets as registered, everything else as its descriptor.
        Raises:
            As zmq.Poller.poll, at once for members that cannot be polled.
        """
        loop = _current_loop()
        future = _Future(loop=loop)
        ready = zmq_poll(self.sockets, 0)
        if ready or timeout == 0:
            future.set_result(ready)
            return future
        members = list(self.sockets)
        undo: list[Callable[[], None]] = []
        watch = _Watch(future, members)
        for member, flags in members:
            undo.append(_watch_member(loop, member, flags, watch))
        future.add_done_callback(lambda _: [take_back() for take_back in undo])
        if timeout is not None and timeout >= 0:
            future.expire_in(timeout, [])
        return future


class _Watch:
    """The waiter that a Poller leaves with each of its sockets."""

    def __init__(self, future: _Future, members: list[tuple[Any, int]]) -> None:
        self._future = future
        self._members = members

    def done(self) -> bool:
        return self._future.done()

    def settle(self, result: Any) -> None:
        self._future.get_loop().call_soon(self.collect)

    def collect(self) -> None:
        if not self._future.done():
            try:
                ready = zmq_poll(self._members, 0)
            except Exception as error:  # noqa: BLE001  # the awaiter is told
                self._future.fail(error)
            else:
                if ready:
                    self._future.settle(ready)

    def fail(self, error: BaseException) -> None:
        if not self._future.done():
            self._future.fail(error)

    def cancel(self) -> None:
        """The socket was closed."""
        self._future.cancel()


def _watch_member(loop: asyncio.AbstractEventLoop, member: Any, flags: int, watch: _Watch) -> Callable[[], None]:
    """Have a member wake the watch; the function that takes this back."""
    if isinstance(member, _CoreSocket):
        socket = member if isinstance(member, Socket) else Socket.from_socket(member)
        readiness = socket._readiness()
        entry = (watch, flags)
        readiness.pollers.append(entry)
        readiness.look()

        def forget() -> None:
            if entry in readiness.pollers:
                readiness.pollers.remove(entry)

        return forget
    fd = member if isinstance(member, int) else member.fileno()
    events = [event for event, flag in ((selectors.EVENT_READ, POLLIN), (selectors.EVENT_WRITE, POLLOUT)) if flags & flag]
    for event in events:
        _watch_fd(loop, fd, event, watch.collect)

    def unwatch() -> None:
        for event in events:
            _unwatch_fd(loop, fd, event)

    return unwatch


# ---------------------------------------------------------------- names of old


class ZMQEventLoop(asyncio.SelectorEventLoop):
    """A selector event loop; deprecated: any event loop will do."""

    def __init__(self, selector: Any = None) -> None:
        warn_deprecated("zmq.asyncio.ZMQEventLoop is deprecated: any event loop will do")
        super().__init__(selector)


def install() -> None:
    """Do nothing; deprecated: any event loop will do."""
    warn_deprecated("zmq.asyncio.install() is deprecated: any event loop will do")
