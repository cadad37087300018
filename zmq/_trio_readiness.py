"""A socket's waiters in one run of trio.

trio has no callbacks for descriptors: a task waits for one. The first of the tasks that wait for a socket does so for all, and
when it has what it wanted, the next one takes its place; when nobody waits, nothing is left in trio's loop.
"""

from __future__ import annotations

from errno import EBADF
from itertools import chain

import trio
from trio.lowlevel import TrioToken, current_trio_token, notify_closing, wait_readable

from ._core.socket import Socket as _CoreSocket
from ._readiness import Readiness
from .constants import SocketOption

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Protocol

    class _Task(Protocol):
        """A waiter that is a task."""

        wake: Callable[[], object] | None  # ends its sleep

        def done(self) -> bool: ...
        async def sleep(self) -> None: ...


class TrioReadiness(Readiness):
    """Who waits for a socket in this run of trio."""

    def __init__(self, socket: _CoreSocket, budget: int) -> None:
        # a shadow of its own: it lives as long as the libzmq socket has waiters, whatever becomes of the Python objects
        core = _CoreSocket(shadow=socket)
        super().__init__(core.get, core._watch, core._unwatch)
        self.loop: TrioToken = current_trio_token()
        self.fd: int = core.get(SocketOption.FD)
        self.budget = budget
        self.left = False
        self._watcher: _Task | None = None

    def spend(self, operations: int) -> None:
        """So many operations were done at once."""
        self.budget = max(0, self.budget - operations)

    def look_soon(self) -> None:
        self.soon(self.look)

    def soon(self, function: Callable[[], None]) -> None:
        try:
            self.loop.run_sync_soon(function, idempotent=True)
        except trio.RunFinishedError:
            self.left = True

    def look(self) -> None:
        if not self.left:
            super().look()

    async def park(self, waiter: _Task) -> None:
        """Return when the waiter is done."""
        try:
            while not waiter.done():
                if self._watcher is not None:
                    await waiter.sleep()
                    continue
                self._watcher = waiter
                waiter.wake = self._stop_watching
                try:
                    await wait_readable(self.fd)
                except trio.ClosedResourceError:
                    continue  # woken, because it is done
                except OSError as error:
                    if error.errno != EBADF:
                        raise
                    # another thread has closed the socket, and is about to tell
                    await trio.lowlevel.checkpoint()
                    continue
                finally:
                    self._watcher = None
                    waiter.wake = None
                self.look()
        finally:
            if self._watcher is None:
                self._hand_over(waiter)

    def _stop_watching(self) -> None:
        notify_closing(self.fd)

    def _hand_over(self, gone: _Task) -> None:
        """Have another one watch the descriptor."""
        waiters: Any = chain(self.receivers, self.senders, self.pollers)
        for waiter, _ in waiters:
            if waiter is not gone and not waiter.done():
                if waiter.wake is not None:
                    waiter.wake()
                return

    def is_here(self) -> bool:
        """Whether its run of trio is the one that is running."""
        try:
            return current_trio_token() is self.loop
        except RuntimeError:
            return False

    def leave(self) -> None:
        """Let go of the descriptor."""
        self.left = True
        self.budget = 0
        self._unwatch()
        if self._watcher is not None and self.is_here():
            self._stop_watching()
        self.forget()
