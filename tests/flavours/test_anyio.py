"""zmq.anyio: what is anyio's own, cancel scopes, task groups and checkpoints, on asyncio and on trio."""

from __future__ import annotations

import inspect
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import anyio
import anyio.lowlevel
import pytest
import zmq
import zmq.anyio
import zmq.asyncio

from conftest import end_context
from helpers import RunChild, bind_any, fresh_inproc

Main = Callable[[], Coroutine[Any, Any, None]]
BACKENDS: list[Any] = ["asyncio", "trio"]


@pytest.fixture(params=BACKENDS)
def run(request: pytest.FixtureRequest) -> Callable[[Main], None]:
    """Run a coroutine function on each of anyio's backends, for 20 seconds at most."""

    async def limited(main: Main) -> None:
        with anyio.fail_after(30):
            await main()

    def run_it(main: Main) -> None:
        anyio.run(limited, main, backend=str(request.param))

    run_it.backend = request.param  # type: ignore[attr-defined]
    return run_it


@pytest.fixture
def context() -> Iterator[zmq.anyio.Context]:
    found = zmq.anyio.Context()
    found.linger = 0
    yield found
    while MADE:
        MADE.pop().close()
    end_context(found)


#: The sockets of pair(), for the end of the test.
MADE: list[Any] = []


def pair(context: zmq.anyio.Context, bound: int = zmq.PAIR, connected: int = zmq.PAIR, **options: int) -> tuple[Any, Any]:
    sockets = context.socket(bound), context.socket(connected)
    MADE.extend(sockets)
    for one in sockets:
        for name, value in options.items():
            setattr(one, name, value)
    sockets[1].connect(bind_any(sockets[0], "inproc"))  # type: ignore[arg-type]  # the same call for every flavour
    return sockets


async def waiting(count: int = 3) -> None:
    for _ in range(count):
        await anyio.lowlevel.checkpoint()


def test_coroutines(run: Any, context: zmq.anyio.Context) -> None:
    """Nothing happens before the await."""

    async def main() -> None:
        a, b = pair(context)
        send = a.send(b"x")
        assert inspect.iscoroutine(send)
        assert await b.poll(0) == 0
        receive = b.recv_string()
        assert isinstance(receive, Coroutine)
        await send
        assert await receive == "x"
        for unused in (a.send(b""), b.recv(), b.poll(), b.recv_into(bytearray(1))):
            unused.close()

    run(main)


def test_move_on_after(run: Any, context: zmq.anyio.Context) -> None:
    async def main() -> None:
        a, b = pair(context)
        for wait in (b.recv, b.recv_multipart, b.recv_json, b.poll, lambda: anext(b.__aiter__())):
            with anyio.move_on_after(0.005) as scope:
                await wait()
            assert scope.cancelled_caught
        await a.send(b"1")
        assert await b.recv() == b"1"

    run(main)


def test_cancelled_task_does_nothing(run: Any, context: zmq.anyio.Context) -> None:
    """Every await is a place where a cancelled task stops: nothing is sent or received."""

    async def main() -> None:
        a, b = pair(context)
        await a.send(b"1")
        for act in (lambda: a.send(b"2"), b.recv, b.recv_multipart, lambda: b.poll(0)):
            with anyio.CancelScope() as scope:
                scope.cancel()
                await act()
            assert scope.cancelled_caught
        assert await b.recv() == b"1"
        assert await b.poll(5) == 0

    run(main)


@pytest.mark.parametrize("receive", ["recv", "recv_multipart", "recv_string", "recv_into"])
@pytest.mark.parametrize("first", ["message", "cancel"])
def test_message_and_cancellation_in_the_same_turn(run: Any, context: zmq.anyio.Context, receive: str, first: str) -> None:
    """Between the message's arrival and the task's turn, the task is cancelled: somebody gets the message, once."""

    async def main() -> None:
        a, b = pair(context)
        got: list[Any] = []

        async def consume(scope: anyio.CancelScope) -> None:
            with scope:
                room = bytearray(1)
                result = await (b.recv_into(room) if receive == "recv_into" else getattr(b, receive)())
                got.append({"recv_into": room, "recv_multipart": result[0:1]}.get(receive, result) if result != 1 else room)

        for number in range(40):
            scope = anyio.CancelScope()
            async with anyio.create_task_group() as group:
                group.start_soon(consume, scope)
                await waiting()
                acts = [lambda: zmq.Socket.shadow(a).send(b"x"), lambda: zmq.Socket.shadow(b).poll(1), scope.cancel]
                for act in acts if first == "message" else reversed(acts):
                    act()
                    await waiting(number % 3 if act is not acts[1] else 0)
            if not got:
                with anyio.fail_after(30):
                    assert await b.recv() == b"x"
            got.clear()
            assert await b.poll(0) == 0

    run(main)


def test_many_cancelled_receivers_keep_the_order(run: Any, context: zmq.anyio.Context) -> None:
    """Ten tasks wait, ten messages arrive and are handed out, and all are cancelled before any of them runs."""

    async def main() -> None:
        a, b = pair(context)
        got: list[bytes] = []

        async def consume() -> None:
            got.append(await b.recv())

        async with anyio.create_task_group() as group:
            for _ in range(10):
                group.start_soon(consume)
            await waiting()
            for number in range(10):
                zmq.Socket.shadow(a).send(b"%d" % number)
            b._handle.readiness.look()
            group.cancel_scope.cancel()
        left: list[bytes] = []
        while len(got) + len(left) < 10:
            with anyio.fail_after(30):
                left.append(await b.recv())
        assert left == sorted(left)
        assert sorted(got + left) == [b"%d" % number for number in range(10)]

    run(main)


def test_a_failing_group_loses_nothing(run: Any, context: zmq.anyio.Context) -> None:
    async def main() -> None:
        a, b = pair(context)
        got: list[bytes] = []

        async def consume() -> None:
            while True:
                got.append(await b.recv())

        async def fail(after: int) -> None:
            await waiting(after)
            raise LookupError

        sent = 0
        for after in range(30):
            try:
                async with anyio.create_task_group() as group:
                    group.start_soon(consume)
                    group.start_soon(fail, after)
                    for _ in range(after):
                        await a.send(b"%d" % sent)
                        sent += 1
            except BaseException as error:  # noqa: BLE001  # a group, on every Python version
                assert "LookupError" in repr(error)
        while len(got) < sent:
            with anyio.fail_after(30):
                got.append(await b.recv())
        assert got == [b"%d" % number for number in range(sent)]

    run(main)


@pytest.mark.parametrize("how", ["recv", "send", "poll", "async for"])
def test_busy_sockets_starve_nobody(run: Any, context: zmq.anyio.Context, how: str) -> None:
    async def main() -> None:
        a, b = pair(context, rcvhwm=0, sndhwm=0)
        gaps: list[int] = []
        count = 0

        async def tick() -> None:
            seen = 0
            while True:
                await anyio.lowlevel.checkpoint()
                gaps.append(count - seen)
                seen = count

        if how != "send":
            for _ in range(10_000):
                zmq.Socket.shadow(a).send(b"")
        async with anyio.create_task_group() as group:
            group.start_soon(tick)
            if how == "async for":
                async for _ in b:
                    count += 1
                    if count == 10_000:
                        break
            else:
                act = {"recv": b.recv, "send": lambda: a.send(b""), "poll": b.poll}[how]
                for _ in range(10_000):
                    await act()
                    count += 1
            group.cancel_scope.cancel()
        assert len(gaps) > 10_000 / 100
        assert max(gaps) <= 1000  # trio shuffles the tasks of a turn

    run(main)


def test_the_one_who_watches_is_replaced(run: Any, context: zmq.anyio.Context) -> None:
    """Of several tasks that wait for one socket, whichever was first is cancelled: the others still hear of messages."""

    async def main() -> None:
        a, b = pair(context)
        got: list[Any] = []

        async def consume(scope: anyio.CancelScope) -> None:
            with scope:
                got.append(await b.recv())

        async def poll() -> None:
            got.append(await b.poll())

        scopes = [anyio.CancelScope() for _ in range(4)]
        async with anyio.create_task_group() as group:
            for scope in scopes:
                group.start_soon(consume, scope)
                await waiting()
            group.start_soon(poll)
            await waiting()
            for scope in scopes[:3]:
                scope.cancel()
                await waiting()
            with anyio.fail_after(30):
                await a.send(b"1")
                while len(got) < 1:
                    await waiting(1)
                await a.send(b"2")
                while len(got) < 2:
                    await waiting(1)
        assert sorted(map(str, got)) == ["1", "b'1'"]
        assert await b.recv() == b"2"

    run(main)


@pytest.mark.parametrize("end", ["close", "term"])
def test_end_wakes_tasks(run: Any, end: str) -> None:
    async def main() -> None:
        context = zmq.anyio.Context()
        b, lonely = context.socket(zmq.PULL), context.socket(zmq.PUSH)
        poller = zmq.anyio.Poller()
        poller.register(b, zmq.POLLIN)
        poller.register(lonely, zmq.POLLOUT)
        errors: list[Any] = []

        async def fails(act: Callable[[], Any]) -> None:
            with pytest.raises(zmq.ZMQError) as caught:
                await act()
            errors.append(caught.value.errno)

        def close() -> None:
            b.close()
            lonely.close()

        async with anyio.create_task_group() as group:
            for act in (b.recv, b.recv, b.recv_json, b.poll, b.poll, lambda: lonely.send(b""), poller.poll):
                group.start_soon(fails, act)
            await waiting(6)
            if end == "close":
                close()
            else:
                group.start_soon(anyio.to_thread.run_sync, context.term)
                with anyio.fail_after(30):
                    while len(errors) < 7:
                        await waiting()
                close()
        assert errors == [zmq.ENOTSOCK if end == "close" else zmq.ETERM] * 7
        context.term()

    run(main)


def test_closed_by_another_thread(run: Any, context: zmq.anyio.Context) -> None:
    async def main() -> None:
        a, b = pair(context)
        async with anyio.create_task_group() as group:

            async def consume() -> None:
                with pytest.raises(zmq.ZMQError) as caught:
                    await b.recv()
                assert caught.value.errno == zmq.ENOTSOCK

            for _ in range(3):
                group.start_soon(consume)
            await waiting()
            closing = threading.Thread(target=b.close)
            closing.start()
        closing.join()

    run(main)


def test_outlives_an_event_loop(context: zmq.anyio.Context) -> None:
    a, b = pair(context)

    async def main(number: int, backend: str) -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(b.recv)
            await waiting()
            group.cancel_scope.cancel()
        with anyio.fail_after(30):
            await a.send(b"%d" % number)
            assert await b.recv() == b"%d" % number
            with anyio.move_on_after(0.01):
                await b.recv()

    for number, backend in enumerate(["asyncio", "trio", "trio", "asyncio", "asyncio", "trio"]):
        anyio.run(main, number, backend, backend=backend)


def test_beside_zmq_asyncio(context: zmq.anyio.Context) -> None:
    """On asyncio, a socket's objects of both flavours wait in one queue."""

    async def main() -> None:
        import asyncio

        a, b = pair(context)
        other = zmq.asyncio.Socket.from_socket(b)
        got: list[bytes] = []

        async def consume() -> None:
            got.append(await b.recv())

        async with anyio.create_task_group() as group:
            group.start_soon(consume)
            await waiting()
            future = other.recv()
            group.start_soon(consume)
            await waiting()
            for number in range(3):
                await a.send(b"%d" % number)
            assert await asyncio.wait_for(future, 30) == b"1"
        assert got == [b"0", b"2"]

    anyio.run(main, backend="asyncio")


def test_context(run: Any) -> None:
    async def main() -> None:
        async with zmq.anyio.Context() as context:
            assert repr(context).startswith("<zmq.anyio.Context(")
            push = context.socket(zmq.PUSH)
            push.linger = 10_000
            address = fresh_inproc()
            async with context.socket(zmq.PULL) as pull:
                pull.bind(address)
            assert pull.closed
            push.connect("tcp://127.0.0.1:9")
            await push.send(b"to nobody")
            push.linger = 50
        assert context.closed
        with anyio.move_on_after(0.02) as scope:
            async with zmq.anyio.Context() as context:
                push = context.socket(zmq.PUSH)
                push.linger = 1000
                push.connect("tcp://127.0.0.1:9")
                await push.send(b"to nobody")
        assert scope.cancelled_caught
        with anyio.fail_after(30):
            while not context.closed:
                await anyio.sleep(0.01)  # the interval between two looks
                try:
                    context.term(timeout=0)
                except zmq.ZMQError as error:
                    assert error.errno == zmq.ETIMEDOUT

    run(main)


def test_needs_the_extra(run_child: RunChild) -> None:
    run_child(
        """
        import sys
        sys.modules["anyio"] = None
        try:
            import zmq.anyio
        except ImportError as error:
            assert "pyzmq[anyio]" in str(error), error
        else:
            raise AssertionError
        """
    ).ok()


def test_asyncio_is_not_loaded_for_trio(run_child: RunChild) -> None:
    run_child(
        """
        import sys, trio, zmq, zmq.anyio
        async def main():
            async with zmq.anyio.Context() as context:
                async with context.socket(zmq.PULL) as pull:
                    with trio.move_on_after(0.01):
                        await pull.recv()
        trio.run(main)
        assert "zmq.asyncio" not in sys.modules
        """
    ).ok()


def test_trio_guest_of_asyncio(run_child: RunChild) -> None:
    """trio runs inside asyncio's loop: the waiters are trio's all the same."""
    run_child(
        """
        import asyncio, trio, zmq, zmq.anyio
        async def guest():
            async with zmq.anyio.Context() as context:
                async with context.socket(zmq.PUSH) as push, context.socket(zmq.PULL) as pull:
                    push.connect(f"tcp://127.0.0.1:{pull.bind_to_random_port('tcp://127.0.0.1')}")
                    async with trio.open_nursery() as nursery:
                        nursery.start_soon(push.send, b"x")
                        assert await pull.recv() == b"x"
                    with trio.move_on_after(0.01):
                        await pull.recv()
        async def main():
            loop = asyncio.get_running_loop()
            done = loop.create_future()
            trio.lowlevel.start_guest_run(guest, run_sync_soon_threadsafe=loop.call_soon_threadsafe, done_callback=done.set_result)
            (await asyncio.wait_for(done, 30)).unwrap()
        asyncio.run(main())
        """
    ).ok()


def test_descriptors_in_a_poller(run: Any, context: zmq.anyio.Context) -> None:
    import os

    async def main() -> None:
        a, b = pair(context)
        read, write = os.pipe()
        with os.fdopen(read, "rb") as reader, os.fdopen(write, "wb", buffering=0) as writer:
            poller = zmq.anyio.Poller()
            for member in (reader, b, zmq.Socket.shadow(a)):
                poller.register(member, zmq.POLLIN)
            poller.register(writer, zmq.POLLOUT)
            assert await poller.poll() == [(write, zmq.POLLOUT)]
            poller.unregister(writer)
            with anyio.move_on_after(0.01) as scope:
                await poller.poll()
            assert scope.cancelled_caught
            for act, undo, expected in (
                (lambda: writer.write(b"x"), lambda: os.read(read, 1), read),
                (lambda: zmq.Socket.shadow(a).send(b"x"), lambda: zmq.Socket.shadow(b).recv(), b),
            ):
                async with anyio.create_task_group() as group:

                    async def wait(expected: Any = expected) -> None:
                        with anyio.fail_after(30):
                            assert await poller.poll() == [(expected, zmq.POLLIN)]

                    group.start_soon(wait)
                    await waiting(6)
                    act()
                undo()
            assert await poller.poll(5) == []

    run(main)


@pytest.mark.skipif(sys.version_info < (3, 11), reason="asyncio.timeout is newer")
def test_asyncio_cancellation(context: zmq.anyio.Context) -> None:
    """Tasks and timeouts of asyncio itself, too."""
    import asyncio

    async def main() -> None:
        a, b = pair(context)
        for number in range(30):
            task = asyncio.ensure_future(b.recv())
            await waiting(number % 3)
            zmq.Socket.shadow(a).send(b"%d" % number)
            await waiting(number % 4)
            task.cancel()
            got = (await asyncio.gather(task, return_exceptions=True))[0]
            if isinstance(got, BaseException):
                got = await asyncio.wait_for(b.recv(), 30)
            assert got == b"%d" % number
        with pytest.raises(asyncio.TimeoutError):
            async with asyncio.timeout(0.01):  # type: ignore[attr-defined,unused-ignore]  # since 3.11
                await b.recv()

    asyncio.run(main())
