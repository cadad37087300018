"""A socket's waiters in one of tornado's loops, which knows the socket: closing the loop with all_fds closes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tornado.ioloop import IOLoop

from ..asyncio import LoopReadiness

if TYPE_CHECKING:
    import asyncio


class _Descriptor:
    """A socket as the loop sees it."""

    def __init__(self, core: Any, fd: int) -> None:
        self._core = core
        self._fd = fd

    def fileno(self) -> int:
        return self._fd

    def close(self) -> None:
        self._core.close()


class IOLoopReadiness(LoopReadiness):
    """The waiters of a socket in an IOLoop, which is one of asyncio's loops too."""

    def __init__(self, socket: Any, loop: asyncio.AbstractEventLoop, io_loop: Any = None) -> None:
        self.io_loop = IOLoop.current() if io_loop is None else io_loop
        super().__init__(socket, loop)

    def attach(self) -> None:
        # a descriptor of that number may have been closed without telling the loop
        self.io_loop.remove_handler(self.fd)
        self.io_loop.add_handler(_Descriptor(self.core, self.fd), self._news, IOLoop.READ)

    def _news(self, descriptor: Any, events: int) -> None:
        self.look()

    def detach(self) -> None:
        if not self.loop.is_closed():
            self.io_loop.remove_handler(self.fd)


def readiness_of(socket: Any, io_loop: Any) -> LoopReadiness:
    """The waiters of a socket in a loop that need not run yet."""
    found = socket._handle.readiness
    if isinstance(found, LoopReadiness) and found.loop is io_loop.asyncio_loop and not found.left:
        return found
    if found is not None:
        found.leave()
    made = socket._handle.readiness = IOLoopReadiness(socket, io_loop.asyncio_loop, io_loop)
    return made
