"""Fair, bounded and quiet in every flavour and event loop: nothing starves, nothing piles up, every end is an orderly one."""

from __future__ import annotations

import gc
import os
import textwrap
import weakref
from typing import Any

import pytest
import zmq

from flavours.loops import Gaps
from flavours.worlds import World, sharing
from helpers import RunChild, tracemalloc, traces_memory

SCALE = float(os.environ.get("ZMQ_TEST_SCALE", "1"))
MANY = int(10_000 * SCALE)


@sharing
@pytest.mark.parametrize("how", ["recv", "recv_multipart", "recv_many", "poll", "send", "send_many"])
def test_a_busy_socket_starves_nobody(world: World, how: str) -> None:
    """A ticker goes on beside 10,000 messages that need not be waited for."""

    async def main(w: World) -> None:
        a, b = w.pair(sndhwm=0, rcvhwm=0)
        if not how.startswith("send"):
            source = w.blocking(a)
            for _ in range(MANY):
                source.send(b"x")
        gaps = Gaps()

        async def tick() -> None:
            while True:
                await w.pause(0)
                gaps.tick()

        ticking = w.start(tick)
        await w.turns()
        batch = [b"x"] * 16
        for _ in range(MANY if "many" not in how else MANY // 16):
            # without a limit of its own around it, which would give others their turn
            act = {"recv_many": lambda: b.recv_many(16), "send": lambda: a.send(b"x"), "send_many": lambda: a.send_many(batch)}
            result = act.get(how, getattr(b, how))()
            if w.awaits:
                await result
        gaps.check()
        ticking.cancel()
        await w.until(ticking.done)

    world(main)


@sharing
@pytest.mark.parametrize("how", ["poll", "recv that waits", "poll that waits", "Poller that waits", "cancelled"])
def test_timeouts_that_never_fire_leave_nothing(world: World, how: str) -> None:
    count = int({"poll": 100_000, "recv that waits": 10_000, "poll that waits": 10_000}.get(how, 6_000) * SCALE)

    async def main(w: World) -> None:
        a, b = w.pair(rcvtimeo=3_600_000)
        source = w.blocking(a)
        poller = w.module.Poller()
        poller.register(b, zmq.POLLIN)
        quiet, _ = w.pair()

        async def plain(result: Any) -> Any:
            return await result if w.awaits else result

        async def late() -> None:
            source.send(b"x")

        async def once() -> None:
            if how == "poll":
                assert await plain(b.poll(3_600_000))
                return
            if how == "cancelled":
                task = w.start(lambda: plain(quiet.poll(3_600_000)))
                await w.pause(0)
                task.cancel()
                while not task.done():
                    await w.pause(0)
                return
            task = w.start(late)
            if how == "recv that waits":
                await plain(b.recv())
            elif how == "poll that waits":
                assert await plain(b.poll(3_600_000))
                await plain(b.recv())
            else:
                assert await plain(poller.poll(3_600_000))
                await plain(b.recv())
            assert task.done()

        if how == "poll":
            source.send(b"x")
        for _ in range(200):
            await once()
        await w.turns(5)
        gc.collect()
        before = len(gc.get_objects())
        for _ in range(count):
            await once()
        await w.turns(5)
        gc.collect()
        # asyncio keeps up to a hundred timers that were cancelled, trio a thousand, each of a few objects
        assert len(gc.get_objects()) - before < 4000

    world.limit = 140
    world(main)


@traces_memory
@sharing
def test_payloads_are_freed_once_dropped(world: World) -> None:
    class Payload(bytearray):
        pass

    size = 20_000_000

    async def main(w: World) -> None:
        a, b = w.pair()

        async def consume(copy: bool) -> int:
            received = await w.get(b.recv(copy=copy))
            return len(received)

        for copy in (True, False, True, False):
            task = w.start(consume, copy)
            await w.parked(task)
            tracemalloc.start()
            data = Payload(size)
            gone = weakref.ref(data)
            await w.get(a.send(data, copy=False))
            del data
            assert await task.result() == size
            del task
            await w.turns(3)
            gc.collect()
            await w.until(lambda gone=gone: gone() is None, "sent payload freed")
            assert tracemalloc.get_traced_memory()[0] < size / 10
            tracemalloc.stop()

    world(main)


# ---------------------------------------------------------------- quiet ends, in processes of their own

PRELUDES = {
    "asyncio": """
        import zmq.asyncio as flavour
        from asyncio import run, sleep, create_task as start
        async def main(function): await function()
    """,
    "anyio-asyncio": """
        import anyio, zmq.anyio as flavour
        from anyio import sleep
        def run(coroutine): anyio.run(lambda: coroutine, backend="asyncio")
        def start(coroutine): group.start_soon(lambda: coroutine)
        async def main(function):
            global group
            async with anyio.create_task_group() as group:
                await function()
                group.cancel_scope.cancel()
    """,
}
PRELUDES["anyio-trio"] = PRELUDES["anyio-asyncio"].replace('"asyncio"', '"trio"')

ENDS = {
    "returns while tasks wait": "return",
    "fails": "raise LookupError",
    "exits": "raise SystemExit(0)",
    "is interrupted": "os.kill(os.getpid(), signal.SIGINT); await sleep(100)",
    "closes": "pull.close(); push.close(); await sleep(0)",
    "leaves a generator": "async for _ in pull.iter_multipart(): break",
}


@pytest.mark.parametrize("flavour", PRELUDES)
@pytest.mark.parametrize("open_", [True, False], ids=["left open", "with"])
@pytest.mark.parametrize("end", ENDS)
def test_quiet_ends(run_child: RunChild, flavour: str, end: str, open_: bool) -> None:
    """Tasks wait to receive, to send and in polls when the program ends: no noise, no hang."""
    act = ENDS[end]
    script = textwrap.dedent(PRELUDES[flavour]) + textwrap.dedent(f"""
        import gc, os, signal, sys, warnings, zmq
        warnings.simplefilter("ignore", ResourceWarning)
        context = flavour.Context()
        context.linger = 0
        pull, push, peer = context.socket(zmq.PULL), context.socket(zmq.PUSH), context.socket(zmq.PUSH)
        peer.connect(f"tcp://127.0.0.1:{{pull.bind_to_random_port('tcp://127.0.0.1')}}")
        poller = flavour.Poller()
        poller.register(pull, zmq.POLLIN)
        async def quietly(act):
            try:
                await act()
            except zmq.ZMQError as error:
                assert error.errno == zmq.ENOTSOCK, error
        async def wait():
            for act in (pull.recv, pull.recv_json, pull.poll, poller.poll, lambda: push.send(b"")):
                start(quietly(act))
            await sleep(0.01)
            if {end!r} == "leaves a generator":
                for _ in range(3): await peer.send(b"1")
            {act}
        try:
            run(main(wait))
        except BaseException as error:
            text = repr(error)
            expected = ["LookupError", "SystemExit", "KeyboardInterrupt"]
            if sys.version_info < (3, 11):
                # what anyio makes of Ctrl-C where tasks have no uncancel()
                expected += ["CancelledError"]
            assert any(name in text for name in expected), text
        if not {open_}:
            for one in (pull, push, peer):
                one.close()
            context.term()
    """)
    run_child(script).ok()


def test_quiet_end_of_greenlets(run_child: RunChild) -> None:
    for end in ("", "raise SystemExit(0)", "context.destroy(0); gevent.sleep(0)", "gevent.killall(waiting)"):
        run_child(
            f"""
            import warnings, gevent, zmq.green as zmq
            warnings.simplefilter("ignore", ResourceWarning)
            context = zmq.Context()
            context.linger = 0
            pull, push = context.socket(zmq.PULL), context.socket(zmq.PUSH)
            def quietly(act):
                try:
                    act()
                except zmq.ZMQError:
                    assert {end.startswith("context")}
            waiting = [gevent.spawn(quietly, act) for act in (pull.recv, pull.recv_json, pull.poll, lambda: push.send(b""))]
            gevent.sleep(0.01)
            {end}
            """,
        ).ok()

