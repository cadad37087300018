"""zmq.asyncio: fair, bounded, quiet. Nothing starves, nothing piles up, and every end is an orderly one."""

from __future__ import annotations

import asyncio
import errno
import gc
import os
import socket as sockets
import textwrap
import threading
import time
import warnings
import weakref
from typing import Any

import psutil
import pytest
import zmq
import zmq.asyncio

from flavours.conftest import Pair
from flavours.loops import LONGEST_GAP, Gaps, LoopRunner, Run, forget_garbage, soon, turns, until
from helpers import Background, RunChild, bind_any, tracemalloc, traces_memory, wait_until

SCALE = float(os.environ.get("ZMQ_TEST_SCALE", "1"))
MANY = int(10_000 * SCALE)

# ---------------------------------------------------------------- fairness


@pytest.mark.parametrize("how", ["recv", "recv_multipart", "async for", "poll and recv", "send"])
def test_queued_messages_starve_nobody(run: Run, apair: Pair, how: str) -> None:
    """While a full queue is read without a pause, a ticker goes on."""

    async def main() -> None:
        a, b = apair(rcvhwm=0, sndhwm=0)
        if how != "send":
            for number in range(MANY):
                a._shadow_sock.send(b"%d" % number)
        gaps = Gaps()

        async def tick() -> None:
            while True:
                await asyncio.sleep(0)
                gaps.tick()

        ticking = asyncio.ensure_future(tick())
        await turns()
        if how == "recv":
            for number in range(MANY):
                assert await b.recv() == b"%d" % number
        elif how == "recv_multipart":
            for number in range(MANY):
                assert await b.recv_multipart() == [b"%d" % number]
        elif how == "async for":
            count = 0
            async for frame in b:
                assert frame == b"%d" % count
                count += 1
                if count == MANY:
                    break
        elif how == "send":
            for _ in range(MANY):
                await a.send(b"")
        else:
            for number in range(MANY):
                assert await b.poll()
                assert await b.recv() == b"%d" % number
        ticking.cancel()
        gaps.check()

    run(main)


def test_many_receives_at_once_keep_the_order(run: Run, apair: Pair) -> None:
    async def main() -> None:
        a, b = apair(rcvhwm=0, sndhwm=0)
        for number in range(MANY):
            a._shadow_sock.send(b"%d" % number)
        futures = [b.recv() for _ in range(MANY)]
        assert [await future for future in futures] == [b"%d" % number for number in range(MANY)]

    run(main)


def test_slow_consumers_have_short_turns(run: Run, apair: Pair) -> None:
    """Who takes his time with each message gives others their turn after a fixed number of them."""

    async def main() -> None:
        a, b = apair(rcvhwm=0, sndhwm=0)
        for _ in range(1000):
            a._shadow_sock.send(b"")
        in_a_row, most = 0, 0

        async def tick() -> None:
            nonlocal in_a_row
            while True:
                await asyncio.sleep(0)
                in_a_row = 0

        ticking = asyncio.ensure_future(tick())
        await turns()
        for _ in range(1000):
            await b.recv()
            in_a_row += 1
            most = max(most, in_a_row)
            end = time.perf_counter() + 2e-5
            while time.perf_counter() < end:
                pass
        ticking.cancel()
        assert 0 < most <= 100

    run(main)


def test_two_greedy_tasks_share(run: Run, apair: Pair) -> None:
    """Requests and their answers go there and back while another pair is flooded."""

    async def main() -> None:
        a, b = apair(rcvhwm=0, sndhwm=0)
        rep, req = apair(zmq.REP, zmq.REQ)
        served = 0

        async def serve() -> None:
            while True:
                await rep.send(await rep.recv())

        async def ask() -> None:
            nonlocal served
            while True:
                await req.send(b"")
                await req.recv()
                served += 1

        tasks = [asyncio.ensure_future(serve()), asyncio.ensure_future(ask())]
        await turns()
        forget_garbage()
        began = time.thread_time()
        while served < 20:
            a._shadow_sock.send(b"")
            await b.recv()
        if run.kind != "noreader":
            # there, how often the thread that watches the descriptors gets its turn beside the flood is the system's choice
            assert time.thread_time() - began < 20 * LONGEST_GAP
        for task in tasks:
            task.cancel()

    run(main)


# ---------------------------------------------------------------- bounds


def counted(*kinds: type) -> int:
    gc.collect()
    return sum(isinstance(found, kinds) for found in gc.get_objects())


@pytest.mark.parametrize("how", ["poll", "poller", "recv", "wait_for poll"])
def test_timeouts_that_never_fire_pile_up_nowhere(run: Run, apair: Pair, how: str) -> None:
    count = int({"poll": 100_000, "poller": 20_000, "recv": 50_000, "wait_for poll": 20_000}[how] * SCALE)

    async def main() -> None:
        a, b = apair(rcvhwm=0, sndhwm=0)
        loop = asyncio.get_running_loop()
        poller = zmq.asyncio.Poller()
        poller.register(b, zmq.POLLIN)
        b.rcvtimeo = 3_600_000
        quiet = apair()[1]

        async def once(number: int) -> None:
            if how == "poll":
                if number % 100:
                    assert await b.poll(3_600_000)
                else:
                    quiet.poll(3_600_000).cancel()
            elif how == "poller":
                waiting = poller.poll(3_600_000)
                a._shadow_sock.send(b"")
                assert await waiting
                await b.recv()
            elif how == "recv":
                waiting = b.recv()
                a._shadow_sock.send(b"")
                await waiting
            else:
                with pytest.raises(asyncio.TimeoutError):
                    await asyncio.wait_for(quiet.poll(3_600_000), 0)

        if how == "poll":
            a._shadow_sock.send(b"")
        for number in range(100):
            await once(number)
        await turns(5)
        futures = counted(asyncio.Future, asyncio.TimerHandle)
        for number in range(count):
            await once(number)
        await turns(5)
        assert len(b._recv_futures) == len(quiet._recv_futures) == 0
        if b._handle.readiness is not None:
            assert len(b._handle.readiness.pollers) <= 1
        if quiet._handle.readiness is not None:
            assert len(quiet._handle.readiness.pollers) <= 1
        if hasattr(loop, "_scheduled"):
            assert len(loop._scheduled) <= 250  # asyncio keeps cancelled timers until they are more than half, of 100 at least
        assert counted(asyncio.Future, asyncio.TimerHandle) <= futures + 250

    run(main)


def test_cancelled_operations_pile_up_nowhere(run: Run, apair: Pair) -> None:
    """Waits on a silent socket that end early: nothing arrives that would sweep up behind them."""

    async def main() -> None:
        a, b = apair()
        first = b.recv()
        for number in range(2000):
            for wait in (b.recv, b.recv_multipart, b.poll):
                wait().cancel()
            if number % 100 == 0:
                await turns()
        await turns(5)
        assert len(b._recv_futures) <= 100
        assert len(b._handle.readiness.pollers) <= 100
        lonely = apair.socket(zmq.PUSH)
        for _ in range(2000):
            lonely.send(b"x" * 1000).cancel()
        await turns(5)
        assert len(lonely._send_futures) <= 100
        await a.send(b"x")
        assert await soon(first) == b"x"

    run(main)


@traces_memory
def test_memory_of_a_waiting_receive(run: Run, apair: Pair) -> None:
    async def main() -> None:
        a, b = apair()
        await soon(asyncio.gather(b.recv(), a.send(b"")))
        tracemalloc.start()
        try:
            before = tracemalloc.get_traced_memory()[0]
            futures = [b.recv() for _ in range(1000)]
            each = (tracemalloc.get_traced_memory()[0] - before) / len(futures)
        finally:
            tracemalloc.stop()
        for future in futures:
            future.cancel()
        assert each < 1536

    run(main)


@traces_memory
def test_payload_is_freed_once_dropped(run: Run, apair: Pair) -> None:
    class Payload(bytearray):
        pass

    async def main() -> None:
        a, b = apair()
        for waits in (False, True):
            future = b.recv_pyobj() if waits else None
            await a.send_pyobj(None)
            assert await soon(future or b.recv_pyobj()) is None
        size = 20_000_000
        for _ in range(5):
            await a.send(bytes(size))
            for waits in (False, True):
                tracemalloc.start()
                if waits:
                    asyncio.get_running_loop().call_soon(lambda: a._shadow_sock.send(bytes(size)))
                received = await b.recv()
                assert len(received) == size
                del received
                gc.collect()
                assert tracemalloc.get_traced_memory()[0] < size / 10
                tracemalloc.stop()
            waiting = b.recv(copy=False)
            await a.send(bytes(size))
            frame = await waiting
            gone = weakref.ref(frame) if hasattr(type(frame), "__weakref__") else None
            del frame, waiting
            if gone is not None:
                assert gone() is None
            data = Payload(size)
            ended = weakref.ref(data)
            await a.send(data, copy=False)
            await b.recv()
            del data
            await until(lambda ended=ended: ended() is None, what="sent payload freed")

    run(main)


def test_descriptors_are_not_used_up(run: Run, apair: Pair) -> None:
    async def main() -> None:
        me = psutil.Process()
        for number in range(60):
            if number == 10:
                before = me.num_fds()
            a, b = apair()
            await soon(asyncio.gather(b.recv(), a.send(b"")))
            a.close()
            b.close()
            apair.made.clear()
        await until(lambda: me.num_fds() <= before + 5, what="descriptors given back")

    run(main)


# ---------------------------------------------------------------- ends


def test_close_wakes_waiters(run: Run, apair: Pair) -> None:
    async def main() -> None:
        a, b = apair()
        lonely = apair.socket(zmq.PUSH)
        poller = zmq.asyncio.Poller()
        poller.register(b, zmq.POLLIN)

        async def consume() -> Any:
            async for frame in b:
                return frame
            return None

        receives = [b.recv(), b.recv_multipart(), b.recv_json(), asyncio.ensure_future(consume())]
        polls = [b.poll(), b.poll(10_000)]
        of_poller = poller.poll()
        sends = [lonely.send(b""), lonely.send_multipart([b"", b""])]
        await turns()
        b.close()
        lonely.close()
        for future in (*receives, *sends):
            with pytest.raises(zmq.ZMQError) as caught:
                await soon(future)
            assert caught.value.errno == zmq.ENOTSOCK
        for future in polls:
            with pytest.raises(asyncio.CancelledError):
                await soon(future)
        with pytest.raises((asyncio.CancelledError, zmq.ZMQError)):
            await soon(of_poller)

    run(main)


def test_use_after_close(run: Run, apair: Pair) -> None:
    async def main() -> None:
        a, b = apair()
        await a.send(b"")
        a.close()
        b.close()
        for receive in (b.recv, b.recv_multipart, b.recv_json, b.recv_string, b.recv_pyobj):
            with pytest.raises(zmq.ZMQError) as caught:
                receive()
            assert caught.value.errno == errno.ENOTSOCK
        for future in (a.send(b""), a.send_multipart([b""])):
            with pytest.raises(zmq.ZMQError) as caught:
                await future
            assert caught.value.errno == zmq.ENOTSOCK
        with pytest.raises(zmq.ZMQError) as caught:
            a.poll(0)
        assert caught.value.errno == zmq.ENOTSUP
        a.close()

    run(main)


def test_close_of_a_shadow_wakes_waiters(run: Run, apair: Pair) -> None:
    async def main() -> None:
        a, b = apair()
        waiting, polling = b.recv(), b.poll()
        await turns()
        zmq.Socket.shadow(b).close()
        with pytest.raises(zmq.ZMQError) as caught:
            await soon(waiting)
        assert caught.value.errno == zmq.ENOTSOCK
        with pytest.raises((asyncio.CancelledError, zmq.ZMQError)):
            await soon(polling)

    run(main)


def test_closed_by_a_shadow_leaves_the_loop(run: Run, apair: Pair) -> None:
    """The descriptor's number is free for others then, who tell the loop about it in their turn."""

    async def main() -> None:
        a, b = apair()
        await soon(asyncio.gather(b.recv(), a.send(b"")))
        zmq.Socket.shadow(b).close()
        await turns(5)
        loop = asyncio.get_running_loop()
        held: list[Any] = []
        for _ in range(20):
            left, right = sockets.socketpair()
            held += [left, right]
            left.setblocking(False)
            right.setblocking(False)
            try:
                loop.add_reader(left, lambda: None)
            except NotImplementedError:
                continue
            loop.remove_reader(left)
            await loop.sock_sendall(right, b"x")
            assert await soon(loop.sock_recv(left, 1)) == b"x"
        for one in held:
            one.close()

    run(main)


def test_close_in_the_turn_of_the_message(run: Run, apair: Pair) -> None:
    """The awaiter of a message that was there before the close gets it, or ENOTSOCK; no hang, no noise."""

    async def main() -> None:
        for _ in range(20):
            a, b = apair()

            async def consume(b: Any = b) -> Any:
                return await b.recv()

            task = asyncio.ensure_future(consume())
            await turns()
            await a.send(b"x")
            if _ % 2:
                task.cancel()
            b.close()
            results = await soon(asyncio.gather(task, return_exceptions=True))
            assert results[0] == b"x" or isinstance(results[0], (zmq.ZMQError, asyncio.CancelledError))

    run(main)


def test_term_wakes_waiters(run: Run) -> None:
    async def main() -> None:
        context = zmq.asyncio.Context()
        pull, push = context.socket(zmq.PULL), context.socket(zmq.PUSH)
        poller = zmq.asyncio.Poller()
        poller.register(pull, zmq.POLLIN)
        waiting = [pull.recv(), pull.poll(), push.send(b""), poller.poll()]
        await turns()
        term = Background(context.term)
        for future in waiting:
            with pytest.raises(zmq.ContextTerminated):
                await soon(future)
        with pytest.raises(zmq.ContextTerminated):
            await soon(pull.recv())
        with pytest.raises(zmq.ContextTerminated):
            await soon(pull.poll())
        before = psutil.Process().cpu_times()
        await asyncio.sleep(0.3)
        after = psutil.Process().cpu_times()
        assert after.user + after.system - before.user - before.system < 0.15, "the loop spins"
        pull.close()
        push.close()
        await until(lambda: not term.is_alive())
        term.result()

    run(main)


def test_destroy_from_another_thread(run: Run) -> None:
    async def main() -> None:
        context = zmq.asyncio.Context()
        waiting = context.socket(zmq.PULL).recv()
        await turns()
        await soon(asyncio.get_running_loop().run_in_executor(None, context.destroy, 0))
        with pytest.raises(zmq.ZMQError):
            await soon(waiting)

    run(main)


def test_dropped_socket(run: Run, apair: Pair) -> None:
    """A socket that was used, then forgotten, warns and is closed, as a blocking one; a shadow goes silently."""

    async def main() -> None:
        a, b = apair()
        for _ in range(5):
            shadow = zmq.asyncio.Socket.from_socket(b)
            await soon(asyncio.gather(shadow.recv(), a.send(b"")))
            del shadow
        gc.collect()
        assert not b.closed
        forgotten = apair.context.socket(zmq.PULL)
        address = bind_any(forgotten, "inproc")
        assert await forgotten.poll(1) == 0
        forgotten.recv().cancel()
        await turns()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            del forgotten
            gc.collect()
        assert "Unclosed socket" in str([warning.message for warning in caught if warning.category is ResourceWarning])
        again = apair.socket(zmq.PULL)

        def free() -> bool:
            try:
                again.bind(address)
            except zmq.ZMQError:
                return False
            return True

        await until(free, what="address of the forgotten socket is free")

    run(main)


# ---------------------------------------------------------------- loops


def test_successive_loops(run: Run, apair: Pair) -> None:
    """The same sockets in three loops, the earlier ones closed with receives that wait."""
    a, b = apair()

    async def main(number: int) -> Any:
        waiting = b.recv()
        await turns()
        await a.send(b"%d" % number)
        assert await soon(waiting) == b"%d" % number
        assert await soon(b.poll(1)) == 0
        poller = zmq.asyncio.Poller()
        poller.register(b, zmq.POLLIN)
        left = [b.recv(), b.poll(), b.poll(100_000), poller.poll()]
        await turns()
        return left

    kept = [run(main, number) for number in range(3)]
    descriptors = psutil.Process().num_fds()
    kept += [run(main, number) for number in range(3)]
    assert psutil.Process().num_fds() <= descriptors + 8  # threads of loops without add_reader look once a second
    gc.collect()
    del kept

    async def last() -> None:
        await a.send(b"last")
        assert await soon(b.recv()) == b"last"

    run(last)


def test_message_settled_in_a_loop_that_ended(run: Run, apair: Pair) -> None:
    """What a waiting receive of a closed loop would have got is for the next loop."""
    a, b = apair()

    async def first() -> None:
        b.recv()
        await turns()

    async def second() -> None:
        assert await soon(b.recv()) == b"x"

    run(first)
    a._shadow_sock.send(b"x")
    run(second)


def test_two_loops_in_turns(apair: Pair) -> None:
    a, b = apair()
    loops = [asyncio.new_event_loop() for _ in range(2)]

    async def exchange(number: int) -> None:
        waiting = b.recv()
        await a.send(b"%d" % number)
        assert await soon(waiting) == b"%d" % number

    for number in range(10):
        loops[number % 2].run_until_complete(exchange(number))
    for loop in loops:
        loop.close()


def test_loops_in_two_threads_with_sockets_of_their_own(run: Run, apair: Pair) -> None:
    def work() -> None:
        async def main() -> None:
            with zmq.asyncio.Context() as context, context.socket(zmq.PAIR) as a, context.socket(zmq.PAIR) as b:
                b.connect(bind_any(a, "inproc"))
                for number in range(500):
                    waiting = b.recv()
                    await a.send(b"%d" % number)
                    assert await soon(waiting) == b"%d" % number

        run(main)

    for thread in [Background(work) for _ in range(2)]:
        thread.result(20)


CHILD_PRELUDE = """
import asyncio, sys
import zmq, zmq.asyncio
if {uvloop}:
    import uvloop
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
if {noreader}:
    class Loop(asyncio.SelectorEventLoop):
        def add_reader(self, *args): raise NotImplementedError
        add_writer = remove_reader = remove_writer = add_reader
else:
    Loop = asyncio.new_event_loop
"""

CHILDREN = {
    "asyncio.run with tasks that wait": """
        async def main():
            context = zmq.asyncio.Context()
            pull = context.socket(zmq.PULL); push = context.socket(zmq.PUSH)
            asyncio.ensure_future(pull.recv()); pull.poll(); pull.poll(100000); push.send(b"")
            async def consume():
                async for frame in pull: pass
            task = asyncio.ensure_future(consume())
            await asyncio.sleep(0.01)
            context.destroy(0)
            await asyncio.gather(task, return_exceptions=True)
        asyncio.run(main())
    """,
    "loop closed with receives that wait": """
        context = zmq.asyncio.Context()
        pull = context.socket(zmq.PULL)
        async def main():
            pull.recv(); pull.poll(); pull.poll(100000)
            await asyncio.sleep(0.01)
        loop = Loop()
        loop.run_until_complete(main())
        loop.close()
        pull.close()
        context.term()
    """,
    "everything left to the interpreter": """
        context = zmq.asyncio.Context()
        pull, push = context.socket(zmq.PULL), context.socket(zmq.PUSH)
        push.bind("inproc://a"); pull.connect("inproc://a")
        async def main():
            await push.send(b"x")
            assert await pull.recv() == b"x"
            pull.recv(); pull.poll(); push.send(b"y")
            await asyncio.sleep(0.01)
        loop = Loop()
        loop.run_until_complete(main())
        loop.close()
    """,
    "loop left open": """
        context = zmq.asyncio.Context()
        pull = context.socket(zmq.PULL)
        async def main():
            global left
            left = pull.recv()
            await asyncio.sleep(0.01)
        loop = Loop()
        loop.run_until_complete(main())
        if hasattr(loop, "_ssock"):
            import warnings; warnings.simplefilter("ignore", ResourceWarning)
    """,
    "peer sends after the loop was closed": """
        context = zmq.asyncio.Context()
        pull, push = context.socket(zmq.PULL), context.socket(zmq.PUSH)
        push.bind("inproc://a"); pull.connect("inproc://a")
        async def main():
            pull.recv(); pull.poll()
            await asyncio.sleep(0.01)
        loop = Loop()
        loop.run_until_complete(main())
        loop.close()
        zmq.Socket.shadow(push).send(b"x")
        assert zmq.Socket.shadow(pull).recv() == b"x"
        pull.close(), push.close(), context.term()
    """,
    "asyncio.run twice": """
        context = zmq.asyncio.Context()
        pull, push = context.socket(zmq.PULL), context.socket(zmq.PUSH)
        push.bind("inproc://a"); pull.connect("inproc://a")
        async def main():
            left = pull.recv()
            await push.send(b"x")
            assert await left == b"x"
            pull.recv()
        asyncio.run(main()); asyncio.run(main())
        context.destroy(0)
    """,
    "interrupted": """
        import os, signal
        context = zmq.asyncio.Context()
        pull = context.socket(zmq.PULL)
        async def main():
            asyncio.get_running_loop().call_later(0.02, os.kill, os.getpid(), signal.SIGINT)
            await pull.recv()
        try:
            asyncio.run(main())
        except KeyboardInterrupt:
            pass
        else:
            raise AssertionError
        pull.close(); context.term()
    """,
    "exit in the middle of a task": """
        context = zmq.asyncio.Context()
        pull = context.socket(zmq.PULL)
        async def main():
            asyncio.ensure_future(asyncio.wait_for(pull.recv(), 100))
            await asyncio.sleep(0.01)
            sys.exit(0)
        asyncio.run(main())
    """,
}


@pytest.mark.parametrize("kind", ["asyncio", "uvloop", "noreader"])
@pytest.mark.parametrize("name", CHILDREN)
def test_quiet_end_of_a_process(run_child: RunChild, name: str, kind: str) -> None:
    if kind == "uvloop":
        pytest.importorskip("uvloop", reason="uvloop is not installed")
    script = CHILD_PRELUDE.format(uvloop=kind == "uvloop", noreader=kind == "noreader") + textwrap.dedent(CHILDREN[name])
    # set_event_loop_policy is on its way out
    run_child(script, options=["-W", "ignore::DeprecationWarning"]).ok()


def test_debug_mode_is_content(run_child: RunChild) -> None:
    run_child(
        """
        import asyncio, zmq, zmq.asyncio
        async def main():
            async with zmq.asyncio.Context() as context:
                async with context.socket(zmq.PULL) as pull, context.socket(zmq.PUSH) as push:
                    push.connect(f"tcp://127.0.0.1:{pull.bind_to_random_port('tcp://127.0.0.1')}")
                    for number in range(100):
                        await push.send(b"%d" % number)
                        assert await pull.recv() == b"%d" % number
                    try:
                        await asyncio.wait_for(pull.recv(), 0.01)
                    except asyncio.TimeoutError:
                        pass
        asyncio.run(main())
        """,
        options=["-X", "dev", "-W", "error"],
    ).ok()


def test_selector_threads_end_with_their_loops(apair: Pair) -> None:
    def threads() -> int:
        return sum(thread.name == "zmq-selector" for thread in threading.enumerate())

    async def main() -> None:
        a, b = apair()
        await soon(asyncio.gather(b.recv(), a.send(b"")))
        assert threads() >= 1

    LoopRunner("noreader")(main)
    wait_until(lambda: threads() == 0, what="threads ended")


def test_selector_threads_end_with_their_last_socket(apair: Pair) -> None:
    """Long before the loop does, and another one begins with the next socket."""

    async def main() -> None:
        for _ in range(3):
            a, b = apair()
            await soon(asyncio.gather(b.recv(), a.send(b"")))
            (thread,) = [thread for thread in threading.enumerate() if thread.name == "zmq-selector"]
            a.close()
            b.close()
            await until(lambda thread=thread: not thread.is_alive())

    LoopRunner("noreader")(main)
