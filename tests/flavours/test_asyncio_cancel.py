"""zmq.asyncio and cancellation: no message is lost, doubled or out of order, however an await ends."""

from __future__ import annotations

import asyncio
import gc
import os
import pickle
import random
import sys
import time
import weakref
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import zmq
import zmq.asyncio
from zmq._core.release import live_buffers

from flavours.conftest import Pair
from flavours.loops import Run, soon, turns, until
from helpers import let_go

SCALE = float(os.environ.get("ZMQ_TEST_SCALE", "1"))


async def into(socket: Any) -> bytes:
    room = bytearray(64)
    size = await socket.recv_into(room)
    return bytes(room[:size])


async def first_of(stream: Any) -> Any:
    async for message in stream:
        return message
    raise AssertionError("the stream ended")


#: How to receive: each gives the message as it was sent, a list of frames or its only frame.
METHODS: dict[str, Callable[[Any], Awaitable[Any]]] = {
    "recv": lambda s: s.recv(),
    "recv frame": lambda s: s.recv(copy=False),
    "recv_multipart": lambda s: s.recv_multipart(),
    "recv_multipart frames": lambda s: s.recv_multipart(copy=False),
    "recv_into": into,
    "recv_string": lambda s: s.recv_string(),
    "recv_json": lambda s: s.recv_json(),
    "recv_pyobj": lambda s: s.recv_pyobj(),
    "recv_serialized": lambda s: s.recv_serialized(lambda frames: frames[0]),
    "async for": lambda s: first_of(s),
    "iter_multipart": lambda s: first_of(s.iter_multipart()),
}


def plain(message: Any) -> bytes:
    """The number that a message of any form carries."""
    while isinstance(message, list):
        message = message[0]
    if isinstance(message, zmq.Frame):
        message = message.bytes
    return str(message).encode() if isinstance(message, (int, str)) else message


def encoded(method: str, number: int) -> bytes:
    return pickle.dumps(number) if method == "recv_pyobj" else b"%d" % number


#: Seconds after which an await is cancelled.
CANCEL_AFTER = 0.004


def block_until(send: Callable[[], Any], when: str) -> None:
    """Have a message sent, and the loop blocked beyond the time of the cancellation, so that the loop sees both in one turn."""

    def block() -> None:
        send()
        time.sleep(1.5 * CANCEL_AFTER)

    loop = asyncio.get_running_loop()
    if when == "by a timer":
        loop.call_later(CANCEL_AFTER / 4, block)
    elif when == "by a call":  # uvloop looks at timers, then at calls, then at descriptors
        loop.call_later(CANCEL_AFTER / 4, loop.call_soon, block)
    else:  # not in the blocked time, but between timers that are due at its end
        loop.call_later(CANCEL_AFTER / 4, time.sleep, 1.5 * CANCEL_AFTER)
        loop.call_later(CANCEL_AFTER * (0.9 if when == "just before" else 1.1), send)


WHENS = ("by a timer", "by a call", "just before", "just after")


async def by_task_cancel(receive: Callable[[], Awaitable[Any]]) -> Any:
    async def consume() -> Any:
        return await receive()

    task = asyncio.ensure_future(consume())
    asyncio.get_running_loop().call_later(CANCEL_AFTER, task.cancel)
    return await task


async def by_wait_for(receive: Callable[[], Awaitable[Any]]) -> Any:
    return await asyncio.wait_for(receive(), CANCEL_AFTER)


async def by_wait_for_of_a_coroutine(receive: Callable[[], Awaitable[Any]]) -> Any:
    async def consume() -> Any:
        return await receive()

    return await asyncio.wait_for(consume(), CANCEL_AFTER)


async def by_timeout(receive: Callable[[], Awaitable[Any]]) -> Any:
    async with asyncio.timeout(CANCEL_AFTER):  # type: ignore[attr-defined,unused-ignore]  # since 3.11
        return await receive()


async def by_failing_group(receive: Callable[[], Awaitable[Any]]) -> Any:
    async def fail() -> None:
        await asyncio.sleep(CANCEL_AFTER)
        raise LookupError

    async def consume() -> None:
        found.append(await receive())

    found: list[Any] = []
    try:
        async with asyncio.TaskGroup() as group:  # type: ignore[attr-defined,unused-ignore]  # since 3.11
            group.create_task(consume())
            group.create_task(fail())
    except BaseException as error:
        if not found:
            raise asyncio.CancelledError from error
    return found[0]


async def by_gather_cancel(receive: Callable[[], Awaitable[Any]]) -> Any:
    async def consume() -> None:
        found.append(await receive())

    found: list[Any] = []
    both = asyncio.gather(consume(), asyncio.sleep(10))
    asyncio.get_running_loop().call_later(CANCEL_AFTER, both.cancel)
    try:
        await both
    except asyncio.CancelledError:
        if not found:
            raise
    return found[0]


async def by_future_cancel(receive: Callable[[], Awaitable[Any]]) -> Any:
    """The future itself is cancelled, and a task that awaits it hears of it."""
    future = receive()
    if not isinstance(future, asyncio.Future):
        future = asyncio.ensure_future(future)
    asyncio.get_running_loop().call_later(CANCEL_AFTER, future.cancel)
    return await future


WAYS: list[Any] = [by_task_cancel, by_wait_for, by_wait_for_of_a_coroutine, by_gather_cancel, by_future_cancel]
if sys.version_info >= (3, 11):
    WAYS += [by_timeout, by_failing_group]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__[3:])
def test_message_and_cancellation_in_the_same_turn(run: Run, apair: Pair, way: Any, method: str) -> None:
    """The loop is blocked while both happen. Whoever comes first wins; the message goes to somebody, once, in its turn."""

    async def main() -> None:
        a, b = apair()
        peer = a._shadow_sock

        async def attempt(number: int, when: str) -> Any:
            block_until(lambda: peer.send(encoded(method, number)), when)
            try:
                return await way(lambda: METHODS[method](b))
            except (asyncio.CancelledError, asyncio.TimeoutError):
                return None

        for number, when in enumerate(WHENS):
            got = await soon(attempt(number, when))
            if got is None:
                got = await soon(METHODS[method](b))
            assert plain(got) == b"%d" % number
            await until(lambda: not b._recv_futures)
        assert await b.poll(5) == 0

    run(main)


@pytest.mark.parametrize("method", ["recv", "recv_multipart", "recv_json", "recv_serialized"])
def test_message_is_there_and_its_awaiter_cancelled(run: Run, apair: Pair, method: str) -> None:
    """The future is done already; the task that waits in it is cancelled before it runs again."""

    async def main() -> None:
        a, b = apair()
        for number in range(50):

            async def consume() -> Any:
                return await METHODS[method](b)

            task = asyncio.ensure_future(consume())
            await turns(2)
            await a.send(encoded(method, number))
            while not task.done() and b._recv_futures:
                await asyncio.sleep(0)
                if not b._recv_futures:
                    task.cancel()
            got = (await asyncio.gather(task, return_exceptions=True))[0]
            if isinstance(got, asyncio.CancelledError):
                assert await soon(b.poll(30_000)) == zmq.POLLIN
                got = await soon(METHODS[method](b))
            assert plain(got) == b"%d" % number
        assert await b.poll(10) == 0

    run(main)


@pytest.mark.parametrize("forward", [True, False], ids=["forward", "backward"])
@pytest.mark.parametrize("when", WHENS)
def test_several_cancelled_awaiters_keep_the_order(run: Run, apair: Pair, when: str, forward: bool) -> None:
    """Ten tasks wait, ten messages arrive, and all tasks are cancelled before any of them runs."""

    async def main() -> None:
        a, b = apair()

        async def consume() -> bytes:
            return bytes(await b.recv())

        tasks = [asyncio.ensure_future(consume()) for _ in range(10)]
        await turns()
        block_until(lambda: [a._shadow_sock.send(b"%d" % number) for number in range(10)], when)
        for task in tasks if forward else reversed(tasks):
            asyncio.get_running_loop().call_later(CANCEL_AFTER, task.cancel)
        results = await asyncio.gather(*tasks, return_exceptions=True)
        got = [result for result in results if not isinstance(result, BaseException)]
        got += [await soon(b.recv()) for _ in range(10 - len(got))]
        assert got == [b"%d" % number for number in range(10)]

    run(main)


@pytest.mark.parametrize("forward", [True, False], ids=["forward", "backward"])
def test_futures_cancelled_after_they_were_done_keep_the_order(run: Run, apair: Pair, forward: bool) -> None:
    async def main() -> None:
        a, b = apair()
        futures = [b.recv() for _ in range(6)]
        for number in range(6):
            await a.send(b"%d" % number)
        await until(lambda: all(future.done() for future in futures))
        for future in futures if forward else reversed(futures):
            assert future.cancel() is True
            assert future.cancelled()
        assert [await soon(b.recv()) for _ in range(6)] == [b"%d" % number for number in range(6)]
        assert await b.poll(10) == 0

    run(main)


def test_given_back_messages_come_before_new_ones(run: Run, apair: Pair) -> None:
    async def main() -> None:
        a, b = apair()
        future = b.recv_multipart()
        await a.send_multipart([b"1", b"one"])
        await until(future.done)
        await a.send(b"2")
        future.cancel()
        assert await b.poll(0) == zmq.POLLIN
        assert b._shadow_sock.poll(0) == zmq.POLLIN
        assert b.events & zmq.POLLIN
        assert await b.recv() == b"1"
        assert b.rcvmore
        assert await b.recv_multipart() == [b"one"]
        assert await b.recv() == b"2"

    run(main)


def test_given_back_messages_wake_others(run: Run, apair: Pair) -> None:
    """Somebody waits behind the one who is cancelled with the message in hand."""

    async def main() -> None:
        a, b = apair()
        for wait in (lambda: b.recv(), lambda: b.poll(), poller_of(b).poll):
            first = b.recv()
            await a.send(b"1")
            await until(first.done)
            behind = wait()
            assert not behind.done()
            first.cancel()
            got = await soon(behind)
            if got != b"1":
                assert await soon(b.recv()) == b"1"

    def poller_of(socket: Any) -> zmq.asyncio.Poller:
        poller = zmq.asyncio.Poller()
        poller.register(socket, zmq.POLLIN)
        return poller

    run(main)


def test_given_back_to_a_blocking_shadow(run: Run, apair: Pair) -> None:
    async def main() -> None:
        a, b = apair()
        future = b.recv_multipart()
        await a.send_multipart([b"x", b"y"])
        await until(future.done)
        future.cancel()
        assert b._shadow_sock.recv_multipart(zmq.DONTWAIT) == [b"x", b"y"]

    run(main)


@pytest.mark.parametrize("when", WHENS)
def test_gather_of_futures_cancelled(run: Run, apair: Pair, when: str) -> None:
    """gather() takes results in callbacks of its own: what it has not taken is given back, and nobody hangs."""

    async def main() -> None:
        a, b = apair()

        async def consume(*others: Any) -> Any:
            return await asyncio.gather(b.recv(), *others)

        for number, others in enumerate(([asyncio.Future()], [])):
            task = asyncio.ensure_future(consume(*others))
            block_until(lambda number=number: a._shadow_sock.send(b"%d" % number), when)
            asyncio.get_running_loop().call_later(CANCEL_AFTER, task.cancel)
            done, _ = await asyncio.wait([task], timeout=30)
            assert done, "hangs"
            if task.cancelled():
                assert await soon(b.recv()) == b"%d" % number
            else:
                assert task.result() == [b"%d" % number]

    run(main)


def test_gather_of_a_message_that_was_there(run: Run, apair: Pair) -> None:
    """It was received at once, and goes back when gather() is cancelled before anybody got it."""

    async def main() -> None:
        a, b = apair()
        for _ in range(2):  # the first makes the socket one of this loop
            await a.send(b"x")
            await b.poll()
            gathering = asyncio.gather(b.recv(), asyncio.Future())
            gathering.cancel()
            with pytest.raises(asyncio.CancelledError):
                await gathering
            assert await soon(b.recv()) == b"x"

    run(main)


def test_cancelled_before_it_ran(run: Run, apair: Pair) -> None:
    """A pending future that is cancelled eats nothing, alone or in the middle of a queue."""

    async def main() -> None:
        a, b = apair()
        futures = [b.recv() for _ in range(5)]
        futures[1].cancel()
        futures[4].cancel()
        await a.send(b"0")
        await a.send(b"1")
        await a.send(b"2")
        await a.send(b"3")
        assert await soon(asyncio.gather(futures[0], futures[2], futures[3])) == [b"0", b"1", b"2"]
        assert await soon(b.recv()) == b"3"
        json = b.recv_json()
        json.cancel()
        await a.send(b"5")
        await turns(5)
        assert json.cancelled()
        assert await soon(b.recv()) == b"5"
        for _ in range(10):
            b.poll().cancel()
        await until(lambda: not b._recv_futures)

    run(main)


def test_awaiting_coroutine_is_closed(run: Run, apair: Pair) -> None:
    async def main() -> None:
        a, b = apair()

        async def consume() -> Any:
            return await b.recv()

        coroutine = consume()
        future = coroutine.send(None)
        await a.send(b"x")
        await until(future.done)
        coroutine.close()
        assert await soon(b.recv()) == b"x"

    run(main)


def test_two_awaiters_of_one_future(run: Run, apair: Pair) -> None:
    """When one of them is cancelled, the other still gets the message."""

    async def main() -> None:
        a, b = apair()
        future = b.recv()
        tasks: list[asyncio.Future[Any]] = []
        # called before either of the tasks is woken
        future.add_done_callback(lambda _: tasks[0].cancel())

        async def consume() -> Any:
            return await future

        tasks += [asyncio.ensure_future(consume()) for _ in range(2)]
        await turns()
        await a.send(b"x")
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert isinstance(results[0], asyncio.CancelledError)
        assert results[1] == b"x"
        assert await b.poll(0) == 0

    run(main)


def test_two_awaiters_of_one_string(run: Run, apair: Pair) -> None:
    async def main() -> None:
        a, b = apair()
        future = b.recv_string()

        async def consume() -> Any:
            return await future

        tasks = [asyncio.ensure_future(consume()) for _ in range(2)]
        await turns()
        await a.send_string("ü")
        assert await soon(asyncio.gather(*tasks)) == ["ü", "ü"]

    run(main)


def test_cancelled_receives_keep_nothing(run: Run, apair: Pair) -> None:
    """The message and the cancellation meet in one turn: the receive has the message no longer than its task lasts."""
    ended: list[weakref.ref[Any]] = []

    async def main() -> None:
        a, b = apair()

        async def consume() -> Any:
            future = b.recv_multipart(copy=False)
            ended.append(weakref.ref(future))
            task = asyncio.current_task()
            assert task is not None
            future.add_done_callback(lambda _: task.cancel())
            return await future

        for _ in range(20):
            task = asyncio.ensure_future(consume())
            await turns(2)
            await a.send_multipart([b"x", bytes(100_000)], copy=False)
            with pytest.raises(asyncio.CancelledError):
                await task  # not within anything: asyncio in Python then handles the exception as long as this task runs
            assert len(await b.recv_multipart(copy=False)) == 2

    run(main)
    gc.collect()
    let_go()
    let_go()
    assert [future() for future in ended] == [None] * 20
    assert live_buffers() == 0


def test_cancelled_send_is_whole_or_not_at_all(run: Run, apair: Pair) -> None:
    async def main() -> None:
        sink, source = apair(zmq.PULL, zmq.PUSH, rcvhwm=2, sndhwm=2)
        chance = random.Random(5)
        sent: list[int] = []
        received: list[int] = []

        async def collect() -> None:
            while True:
                frames = await sink.recv_multipart()
                assert len(frames) == 5
                assert len({frame[:8] for frame in frames}) == 1
                received.append(int(frames[0][:8]))
                if chance.random() < 0.3:
                    await asyncio.sleep(0)

        collecting = asyncio.ensure_future(collect())
        for number in range(2000):
            future = source.send_multipart([b"%08d" % number + bytes(size) for size in (0, 100, 40_000, 0, 10)])
            if chance.random() < 0.4:
                await turns(chance.randrange(3))
                if future.cancel():
                    continue
            await soon(future)
            sent.append(number)
        await until(lambda: len(received) == len(sent))
        await turns(10)
        collecting.cancel()
        assert received == sent

    run(main)
