"""Every flavour in each of the event loops that it runs in, so that one test is run for all of them.

A test is an async function of a World. What a socket's method gives goes through ``await world.get(...)``, which awaits it in the
flavours that await; in the others nothing in the whole test ever suspends, and it is simply run through.
"""

from __future__ import annotations

import asyncio
import importlib.util
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

import anyio
import anyio.lowlevel
import pytest
import zmq
import zmq.anyio
import zmq.asyncio

from conftest import end_context
from flavours.loops import LIMIT, LOOP_PARAMS, LoopRunner
from helpers import Background, bind_any, wait_until, wait_until_blocked

#: Seconds that a single operation of a test may take.
SOON = 30.0

Main = Callable[..., Coroutine[Any, Any, Any]]


class Task(ABC):
    """An async function that runs beside the test."""

    @abstractmethod
    def done(self) -> bool:
        """Whether it has ended."""

    @abstractmethod
    async def result(self) -> Any:
        """What it returned, or raises what it raised; soon."""

    @abstractmethod
    def cancel(self) -> None:
        """Cancel it, in the flavour's own way."""


class World(ABC):
    """A flavour in an event loop."""

    #: Whether methods are awaited.
    awaits = True
    #: Whether several tasks may wait for one socket, which may be used beside them.
    shares = True

    def __init__(self, name: str, module: Any) -> None:
        self.name = name
        self.module = module
        self.limit = LIMIT
        self.made: list[Any] = []
        self.context: Any = None

    def __call__(self, main: Main, *args: Any) -> Any:
        """Run an async function of this world; its sockets are closed at the end."""
        if self.context is None:
            self.context = self.module.Context()
            self.context.linger = 0
        return self.run(main, *args)

    def end(self) -> None:
        """Close what the tests made."""
        while self.made:
            self.made.pop().close(0)
        if self.context is not None:
            end_context(self.context)

    def socket(self, kind: int, **options: int) -> Any:
        """A socket, with options by their names."""
        one = self.context.socket(kind)
        self.made.append(one)
        for name, value in options.items():
            setattr(one, name, value)
        return one

    def pair(self, bound: int = zmq.PAIR, connected: int = zmq.PAIR, transport: str = "inproc", **options: int) -> Any:
        """Two connected sockets, the first one bound."""
        first, second = self.socket(bound, **options), self.socket(connected, **options)
        second.connect(bind_any(first, transport))
        return first, second

    def blocking(self, socket: Any) -> zmq.SyncSocket:
        """The blocking flavour of the same socket."""
        return zmq.Socket.shadow(socket)

    async def until(self, condition: Callable[[], Any], what: str = "condition") -> Any:
        """Ask until the answer is true; fail after some seconds."""
        end = time.monotonic() + SOON
        while not (answer := condition()):
            assert time.monotonic() < end, f"{what} not reached in time"
            await self.pause(0.001)
        return answer

    async def turns(self, count: int = 3) -> None:
        """Let others have their turn."""
        for _ in range(count):
            await self.pause(0)

    async def parked(self, *tasks: Any) -> None:
        """Return when these tasks wait."""
        await self.turns(5)

    @abstractmethod
    def run(self, main: Main, *args: Any) -> Any:
        """Run an async function of this world."""

    @abstractmethod
    async def get(self, result: Any) -> Any:
        """The result of an operation, soon."""

    @abstractmethod
    def start(self, function: Main, *args: Any) -> Any:
        """Run an async function beside the test."""

    @abstractmethod
    async def pause(self, seconds: float) -> None:
        """Let others run; for so long at least."""

    @contextmanager
    def timeout(self, seconds: float) -> Iterator[Callable[[], bool]]:
        """Cancel what is in the block when the time is over; the function given tells whether that happened."""
        raise NotImplementedError
        yield


# ---------------------------------------------------------------- flavours that do not await


def run_through(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine that never suspends."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError(f"{coroutine} waits for something to be awaited")


class Thread(Task):
    def __init__(self, function: Main, args: tuple[Any, ...]) -> None:
        self.thread = Background(lambda: run_through(function(*args)))

    def done(self) -> bool:
        return not self.thread.is_alive()

    async def result(self) -> Any:
        return self.thread.result(SOON)

    def cancel(self) -> None:
        raise NotImplementedError("a thread cannot be cancelled")


class Blocking(World):
    """The blocking flavour; what runs beside the test runs in threads."""

    awaits = shares = False

    def run(self, main: Main, *args: Any) -> Any:
        return run_through(main(self, *args))

    async def get(self, result: Any) -> Any:
        return result

    def start(self, function: Main, *args: Any) -> Thread:
        return Thread(function, args)

    async def pause(self, seconds: float) -> None:
        time.sleep(seconds)  # the interval between two looks

    async def parked(self, *tasks: Any) -> None:
        for task in tasks:
            wait_until_blocked(task.thread)


class Greenlet(Task):
    def __init__(self, function: Main, args: tuple[Any, ...]) -> None:
        import gevent

        self.greenlet = gevent.spawn(lambda: run_through(function(*args)))

    def done(self) -> bool:
        return bool(self.greenlet.ready())

    async def result(self) -> Any:
        import gevent

        with gevent.Timeout(SOON):
            return self.greenlet.get()

    def cancel(self) -> None:
        self.greenlet.kill(block=False)


class Gevent(World):
    """zmq.green; nothing is monkey-patched."""

    awaits = False

    def run(self, main: Main, *args: Any) -> Any:
        import gevent

        self.greenlets: list[Any] = []
        try:
            with gevent.Timeout(self.limit):
                return run_through(main(self, *args))
        finally:
            gevent.killall(self.greenlets)

    async def get(self, result: Any) -> Any:
        return result

    def start(self, function: Main, *args: Any) -> Greenlet:
        task = Greenlet(function, args)
        self.greenlets = [one for one in self.greenlets if not one.ready()] + [task.greenlet]
        return task

    async def pause(self, seconds: float) -> None:
        import gevent

        gevent.sleep(seconds)

    @contextmanager
    def timeout(self, seconds: float) -> Iterator[Callable[[], bool]]:
        import gevent

        over = False
        limit = gevent.Timeout(seconds)
        limit.start()
        try:
            yield lambda: over
        except gevent.Timeout as error:
            if error is not limit:
                raise
            over = True
        finally:
            limit.close()


# ---------------------------------------------------------------- flavours that await


class AsyncioTask(Task):
    def __init__(self, function: Main, args: tuple[Any, ...]) -> None:
        self.task = asyncio.ensure_future(function(*args))

    def done(self) -> bool:
        return self.task.done()

    async def result(self) -> Any:
        return await asyncio.wait_for(self.task, SOON)

    def cancel(self) -> None:
        self.task.cancel()


class Asyncio(World):
    """A flavour of asyncio in one of the kinds of loops."""

    def __init__(self, name: str, module: Any, loop: str = "asyncio") -> None:
        super().__init__(name, module)
        self.loop = loop

    def run(self, main: Main, *args: Any) -> Any:
        return LoopRunner(self.loop, self.limit)(main, self, *args)

    async def get(self, result: Any) -> Any:
        return await asyncio.wait_for(result, SOON)

    def start(self, function: Main, *args: Any) -> AsyncioTask:
        return AsyncioTask(function, args)

    async def pause(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    @contextmanager
    def timeout(self, seconds: float) -> Iterator[Callable[[], bool]]:
        task = asyncio.current_task()
        assert task is not None
        fired = over = False

        def fire() -> None:
            nonlocal fired
            fired = True
            task.cancel()

        timer = asyncio.get_running_loop().call_later(seconds, fire)
        try:
            yield lambda: over
        except asyncio.CancelledError:
            if not fired:
                raise
            over = True
            if sys.version_info >= (3, 11):
                task.uncancel()
        finally:
            timer.cancel()


class AnyioTask(Task):
    def __init__(self, group: Any, function: Main, args: tuple[Any, ...]) -> None:
        self.scope = anyio.CancelScope()
        self.ended = anyio.Event()
        self.value: Any = None
        self.error: BaseException | None = None
        group.start_soon(self.run, function, args)

    async def run(self, function: Main, args: tuple[Any, ...]) -> None:
        try:
            with self.scope:
                self.value = await function(*args)
            if self.scope.cancelled_caught:
                self.error = asyncio.CancelledError()
        except Exception as error:  # noqa: BLE001  # for result()
            self.error = error
        except BaseException as error:
            self.error = error
            raise
        finally:
            self.ended.set()

    def done(self) -> bool:
        return self.ended.is_set()

    async def result(self) -> Any:
        with anyio.fail_after(SOON):
            await self.ended.wait()
        if self.error is not None:
            raise self.error
        return self.value

    def cancel(self) -> None:
        self.scope.cancel()


class Anyio(World):
    """zmq.anyio on one of anyio's backends."""

    def __init__(self, name: str, backend: str, **options: Any) -> None:
        super().__init__(name, zmq.anyio)
        self.backend = backend
        self.options = options
        self.group: Any = None

    def run(self, main: Main, *args: Any) -> Any:
        async def limited() -> Any:
            async with anyio.create_task_group() as self.group:
                with anyio.fail_after(self.limit):
                    result = await main(self, *args)
                self.group.cancel_scope.cancel()
            return result

        backend: Any = self.backend
        try:
            return anyio.run(limited, backend=backend, backend_options=self.options)
        except BaseException as error:
            # the test's own failure, out of the groups
            while hasattr(error, "exceptions") and len(error.exceptions) == 1:
                error = error.exceptions[0]
            raise error from None

    async def get(self, result: Any) -> Any:
        with anyio.fail_after(SOON):
            return await result

    def start(self, function: Main, *args: Any) -> AnyioTask:
        return AnyioTask(self.group, function, args)

    async def pause(self, seconds: float) -> None:
        await anyio.sleep(seconds)

    @contextmanager
    def timeout(self, seconds: float) -> Iterator[Callable[[], bool]]:
        with anyio.move_on_after(seconds) as scope:
            yield lambda: scope.cancelled_caught


def _uvloop_anyio() -> World:
    return Anyio("anyio-uvloop", "asyncio", use_uvloop=True)


def _tornado() -> World:
    import zmq.eventloop.future

    return Asyncio("tornado", zmq.eventloop.future)


def _gevent() -> World:
    import zmq.green

    return Gevent("gevent", zmq.green)


MAKERS: dict[str, Callable[[], World]] = {
    "blocking": lambda: Blocking("blocking", zmq),
    "asyncio": lambda: Asyncio("asyncio", zmq.asyncio),
    "uvloop": lambda: Asyncio("uvloop", zmq.asyncio, "uvloop"),
    "noreader": lambda: Asyncio("noreader", zmq.asyncio, "noreader"),
    "eager": lambda: Asyncio("eager", zmq.asyncio, "eager"),
    "tornado": _tornado,
    "gevent": _gevent,
    "anyio-asyncio": lambda: Anyio("anyio-asyncio", "asyncio"),
    "anyio-uvloop": _uvloop_anyio,
    "anyio-trio": lambda: Anyio("anyio-trio", "trio"),
}

_UVLOOP = pytest.mark.skipif(importlib.util.find_spec("uvloop") is None, reason="uvloop is not installed")
_PARAMS: list[Any] = [
    "blocking",
    *LOOP_PARAMS,
    "tornado",
    "gevent",
    "anyio-asyncio",
    pytest.param("anyio-uvloop", marks=_UVLOOP),
    "anyio-trio",
]


def _name(param: Any) -> str:
    return str(param if isinstance(param, str) else param.values[0])


EVERYWHERE = [pytest.param(_name(p), marks=getattr(p, "marks", ()), id=_name(p)) for p in _PARAMS]
#: Where methods are awaited.
AWAITING = [p for p in EVERYWHERE if _name(p) not in ("blocking", "gevent")]
#: Where several tasks may wait for one socket.
SHARING = [p for p in EVERYWHERE if _name(p) != "blocking"]

everywhere = pytest.mark.parametrize("world", EVERYWHERE, indirect=True)
awaiting = pytest.mark.parametrize("world", AWAITING, indirect=True)
sharing = pytest.mark.parametrize("world", SHARING, indirect=True)


__all__ = ["AWAITING", "EVERYWHERE", "SHARING", "Task", "World", "awaiting", "everywhere", "sharing", "wait_until"]
