"""How a greenlet waits for a socket: the hub looks at the socket's descriptor, and switches to who can go on."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from gevent import get_hub, monkey
from gevent.exceptions import InvalidSwitchError
from gevent.hub import Waiter as _Switch

from .._awaited import frames_of, frames_of_many
from .._core.socket import Socket as _CoreSocket
from .._readiness import Readiness
from ..constants import Errno, SocketOption
from ..error import Again, ZMQError

if TYPE_CHECKING:
    from collections.abc import Callable

# So many operations in a row may be done at once; then other greenlets have a turn.
IMMEDIATE_IN_A_ROW = 64

_READ = 1  # libev's EV_READ; EV_WRITE is 2, so that these are POLLIN and POLLOUT too

_thread_ident: Callable[[], int] = monkey.get_original("_thread", "get_ident")


def call_in_hub(hub: Any, function: Callable[..., Any], *args: Any) -> None:
    """Have the hub call a function, from whatever thread; nothing, if it is gone."""
    loop = hub.loop
    if loop is None:
        return
    if hub.thread_ident == _thread_ident():
        loop.run_callback(function, *args)
    else:
        with contextlib.suppress(ValueError):  # the hub's thread ended meanwhile
            loop.run_callback_threadsafe(function, *args)


class Waiter:
    """A greenlet that waits for an operation, or for a poll."""

    def __init__(self, hub: Any) -> None:
        self._hub = hub
        self._switch = _Switch(hub)
        self._done = False
        self._result: Any = None
        self._error: BaseException | None = None

    def done(self) -> bool:
        """Whether nothing more can come of it."""
        return self._done

    def settle(self, result: Any) -> None:
        """The operation is done: the greenlet gets the result when the hub comes to it."""
        self._done = True
        self._result = result
        call_in_hub(self._hub, self._switch.switch, self)

    def settle_once(self) -> None:
        """What a descriptor's watcher calls, as often as it likes."""
        if not self._done:
            self.settle(True)

    def fail(self, error: BaseException) -> None:
        """The operation failed, or the socket is gone."""
        self._done = True
        self._error = error
        call_in_hub(self._hub, self._switch.switch, self)

    def _expire(self, readiness: HubReadiness | None, result: Any) -> None:
        if not self._done:
            self._done = True
            self._result, self._error = result, Again() if result is None else None
            if readiness is not None and not readiness.left:
                readiness.listen()
            self._switch.switch(self)

    def cancel(self) -> None:
        """The socket was closed while it was polled."""
        self.fail(ZMQError(Errno.ENOTSOCK))

    def give_up(self) -> None:
        """The greenlet waits no more."""
        self._done = True

    def wait(self, milliseconds: float | None, readiness: HubReadiness | None = None, result: Any = None) -> Any:
        """Let other greenlets run until it is done, or the time is over: then `result`, or Again when that is None."""
        timer = None
        if milliseconds is not None and milliseconds >= 0:
            timer = self._hub.loop.timer(milliseconds / 1000)
            timer.start(self._expire, readiness, result, update=True)
        try:
            if self._switch.get() is not self:
                raise InvalidSwitchError("a greenlet that waits for a zmq socket was switched to by hand")
        except BaseException:
            # a gevent.Timeout, kill(), or no event can ever come
            if self._done and self._error is None:
                self._give_back()
            self._done = True
            if readiness is not None and not readiness.left:
                readiness.listen()
            raise
        finally:
            if timer is not None:
                timer.close()
        if self._error is not None:
            raise self._error
        return self._result

    def _give_back(self) -> None:
        """The result has come and nobody gets it."""


class Receiver(Waiter):
    """A greenlet that waits for a message, which goes back to the socket if the greenlet is stopped before it got it."""

    def __init__(self, hub: Any, socket: Any) -> None:
        super().__init__(hub)
        self._socket = socket
        self._more = False
        self._number = 0

    def settle(self, result: Any) -> None:
        self._more = self._socket._more
        self._number = self._socket._number()
        super().settle(result)

    def _give_back(self) -> None:
        self._socket._give_back(self._frames(self._result), self._number)

    def _frames(self, received: Any) -> list[tuple[Any, bool]]:
        return frames_of(received, self._more)


class ManyReceiver(Receiver):
    """The same for recv_many."""

    _continued: list[int] | None = None  # of frames by themselves, those with another behind them

    def settle(self, result: Any) -> None:
        self._continued = self._socket._continued
        super().settle(result)

    def _frames(self, received: Any) -> list[tuple[Any, bool]]:
        return frames_of_many(received, self._continued)


class HubReadiness(Readiness):
    """A socket's waiters in one hub."""

    def __init__(self, socket: _CoreSocket, hub: Any) -> None:
        # a shadow of its own: it lives as long as the libzmq socket has waiters, whatever becomes of the Python objects
        core = _CoreSocket(shadow=socket)
        super().__init__(core.get, core._watch, core._unwatch)
        self.hub = self.loop = hub  # other flavours ask for `loop`
        # how many more operations may be done at once before other greenlets have a turn
        self.budget = IMMEDIATE_IN_A_ROW
        self.left = False
        self._look_due = False
        # active only while somebody waits: otherwise it would keep the hub from ending, or turn it round and round
        self._news = hub.loop.io(core.get(SocketOption.FD), _READ)

    def look(self) -> None:
        self._look_due = False
        if not self.left:
            self.budget = IMMEDIATE_IN_A_ROW
            super().look()
            self.listen()

    def sleep(self) -> None:
        super().sleep()
        self.listen()

    def listen(self) -> None:
        """Have the hub look while somebody waits."""
        self._forget_done()
        if not self.waiting():
            self._news.stop()
        elif not self._news.active:
            self._news.start(self.look)

    def look_soon(self) -> None:
        if not self._look_due and not self.left:
            self._look_due = True
            call_in_hub(self.hub, self.look)

    def soon(self, function: Callable[[], None]) -> None:
        call_in_hub(self.hub, function)

    def is_here(self) -> bool:
        return self.hub.loop is not None and self.hub.thread_ident == _thread_ident()

    def leave(self) -> None:
        self.left = True
        self.budget = 0
        self._unwatch()
        self.forget()
        if self.is_here():
            self._news.close()
        else:
            call_in_hub(self.hub, self._news.close)


def readiness_of(socket: Any) -> HubReadiness:
    """The waiters of a socket, of whatever flavour, in this thread's hub."""
    hub = get_hub()
    found = socket._handle.readiness
    if type(found) is HubReadiness and found.hub is hub and not found.left:
        return found
    if found is not None:
        found.leave()
    found = socket._handle.readiness = HubReadiness(socket, hub)
    return found
