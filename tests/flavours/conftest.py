"""Fixtures of the flavours that wait in an event loop."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

import pytest
import zmq
import zmq.asyncio

from conftest import end_context
from flavours.loops import LOOP_PARAMS, LoopRunner, Run
from flavours.worlds import MAKERS, World
from helpers import bind_any


@pytest.fixture(autouse=True)
def _all_garbage_again() -> Iterator[None]:
    """What forget_garbage() put aside is looked at again."""
    yield
    if hasattr(gc, "unfreeze"):  # not on PyPy
        gc.unfreeze()


@pytest.fixture(params=LOOP_PARAMS)
def run(request: pytest.FixtureRequest) -> Run:
    """Run a coroutine function in a new loop of each kind."""
    return LoopRunner(str(request.param))


@pytest.fixture
def actx() -> Iterator[zmq.asyncio.Context]:
    """A context of asyncio sockets; what is left open is closed, after the loops."""
    context = zmq.asyncio.Context()
    context.linger = 0
    yield context
    end_context(context)


class Pair:
    """Make connected pairs of asyncio sockets: the first one is bound, the second one connected. They are closed at the end."""

    def __init__(self, context: zmq.asyncio.Context) -> None:
        self.context = context
        self.made: list[zmq.asyncio.Socket] = []

    def socket(self, kind: int, **options: int) -> Any:
        """A socket by itself, with options by their names."""
        one = self.context.socket(kind)
        self.made.append(one)
        for name, value in options.items():
            setattr(one, name, value)
        return one

    def __call__(self, bound: int = zmq.PAIR, connected: int = zmq.PAIR, transport: str = "inproc", **options: int) -> Any:
        first, second = self.socket(bound, **options), self.socket(connected, **options)
        second.connect(bind_any(first, transport))
        return first, second


@pytest.fixture
def apair(actx: zmq.asyncio.Context) -> Iterator[Pair]:
    """Make connected pairs of asyncio sockets."""
    pair = Pair(actx)
    yield pair
    for one in pair.made:
        one.close(0)


@pytest.fixture
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    """Each flavour in each event loop that the test names; see worlds.py."""
    one = MAKERS[request.param]()
    yield one
    one.end()
