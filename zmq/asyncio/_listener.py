"""Socket.on_recv: a callback for what is received, without futures."""

from __future__ import annotations

from contextvars import copy_context
from time import monotonic

from ..error import Again, ContextTerminated

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .._core.awaiting import Receive
    from ._loops import LoopReadiness

# seconds that callbacks may take in a row before the others in the loop have their turn
LONGEST_TURN = 0.001


class Listener:
    """Calls a function with all that a socket receives, from the loop, until it is stopped.

    It waits as a poll does, and receives only when it has its turn, so that no message is in its hands when it is stopped.
    """

    def __init__(self, readiness: LoopReadiness, socket: Any, receive: Receive, callback: Callable[[Any], object]) -> None:
        self._readiness = readiness
        self._loop = readiness.loop
        self._socket = socket
        self._receive = receive
        self._callback = callback
        self._context = copy_context()
        self._stopped = False
        self._due = False
        self._wait()

    def stop(self) -> None:
        """Call nothing any more."""
        self._stopped = True

    def _wait(self) -> None:
        self._readiness.pollers.append((self, 1))
        self._readiness.look()

    # ---------------------------------------------------------------- as a waiter

    def done(self) -> bool:
        return self._stopped or self._due

    def settle(self, result: Any) -> None:
        self._due = True
        self._loop.call_soon(self._turn, context=self._context)

    def fail(self, error: BaseException) -> None:
        self._stopped = True
        if not isinstance(error, ContextTerminated):
            self._report(error)

    def cancel(self) -> None:
        """The socket was closed."""
        self._stopped = True

    # ---------------------------------------------------------------- its turn

    def _turn(self) -> None:
        self._due = False
        until = monotonic() + LONGEST_TURN
        while monotonic() <= until:
            # a callback may have closed the socket, stopped this, or taken the socket to another loop
            if self._stopped or self._socket.closed or self._readiness.left:
                return
            try:
                received = self._receive()
            except Again:
                self._wait()
                return
            except Exception as error:  # noqa: BLE001  # nobody else can be told
                self.fail(error)
                return
            try:
                self._callback(received)
            except (SystemExit, KeyboardInterrupt):
                self.settle(None)
                raise
            except BaseException as error:  # noqa: BLE001  # as the loop does with those of its callbacks
                self._report(error)
        if not self._stopped:
            self.settle(None)

    def _report(self, error: BaseException) -> None:
        self._loop.call_exception_handler(
            {"message": f"Exception in on_recv callback of {self._socket!r}", "exception": error}
        )
