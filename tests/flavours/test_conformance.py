"""What the verbs promise, in every flavour and event loop: forms, timeouts, errors."""

from __future__ import annotations

import json
import os
import pickle
import socket as sockets
import time
from array import array
from collections.abc import Callable
from typing import Any

import pytest
import zmq
from zmq.utils.monitor import recv_monitor_message

from flavours.worlds import World, everywhere
from helpers import bind_any, fresh_inproc, wildcard

BIG = bytes(range(256)) * 1024

RECEIVES: dict[str, tuple[Callable[[Any], Any], list[bytes], Any]] = {
    "recv": (lambda s: s.recv(), [b"x"], b"x"),
    "recv big": (lambda s: s.recv(), [BIG], BIG),
    "recv_multipart": (lambda s: s.recv_multipart(), [b"a", b"", BIG], [b"a", b"", BIG]),
    "recv_string": (lambda s: s.recv_string(), ["é".encode()], "é"),
    "recv_string latin": (lambda s: s.recv_string(encoding="latin-1"), ["é".encode("latin-1")], "é"),
    "recv_unicode": (lambda s: s.recv_unicode(), [b"u"], "u"),
    "recv_json": (lambda s: s.recv_json(), [b'{"a": [1, null]}'], {"a": [1, None]}),
    "recv_json kwargs": (lambda s: s.recv_json(parse_int=str), [b"[1]"], ["1"]),
    "recv_pyobj": (lambda s: s.recv_pyobj(), [pickle.dumps({1: {2}})], {1: {2}}),
    "recv_serialized": (lambda s: s.recv_serialized(b"".join), [b"a", b"b"], b"ab"),
    "recv_many": (lambda s: s.recv_many(9), [b"a"], [b"a"]),
    "recv_many multipart": (lambda s: s.recv_many(9, multipart=True), [b"a", BIG], [[b"a", BIG]]),
}


@everywhere
@pytest.mark.parametrize("transport", ["inproc", "tcp"])
@pytest.mark.parametrize("name", RECEIVES)
def test_receive_forms(world: World, name: str, transport: str) -> None:
    """A message that is there, and one that is waited for."""
    receive, message, expected = RECEIVES[name]

    async def main(w: World) -> None:
        a, b = w.pair(transport=transport)
        await w.get(a.send_multipart(message))
        assert await w.get(receive(b)) == expected

        async def consume() -> Any:
            return await w.get(receive(b))

        waiting = w.start(consume)
        await w.parked(waiting)
        assert not waiting.done()
        await w.get(a.send_multipart(message))
        assert await waiting.result() == expected

    world(main)


@everywhere
def test_recv_into(world: World) -> None:
    async def main(w: World) -> None:
        a, b = w.pair()
        room = bytearray(8)

        async def into(**kwargs: int) -> Any:
            return await w.get(b.recv_into(room, **kwargs))

        waiting = w.start(into)
        await w.parked(waiting)
        await w.get(a.send(b"hello"))
        assert await waiting.result() == 5
        assert room == b"hello\0\0\0"
        await w.get(a.send(b"goodbye"))
        assert await into(nbytes=3) == 7
        assert room == b"goolo\0\0\0"
        await w.get(a.send(b"12345678"))
        wide = array("Q", [0])
        assert await w.get(b.recv_into(wide)) == 8
        assert wide.tobytes() == b"12345678"
        await w.get(a.send(b"dropped"))
        assert await w.get(b.recv_into(bytearray())) == 7

    world(main)


@everywhere
def test_recv_into_refuses(world: World) -> None:
    async def main(w: World) -> None:
        a, b = w.pair()
        await w.get(a.send(b"kept"))
        for bad, error in ((b"immutable", BufferError), (5, TypeError), (memoryview(bytearray(8))[::2], BufferError)):
            with pytest.raises(error):
                await w.get(b.recv_into(bad))
        for nbytes in (5, -1):
            with pytest.raises(ValueError):
                await w.get(b.recv_into(bytearray(4), nbytes=nbytes))
        assert await w.get(b.recv()) == b"kept"

    world(main)


@everywhere
def test_frames(world: World) -> None:
    async def main(w: World) -> None:
        a, b = w.pair()
        await w.get(a.send_multipart([b"a", BIG]))
        frame = await w.get(b.recv(copy=False))
        assert isinstance(frame, zmq.Frame)
        assert frame.more
        assert b.rcvmore
        rest = await w.get(b.recv_multipart(copy=False, track=True))
        assert [part.bytes for part in rest] == [BIG]
        assert rest[0].tracker.done
        assert not b.rcvmore
        await w.get(a.send_multipart([b"1", b"2", b"3"]))
        assert await w.get(b.recv()) == b"1"
        assert await w.get(b.recv_multipart()) == [b"2", b"3"]
        await w.get(a.send(b"1", zmq.SNDMORE))
        await w.get(a.send(b"2"))
        assert await w.get(b.recv_multipart()) == [b"1", b"2"]

    world(main)


SENDS: dict[str, tuple[Callable[[Any], Any], list[bytes], Any]] = {
    "send": (lambda s: s.send(b"x"), [b"x"], None),
    "send big": (lambda s: s.send(BIG, copy=False), [BIG], None),
    "send frame": (lambda s: s.send(zmq.Frame(b"f")), [b"f"], None),
    "send_multipart": (lambda s: s.send_multipart([b"a", bytearray(b"b"), memoryview(b"c")]), [b"a", b"b", b"c"], None),
    "send_string": (lambda s: s.send_string("é"), ["é".encode()], None),
    "send_unicode": (lambda s: s.send_unicode("u"), [b"u"], None),
    "send_json": (lambda s: s.send_json([1], indent=1), [b"[\n 1\n]"], None),
    "send_pyobj": (lambda s: s.send_pyobj([1], protocol=2), [pickle.dumps([1], 2)], None),
    "send_serialized": (lambda s: s.send_serialized("ab", lambda m: [c.encode() for c in m]), [b"a", b"b"], None),
    "send_many": (lambda s: s.send_many([b"x"]), [b"x"], 1),
    "send_many multipart": (lambda s: s.send_many([[b"x", b"y"]], multipart=True), [b"x", b"y"], 1),
}


@everywhere
@pytest.mark.parametrize("name", SENDS)
def test_send_forms(world: World, name: str) -> None:
    """With room, and waiting for it: sends keep their order."""
    send, expected, returned = SENDS[name]

    async def main(w: World) -> None:
        a, b = w.pair()
        assert await w.get(send(a)) == returned
        assert await w.get(b.recv_multipart()) == expected
        sink, source = w.pair(zmq.PULL, zmq.PUSH, sndhwm=1, rcvhwm=1)

        async def produce() -> None:
            for _ in range(10):
                assert await w.get(send(source)) == returned
            await w.get(source.send(b"last"))

        producing = w.start(produce)
        await w.parked(producing)
        assert not producing.done()
        for _ in range(10):
            assert await w.get(sink.recv_multipart()) == expected
        assert await w.get(sink.recv()) == b"last"
        await producing.result()

    world(main)


@everywhere
def test_trackers(world: World) -> None:
    async def main(w: World) -> None:
        a, b = w.pair()
        for send, data in ((a.send, BIG), (a.send_multipart, [b"", BIG])):
            tracker = await w.get(send(data, copy=False, track=True))
            assert isinstance(tracker, zmq.MessageTracker)
            await w.get(b.recv_multipart())
            await w.until(lambda tracker=tracker: tracker.done)
        frame = zmq.Frame(b"x", track=True)
        assert await w.get(a.send(frame)) is frame.tracker

    world(main)


@everywhere
def test_batches(world: World) -> None:
    async def main(w: World) -> None:
        sink, source = w.pair(zmq.PULL, zmq.PUSH, sndhwm=3, rcvhwm=3)
        messages = [b"%d" % number for number in range(50)]

        async def produce() -> Any:
            return [
                await w.get(source.send_many(messages)),
                await w.get(source.send_many([[m, BIG] for m in messages], multipart=True)),
            ]

        producing = w.start(produce)
        got: list[Any] = []
        while len(got) < 50:
            some = await w.get(sink.recv_many(min(7, 50 - len(got))))
            assert 1 <= len(some) <= 7
            got += some
        assert got == messages
        got = []
        while len(got) < 50:
            got += await w.get(sink.recv_many(100, multipart=True, copy=False))
        assert [[frame.bytes for frame in frames] for frames in got] == [[m, BIG] for m in messages]
        assert await producing.result() == [50, 50]
        assert await w.get(source.send_many([])) == 0
        room = await w.get(source.send_many(messages, zmq.DONTWAIT))
        assert 0 < room < 50
        with pytest.raises(zmq.Again):
            await w.get(source.send_many(messages, zmq.DONTWAIT))
        source.sndtimeo = 10
        with pytest.raises(zmq.Again):
            await w.get(source.send_many(messages))
        with pytest.raises(TypeError):
            await w.get(source.send_many([b"a", "text"]))
        with pytest.raises(ValueError):
            await w.get(sink.recv_many(0))
        got = await w.get(sink.recv_many(50))
        while len(got) < room:
            got += await w.get(sink.recv_many(50))
        assert got == messages[:room]
        with pytest.raises(zmq.Again):
            await w.get(sink.recv_many(1, zmq.DONTWAIT))

    world(main)


@everywhere
def test_dontwait(world: World) -> None:
    async def main(w: World) -> None:
        a, b = w.pair()
        for receive in (b.recv, b.recv_multipart, b.recv_string, b.recv_json, b.recv_pyobj):
            with pytest.raises(zmq.Again):
                await w.get(receive(flags=zmq.DONTWAIT))
        with pytest.raises(zmq.Again):
            await w.get(b.recv_into(bytearray(1), flags=zmq.DONTWAIT))
        lonely = w.socket(zmq.PUSH)
        for send in (lambda: lonely.send(b"", zmq.DONTWAIT), lambda: lonely.send_multipart([b"", b""], zmq.DONTWAIT)):
            with pytest.raises(zmq.Again):
                await w.get(send())
        await w.get(a.send(b"x", flags=zmq.DONTWAIT))
        assert await w.get(b.recv(flags=zmq.DONTWAIT)) == b"x"

    world(main)


@everywhere
@pytest.mark.parametrize("verb", "recv recv_multipart recv_json recv_into recv_many send send_multipart send_many".split())
def test_timeouts(world: World, verb: str) -> None:
    acts: dict[str, Callable[[Any], Any]] = {
        "recv_into": lambda s: s.recv_into(bytearray(1)),
        "recv_many": lambda s: s.recv_many(3),
        "send": lambda s: s.send(b""),
        "send_multipart": lambda s: s.send_multipart([b"", b""]),
        "send_many": lambda s: s.send_many([b""]),
    }

    async def main(w: World) -> None:
        one = w.socket(zmq.DEALER, rcvtimeo=60, sndtimeo=60)
        act = acts.get(verb) or (lambda s: getattr(s, verb)())
        start = time.monotonic()
        with pytest.raises(zmq.Again):
            await w.get(act(one))
        assert 0.05 < time.monotonic() - start < 20
        one.rcvtimeo = one.sndtimeo = 0
        with pytest.raises(zmq.Again):
            await w.get(act(one))
        # and the socket works on
        peer = w.socket(zmq.DEALER, rcvtimeo=30_000)
        one.rcvtimeo = one.sndtimeo = 30_000
        one.connect(bind_any(peer, "inproc"))
        await w.get(one.send(b"x"))
        assert await w.get(peer.recv()) == b"x"

    world(main)


# ---------------------------------------------------------------- polling


@everywhere
def test_poll(world: World) -> None:
    async def main(w: World) -> None:
        a, b = w.pair()
        assert await w.get(b.poll(timeout=0)) == 0
        start = time.monotonic()
        assert await w.get(b.poll(30)) == 0
        assert 0.025 < time.monotonic() - start < 20
        for timeout in (0, 30_000):
            mask = await w.get(b.poll(timeout, zmq.POLLOUT))
            assert (mask, type(mask)) == (zmq.POLLOUT, int)

        async def poll(*args: Any) -> Any:
            return await w.get(b.poll(*args))

        for args in ((), (40_000,), (None,), (-1,)):
            waiting = w.start(poll, *args)
            await w.parked(waiting)
            assert not waiting.done()
            await w.get(a.send(b"x"))
            assert await waiting.result() == zmq.POLLIN
            assert await poll(0) == zmq.POLLIN
            assert await poll(None, zmq.POLLIN | zmq.POLLOUT) == zmq.POLLIN | zmq.POLLOUT
            assert await w.get(b.recv()) == b"x"
            assert await poll(0) == 0

    world(main)


@everywhere
def test_poll_for_room(world: World) -> None:
    async def main(w: World) -> None:
        sink, source = w.pair(zmq.PULL, zmq.PUSH, sndhwm=1, rcvhwm=1)
        count = 0
        while await w.get(source.poll(0, zmq.POLLOUT)):
            await w.get(source.send(b""))
            count += 1

        async def poll() -> Any:
            return await w.get(source.poll(flags=zmq.POLLOUT))

        waiting = w.start(poll)
        await w.parked(waiting)
        assert not waiting.done()
        for _ in range(count):
            await w.get(sink.recv())
        assert await waiting.result() == zmq.POLLOUT

    world(main)


@everywhere
def test_poller(world: World) -> None:
    """Sockets of the flavour, blocking ones, descriptors and files side by side."""

    async def main(w: World) -> None:
        a, b = w.pair()
        plain = zmq.Context.shadow(w.context)
        blocking, peer = plain.socket(zmq.PAIR), plain.socket(zmq.PAIR)
        w.made += [blocking, peer]
        peer.connect(bind_any(blocking, "inproc"))
        left, right = sockets.socketpair()
        read, write = os.pipe()
        with left, right, os.fdopen(read, "rb") as reader, os.fdopen(write, "wb", buffering=0) as writer:
            poller = w.module.Poller()
            for member in (b, blocking, left.fileno(), reader):
                poller.register(member, zmq.POLLIN)
            assert await w.get(poller.poll(0)) == []
            start = time.monotonic()
            assert await w.get(poller.poll(30)) == []
            assert 0.025 < time.monotonic() - start < 20

            async def poll(timeout: float | None) -> Any:
                return await w.get(poller.poll(timeout))

            acts: list[tuple[Callable[[], Any], Callable[[], Any], Any]] = [
                (lambda: w.blocking(a).send(b"1"), lambda: w.blocking(b).recv(), b),
                (lambda: peer.send(b"2"), lambda: blocking.recv(), blocking),
                (lambda: right.send(b"3"), lambda: left.recv(1), left.fileno()),
                (lambda: writer.write(b"4"), lambda: os.read(read, 1), read),
            ]
            for act, undo, expected in acts:
                for timeout in (-1, None, 4000):
                    waiting = w.start(poll, timeout)
                    await w.parked(waiting)
                    assert not waiting.done()
                    act()
                    assert await waiting.result() == [(expected, zmq.POLLIN)]
                    undo()
            poller.register(b, zmq.POLLIN | zmq.POLLOUT)
            assert await poll(None) == [(b, zmq.POLLOUT)]
            poller.unregister(b)
            assert b not in poller
            poller.register(writer, zmq.POLLOUT)
            assert await poll(None) == [(write, zmq.POLLOUT)]

    world(main)


@everywhere
def test_poller_refuses(world: World) -> None:
    async def main(w: World) -> None:
        closed = w.socket(zmq.PULL)
        closed.close()
        for member, error in ((closed, zmq.ZMQError), ("text", TypeError), (-1, ValueError)):
            poller = w.module.Poller()
            poller.register(member, zmq.POLLIN)
            with pytest.raises(error):
                await w.get(poller.poll(30_000))

    world(main)


# ---------------------------------------------------------------- errors


@everywhere
def test_errors(world: World) -> None:
    async def main(w: World) -> None:
        a, b = w.pair()
        acts: list[tuple[Callable[[], Any], Any]] = [
            (lambda: a.send("text"), TypeError),
            (lambda: a.send_multipart([b"a", 1]), TypeError),
            (lambda: a.send_multipart([]), IndexError),
            (lambda: a.send_string(b"bytes"), TypeError),
            (lambda: a.send_json(object()), TypeError),
        ]
        for act, error in acts:
            with pytest.raises(error):
                await w.get(act())
        for data, receive, error in (
            (b"{", lambda: b.recv_json(), ValueError),
            (b"\xff", lambda: b.recv_string(), UnicodeDecodeError),
            (b"?", lambda: b.recv_serialized(json), TypeError),
        ):
            await w.get(a.send(data))
            with pytest.raises(error):
                await w.get(receive())
        pull, rep, req = w.socket(zmq.PULL), w.socket(zmq.REP), w.socket(zmq.REQ)
        for act, number in (
            (lambda: pull.send(b""), zmq.ENOTSUP),
            (lambda: w.socket(zmq.PUSH).recv(), zmq.ENOTSUP),
            (lambda: req.recv(), zmq.EFSM),
            (lambda: rep.send(b""), zmq.EFSM),
            (lambda: rep.send_multipart([b"", b""]), zmq.EFSM),
        ):
            with pytest.raises(zmq.ZMQError) as caught:
                await w.get(act())
            assert caught.value.errno == number
        await w.get(a.send(b"after"))
        assert await w.get(b.recv()) == b"after"

    world(main)


@everywhere
def test_after_close(world: World) -> None:
    async def main(w: World) -> None:
        a, b = w.pair()
        await w.get(a.send(b""))
        a.close()
        b.close()
        assert a.closed
        acts: list[Callable[[], Any]] = [
            lambda: b.recv(),
            lambda: b.recv_multipart(),
            lambda: b.recv_json(),
            lambda: b.recv_many(2),
            lambda: b.recv_into(bytearray(1)),
            lambda: a.send(b""),
            lambda: a.send_multipart([b""]),
            lambda: a.send_many([b""]),
            lambda: a.send_json(1),
        ]
        for act in acts:
            with pytest.raises(zmq.ZMQError) as caught:
                await w.get(act())
            assert caught.value.errno == zmq.ENOTSOCK
        with pytest.raises(zmq.ZMQError) as caught:
            await w.get(a.poll(0))
        assert caught.value.errno == zmq.ENOTSUP
        a.close()

    world(main)


# ---------------------------------------------------------------- patterns, monitors


@everywhere
@pytest.mark.parametrize("transport", ["inproc", "tcp"])
def test_patterns(world: World, transport: str) -> None:
    async def main(w: World) -> None:
        rep, req = w.pair(zmq.REP, zmq.REQ, transport)
        for number in range(200):
            await w.get(req.send(b"%d" % number))
            assert await w.get(rep.recv()) == b"%d" % number
            await w.get(rep.send(b"r"))
            assert await w.get(req.recv()) == b"r"
        router = w.socket(zmq.ROUTER)
        address = bind_any(router, transport)
        dealers = [w.socket(zmq.DEALER) for _ in range(5)]

        async def serve() -> None:
            for _ in range(100):
                await w.get(router.send_multipart(await w.get(router.recv_multipart())))

        async def ask(number: int) -> None:
            dealers[number].connect(address)
            for turn in range(20):
                question = [b"%d" % number, b"%d" % turn, BIG[: turn * 100]]
                await w.get(dealers[number].send_multipart(question))
                assert await w.get(dealers[number].recv_multipart()) == question

        for task in [w.start(serve), *[w.start(ask, number) for number in range(5)]]:
            await task.result()
        xpub, sub = w.socket(zmq.XPUB), w.socket(zmq.SUB)
        sub.subscribe("a")
        sub.connect(bind_any(xpub, transport))
        assert await w.get(xpub.recv()) == b"\1a"
        await w.get(xpub.send_multipart([b"b", b"no"]))
        await w.get(xpub.send_multipart([b"a", b"yes"]))
        assert await w.get(sub.recv_multipart()) == [b"a", b"yes"]

    world(main)


@everywhere
def test_monitor(world: World) -> None:
    async def main(w: World) -> None:
        a, b = w.socket(zmq.PAIR), w.socket(zmq.PAIR)
        monitor = b.get_monitor_socket()
        w.made.append(monitor)
        assert type(monitor) is type(b)
        assert b.get_monitor_socket() is monitor

        async def follow() -> list[Any]:
            events: list[Any] = []
            while zmq.EVENT_MONITOR_STOPPED not in events:
                events.append((await w.get(recv_monitor_message(monitor)))["event"])
            return events

        following = w.start(follow)
        a.bind(wildcard("tcp"))
        b.connect(a.last_endpoint.decode())
        await w.get(a.send(b"x"))
        assert await w.get(b.recv()) == b"x"
        b.disable_monitor()
        events = await following.result()
        assert zmq.EVENT_CONNECTED in events
        assert events[-1] == zmq.EVENT_MONITOR_STOPPED

    world(main)


@everywhere
def test_proper_classes(world: World) -> None:
    async def main(w: World) -> None:
        one = w.socket(zmq.PUSH)
        assert isinstance(one, zmq.Socket)
        assert isinstance(w.context, zmq.Context)
        assert type(one) is w.module.Socket
        assert type(w.context) is w.module.Context
        assert issubclass(w.module.Poller, zmq.Poller)
        assert repr(one).endswith(">")
        other = w.module.Context.shadow(w.context).socket(zmq.PUSH)
        w.made.append(other)
        assert type(other) is type(one)
        one.bind(fresh_inproc())

    world(main)
