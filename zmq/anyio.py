"""zmq.anyio: sockets whose sends, receives and polls are awaited, on asyncio and on trio.

Every method that may wait is a coroutine: nothing happens before it is awaited. A received message belongs to the awaiter only once
the await has returned it: if the awaiter is cancelled after the message arrived, the next receive gets it.

Every await is a place where a cancelled task stops; other tasks get their turn when it has to wait, and after 64 operations on a
socket that did not have to.
"""

from __future__ import annotations

from collections.abc import Coroutine
from functools import partial

try:
    import anyio
except ImportError:
    raise ImportError("zmq.anyio needs anyio: pip install 'pyzmq[anyio]'") from None

from anyio.lowlevel import checkpoint, checkpoint_if_cancelled, current_token

from ._awaited import SendMany, frames_of, frames_of_many
from ._context import Context as _Context
from ._core.awaiting import Stream
from ._core.poll import zmq_poll
from ._core.release import set_tracker_awaiter
from ._core.socket import Socket as _CoreSocket
from ._poller import Poller as _BlockingPoller
from .codecs import filler
from .constants import Errno, Flag, PollEvent, SocketOption
from .error import Again, ZMQError
from .sync import Socket as _BlockingSocket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
    from typing import Any

    from typing_extensions import Self

    _Coroutine = Coroutine[Any, Any, Any]
else:
    _Coroutine = Coroutine

__all__ = ["Context", "Poller", "Socket"]

DONTWAIT = int(Flag.DONTWAIT)
POLLIN, POLLOUT = int(PollEvent.POLLIN), int(PollEvent.POLLOUT)
RCVTIMEO, SNDTIMEO, EVENTS = int(SocketOption.RCVTIMEO), int(SocketOption.SNDTIMEO), int(SocketOption.EVENTS)
# So many operations in a row may be done at once; then one lets the other tasks have their turn.
IMMEDIATE_IN_A_ROW = 64

_get: Any = _CoreSocket.get
_recv, _recv_multipart = _CoreSocket.recv, _CoreSocket.recv_multipart
_send, _send_multipart = _CoreSocket.send, _CoreSocket.send_multipart


class _Waiter:
    """A task that waits for an operation."""

    __slots__ = ("error", "over", "result", "wake")

    def __init__(self) -> None:
        self.over = False
        self.result: Any = None
        self.error: BaseException | None = None
        self.wake: Callable[[], object] | None = None

    def done(self) -> bool:
        return self.over

    def settle(self, result: Any) -> None:
        """The operation is done."""
        self.result = result
        self._end()

    def fail(self, error: BaseException) -> None:
        """The operation failed, or the socket is gone."""
        self.error = error
        self._end()

    def cancel(self) -> None:
        """The socket that was polled is closed."""
        self.fail(ZMQError(Errno.ENOTSOCK, "the socket was closed"))

    def _end(self) -> None:
        self.over = True
        if self.wake is not None:
            self.wake()

    async def sleep(self) -> None:
        """Return when somebody calls `wake`, as the end of the operation does."""
        event = anyio.Event()
        self.wake = event.set
        try:
            await event.wait()
        finally:
            self.wake = None

    def give_up(self) -> None:
        """The task was cancelled."""
        self.over = True


class _Receiver(_Waiter):
    """A task that waits for a message: gives it back to the socket if it was cancelled when it came."""

    __slots__ = ("_more", "_number", "_socket")

    def __init__(self, socket: Socket) -> None:
        super().__init__()
        self._socket = socket

    def settle(self, result: Any) -> None:
        self._more: bool = self._socket._more
        self._number: int = self._socket._number()
        super().settle(result)

    def give_up(self) -> None:
        if self.over and self.error is None:
            self._socket._give_back(self._frames(), self._number)
        self.over = True

    def _frames(self) -> list[tuple[Any, bool]]:
        return frames_of(self.result, self._more)


class _ReceiverOfMany(_Receiver):
    """A task that waits in recv_many()."""

    __slots__ = ("_continued",)

    def settle(self, result: Any) -> None:
        self._continued: list[int] | None = self._socket._continued
        super().settle(result)

    def _frames(self) -> list[tuple[Any, bool]]:
        return frames_of_many(self.result, self._continued)


def _runs_trio() -> bool:
    return type(current_token().native_token).__module__.startswith("trio.")


def _new_readiness(socket: _CoreSocket) -> Any:
    """The waiters of a socket in the event loop that runs."""
    if _runs_trio():
        from ._trio_readiness import TrioReadiness

        return TrioReadiness(socket, IMMEDIATE_IN_A_ROW)
    # in one event loop of asyncio the sockets of zmq.asyncio and ours have their waiters in common
    from .asyncio import LoopReadiness

    return LoopReadiness(socket, current_token().native_token)  # type: ignore[arg-type]  # a loop of asyncio


# ---------------------------------------------------------------- sockets


class Socket(_BlockingSocket):
    """A zmq.Socket whose send, receive and poll methods are coroutines.

    Args:
        context: the Context, or a socket to use from asyncio or trio. socket_type: a zmq.SocketType. **kwargs: for zmq.Socket.

    Cancelling a receive loses no message; a cancelled send_multipart was sent whole or not at all.
    """

    _repr_cls = "zmq.anyio.Socket"
    if TYPE_CHECKING:  # coroutines here, where the blocking flavour has str

        def recv_string(self, flags: int = 0, encoding: str = "utf-8") -> Any: ...
        def recv_unicode(self, flags: int = 0, encoding: str = "utf-8") -> Any: ...

    _here: Any = None  # the waiters in the event loop that it was used in last

    def __init__(self, context: Any = None, socket_type: int = -1, **kwargs: Any) -> None:
        if isinstance(context, _CoreSocket) or "shadow" in kwargs:
            super().__init__(context, **kwargs)
        elif socket_type < 0:
            raise TypeError("a socket needs a type such as zmq.PUSH")
        else:
            super().__init__(context, socket_type, **kwargs)

    def _readiness(self) -> Any:
        """The waiters of this socket in the event loop that runs."""
        here = self._here
        if here is None or here.left or not here.is_here():
            here = self._handle.readiness
            if here is None or here.left or not here.is_here():
                if here is not None:
                    here.leave()
                here = self._handle.readiness = _new_readiness(self)
            self._here = here
        return here

    def close(self, linger: int | None = None) -> None:
        """Close the socket; see zmq.Socket.close.

        Waiting sends, receives and polls fail with ENOTSOCK.
        """
        readiness, self._handle.readiness = self._handle.readiness, None
        if readiness is None:
            super().close(linger)
        else:
            readiness.close(partial(super().close, linger), ZMQError(Errno.ENOTSOCK, f"{self!r} was closed"))

    # ---------------------------------------------------------------- running a verb

    async def _turn(self, errno: int = Errno.ENOTSOCK) -> Any:
        """Stop here if cancelled, let others have their turn if it is time; the waiters of this socket."""
        await checkpoint_if_cancelled()
        if not self._closed:
            readiness = self._readiness()
            if not readiness.budget:
                await checkpoint()
                readiness.budget = IMMEDIATE_IN_A_ROW
            readiness.budget -= 1
            if not readiness.left:
                return readiness
        raise ZMQError(errno, f"{self!r} was closed")

    async def _park(self, waiter: _Waiter, readiness: Any, timeout: float) -> bool:
        """Wait until the waiter is done; whether it was, within so many milliseconds."""
        try:
            if timeout < 0:
                while not waiter.over:
                    await readiness.park(waiter)
            else:
                with anyio.move_on_after(timeout / 1000):
                    await readiness.park(waiter)
        except BaseException:
            waiter.give_up()
            raise
        if waiter.error is not None:
            raise waiter.error
        done, waiter.over = waiter.over, True
        return done

    def _spend(self, operations: int) -> None:
        self._here.spend(operations)

    async def _receive(self, kind: type[_Receiver], verb: Callable[..., Any], flags: int, *args: Any) -> Any:
        readiness = await self._turn()
        if flags & DONTWAIT or not readiness.receivers:
            try:
                return verb(self, flags | DONTWAIT, *args)
            except Again:
                if flags & DONTWAIT:
                    raise
        waiter = kind(self)
        timeout = _get(self, RCVTIMEO)
        readiness.enqueue(readiness.receivers, waiter, partial(verb, self, flags | DONTWAIT, *args))
        if readiness.senders:
            readiness.look()
        else:
            readiness.sleep()
        if not await self._park(waiter, readiness, timeout):
            raise Again()
        return waiter.result

    async def _transmit(self, operation: Callable[[], Any], flags: int) -> Any:
        readiness = await self._turn()
        if flags & DONTWAIT or not readiness.senders:
            try:
                return operation()
            except Again:
                if flags & DONTWAIT:
                    raise
        waiter = _Waiter()
        timeout = _get(self, SNDTIMEO)
        readiness.enqueue(readiness.senders, waiter, operation)
        readiness.look()
        if not await self._park(waiter, readiness, timeout):
            raise Again()
        return waiter.result

    def _deserialize(self, recvd: Coroutine[Any, Any, Any], load: Callable[[Any], Any]) -> Any:
        return _Loaded(recvd, load)

    # ---------------------------------------------------------------- the verbs

    def recv(self, flags: int = 0, copy: bool = True, track: bool = False) -> Any:
        return self._receive(_Receiver, _recv, flags, copy, track)

    def recv_multipart(self, flags: int = 0, copy: bool = True, track: bool = False) -> Any:
        return self._receive(_Receiver, _recv_multipart, flags, copy, track)

    def recv_into(self, buffer: Any, /, *, nbytes: int = 0, flags: int = 0) -> Any:
        fill = filler(buffer, nbytes)
        return self._deserialize(self._receive(_Receiver, _recv, flags, False, False), fill)

    def send(
        self, data: Any, flags: int = 0, copy: bool = True, track: bool = False, routing_id: Any = None, group: Any = None
    ) -> Any:
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
        return self._receive(_ReceiverOfMany, _recv_up_to, flags, n, copy, multipart)

    def send_many(self, messages: Iterable[Any], flags: int = 0, copy: bool = True, multipart: bool = False) -> Any:
        return self._send_many(messages, flags, copy, multipart)

    def poll(self, timeout: float | None = None, flags: int = POLLIN) -> Any:
        return self._poll(timeout, flags)

    for _verb in (recv, recv_multipart, recv_into, send, send_multipart, recv_many, send_many, poll):
        _verb.__doc__ = getattr(_CoreSocket, _verb.__name__).__doc__
    del _verb

    async def _send_many(self, messages: Iterable[Any], flags: int, copy: bool, multipart: bool) -> Any:
        operation = SendMany(self, messages, flags, copy, multipart, self._spend)
        try:
            return await self._transmit(operation, flags)
        except Again:
            if not operation.sent:
                raise
            return operation.sent

    async def _poll(self, timeout: float | None, flags: int) -> int:
        readiness = await self._turn(Errno.ENOTSUP)
        mask: int = _get(self, EVENTS) & int(flags)
        if mask or timeout == 0:
            return mask
        waiter = _Waiter()
        entry = (waiter, flags)
        readiness.pollers.append(entry)
        readiness.look()
        if await self._park(waiter, readiness, -1 if timeout is None else timeout):
            mask = waiter.result
        return mask

    # ---------------------------------------------------------------- as a stream

    def __aiter__(self) -> AsyncIterator[Any]:
        """Iterate over received frames: ``async for frame in socket``."""
        return Stream(self.recv)

    def iter_multipart(self, copy: bool = True) -> AsyncIterator[Any]:
        """Iterate over received messages, each a list of frames.

        Args:
            copy: False gives Frames instead of bytes.
        """
        return Stream(partial(self.recv_multipart, copy=copy))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *args: object) -> None:
        self.close()


def _recv_up_to(socket: Socket, flags: int, n: int, copy: bool, multipart: bool) -> Any:
    received = _CoreSocket.recv_many(socket, n, flags, copy, multipart)
    socket._here.spend(len(received))
    return received


class _Loaded(_Coroutine):
    """A receiving coroutine whose result goes through a function.

    No coroutine around it, because one that is cancelled before it began would leave the inner one behind, never awaited.
    """

    __slots__ = ("_load", "_recvd")

    def __init__(self, recvd: Coroutine[Any, Any, Any], load: Callable[[Any], Any]) -> None:
        self._recvd = recvd
        self._load = load

    def __await__(self) -> Any:
        return self._load((yield from self._recvd.__await__()))

    def send(self, value: Any) -> Any:
        try:
            return self._recvd.send(value)
        except StopIteration as end:
            raise StopIteration(self._load(end.value)) from None

    def throw(self, *error: Any) -> Any:
        try:
            return self._recvd.throw(*error)
        except StopIteration as end:
            raise StopIteration(self._load(end.value)) from None

    def close(self) -> None:
        self._recvd.close()


async def _released(tracker: Any) -> None:
    """Return when a MessageTracker is done."""
    if _runs_trio():
        await anyio.to_thread.run_sync(tracker.wait, abandon_on_cancel=True)
    else:
        from .asyncio import released

        await released(tracker)


set_tracker_awaiter(_released)


class Context(_Context[Socket]):
    """A zmq.Context whose sockets are for asyncio and trio; shadow an existing one with ``zmq.anyio.Context(context)``."""

    _socket_class = Socket
    _instance = None
    _repr_cls = "zmq.anyio.Context"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *args: object) -> None:
        """Close the sockets and terminate; cancelled while messages linger, it leaves that to libzmq."""
        for socket in self._open_sockets():
            socket.close()
        pause = 0.0005
        while not self.closed:
            try:
                self.term(timeout=0)
            except ZMQError as error:
                if error.errno != Errno.ETIMEDOUT:
                    raise
                # no thread waits for the end, so none is left behind when this is cancelled
                await anyio.sleep(pause)
                pause = min(2 * pause, 0.05)


# ---------------------------------------------------------------- polling many


class Poller(_BlockingPoller):
    """A zmq.Poller whose poll method is a coroutine.

    Members are sockets of any flavour, descriptors and objects with ``fileno()``.
    """

    def poll(self, timeout: float | None = -1) -> Any:
        """Wait until a member is ready.

        Args:
            timeout: milliseconds; None or negative: no limit. Without members it waits that long.
        Returns:
            A list of (member, mask), when awaited: sockets as registered, everything else as its descriptor.
        Raises:
            As zmq.Poller.poll. anyio.BusyResourceError: another task waits for the same descriptor.
        """
        return self._poll(-1 if timeout is None else timeout)

    async def _poll(self, timeout: float) -> list[tuple[Any, int]]:
        await (checkpoint if timeout == 0 else checkpoint_if_cancelled)()
        members = list(self.sockets)
        ready = zmq_poll(members, 0)
        if ready or timeout == 0:
            return ready
        with anyio.move_on_after(timeout / 1000 if timeout > 0 else None):
            while not ready:
                await _any_ready(members)
                ready = zmq_poll(members, 0)
        return ready


async def _any_ready(members: list[tuple[Any, int]]) -> None:
    """Return when one of them may be ready."""
    waits = [wait for member, flags in members for wait in _waits(member, flags)]
    if not waits:
        await anyio.sleep_forever()
    if len(waits) == 1:
        await waits[0]()
        return
    errors: list[Exception] = []

    async def first(wait: Callable[[], Awaitable[Any]], scope: anyio.CancelScope) -> None:
        try:
            await wait()
        except Exception as error:  # noqa: BLE001  # raised below, by itself instead of in a group
            errors.append(error)
        scope.cancel()

    async with anyio.create_task_group() as group:
        for wait in waits:
            group.start_soon(first, wait, group.cancel_scope)
    if errors:
        raise errors[0]


def _waits(member: Any, flags: int) -> list[Callable[[], Awaitable[Any]]]:
    """The coroutine functions to wait for a member with."""
    if isinstance(member, _CoreSocket):
        socket = member if isinstance(member, Socket) else Socket.shadow(member)
        return [partial(socket.poll, None, flags)]
    found: list[Callable[[], Awaitable[Any]]] = []
    if flags & POLLIN:
        found.append(partial(anyio.wait_readable, member))
    if flags & POLLOUT:
        found.append(partial(anyio.wait_writable, member))
    return found
