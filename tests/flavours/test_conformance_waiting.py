"""Waiting, in every flavour and event loop: order, several tasks at one socket, shadows, ends; and equal signatures."""

from __future__ import annotations

import asyncio
import importlib
import inspect
import random
from collections.abc import Callable
from typing import Any

import pytest
import zmq
import zmq.anyio
import zmq.asyncio

from flavours.worlds import World, awaiting, everywhere, sharing
from helpers import Background, bind_any

BIG = bytes(100_000)


# ---------------------------------------------------------------- order


@sharing
def test_first_come_first_served(world: World) -> None:
    async def main(w: World) -> None:
        a, b = w.pair()
        order: list[tuple[int, Any]] = []

        async def consume(number: int, receive: Callable[[], Any]) -> None:
            order.append((number, await w.get(receive())))

        tasks = []
        for number, receive in enumerate([b.recv, b.recv_multipart, b.recv, b.recv_string, lambda: b.recv_many(5)]):
            tasks.append(w.start(consume, number, receive))
            await w.parked(*tasks)
        for number in range(5):
            w.blocking(a).send(b"%d" % number)
            await w.until(lambda number=number: len(order) == number + 1)
        assert order == [(0, b"0"), (1, [b"1"]), (2, b"2"), (3, "3"), (4, [b"4"])]
        for task in tasks:
            await task.result()

    world(main)


@sharing
def test_messages_stay_whole(world: World) -> None:
    """Several tasks send and receive messages of many frames through the same two sockets."""

    async def main(w: World) -> None:
        sink, source = w.pair(zmq.PULL, zmq.PUSH, sndhwm=4, rcvhwm=4)
        got: list[tuple[int, int]] = []

        async def produce(number: int) -> None:
            for turn in range(60):
                name = b"%d %d" % (number, turn)
                await w.get(source.send_multipart([name, BIG[: turn * 1000], name] * (1 + turn % 4)))

        async def consume() -> None:
            for _ in range(60):
                frames = await w.get(sink.recv_multipart())
                assert len(frames) % 3 == 0
                assert set(frames[0::3]) == set(frames[2::3]) == {frames[0]}
                number, turn = map(int, frames[0].split())
                assert len(frames) == 3 * (1 + turn % 4)
                got.append((number, turn))

        tasks = [*[w.start(produce, number) for number in range(4)], *[w.start(consume) for _ in range(4)]]
        for task in tasks:
            await task.result()
        assert sorted(got) == [(number, turn) for number in range(4) for turn in range(60)]

    world(main)


@sharing
def test_both_directions(world: World) -> None:
    """A task waits to receive, one for room to send, and one polls, on one socket."""

    async def main(w: World) -> None:
        a, b = w.pair(sndhwm=1, rcvhwm=1)
        while await w.get(b.poll(0, zmq.POLLOUT)):
            await w.get(b.send(b"filler"))

        async def run(act: Callable[[], Any]) -> Any:
            return await w.get(act())

        sending = w.start(run, lambda: b.send(b"last"))
        receiving = w.start(run, b.recv)
        polling = w.start(run, lambda: b.poll(None, zmq.POLLOUT))
        await w.parked(sending, receiving, polling)
        assert not (sending.done() or receiving.done() or polling.done())
        await w.get(a.send(b"x"))
        assert await receiving.result() == b"x"
        while True:
            if await w.get(a.recv()) == b"last":
                break
        await sending.result()
        assert await polling.result() == zmq.POLLOUT

    world(main)


# ---------------------------------------------------------------- shadows, and news taken elsewhere


@sharing
@pytest.mark.parametrize("eater", ["poll", "events", "send", "zmq.select"])
def test_news_taken_by_a_blocking_shadow(world: World, eater: str) -> None:
    """Whoever reads the news off the descriptor: the one who waits is served."""

    async def main(w: World) -> None:
        a, b = w.pair()
        shadow = w.blocking(b)

        def eat() -> None:
            if eater == "poll":
                shadow.poll(50)
            elif eater == "events":
                shadow.get(zmq.EVENTS)
            elif eater == "send":
                shadow.send(b"")
            else:
                zmq.select([shadow], [], [], 0.05)

        async def consume() -> Any:
            return await w.get(b.recv())

        for number in range(20):
            waiting = w.start(consume)
            await w.parked(waiting)
            w.blocking(a).send(b"%d" % number)
            eat()
            assert await waiting.result() == b"%d" % number

    world(main)


@everywhere
def test_shadows_in_both_directions(world: World) -> None:
    async def main(w: World) -> None:
        a, b = w.pair()
        blocking = w.blocking(b)
        there = w.module.Socket.shadow(blocking)
        again = w.module.Socket.shadow(b.underlying)
        for number, one in enumerate((b, there, again)):
            await w.get(a.send(b"%d" % number))
            assert await w.get(one.recv()) == b"%d" % number
        await w.get(a.send(b"x"))
        assert blocking.recv() == b"x"

        if w.shares:

            async def consume(one: Any) -> Any:
                return await w.get(one.recv())

            tasks = []
            for one in (there, b, again):
                tasks.append(w.start(consume, one))
                await w.parked(*tasks)
            for number in range(3):
                await w.get(a.send(b"%d" % number))
            assert [await task.result() for task in tasks] == [b"0", b"1", b"2"]
        del there, again
        await w.get(a.send(b"open"))
        assert await w.get(b.recv()) == b"open"
        other = w.module.Context(zmq.Context.shadow(w.context))
        assert other.underlying == w.context.underlying

    world(main)


# ---------------------------------------------------------------- cancellation


@sharing
@pytest.mark.parametrize("verb", ["recv", "recv_multipart", "recv_string", "recv_json", "recv_into", "recv_many", "poll"])
def test_timeouts_and_cancels_lose_nothing(world: World, verb: str) -> None:
    """In each flavour's own way, at every moment around the message's arrival."""
    chance = random.Random(verb)

    async def main(w: World) -> None:
        a, b = w.pair()
        room = bytearray(4)
        got: list[int] = []

        async def consume() -> None:
            args = {"recv_into": (room,), "recv_many": (3,)}.get(verb, ())
            result = await w.get(getattr(b, verb)(*args))
            if verb == "recv_into":
                got.append(int(room[:result]))
            elif verb != "poll":
                got.extend(int(item) for item in (result if isinstance(result, list) else [result]))

        for number in range(60):
            if number % 2:
                with w.timeout(chance.random() * 0.003):
                    w.blocking(a).send(b"%d" % number) if chance.random() < 0.5 else a_later(w, a, number)
                    await consume()
            else:
                task = w.start(consume)
                await w.turns(chance.randrange(3))
                w.blocking(a).send(b"%d" % number)
                await w.turns(chance.randrange(3))
                task.cancel()
                await w.until(task.done)
            while len(got) < number + 1:
                got.append(int(await w.get(b.recv())))
        assert got == list(range(60))
        assert await w.get(b.poll(5)) == 0

    def a_later(w: World, a: Any, number: int) -> None:
        async def send() -> None:
            await w.turns(chance.randrange(4))
            w.blocking(a).send(b"%d" % number)

        w.start(send)

    world(main)


# ---------------------------------------------------------------- ends


@everywhere
@pytest.mark.parametrize("verb", ["recv", "recv_multipart", "recv_json", "send", "send_multipart", "poll", "Poller"])
@pytest.mark.parametrize("end", ["close", "shadow's close", "term", "destroy"])
def test_ends_wake_who_waits(world: World, verb: str, end: str) -> None:
    async def main(w: World) -> None:
        context = w.module.Context()
        one = context.socket(zmq.DEALER)
        shadow = w.blocking(one)
        poller = w.module.Poller()
        poller.register(one, zmq.POLLIN)
        acts: dict[str, Callable[[], Any]] = {
            "send": lambda: one.send(b""),
            "send_multipart": lambda: one.send_multipart([b"", b""]),
            "Poller": poller.poll,
        }

        async def wait() -> Any:
            act = acts.get(verb) or getattr(one, verb)
            try:
                await w.get(act())
            except zmq.ZMQError as error:
                return error.errno
            except asyncio.CancelledError:
                return "cancelled"

        tasks = [w.start(wait) for _ in range(3 if w.shares else 1)]
        await w.parked(*tasks)
        assert not any(task.done() for task in tasks)
        ending: Background | None = None
        if end == "close":
            one.close(0)
        elif end == "shadow's close":
            shadow.close(0)
        elif end == "term":
            ending = Background(context.term)
        else:
            ending = Background(context.destroy, 0)
        results = {await task.result() for task in tasks}
        expected: set[Any] = {zmq.ETERM} if end == "term" else {zmq.ENOTSOCK} if end != "destroy" else {zmq.ENOTSOCK, zmq.ETERM}
        if verb in ("poll", "Poller"):
            expected |= {"cancelled", zmq.ENOTSUP}  # zmq.asyncio cancels polls
        assert results <= expected
        one.close(0)
        if ending is not None:
            await w.until(lambda: not ending.is_alive())
            ending.result()
        context.destroy(0)

    world(main)


@everywhere
def test_terminated_context(world: World) -> None:
    async def main(w: World) -> None:
        context = w.module.Context()
        one = context.socket(zmq.DEALER)
        ending = Background(context.term)
        await w.until(lambda: is_terminated(one))
        for act in (one.recv, one.recv_multipart, one.recv_json, one.poll, lambda: one.send(b""), lambda: one.recv_many(2)):
            with pytest.raises(zmq.ContextTerminated):
                await w.get(act())
        one.close()
        await w.until(lambda: not ending.is_alive())

    def is_terminated(one: Any) -> bool:
        try:
            one.get(zmq.EVENTS)
        except zmq.ContextTerminated:
            return True
        return False

    world(main)


@awaiting
def test_streams_and_with(world: World) -> None:
    async def main(w: World) -> None:
        async with w.module.Context() as context:
            async with context.socket(zmq.PAIR) as a, context.socket(zmq.PAIR) as b:
                b.connect(bind_any(a, "inproc"))
                w.blocking(a).send_multipart([b"1", b"2"])
                w.blocking(a).send_multipart([b"3", b"4"])
                w.blocking(a).send_multipart([b"5"])
                got: list[Any] = []
                async for frame in b:
                    got.append(frame)
                    if frame == b"2":
                        break
                async for frames in b.iter_multipart(copy=False):
                    got += [frame.bytes for frame in frames]
                    if frames[0].bytes == b"5":
                        break
                assert got == [b"1", b"2", b"3", b"4", b"5"]
            assert a.closed
            assert b.closed
        assert context.closed

    world(main)


@awaiting
def test_outlives_its_event_loop(world: World) -> None:
    """What still waits when a loop ends is dropped, and the next loop takes over."""
    held: list[Any] = []

    async def main(w: World, number: int) -> None:
        if not held:
            held.extend(w.pair())
        a, b = held

        async def consume() -> Any:
            return await w.get(b.recv())

        first = w.start(consume)
        await w.parked(first)
        await w.get(a.send(b"%d" % number))
        assert await first.result() == b"%d" % number
        w.start(consume)
        await w.turns()

    for number in range(4):
        world(main, number)


# ---------------------------------------------------------------- trackers, peers, events


@awaiting
def test_awaited_tracker(world: World) -> None:
    async def main(w: World) -> None:
        a, b = w.pair(transport="tcp")
        await w.get(a.send(b""))
        await w.get(b.recv())
        for waits in (False, True):
            tracker = await w.get(a.send(bytearray(BIG), copy=False, track=True))

            async def released(tracker: Any = tracker) -> None:
                await tracker

            waiting = w.start(released)
            if not waits:
                waiting.cancel()
                await w.until(waiting.done)
            await w.get(b.recv())
            if waits:
                await waiting.result()
                assert tracker.done

    world(main)


@everywhere
def test_peers(world: World) -> None:
    async def main(w: World) -> None:
        pub, sub = w.socket(zmq.XPUB), w.socket(zmq.SUB)
        events: list[Any] = []

        async def follow() -> None:
            if w.awaits:
                async for event in monitor:
                    events.append(event.event)
            else:
                for event in monitor:
                    events.append(event.event)

        monitor = sub.monitor_events()
        following = w.start(follow)
        sub.connect(bind_any(pub, "tcp"))
        sub.subscribe(b"a")
        try:
            assert await w.get(pub.wait_connected(1, 4000)) == 1
        except zmq.ZMQError as error:
            assert error.errno == zmq.ENOTSUP  # not the bundled libzmq
        else:
            assert await w.get(pub.wait_subscribers(b"abc", 1, 4000)) == 1
            with pytest.raises(zmq.Again):
                await w.get(pub.wait_subscribers(b"b", 1, 10))
        await w.until(lambda: zmq.EVENT_CONNECTED in events)
        monitor.close()
        if w.shares:
            following.cancel()

    world(main)


# ---------------------------------------------------------------- the same everywhere

FLAVOURS = ["zmq.asyncio", "zmq.anyio", "zmq.green"]


def parameters(function: Any) -> list[tuple[str, Any, Any]]:
    found = inspect.signature(function).parameters.values()
    return [(p.name, p.kind, p.default) for p in found if p.name != "self"]  # a built-in method's cannot be given by name


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize("name", ["Socket", "Context", "Poller"])
def test_every_public_method_has_the_same_signature(flavour: str, name: str) -> None:
    blocking, cls = getattr(zmq, name), getattr(importlib.import_module(flavour), name)
    methods = [m for m in dir(blocking) if not m.startswith("_") and callable(getattr(blocking, m))]
    assert len(methods) >= 4
    for method in methods:
        theirs, ours = parameters(getattr(blocking, method)), parameters(getattr(cls, method))
        if (name, method) == ("Poller", "poll"):
            # a poll without a limit is None or negative in all
            theirs, ours = [(p[0], p[1], None) for p in theirs], [(p[0], p[1], None) for p in ours]
        assert ours == theirs, (method, ours, theirs)
        assert getattr(cls, method).__doc__, method


def test_what_awaiting_flavours_add() -> None:
    """zmq.asyncio and zmq.anyio have the same methods beyond the blocking ones, apart from names of old."""
    def added(module: Any) -> set[str]:
        return {m for m in dir(module.Socket) if not m.startswith("_")} - set(dir(zmq.Socket))

    assert added(zmq.anyio) == {"iter_multipart"}
    assert added(zmq.asyncio) - {"from_socket", "on_recv"} == {"iter_multipart"}
    assert parameters(zmq.anyio.Socket.iter_multipart) == parameters(zmq.asyncio.Socket.iter_multipart)
