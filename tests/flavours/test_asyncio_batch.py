"""recv_many and send_many in asyncio: awaited, in their turn, and no message lost by a cancellation."""

from __future__ import annotations

import asyncio
import contextlib
import random
from typing import Any

import pytest
import zmq

from flavours.conftest import Pair
from flavours.loops import Run, soon, turns, until


def numbered(count: int, start: int = 0) -> list[bytes]:
    return [b"%d" % number for number in range(start, start + count)]


async def gather(socket: Any, count: int, n: int = 1000, **kwargs: Any) -> list[Any]:
    got: list[Any] = []
    while len(got) < count:
        got += await soon(socket.recv_many(min(n, count - len(got)), **kwargs))
    return got


def test_done_at_once(run: Run, apair: Pair) -> None:
    async def main() -> None:
        a, b = apair()
        sent = a.send_many(numbered(10))
        assert sent.done()
        assert await sent == 10
        received = b.recv_many(4)
        assert received.done()
        assert await received == numbered(4)
        assert await b.recv_many(100) == numbered(6, 4)

    run(main)


@pytest.mark.parametrize("multipart", [False, True])
def test_waits_for_the_first_only(run: Run, apair: Pair, multipart: bool) -> None:
    async def main() -> None:
        a, b = apair(transport="tcp")
        received = b.recv_many(5, multipart=multipart)
        await turns()
        assert not received.done()
        await a.send_multipart([b"x", b"y"])
        assert await soon(received) == ([[b"x", b"y"]] if multipart else [b"x", b"y"])

    run(main)


def test_frames_without_a_copy(run: Run, apair: Pair) -> None:
    async def main() -> None:
        a, b = apair()
        await a.send_multipart([b"1", b"2"])
        frames = await b.recv_many(5, copy=False)
        assert [(frame.bytes, frame.more) for frame in frames] == [(b"1", True), (b"2", False)]

    run(main)


def test_in_turn_with_other_receives(run: Run, apair: Pair) -> None:
    async def main() -> None:
        a, b = apair()
        waiting = [b.recv(), b.recv_many(2), b.recv_multipart(), b.recv_many(100)]
        await a.send_many(numbered(10))
        assert await soon(asyncio.gather(*waiting)) == [b"0", [b"1", b"2"], [b"3"], numbered(6, 4)]

    run(main)


def test_errors_are_in_the_future(run: Run, apair: Pair) -> None:
    async def main() -> None:
        a, b = apair()
        with pytest.raises(ValueError, match="at least one"):
            await b.recv_many(0)
        with pytest.raises(zmq.Again):
            await b.recv_many(5, zmq.DONTWAIT)
        with pytest.raises(TypeError, match="message 1"):
            await a.send_many([b"x", "text"])
        b.rcvtimeo = 20
        with pytest.raises(zmq.Again):
            await b.recv_many(5)
        waiting = b.recv_many(5)
        b.close()
        with pytest.raises(zmq.ZMQError) as caught:
            await waiting
        assert caught.value.errno == zmq.ENOTSOCK
        with pytest.raises(zmq.ZMQError) as caught:
            await b.send_many([b"x"])
        assert caught.value.errno == zmq.ENOTSOCK

    run(main)


@pytest.mark.parametrize("multipart", [False, True])
def test_sends_more_than_fits(run: Run, apair: Pair, multipart: bool) -> None:
    async def main() -> None:
        a, b = apair(zmq.PUSH, zmq.PULL, sndhwm=5, rcvhwm=5)
        messages: list[Any] = [[one, b"end"] for one in numbered(500)] if multipart else numbered(500)
        sending = a.send_many(messages, multipart=multipart)
        await turns()
        assert not sending.done()
        assert 0 < sending.sent < 500
        assert await gather(b, 500, multipart=multipart) == messages
        assert await soon(sending) == 500

    run(main)


def test_sndtimeo_and_dontwait_send_what_fits(run: Run, apair: Pair) -> None:
    async def main() -> None:
        a, b = apair(zmq.PUSH, zmq.PULL, sndhwm=5, rcvhwm=5)
        first = await a.send_many(numbered(100), zmq.DONTWAIT)
        assert 0 < first < 100
        with pytest.raises(zmq.Again):
            await a.send_many(numbered(100), zmq.DONTWAIT)
        a.sndtimeo = 20
        with pytest.raises(zmq.Again):
            await a.send_many(numbered(100))
        a.sndtimeo = 800
        sending = a.send_many(numbered(100, first))
        assert await gather(b, first) == numbered(first)
        second = await sending
        assert 0 < second < 100
        assert await gather(b, second) == numbered(second, first)
        assert not await b.poll(20)

    run(main)


@pytest.mark.parametrize("kind", ["frames", "messages"])
@pytest.mark.parametrize("copy", [True, False])
def test_cancelled_in_the_turn_of_its_messages(run: Run, apair: Pair, kind: str, copy: bool) -> None:
    """The messages were taken for the awaiter; it is cancelled before it wakes up; the next receive gets them."""

    async def main() -> None:
        multipart = kind == "messages"
        a, b = apair()
        for _ in range(20):
            task = asyncio.ensure_future(b.recv_many(10, copy=copy, multipart=multipart))
            await turns()
            for number in range(5):
                await a.send_multipart([b"%d" % number, b"more", b"end"])
            await until(lambda: not b._recv_futures)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            assert not task.cancelled() or await b.poll(0) == zmq.POLLIN
            if task.cancelled():
                got = [await soon(b.recv_multipart()) for _ in range(5)]
                assert got == [[b"%d" % number, b"more", b"end"] for number in range(5)]
            else:
                await gather(b, 5 if multipart else 15 - len(task.result()), multipart=multipart)

    run(main)


def test_done_and_cancelled(run: Run, apair: Pair) -> None:
    async def main() -> None:
        a, b = apair()
        await a.send_many(numbered(6))
        futures = [b.recv_many(2) for _ in range(3)]
        for future in futures:
            assert future.done()
            assert future.cancel()
        assert await b.recv_many(10) == numbered(6)

    run(main)


def test_storm(run: Run, apair: Pair) -> None:
    """Batches of any size, most of them cancelled or timed out: every message once, in order."""

    async def main() -> None:
        a, b = apair(transport="tcp", sndhwm=50, rcvhwm=50)
        count = 3000
        chance = random.Random(7)
        got: list[Any] = []

        async def receive() -> None:
            while len(got) < count:
                task = asyncio.ensure_future(b.recv_many(chance.randint(1, 20)))
                if chance.random() < 0.7:
                    await turns(chance.randint(0, 3))
                    task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    got.extend(await task)

        async def send() -> None:
            start = 0
            while start < count:
                future = a.send_many(numbered(min(chance.randint(1, 30), count - start), start))
                if not future.done() and chance.random() < 0.5:
                    await turns(1)
                    future.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await future
                start += future.sent

        await asyncio.gather(receive(), send())
        assert got == numbered(count)

    run(main)
