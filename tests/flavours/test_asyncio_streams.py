"""on_recv, asynchronous iteration, and awaiting a MessageTracker."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import threading
from typing import Any

import pytest
import zmq
import zmq.asyncio

from flavours.conftest import Pair
from flavours.loops import Gaps, LoopRunner, Run, soon, turns, until
from helpers import RunChild, let_go


def numbered(count: int, start: int = 0) -> list[bytes]:
    return [b"%d" % number for number in range(start, start + count)]


# ---------------------------------------------------------------- on_recv


@pytest.mark.parametrize("transport", ["inproc", "tcp"])
def test_callback_gets_everything_in_order(run: Run, apair: Pair, transport: str) -> None:
    async def main() -> None:
        a, b = apair(transport=transport)
        await a.send_many(numbered(10))
        got: list[bytes] = []
        b.on_recv(got.append)
        assert got == []  # never before on_recv has returned
        await until(lambda: len(got) == 10)
        await a.send_many(numbered(500, 10))
        await until(lambda: len(got) == 510)
        assert got == numbered(510)

    run(main)


def test_forms_of_messages(run: Run, apair: Pair) -> None:
    async def main() -> None:
        a, b = apair()
        for arguments, expected in (
            ({}, [b"1", b"2", b"3"]),
            ({"multipart": True}, [[b"1", b"2"], [b"3"]]),
            ({"batch": 10}, [[b"1", b"2", b"3"]]),
            ({"batch": 2}, [[b"1", b"2"], [b"3"]]),
            ({"batch": 10, "multipart": True}, [[[b"1", b"2"], [b"3"]]]),
        ):
            got: list[Any] = []
            await a.send_multipart([b"1", b"2"])
            await a.send(b"3")
            b.on_recv(got.append, **arguments)
            await until(lambda got=got, expected=expected: len(got) == len(expected))
            assert got == expected
        frames: list[Any] = []
        b.on_recv(frames.append, copy=False)
        await a.send_multipart([b"1", b"2"])
        await until(lambda: len(frames) == 2)
        assert [(type(frame), frame.bytes, frame.more) for frame in frames] == [(zmq.Frame, b"1", True), (zmq.Frame, b"2", False)]

    run(main)


def test_none_stops_and_loses_nothing(run: Run, apair: Pair) -> None:
    async def main() -> None:
        a, b = apair()
        got: list[bytes] = []

        def three(message: bytes) -> None:
            got.append(message)
            if len(got) == 3:
                b.on_recv(None)

        b.on_recv(three)
        await a.send_many(numbered(10))
        await until(lambda: len(got) == 3)
        await turns()
        assert got == numbered(3)
        assert [await b.recv() for _ in range(7)] == numbered(7, 3)
        b.on_recv(got.append)
        b.on_recv(None)
        await a.send(b"after")
        await turns()
        assert await soon(b.recv()) == b"after"

    run(main)


def test_errors_are_reported_and_stop_nothing(apair: Pair, run: Run) -> None:
    async def main() -> None:
        a, b = apair()
        reports: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, report: reports.append(report))
        got: list[bytes] = []

        def fail(message: bytes) -> None:
            got.append(message)
            raise RuntimeError(message)

        b.on_recv(fail)
        await a.send_many(numbered(3))
        await until(lambda: len(got) == 3)
        assert [str(report["exception"]) for report in reports] == [str(one) for one in numbered(3)]
        assert "on_recv" in reports[0]["message"]

    run(main)


def test_socket_may_be_closed_in_the_callback(run: Run, apair: Pair) -> None:
    async def main() -> None:
        a, b = apair()
        got: list[bytes] = []

        def close(message: bytes) -> None:
            got.append(message)
            b.close()

        b.on_recv(close)
        await a.send_many(numbered(3))
        await until(lambda: b.closed)
        await turns()
        assert got == [b"0"]
        with pytest.raises(zmq.ZMQError) as caught:
            b.on_recv(close)
        assert caught.value.errno == zmq.ENOTSOCK

    run(main)


def test_closing_and_terminating_are_quiet(run: Run) -> None:
    async def main() -> None:
        for how in ("close", "term"):
            context = zmq.asyncio.Context()
            socket = context.socket(zmq.PULL)
            socket.bind("inproc://x")
            socket.on_recv(print)
            await turns()
            if how == "close":
                socket.close()
                context.term()
            else:
                ending = asyncio.get_running_loop().run_in_executor(None, context.term)
                await turns(10)
                socket.close()
                await soon(ending)

    run(main)


def test_a_full_queue_starves_nobody(run: Run, apair: Pair) -> None:
    async def main() -> None:
        a, b = apair(zmq.PUSH, zmq.PULL, sndhwm=0, rcvhwm=0)
        await a.send_many([b"x"] * 10_000)
        got: list[bytes] = []
        gaps = Gaps()
        b.on_recv(got.append)
        while len(got) < 10_000:
            await asyncio.sleep(0)
            gaps.tick()
        gaps.check()

    run(main)


def test_beside_receives_that_wait(run: Run, apair: Pair) -> None:
    async def main() -> None:
        a, b = apair()
        got: list[bytes] = []
        first = b.recv()
        b.on_recv(got.append)
        await a.send_many(numbered(3))
        assert await soon(first) == b"0"
        await until(lambda: len(got) == 2)
        assert got == numbered(2, 1)

    run(main)


def test_batch_of_none_is_refused(run: Run, apair: Pair) -> None:
    async def main() -> None:
        _, b = apair()
        with pytest.raises(ValueError, match="batch"):
            b.on_recv(print, batch=0)

    run(main)


def test_callback_runs_in_the_context_of_its_registration(run: Run, apair: Pair) -> None:
    async def main() -> None:
        a, b = apair()
        name = contextvars.ContextVar("name", default="other")
        name.set("here")
        seen: list[str] = []
        b.on_recv(lambda _: seen.append(name.get()))
        name.set("elsewhere")
        await a.send(b"")
        await until(lambda: seen)
        assert seen == ["here"]

    run(main)


def test_interrupt_in_the_callback_ends_the_loop(run_child: RunChild) -> None:
    run_child(
        """
        import asyncio, zmq, zmq.asyncio

        async def main():
            with zmq.asyncio.Context() as context:
                with context.socket(zmq.PAIR) as a, context.socket(zmq.PAIR) as b:
                    a.bind("inproc://x")
                    b.connect("inproc://x")
                    def interrupt(_):
                        raise KeyboardInterrupt
                    b.on_recv(interrupt)
                    await a.send(b"")
                    await asyncio.sleep(10)

        try:
            asyncio.run(main())
        except KeyboardInterrupt:
            print("interrupted")
        """
    ).ok()


# ---------------------------------------------------------------- iteration


def test_iteration_is_cancelled_without_a_loss(run: Run, apair: Pair) -> None:
    async def main() -> None:
        a, b = apair(transport="tcp")
        got: list[Any] = []

        async def read(messages: Any) -> None:
            async for message in messages:
                got.append(message)

        for messages, sent in ((b, b"x"), (b.iter_multipart(), [b"x"])):
            for _ in range(20):
                task = asyncio.ensure_future(read(messages))
                await turns(2)
                await a.send(b"x")
                await turns(1)
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
            while len(got) < 20:
                got.append(await soon(b.recv() if messages is b else b.recv_multipart()))
            assert got == [sent] * 20
            got.clear()

    run(main)


# ---------------------------------------------------------------- trackers


def test_tracker_is_awaited_until_the_memory_is_free(run: Run, apair: Pair) -> None:
    async def main() -> None:
        a, b = apair()
        data = bytearray(200_000)
        tracker = await a.send(data, copy=False, track=True)
        waiting = asyncio.ensure_future(wait_for(tracker))
        await turns()
        assert not waiting.done()
        frame = await b.recv(copy=False)
        await turns()
        assert not waiting.done()
        del frame
        let_go()
        assert await soon(waiting) is None
        data.append(1)
        await tracker  # again, at once

    run(main)


async def wait_for(tracker: Any) -> Any:
    return await tracker


def test_many_trackers_in_an_idle_loop(run: Run, apair: Pair) -> None:
    """The loop sleeps; libzmq's thread wakes it when tcp has taken the messages."""

    async def main() -> None:
        a, b = apair(transport="tcp")
        trackers = [await a.send_multipart([bytearray(300_000)] * 2, copy=False, track=True) for _ in range(20)]
        waiting = [asyncio.ensure_future(wait_for(tracker)) for tracker in trackers]
        receiving = asyncio.ensure_future(drain(b, 20))
        await soon(asyncio.gather(*waiting))
        assert all(tracker.done for tracker in trackers)
        await receiving

    run(main)


async def drain(socket: Any, count: int) -> None:
    for _ in range(count):
        await socket.recv_multipart(copy=False)


def test_cancelled_and_timed_out(run: Run, apair: Pair) -> None:
    async def main() -> None:
        a, b = apair()
        tracker = await a.send(bytearray(200_000), copy=False, track=True)
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(wait_for(tracker), 0.02)
        others = [asyncio.ensure_future(wait_for(tracker)) for _ in range(3)]
        await turns()
        others[1].cancel()
        await b.recv(copy=False)
        let_go()
        await soon(asyncio.wait([*others]))
        assert [other.cancelled() for other in others] == [False, True, False]

    run(main)


def test_events_of_others_and_frames(run: Run, apair: Pair) -> None:
    async def main() -> None:
        a, b = apair()
        event = threading.Event()
        waiting = asyncio.ensure_future(wait_for(zmq.MessageTracker(event)))
        await turns()
        event.set()
        await soon(waiting)
        await zmq.MessageTracker()
        frame = zmq.Frame(bytearray(200_000), copy=False, track=True)
        await a.send(frame)
        waiting = asyncio.ensure_future(wait_for(zmq.MessageTracker(frame)))
        await b.recv()
        await turns()
        assert not waiting.done()
        del frame
        let_go()
        await soon(waiting)

    run(main)


def test_one_tracker_in_two_loops(apair: Pair) -> None:
    shared: list[Any] = []
    ready = threading.Barrier(3)
    ended: list[str] = []

    def elsewhere() -> None:
        async def wait() -> None:
            waiting = asyncio.ensure_future(wait_for(shared[0]))
            await turns()
            ready.wait(30)
            await soon(waiting)

        asyncio.run(wait())
        ended.append("done")

    async def main() -> None:
        a, b = apair()
        shared.append(await a.send(bytearray(200_000), copy=False, track=True))
        threads = [threading.Thread(target=elsewhere) for _ in range(2)]
        for thread in threads:
            thread.start()
        await asyncio.get_running_loop().run_in_executor(None, ready.wait, 5)
        await b.recv(copy=False)
        let_go()
        for thread in threads:
            await asyncio.get_running_loop().run_in_executor(None, thread.join, 10)
        assert ended == ["done", "done"]

    LoopRunner("asyncio")(main)


def test_without_an_event_loop(run_child: RunChild) -> None:
    run_child(
        """
        import zmq
        try:
            zmq.MessageTracker().__await__()
        except TypeError as error:
            assert "zmq.asyncio" in str(error)
        else:
            raise SystemExit("no error")
        """
    ).ok()


# ---------------------------------------------------------------- futures that are done


def test_done_futures_are_futures(run: Run, apair: Pair) -> None:
    async def main() -> None:
        a, b = apair()
        loop = asyncio.get_running_loop()
        sends = [a.send(one) for one in numbered(3)]
        receives = [b.recv() for _ in range(3)]
        for future in (*sends, *receives):
            assert isinstance(future, asyncio.Future)
            assert asyncio.isfuture(future)
            assert future.done()
            assert not future.cancelled()
            assert future.exception() is None
            assert future.get_loop() is loop
            assert "finished" in repr(future)
            with pytest.raises(asyncio.InvalidStateError):
                future.set_result(1)
        done, pending = await asyncio.wait(sends)
        assert (len(done), len(pending)) == (3, 0)
        assert await asyncio.gather(*receives) == numbered(3)
        assert await asyncio.wait_for(receives[0], 30) == b"0"
        assert await asyncio.shield(receives[1]) == b"1"
        called: list[Any] = []
        receives[2].add_done_callback(called.append)
        await turns()
        assert called == [receives[2]]
        assert receives[2].result() == b"2"
        assert not receives[2].cancel()

    run(main)


def test_loop_runs_until_a_done_future(apair: Pair) -> None:
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:

        async def both() -> Any:
            a, b = apair()
            await a.send(b"x")
            return b.recv()

        assert loop.run_until_complete(loop.run_until_complete(both())) == b"x"
    finally:
        asyncio.set_event_loop(None)
        loop.close()
