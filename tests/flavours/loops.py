"""The event loops that every flavour of asyncio is tested on."""

from __future__ import annotations

import asyncio
import gc
import importlib.util
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Protocol, TypeVar

import pytest

T = TypeVar("T")

#: Seconds that a test's coroutine may take.
LIMIT = 60.0


#: Seconds that a ticker may have to wait for its turn.
LONGEST_GAP = 0.01


def forget_garbage() -> None:
    """Make collections short for the rest of the test: what all tests before have left takes one of them tens of milliseconds."""
    if hasattr(gc, "freeze"):  # not on PyPy
        gc.collect()
        gc.freeze()


class Gaps:
    """How long a ticker waits for its turns, in processor time of this thread: other processes cannot make that longer."""

    def __init__(self) -> None:
        forget_garbage()
        self._last = time.thread_time()
        self._longest = 0.0

    def tick(self) -> None:
        now = time.thread_time()
        self._longest = max(self._longest, now - self._last)
        self._last = now

    def check(self) -> None:
        """Fail when it had to wait for too long, now included."""
        self.tick()
        assert self._longest < LONGEST_GAP, f"no turn for {self._longest * 1000:.1f} ms"


class NoReaderLoop(asyncio.SelectorEventLoop):
    """A loop that cannot watch descriptors, as Windows' Proactor loop."""

    def add_reader(self, fd: Any, callback: Any, *args: Any) -> Any:
        raise NotImplementedError

    def remove_reader(self, fd: Any) -> Any:
        raise NotImplementedError

    def add_writer(self, fd: Any, callback: Any, *args: Any) -> Any:
        raise NotImplementedError

    def remove_writer(self, fd: Any) -> Any:
        raise NotImplementedError


def _uvloop() -> asyncio.AbstractEventLoop:
    import uvloop

    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop


def _eager() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    loop.set_task_factory(asyncio.eager_task_factory)  # type: ignore[attr-defined,unused-ignore]  # since 3.12
    return loop


LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": _uvloop,
    "eager": _eager,
    "noreader": NoReaderLoop,
}

LOOP_PARAMS = [
    pytest.param("asyncio"),
    pytest.param("uvloop", marks=pytest.mark.skipif(importlib.util.find_spec("uvloop") is None, reason="uvloop is not installed")),
    pytest.param("noreader"),
    *(["eager"] if sys.version_info >= (3, 12) else []),
]


class Run(Protocol):
    """The ``run`` fixture: run a coroutine function in a new loop of the kind under test."""

    kind: str

    def __call__(self, function: Callable[..., Coroutine[Any, Any, T]], *args: Any) -> T: ...


class LoopRunner:
    """Runs coroutines, each in a loop of its own; anything that a loop reports is a failure."""

    def __init__(self, kind: str, limit: float = LIMIT) -> None:
        self.kind = kind
        self.limit = limit
        self.reports: list[dict[str, Any]] = []

    def __call__(self, function: Callable[..., Coroutine[Any, Any, T]], *args: Any) -> T:
        loop = LOOPS[self.kind]()
        loop.set_exception_handler(lambda _, report: self.reports.append(report))
        asyncio.set_event_loop(None)
        try:
            return loop.run_until_complete(self._limited(function, args))
        finally:
            try:
                _cancel_everything(loop)
                loop.run_until_complete(loop.shutdown_asyncgens())
                loop.run_until_complete(loop.shutdown_default_executor())
            finally:
                loop.close()
            assert self.reports == [], self.reports

    async def _limited(self, function: Callable[..., Coroutine[Any, Any, T]], args: tuple[Any, ...]) -> T:
        task = asyncio.ensure_future(function(*args))
        done, _ = await asyncio.wait([task], timeout=self.limit)
        if not done:
            where = "".join(map(str, task.get_stack()))
            raise AssertionError(f"not done within {self.limit} s: {task} {where}")
        return task.result()


def _cancel_everything(loop: asyncio.AbstractEventLoop) -> None:
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    if tasks:
        loop.run_until_complete(asyncio.wait(tasks, timeout=10))


async def turns(count: int = 3) -> None:
    """Let the loop go round."""
    for _ in range(count):
        await asyncio.sleep(0)


async def until(condition: Callable[[], Any], deadline: float = 30.0, what: str = "condition") -> Any:
    """Ask in the loop until the answer is true, then return it; fail after ``deadline`` seconds."""
    end = time.monotonic() + deadline
    while True:
        answer = condition()
        if answer:
            return answer
        assert time.monotonic() < end, f"{what} not reached within {deadline} s (last: {answer!r})"
        await asyncio.sleep(0.001)  # only the interval between two looks


async def soon(awaitable: Awaitable[T], seconds: float = 30.0) -> T:
    """Its result, which must come within so many seconds."""
    return await asyncio.wait_for(awaitable, seconds)
