"""ZMQStream: a socket in tornado's loop, with callbacks for what arrives and what was sent."""

from __future__ import annotations

import asyncio
import warnings
from collections import deque
from inspect import isawaitable
from typing import TYPE_CHECKING, Any

from tornado.log import gen_log

from .. import codecs
from .._methods import DEFAULT_PROTOCOL
from .._poller import Poller
from ..asyncio import Socket as _AsyncioSocket
from ..constants import Errno, Flag, PollEvent, SocketOption
from ..error import Again, ZMQError
from ..sync import Socket
from . import IOLoop
from ._readiness import readiness_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

POLLIN, POLLOUT = PollEvent.POLLIN, PollEvent.POLLOUT

__all__ = ["ZMQStream"]

# So many messages in a row; then everybody else in the loop has a turn.
MESSAGES_IN_A_ROW = 64

_OF_THE_SOCKET = (
    "bind", "bind_to_random_port", "connect", "setsockopt", "getsockopt",
    "setsockopt_string", "getsockopt_string", "setsockopt_unicode", "getsockopt_unicode",
)  # fmt: skip

_GONE = (Errno.ENOTSOCK, Errno.ETERM)


class _Turn:
    """A stream's place in one of the queues of its socket; it keeps it by raising Again."""

    def __init__(self, stream: ZMQStream) -> None:
        self._stream = stream
        self.over = False

    def done(self) -> bool:
        return self.over

    def settle(self, result: Any) -> None:
        self.over = True

    def fail(self, error: BaseException) -> None:
        self.over = True
        self._stream._gone(error)


class ZMQStream:
    """Send and receive messages by callbacks, in an IOLoop.

    Args:
        socket: zmq.Socket; an asyncio socket is used through a blocking shadow, with a RuntimeWarning.
        io_loop: default IOLoop.current(); it need not run yet.

    An error in a callback is logged by tornado's general log and ends nothing. A callback may close the stream or its socket. A
    callback that returns an awaitable is a task of the loop. Methods are for the loop's thread. The socket's bind, connect,
    setsockopt and getsockopt are methods here too.
    """

    socket: Any
    io_loop: Any
    poller: Poller
    bind: Callable[..., Any]
    bind_to_random_port: Callable[..., int]
    connect: Callable[..., Any]
    setsockopt: Callable[..., None]
    getsockopt: Callable[..., Any]
    setsockopt_string: Callable[..., None]
    getsockopt_string: Callable[..., str]
    setsockopt_unicode: Callable[..., None]
    getsockopt_unicode: Callable[..., str]

    def __init__(self, socket: Any, io_loop: Any = None) -> None:
        if isinstance(socket, _AsyncioSocket):
            warnings.warn(
                f"ZMQStream got {socket!r} and uses a blocking shadow of it: give it a zmq.Socket", RuntimeWarning, stacklevel=2
            )
            socket = Socket.shadow(socket)
        self.socket = socket
        self.io_loop = self._default_loop() if io_loop is None else io_loop
        self.poller = Poller()
        self.poller.register(socket, POLLIN)
        for name in _OF_THE_SOCKET:
            setattr(self, name, getattr(socket, name))
        self._recv_callback: Callable[[list[Any]], Any] | None = None
        self._send_callback: Callable[[Any, Any], Any] | None = None
        self._close_callback: Callable[[], Any] | None = None
        self._recv_copy = True
        self._send_queue: deque[tuple[Sequence[Any], dict[str, Any], int]] = deque()
        self._receiver: _Turn | None = None
        self._sender: _Turn | None = None
        self._handling = False
        self._readiness = readiness_of(socket, self.io_loop)

    @staticmethod
    def _default_loop() -> Any:
        return IOLoop.current()

    # ---------------------------------------------------------------- callbacks

    def on_recv(self, callback: Callable[[list[Any]], Any] | None, copy: bool = True) -> None:
        """Call a function with each message that is received, beginning with those that wait already.

        Args:
            callback: called with the list of frames; None stops. copy: False gives Frames instead of bytes.
        Raises:
            OSError: the stream is closed.
        """
        self._check_open()
        assert callback is None or callable(callback), f"on_recv() takes a function or None, not {callback!r}"
        self._recv_callback = callback
        self._recv_copy = copy
        if callback is None:
            if self._receiver is not None:
                self._receiver.over = True
                self._receiver = None
        elif self._receiver is None:
            self._receiver = _Turn(self)
            self._here().enqueue(self._readiness.receivers, self._receiver, self._receive)
            self._readiness.look_soon()

    def on_recv_stream(self, callback: Callable[[ZMQStream, list[Any]], Any] | None, copy: bool = True) -> None:
        """The same, for a function that gets the stream as its first argument.

        Args:
            callback: called with the stream and the list of frames; None stops. copy: as for on_recv().
        """
        if callback is None:
            self.stop_on_recv()
        else:
            wanted = callback
            self.on_recv(lambda message: wanted(self, message), copy=copy)

    def stop_on_recv(self) -> None:
        """Receive no more; messages wait in the socket."""
        self.on_recv(None)

    def on_send(self, callback: Callable[[Any, Any], Any] | None) -> None:
        """Call a function after each message that was sent.

        Args:
            callback: called with the list of frames, and what send_multipart returned, or the ZMQError if it failed; None stops.
        """
        self._check_open()
        assert callback is None or callable(callback), f"on_send() takes a function or None, not {callback!r}"
        self._send_callback = callback

    def on_send_stream(self, callback: Callable[[ZMQStream, Any, Any], Any] | None) -> None:
        """The same, for a function that gets the stream as its first argument.

        Args:
            callback: called with the stream, the list of frames, and the status as for on_send(); None stops.
        """
        if callback is None:
            self.stop_on_send()
        else:
            wanted = callback
            self.on_send(lambda message, status: wanted(self, message, status))

    def stop_on_send(self) -> None:
        """Call nothing after a send."""
        self.on_send(None)

    def on_err(self, callback: Any) -> None:
        """Do nothing but log a warning: there are no such events."""
        gen_log.warning("on_err does nothing, and will be removed")

    def stop_on_err(self) -> None:
        """Do nothing but log a warning: there are no such events."""
        gen_log.warning("on_err does nothing, and will be removed")

    def set_close_callback(self, callback: Callable[[], Any] | None) -> None:
        """Call a function, without arguments, when the stream is closed; None: none."""
        assert callback is None or callable(callback), f"set_close_callback() takes a function or None, not {callback!r}"
        self._close_callback = callback

    # ---------------------------------------------------------------- sending

    def send(
        self,
        msg: Any,
        flags: int = 0,
        copy: bool = True,
        track: bool = False,
        callback: Callable[[Any, Any], Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Queue a message of one frame; see send_multipart()."""
        self.send_multipart([msg], flags=flags, copy=copy, track=track, callback=callback, **kwargs)

    def send_multipart(
        self,
        msg: Sequence[Any],
        flags: int = 0,
        copy: bool = True,
        track: bool = False,
        callback: Callable[[Any, Any], Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Queue a message: the loop sends it when there is room.

        Args:
            msg: list of buffers and Frames. flags, copy, track, **kwargs: for the socket's send_multipart().
            callback: as for on_send(), in place of the one set there.
        Raises:
            OSError: the stream is closed.
        """
        self._check_open()
        self._send_queue.append((msg, {"copy": copy, "track": track, **kwargs}, flags))
        if callback is not None:
            self.on_send(callback)
        if not self._handling:
            self._send_soon()

    def send_string(
        self,
        u: str,
        flags: int = 0,
        encoding: str = "utf-8",
        callback: Callable[[Any, Any], Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Queue text as one frame; see send_multipart(). TypeError: u is no str."""
        self.send(codecs.encode_string(u, encoding), flags=flags, callback=callback, **kwargs)

    send_unicode = send_string

    def send_json(self, obj: Any, flags: int = 0, callback: Callable[[Any, Any], Any] | None = None, **kwargs: Any) -> None:
        """Queue an object as JSON in one frame; see send_multipart(). TypeError: it cannot be encoded."""
        self.send(codecs.encode_json(obj), flags=flags, callback=callback, **kwargs)

    def send_pyobj(
        self,
        obj: Any,
        flags: int = 0,
        protocol: int = -1,
        callback: Callable[[Any, Any], Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Queue an object pickled into one frame; see send_multipart().

        Args:
            protocol: of pickle; negative: the default one.
        """
        pickled = codecs.encode_pyobj(obj, DEFAULT_PROTOCOL if protocol < 0 else protocol)
        self.send(pickled, flags=flags, callback=callback, **kwargs)

    # ---------------------------------------------------------------- state

    def receiving(self) -> bool:
        """Whether messages are received: on_recv() has a callback."""
        return self._recv_callback is not None

    def sending(self) -> bool:
        """Whether messages wait to be sent."""
        return bool(self._send_queue)

    def closed(self) -> bool:
        """Whether the stream is closed, be it that its socket was closed by others."""
        if self.socket is None:
            return True
        if self.socket.closed:
            self._forget()
            return True
        return False

    def close(self, linger: int | None = None) -> None:
        """Close the stream and its socket, then call the close callback.

        Args:
            linger: milliseconds, as for zmq.Socket.close. Messages still in the stream's queue are dropped: see flush().
        """
        if self.socket is None:
            return
        socket = self.socket
        if socket.closed:
            warnings.warn(f"ZMQStream closed after closing socket {socket!r}: close the stream instead", stacklevel=2)
            self._forget()
            return
        self._end_turns()
        readiness, socket._handle.readiness = socket._handle.readiness, None
        if readiness is None:
            socket.close(linger)
        else:
            readiness.close(lambda: socket.close(linger), ZMQError(Errno.ENOTSOCK, f"{socket!r} was closed"))
        self._forget()

    def flush(self, flag: int = POLLIN | POLLOUT, limit: int | None = None) -> int:
        """Receive what has arrived and send what is queued, now, calling the callbacks.

        Args:
            flag: zmq.POLLIN: receive, if on_recv() has a callback; zmq.POLLOUT: send. limit: at most so many messages.
        Returns:
            How many messages were received and sent; it ends when there is nothing left to do.
        Raises:
            OSError: the stream is closed.
        """
        self._check_open()
        done = 0
        busy, handling, self._handling = True, self._handling, True
        try:
            while busy and not self._over(done, limit):
                busy = False
                if flag & POLLIN and self._recv_callback is not None and self._receive_one():
                    busy = True
                    done += 1
                if flag & POLLOUT and self._send_queue and not self._over(done, limit) and self._send_one():
                    busy = True
                    done += 1
        except ZMQError as error:
            self._gone(error)
        finally:
            self._handling = handling
            if self._send_queue and not handling:
                self._send_soon()
        return done

    # ---------------------------------------------------------------- at work

    def _check_open(self) -> None:
        if self.closed():
            raise OSError("Stream is closed")

    def _here(self) -> Any:
        """The socket's waiters in the stream's loop."""
        if self._readiness.left:
            self._readiness = readiness_of(self.socket, self.io_loop)
        return self._readiness

    def _open(self) -> bool:
        return self.socket is not None and not self.socket.closed

    def _over(self, done: int, limit: int | None) -> bool:
        return not self._open() or (limit is not None and done >= limit)

    def _call(self, callback: Callable[..., Any], *args: Any) -> None:
        try:
            result = callback(*args)
            if result is not None and isawaitable(result):
                asyncio.ensure_future(result, loop=self.io_loop.asyncio_loop).add_done_callback(_log_error)
        except Exception:  # noqa: BLE001  # logged, with its traceback
            gen_log.exception("Uncaught exception in ZMQStream callback")

    def _receive_one(self) -> bool:
        """Receive a message and call the callback; False when there was none."""
        try:
            message = self.socket.recv_multipart(Flag.DONTWAIT, copy=self._recv_copy)
        except Again:
            return False
        except ZMQError as error:
            if error.errno in _GONE:
                raise
            if error.errno not in (Errno.EFSM, Errno.ENOTSUP):
                gen_log.exception("ZMQStream cannot receive")
            # a receive that is out of turn has not emptied the mailbox
            self.socket.get(SocketOption.EVENTS)
            return False
        callback = self._recv_callback
        if callback is not None:
            self._call(callback, message)
        return True

    def _send_one(self) -> bool:
        """Send the first message of the queue and call the callback; False when there is no room."""
        message, options, flags = self._send_queue[0]
        status: Any
        try:
            status = self.socket.send_multipart(message, flags=flags | Flag.DONTWAIT, **options)
        except Again:
            return False
        except ZMQError as error:
            if error.errno in _GONE:
                raise
            if error.errno == Errno.EFSM and not self.socket.get(SocketOption.EVENTS) & POLLOUT:
                return False
            gen_log.exception("ZMQStream cannot send")
            status = error
        except Exception as error:  # noqa: BLE001  # what is no message must not stop those behind it
            gen_log.exception("ZMQStream cannot send")
            status = error
        self._send_queue.popleft()
        callback = self._send_callback
        if callback is not None:
            self._call(callback, message, status)
        return True

    def _receive(self) -> Any:
        """What the loop does when there may be messages."""
        if self._handling:
            raise Again()
        turn, queue = self._receiver, self._readiness.receivers
        left = MESSAGES_IN_A_ROW if len(queue) < 2 else 1
        self._handling = True
        try:
            while self._recv_callback is not None and self._receive_one():
                while self._open() and self._send_queue and self._send_one():
                    pass
                if not self._open():
                    raise Again()
                left -= 1
                if left == 0:
                    self._readiness.look_soon()
                    break
        except ZMQError as error:
            self._gone(error)
            raise Again() from None
        finally:
            self._handling = False
        if len(queue) > 1 and turn is self._receiver:
            # others wait for messages of this socket too
            queue.rotate(-1)
            self._readiness.look_soon()
        if self._send_queue:
            self._send_soon()
        raise Again()

    def _send_soon(self) -> None:
        if self._sender is None:
            self._sender = _Turn(self)
            self._here().enqueue(self._readiness.senders, self._sender, self._send_all)
        self._readiness.look_soon()

    def _send_all(self) -> Any:
        """What the loop does when there may be room."""
        if self._handling:
            raise Again()
        left = MESSAGES_IN_A_ROW
        self._handling = True
        try:
            while self._send_queue and left and self._send_one():
                left -= 1
                if not self._open():
                    raise Again()
        except ZMQError as error:
            self._gone(error)
            raise Again() from None
        finally:
            self._handling = False
        if not self._send_queue and self._sender is not None:
            self._sender.over = True
            self._sender = None
        # sending may have taken the news of messages off the descriptor
        if not left or (self._receiver is not None and self.socket.get(SocketOption.EVENTS) & POLLIN):
            self._readiness.look_soon()
        raise Again()

    def _end_turns(self) -> None:
        for turn in (self._receiver, self._sender):
            if turn is not None:
                turn.over = True
        self._receiver = self._sender = None

    def _gone(self, error: BaseException) -> None:
        """The socket was closed, or its context terminated, by somebody else."""
        if self.socket is None:
            return
        gen_log.warning("ZMQStream ends with its closed socket %r: %s", self.socket, error)
        self._forget()

    def _forget(self) -> None:
        """Let go of the socket, and tell so."""
        self._end_turns()
        handle, self.socket = self.socket._handle, None
        self._recv_callback = None
        self._send_queue.clear()
        if handle.closed and not self._readiness.left and self._readiness is handle.readiness:
            handle.readiness = None
            self._readiness.leave()
        callback, self._close_callback = self._close_callback, None
        if callback is not None:
            self._call(callback)


def _log_error(task: asyncio.Future[Any]) -> None:
    if not task.cancelled() and task.exception() is not None:
        gen_log.error("Uncaught exception in ZMQStream callback", exc_info=task.exception())
