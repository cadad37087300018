"""The futures of operations that wait: cancelled, they lose no message."""

from __future__ import annotations

import asyncio
from asyncio import CancelledError

from .._core.awaiting import use_futures
from ..error import Again

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .._awaited import SendMany
    from .._core.awaiting import Receive


class Future(asyncio.Future):  # type: ignore[type-arg]  # typeshed's is generic
    """The future of an operation that hands nothing over: a send or a poll."""

    _timer: asyncio.TimerHandle | None = None

    def settle(self, result: Any) -> None:
        """The operation is done."""
        if self._timer is not None:
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


class Received(Future):
    """The future of a receive that had to wait: gives the message back to the socket unless somebody got it."""

    _receive: Receive | None = None  # to give back with; None once somebody got the message
    _given_back: bool = False
    _awaited: int = 0  # by so many tasks, suspended in it
    _load: Any = None  # applied when somebody gets it
    # What the first task that awaits it is woken by. The event loop keeps that as long as the task then runs: it must not be this
    # future, which has the message.
    _gate: asyncio.Future[None] | None = None

    def __await__(self) -> Any:
        return self._ready() if self.done() else self._wait()

    __iter__ = __await__

    def _ready(self) -> Any:
        return self.result()
        yield  # makes it a generator, though one that never suspends

    def _wait(self) -> Any:
        self._awaited += 1
        try:
            if self._gate is None:
                self._gate = asyncio.Future(loop=self.get_loop())
                yield from self._gate
            else:
                yield from _await_future(self)
        except BaseException:
            if not self.done():
                self.cancel()
            elif self._awaited == 1:  # the others still get it
                self._give_back()
            raise
        finally:
            self._awaited -= 1
        return self._handed_over()

    def _wake(self) -> None:
        gate = self._gate
        if gate is not None and not gate.done():
            gate.set_result(None)

    def set_result(self, result: Any) -> None:
        super().set_result(result)
        self._wake()

    def set_exception(self, exception: type | BaseException) -> None:
        super().set_exception(exception)
        self._wake()

    def result(self) -> Any:
        if self._awaited and not self._given_back:
            return _result_of(self)  # a task is being woken: it has not got the message yet
        return self._handed_over()

    def _handed_over(self) -> Any:
        if self._given_back:
            raise CancelledError("cancel() gave the message back to the socket")
        result = _result_of(self)
        self._receive = None
        return result if self._load is None else self._load(result)

    def cancel(self, msg: Any = None) -> bool:
        if super().cancel(msg):
            self._wake()
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
        receive, self._receive = self._receive, None
        if receive is None or not self.done() or self.cancelled() or self.exception() is not None:
            return
        self._given_back = True
        receive.give_back(_result_of(self))


class SentMany(Future):
    """The future of send_many, which knows how many messages have gone, whatever became of it."""

    operation: SendMany | None = None

    @property
    def sent(self) -> int:
        """So many messages have gone."""
        return 0 if self.operation is None else self.operation.sent

    def _expire(self, result: Any) -> None:
        super()._expire(self.sent or None)


use_futures(asyncio._get_running_loop, Future, Received)
