"""Event loops: which one runs, how it watches a descriptor, and a socket's waiters in it."""

from __future__ import annotations

import asyncio
import os
import selectors
import sys
from weakref import WeakKeyDictionary

from .._core.awaiting import Turns
from .._core.socket import Socket as _CoreSocket
from .._readiness import Readiness
from .._selector_thread import SelectorThread
from ..constants import SocketOption

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

running_loop = asyncio._get_running_loop


def current_loop() -> asyncio.AbstractEventLoop:
    """The running loop; without one a warning, and asyncio's current one."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        import warnings

        warnings.warn("no event loop is running: use zmq.asyncio from within one", RuntimeWarning, stacklevel=6)
    return asyncio.get_event_loop()


_selector_threads: WeakKeyDictionary[asyncio.AbstractEventLoop, SelectorThread] = WeakKeyDictionary()


def watch_fd(loop: asyncio.AbstractEventLoop, fd: int, event: int, callback: Callable[[], None]) -> None:
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
            unwatch_fd(loop, fd, event)
            add(fd, callback)
    if thread is not None:
        thread.add(fd, event, callback)


def unwatch_fd(loop: asyncio.AbstractEventLoop, fd: int, event: int) -> None:
    if loop.is_closed():
        return
    thread = _selector_threads.get(loop)
    if thread is not None:
        if not thread.remove(fd, event):
            thread.stop()
            del _selector_threads[loop]
        return
    try:
        (loop.remove_reader if event == selectors.EVENT_READ else loop.remove_writer)(fd)
    except NotImplementedError:
        pass  # nothing was left to watch, so the thread has ended
    except (AttributeError, RuntimeError):
        # of a loop that its own thread closes this moment
        if not loop.is_closed():
            raise


if sys.platform == "win32":
    # a socket's descriptor is none of the C library's there

    def _own(fd: int) -> int:
        return fd

    def _close_own(fd: int) -> None:
        pass
else:
    _own, _close_own = os.dup, os.close


class LoopReadiness(Turns, Readiness):
    """A socket's waiters in one event loop."""

    loop: asyncio.AbstractEventLoop
    budget: int
    look_due: bool
    fd: int = -1

    def __init__(self, socket: _CoreSocket, loop: asyncio.AbstractEventLoop) -> None:
        core = _CoreSocket(shadow=socket)
        Readiness.__init__(self, core.get, core._watch, core._unwatch)
        self.core = core
        self.loop = loop
        # of its own: the socket's is closed by whatever object closes it, and its number given to the next socket, while the loop
        # still watches it; libuv aborts the process then
        self.fd = _own(core.get(SocketOption.FD))
        self.look_due = False
        self.begin_turn()
        self.attach()

    def attach(self) -> None:
        """Have the loop look whenever the descriptor is readable."""
        watch_fd(self.loop, self.fd, selectors.EVENT_READ, self.look)

    def detach(self) -> None:
        """Take the descriptor out of the loop."""
        unwatch_fd(self.loop, self.fd, selectors.EVENT_READ)

    def look(self) -> None:
        self.look_due = False
        if self.left:
            return
        self.begin_turn()
        if not self.look_for_messages():
            super().look()

    def look_soon(self) -> None:
        if self.look_due or self.loop.is_closed():
            return
        self.look_due = True
        self.soon(self.look)

    def soon(self, function: Callable[[], None]) -> None:
        if running_loop() is self.loop:
            self.loop.call_soon(function)
        elif not self.loop.is_closed():
            self.loop.call_soon_threadsafe(function)

    def is_here(self) -> bool:
        return running_loop() is self.loop

    def leave(self) -> None:
        self.left = True
        self.budget = 0
        if self.fd >= 0:
            self.detach()
            self._close_fd()
        self._unwatch()
        self.forget()

    def _close_fd(self, close: Callable[[int], None] = _close_own) -> None:  # the module's own name may be gone by then
        fd, self.fd = self.fd, -1
        if fd >= 0:
            close(fd)

    __del__ = _close_fd
