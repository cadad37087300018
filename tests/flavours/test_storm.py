"""A storm of random cancellations, in every flavour and event loop: no message is lost, doubled, cut or out of order.

Several peers send numbered messages of all sizes to one socket, and sends are cancelled too. Receives of every form are cancelled
by timeouts and in the flavour's own ways, at random moments. 20,000 of them for each flavour and transport are:

    ZMQ_STORM=20000 python -m pytest tests/flavours/test_storm.py
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import sys
import time
from collections.abc import Callable
from typing import Any

import anyio
import anyio.lowlevel
import pytest
import zmq

from flavours.worlds import Anyio, Asyncio, Gevent, World, run_through, sharing
from helpers import bind_any

STORM = int(os.environ.get("ZMQ_STORM", "4000"))
#: Seconds after which a slow machine is content with a tenth of the cancellations.
LONGEST = 10.0 if STORM <= 4000 else 90.0
PEERS = 4

chance = random.Random(11)


# ---------------------------------------------------------------- ways to cancel

Receive = Callable[[], Any]


async def asyncio_cancel(receive: Receive) -> None:
    task = asyncio.ensure_future(receive())
    kind = chance.randrange(10)
    if kind == 0:
        asyncio.get_running_loop().call_later(chance.random() * 0.0003, task.cancel)
    else:
        for _ in range(chance.randrange(4)):
            await asyncio.sleep(0)
        if chance.random() < 0.02:
            time.sleep(0.0005)  # the loop is blocked, so that messages and the cancellation meet in one turn
        if kind < 5:
            task.cancel()
        else:
            asyncio.get_running_loop().call_soon(task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def asyncio_wait_for(receive: Receive) -> None:
    with contextlib.suppress(asyncio.TimeoutError):
        await asyncio.wait_for(receive(), chance.random() * 0.0005)


async def asyncio_timeout(receive: Receive) -> None:
    with contextlib.suppress(asyncio.TimeoutError):
        async with asyncio.timeout(chance.random() * 0.0005):  # type: ignore[attr-defined,unused-ignore]  # since 3.11
            await receive()


async def asyncio_group(receive: Receive) -> None:
    async def fail() -> None:
        # a task that fails before its group waits leaves a cancellation behind: eager tasks of CPython 3.12
        for _ in range(1 + chance.randrange(3)):
            await asyncio.sleep(0)
        raise LookupError

    try:
        async with asyncio.TaskGroup() as group:  # type: ignore[attr-defined,unused-ignore]  # since 3.11
            group.create_task(receive())
            group.create_task(fail())
    except BaseException as error:  # noqa: BLE001  # an ExceptionGroup, which Python 3.10 does not know
        assert "LookupError" in repr(error)


async def anyio_scope(receive: Receive) -> None:
    async def consume(scope: anyio.CancelScope) -> None:
        with scope:
            await receive()

    async with anyio.create_task_group() as group:
        scope = anyio.CancelScope()
        group.start_soon(consume, scope)
        for _ in range(chance.randrange(4)):
            await anyio.lowlevel.checkpoint()
        if chance.random() < 0.02:
            time.sleep(0.0005)  # the loop is blocked, so that messages and the cancellation meet in one turn
        scope.cancel()


async def anyio_move_on(receive: Receive) -> None:
    with anyio.move_on_after(chance.random() * 0.0005):
        await receive()


async def anyio_group(receive: Receive) -> None:
    async def fail() -> None:
        for _ in range(chance.randrange(4)):
            await anyio.lowlevel.checkpoint()
        raise LookupError

    try:
        async with anyio.create_task_group() as group:
            group.start_soon(receive)
            group.start_soon(fail)
    except BaseException as error:  # noqa: BLE001  # an ExceptionGroup, which Python 3.10 does not know
        assert "LookupError" in repr(error)


async def gevent_timeout(receive: Receive) -> None:
    import gevent

    with contextlib.suppress(gevent.Timeout), gevent.Timeout(chance.random() * 0.0005):
        run_through(receive())


async def gevent_kill(receive: Receive) -> None:
    import gevent

    greenlet = gevent.spawn(lambda: run_through(receive()))
    for _ in range(chance.randrange(4)):
        gevent.sleep(0)
    if chance.random() < 0.02:
        time.sleep(0.0005)  # the hub is blocked, so that messages and the kill meet in one turn
    greenlet.kill()


def ways(world: World) -> tuple[list[Any], list[int]]:
    """The ways to cancel, and how often each is taken: timers are slow, they wait a millisecond at least."""
    if isinstance(world, Asyncio):
        newer = [asyncio_timeout, asyncio_group] if sys.version_info >= (3, 11) else []
        return [asyncio_cancel, asyncio_wait_for, *newer], [88, 4, 4, 20][: 2 + len(newer)]
    if isinstance(world, Anyio):
        return [anyio_scope, anyio_move_on, anyio_group], [70, 6, 30]
    assert isinstance(world, Gevent)
    return [gevent_kill, gevent_timeout], [90, 6]


# ---------------------------------------------------------------- the storm


@sharing
@pytest.mark.parametrize("transport", ["inproc", "tcp"])
@pytest.mark.timeout(LONGEST + 140)
def test_storm(world: World, transport: str) -> None:
    world.limit = LONGEST + 130
    world(storm, transport)


async def storm(w: World, transport: str) -> None:
    sink = w.socket(zmq.PULL, rcvhwm=50)
    address = bind_any(sink, transport)
    sources = [w.socket(zmq.PUSH, sndhwm=50) for _ in range(PEERS)]
    for source in sources:
        source.connect(address)
    stop = False
    sent = [0] * PEERS
    maybe: list[set[int]] = [set() for _ in range(PEERS)]
    received: list[list[int]] = [[] for _ in range(PEERS)]

    async def produce(peer: int) -> None:
        while not stop:
            # so few that most receives have to wait: messages and cancellations are to meet
            while not stop and chance.random() < 0.97:
                await w.pause(0)
            size = chance.choice((0, 0, 0, 10, 300, 40_000, 200_000 if chance.random() < 0.1 else 0))
            frames = [b"%d %d" % (peer, sent[peer]), bytes(size), b"end"]
            copy = chance.random() < 0.5
            if chance.random() < 0.02:
                with w.timeout(chance.random() * 0.0005) as over:
                    await w.get(sources[peer].send_multipart(frames, copy=copy))
                if over():
                    # sent whole or not at all: the receiver says which
                    maybe[peer].add(sent[peer])
            else:
                await w.get(sources[peer].send_multipart(frames, copy=copy))
            sent[peer] += 1
            if chance.random() < 0.2:
                await w.pause(0)

    def note(frames: list[Any]) -> None:
        assert len(frames) == 3, len(frames)
        first, _, last = (frame.bytes if isinstance(frame, zmq.Frame) else frame for frame in frames)
        assert last == b"end"
        peer, number = map(int, first.split())
        received[peer].append(number)

    async def receive() -> None:
        kind = chance.randrange(6 if w.awaits else 5)
        if kind == 0:
            note(await plain(sink.recv_multipart()))
        elif kind == 1:
            note(await plain(sink.recv_multipart(copy=False)))
        elif kind == 2:
            await plain(sink.recv_serialized(note))
        elif kind == 3:
            for frames in await plain(sink.recv_many(3, multipart=True, copy=chance.random() < 0.5)):
                note(frames)
        elif kind == 4:
            await plain(sink.poll())
        else:
            async for frames in sink.iter_multipart():
                note(frames)
                break

    async def look() -> None:
        """Somebody else who waits, and may be the one who finds messages for a task that has just been cancelled."""
        while True:
            await plain(sink.poll())
            await w.pause(0)

    async def plain(result: Any) -> Any:
        """Awaited without a limit of its own, which would be another way to cancel."""
        return await result if w.awaits else result

    kinds, weights = ways(w)
    producing = [w.start(produce, peer) for peer in range(PEERS)]
    looking = w.start(look)
    cancelled = 0
    end = time.monotonic() + LONGEST
    while cancelled < STORM and (cancelled <= STORM / 10 or time.monotonic() < end):
        done = False

        async def once() -> None:
            nonlocal done
            await receive()
            done = True

        await chance.choices(kinds, weights)[0](once)
        cancelled += not done
    stop = True
    looking.cancel()

    async def drain() -> None:
        while True:
            note(await plain(sink.recv_multipart()))

    draining = w.start(drain)
    for task in producing:
        await task.result()

    def all_there() -> bool:
        return all(set(range(sent[peer])) - maybe[peer] <= set(received[peer]) for peer in range(PEERS))

    await w.until(all_there, "everything received")
    await w.turns(10)
    draining.cancel()
    await w.until(draining.done)
    for peer in range(PEERS):
        assert received[peer] == sorted(set(received[peer])), "doubled or out of order"
        assert set(received[peer]) <= set(range(sent[peer]))
    assert await w.get(sink.poll(10)) == 0
