"""zmq.asyncio: every method form, on every loop."""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import pickle
import socket as sockets
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import zmq
import zmq.asyncio
from zmq.utils.monitor import recv_monitor_message

from flavours.conftest import Pair
from flavours.loops import Run, soon, turns, until
from helpers import MakeSocket, bind_any, fresh_inproc

BIG = bytes(range(256)) * 1024

RECEIVES: dict[str, tuple[Callable[[Any], Any], list[bytes], Any]] = {
    "recv": (lambda s: s.recv(), [b"x"], b"x"),
    "recv big": (lambda s: s.recv(), [BIG], BIG),
    "recv_multipart": (lambda s: s.recv_multipart(), [b"a", b"", BIG], [b"a", b"", BIG]),
    "recv_string": (lambda s: s.recv_string(), ["é".encode()], "é"),
    "recv_unicode": (lambda s: s.recv_unicode(), [b"u"], "u"),
    "recv_json": (lambda s: s.recv_json(), [b'{"a": [1, null]}'], {"a": [1, None]}),
    "recv_pyobj": (lambda s: s.recv_pyobj(), [pickle.dumps({1: {2}})], {1: {2}}),
    "recv_serialized": (lambda s: s.recv_serialized(b"".join), [b"a", b"b"], b"ab"),
}


@pytest.mark.parametrize("name", RECEIVES)
@pytest.mark.parametrize("waits", [False, True], ids=["there", "awaited"])
def test_receive_forms(run: Run, apair: Pair, name: str, waits: bool) -> None:
    receive, message, expected = RECEIVES[name]

    async def main() -> None:
        a, b = apair()
        if waits:
            future = receive(b)
            assert isinstance(future, asyncio.Future)
            assert not future.done()
            await a.send_multipart(message)
        else:
            await a.send_multipart(message)
            future = receive(b)
            assert isinstance(future, asyncio.Future)
            assert future.done()
        assert await soon(future) == expected

    run(main)


@pytest.mark.parametrize("waits", [False, True], ids=["there", "awaited"])
@pytest.mark.parametrize("value", [None, (), (1, 2), ValueError("no error"), StopIteration(3), StopIteration], ids=repr)
def test_any_object_is_a_result(run: Run, apair: Pair, waits: bool, value: object) -> None:
    """`await` takes results out of StopIterations, which treat some of them specially."""

    async def main() -> None:
        a, b = apair()
        sending = [] if waits else [await a.send(b"x")]
        future = b.recv_serialized(lambda frames: value)
        if waits:
            sending.append(await a.send(b"x"))
        assert await future is value
        assert sending == [None]

    run(main)


@pytest.mark.parametrize("waits", [False, True], ids=["there", "awaited"])
def test_recv_into(run: Run, apair: Pair, waits: bool) -> None:
    async def main() -> None:
        a, b = apair()
        room = bytearray(8)
        future = b.recv_into(room) if waits else None
        await a.send(b"hello")
        assert await soon(future or b.recv_into(room)) == 5
        assert room == b"hello\0\0\0"
        future = b.recv_into(room, nbytes=3) if waits else None
        await a.send(b"goodbye")
        assert await soon(future or b.recv_into(room, nbytes=3)) == 7
        assert room == b"goolo\0\0\0"

    run(main)


def test_recv_into_refuses_at_once(run: Run, apair: Pair) -> None:
    async def main() -> None:
        a, b = apair()
        await a.send(b"kept")
        for bad, error in ((b"immutable", BufferError), (5, TypeError), (memoryview(bytearray(8))[::2], BufferError)):
            with pytest.raises((error, TypeError, BufferError)):
                await b.recv_into(bad)
        with pytest.raises(ValueError):
            await b.recv_into(bytearray(4), nbytes=5)
        assert await b.recv() == b"kept"

    run(main)


def test_frames(run: Run, apair: Pair) -> None:
    async def main() -> None:
        a, b = apair()
        await a.send_multipart([b"a", BIG])
        frame = await b.recv(copy=False)
        assert isinstance(frame, zmq.Frame)
        assert frame.more
        rest = await b.recv_multipart(copy=False, track=True)
        assert [part.bytes for part in rest] == [BIG]
        assert rest[0].tracker.done

    run(main)


SENDS: dict[str, tuple[Callable[[Any], Any], list[bytes]]] = {
    "send": (lambda s: s.send(b"x"), [b"x"]),
    "send big": (lambda s: s.send(BIG, copy=False), [BIG]),
    "send frame": (lambda s: s.send(zmq.Frame(b"f")), [b"f"]),
    "send_multipart": (lambda s: s.send_multipart([b"a", bytearray(b"b"), memoryview(b"c")]), [b"a", b"b", b"c"]),
    "send_string": (lambda s: s.send_string("é"), ["é".encode()]),
    "send_unicode": (lambda s: s.send_unicode("u"), [b"u"]),
    "send_serialized": (lambda s: s.send_serialized("ab", lambda m: [c.encode() for c in m]), [b"a", b"b"]),
}


@pytest.mark.parametrize("name", SENDS)
def test_send_forms(run: Run, apair: Pair, name: str) -> None:
    send, expected = SENDS[name]

    async def main() -> None:
        a, b = apair()
        future = send(a)
        assert isinstance(future, asyncio.Future)
        assert future.done()
        assert await future is None
        assert await soon(b.recv_multipart()) == expected

    run(main)


def test_encoded_sends(run: Run, apair: Pair) -> None:
    async def main() -> None:
        a, b = apair()
        await a.send_json({"a": None})
        assert json.loads(await b.recv()) == {"a": None}
        await a.send_pyobj({1, 2})
        assert pickle.loads(await b.recv()) == {1, 2}

    run(main)


def test_tracker(run: Run, apair: Pair) -> None:
    async def main() -> None:
        a, b = apair()
        for send, data in ((a.send, BIG), (a.send_multipart, [b"", BIG])):
            tracker = await send(data, copy=False, track=True)
            assert isinstance(tracker, zmq.MessageTracker)
            await b.recv_multipart()
            await until(lambda tracker=tracker: tracker.done)

    run(main)


def test_send_that_waits(run: Run, apair: Pair) -> None:
    """The operation starts when it is called, though nobody awaits it; sends keep their order."""

    async def main() -> None:
        sink, source = narrow(apair)
        futures = [source.send(b"%d" % number) for number in range(10)]
        assert not futures[-1].done()
        assert [await soon(sink.recv()) for _ in range(10)] == [b"%d" % number for number in range(10)]
        await soon(asyncio.gather(*futures))

    run(main)


def narrow(apair: Pair) -> tuple[Any, Any]:
    """A sink and a source with room for one message on each side."""
    sink, source = apair(zmq.PULL, zmq.PUSH, rcvhwm=1, sndhwm=1)
    return sink, source


def test_starts_at_call_time(run: Run, apair: Pair) -> None:
    async def main() -> None:
        a, b = apair()
        future = b.recv()
        sent = a.send(b"x")
        assert sent.done()
        await until(future.done)
        assert future.result() == b"x"

    run(main)


def test_dontwait(run: Run, apair: Pair) -> None:
    async def main() -> None:
        a, b = apair()
        for receive in (b.recv, b.recv_multipart, b.recv_string, b.recv_json, b.recv_pyobj):
            future = receive(flags=zmq.DONTWAIT)
            assert future.done()
            with pytest.raises(zmq.Again):
                await future
        with pytest.raises(zmq.Again):
            await b.recv_into(bytearray(1), flags=zmq.DONTWAIT)
        lonely = apair.socket(zmq.PUSH)
        for send in (lambda: lonely.send(b"", zmq.DONTWAIT), lambda: lonely.send_multipart([b""], zmq.DONTWAIT)):
            future = send()
            assert future.done()
            with pytest.raises(zmq.Again):
                await future
        await a.send(b"x", flags=zmq.DONTWAIT)
        future = b.recv(flags=zmq.DONTWAIT)
        assert future.done()
        assert await future == b"x"

    run(main)


def test_first_come_first_served(run: Run, apair: Pair) -> None:
    async def main() -> None:
        a, b = apair()
        futures = [b.recv(), b.recv_multipart(), b.recv(), b.recv(), b.recv_string()]
        await a.send_multipart([b"0"])
        await a.send_multipart([b"1", b"one"])
        await a.send_multipart([b"2", b"two"])
        await a.send_multipart([b"3"])
        assert await soon(asyncio.gather(*futures)) == [b"0", [b"1", b"one"], b"2", b"two", "3"]

    run(main)


def test_later_receive_does_not_overtake(run: Run, apair: Pair) -> None:
    async def main() -> None:
        a, b = apair()
        first = b.recv()
        a._shadow_sock.send_multipart([b"1"])
        a._shadow_sock.send_multipart([b"2"])
        second = b.recv()
        assert [await soon(first), await soon(second)] == [b"1", b"2"]

    run(main)


def test_recv_then_rest(run: Run, apair: Pair) -> None:
    async def main() -> None:
        a, b = apair()
        await a.send_multipart([b"1", b"2", b"3"])
        assert await b.recv() == b"1"
        assert b.rcvmore
        assert await b.recv_multipart() == [b"2", b"3"]
        assert not b.rcvmore

    run(main)


def test_errors_of_sends_are_in_the_future(run: Run, apair: Pair) -> None:
    async def main() -> None:
        a, b = apair()
        for call, error in (
            (lambda: a.send("text"), TypeError),
            (lambda: a.send_multipart([b"a", 1]), TypeError),
            (lambda: a.send_multipart([]), IndexError),
        ):
            future = call()
            with pytest.raises(error):
                await future
        with pytest.raises(TypeError):
            await a.send_string(b"bytes")
        pull = apair.socket(zmq.PULL)
        with pytest.raises(zmq.ZMQError) as caught:
            await pull.send(b"")
        assert caught.value.errno == zmq.ENOTSUP
        await a.send(b"after")
        assert await b.recv() == b"after"

    run(main)


def test_errors_of_loading(run: Run, apair: Pair) -> None:
    async def main() -> None:
        a, b = apair()
        for waits in (False, True):
            future = b.recv_json() if waits else None
            await a.send(b"{")
            with pytest.raises(ValueError):
                await soon(future or b.recv_json())
        await a.send(b"next")
        assert await b.recv() == b"next"

    run(main)


def test_efsm(run: Run, apair: Pair) -> None:
    async def main() -> None:
        rep, req = apair(zmq.REP, zmq.REQ)
        with pytest.raises(zmq.ZMQError) as caught:
            await soon(req.recv())
        assert caught.value.errno == zmq.EFSM
        for number in range(300):
            await req.send(b"%d" % number)
            assert await soon(rep.recv()) == b"%d" % number
            await rep.send(b"r")
            assert await soon(req.recv()) == b"r"

    run(main)


def test_rcvtimeo(run: Run, apair: Pair) -> None:
    async def main() -> None:
        a, b = apair()
        b.rcvtimeo = 30
        first = b.recv_multipart()
        b.rcvtimeo = 30_000
        later = b.recv()  # the timeout is that of the time of its call
        with pytest.raises(zmq.Again):
            await soon(first)
        assert not later.done()
        await a.send(b"x")
        assert await soon(later) == b"x"
        b.rcvtimeo = 0
        with pytest.raises(zmq.Again):
            await soon(b.recv())

    run(main)


def test_sndtimeo(run: Run, apair: Pair) -> None:
    async def main() -> None:
        lonely = apair.socket(zmq.PUSH)
        lonely.sndtimeo = 30
        for send in (lambda: lonely.send(b""), lambda: lonely.send_multipart([b"", b""])):
            future = send()
            assert not future.done()
            with pytest.raises(zmq.Again):
                await soon(future)
        pull = apair.socket(zmq.PULL)
        lonely.connect(bind_any(pull, "inproc"))
        await soon(lonely.send(b"x"))
        assert await soon(pull.recv()) == b"x"

    run(main)


# ---------------------------------------------------------------- polling


def test_poll(run: Run, apair: Pair) -> None:
    async def main() -> None:
        a, b = apair()
        now = b.poll(timeout=0)
        assert now.done()
        assert await now == 0
        assert await soon(b.poll(20)) == 0
        assert await b.poll(0, zmq.POLLOUT) == zmq.POLLOUT
        waiting = b.poll()
        waiting_too = b.poll(10_000)
        await a.send(b"x")
        assert await soon(waiting) == zmq.POLLIN
        assert await soon(waiting_too) == zmq.POLLIN
        assert await b.poll(0) == zmq.POLLIN
        assert await b.poll(None, zmq.POLLIN | zmq.POLLOUT) == zmq.POLLIN | zmq.POLLOUT
        assert await b.recv() == b"x"
        assert await b.poll(0) == 0

    run(main)


def test_poll_for_room(run: Run, apair: Pair) -> None:
    async def main() -> None:
        sink, source = narrow(apair)
        count = 0
        while await source.poll(0, zmq.POLLOUT):
            await source.send(b"")
            count += 1
        waiting = source.poll(flags=zmq.POLLOUT)
        await turns()
        assert not waiting.done()
        for _ in range(count):
            await soon(sink.recv())
        assert await soon(waiting) == zmq.POLLOUT

    run(main)


def test_poller(run: Run, apair: Pair, socket: MakeSocket) -> None:
    """asyncio sockets, blocking ones, descriptors and files side by side."""

    async def main() -> None:
        a, b = apair()
        blocking, peer = socket(zmq.PAIR), socket(zmq.PAIR)
        peer.connect(bind_any(blocking, "inproc"))
        left, right = sockets.socketpair()
        read, write = os.pipe()
        with left, right, os.fdopen(read, "rb") as reader, os.fdopen(write, "wb", buffering=0) as writer:
            poller = zmq.asyncio.Poller()
            for member in (b, blocking, left.fileno(), reader):
                poller.register(member, zmq.POLLIN)
            assert await poller.poll(0) == []
            assert await soon(poller.poll(20)) == []
            for act, undo, expected in (
                (lambda: a.send(b"1"), lambda: b.recv(), b),
                (lambda: peer.send(b"2"), lambda: blocking.recv(), blocking),
                (lambda: right.send(b"3"), lambda: left.recv(1), left.fileno()),
                (lambda: writer.write(b"4"), lambda: os.read(read, 1), read),
            ):
                for timeout in (-1, None, 10_000):
                    waiting = poller.poll(timeout)
                    await turns()
                    assert not waiting.done()
                    act()
                    assert await soon(waiting) == [(expected, zmq.POLLIN)]
                    assert await soon(poller.poll()) == [(expected, zmq.POLLIN)]
                    undo()
                    assert await poller.poll(0) == []
            poller.register(left.fileno(), zmq.POLLOUT)
            assert await soon(poller.poll()) == [(left.fileno(), zmq.POLLOUT)]

    run(main)


def test_poller_without_members(run: Run) -> None:
    async def main() -> None:
        poller = zmq.asyncio.Poller()
        assert await soon(poller.poll(20)) == []
        waiting = poller.poll()
        await turns()
        assert not waiting.done()
        waiting.cancel()

    run(main)


def test_poller_in_turns(run: Run, apair: Pair) -> None:
    """Several polls of several pollers on the same socket, some cancelled."""

    async def main() -> None:
        a, b = apair()
        first, second = zmq.asyncio.Poller(), zmq.asyncio.Poller()
        first.register(b, zmq.POLLIN)
        second.register(b, zmq.POLLIN)
        for _ in range(20):
            polls = [first.poll(), second.poll(), first.poll(), b.poll()]
            polls[1].cancel()
            await turns()
            await a.send(b"")
            assert await soon(polls[0]) == [(b, zmq.POLLIN)]
            assert await soon(polls[2]) == [(b, zmq.POLLIN)]
            assert await soon(polls[3]) == zmq.POLLIN
            await b.recv()

    run(main)


def test_pollers_of_one_descriptor(run: Run) -> None:
    """Each is told, and one that is cancelled takes nothing from the others."""

    async def main() -> None:
        left, right = sockets.socketpair()
        with left, right:
            pollers = [zmq.asyncio.Poller() for _ in range(3)]
            for poller in pollers:
                poller.register(left.fileno(), zmq.POLLIN)
            for cancelled in range(3):
                polls = [poller.poll() for poller in pollers]
                polls.pop(cancelled).cancel()
                await turns()
                right.send(b"x")
                for waiting in polls:
                    assert await soon(waiting) == [(left.fileno(), zmq.POLLIN)]
                left.recv(1)

    run(main)


def test_cancelled_poller_watches_nothing(run: Run) -> None:
    async def main() -> None:
        left, right = sockets.socketpair()
        with left, right:
            poller = zmq.asyncio.Poller()
            poller.register(left, zmq.POLLIN)
            waiting = poller.poll()
            await turns()
            waiting.cancel()
            await turns()
            loop = asyncio.get_running_loop()
            try:
                assert not loop.remove_reader(left.fileno())
            except NotImplementedError:
                return

    run(main)


def test_poller_of_closed_socket(run: Run, apair: Pair) -> None:
    async def main() -> None:
        a, b = apair()
        poller = zmq.asyncio.Poller()
        poller.register(b, zmq.POLLIN)
        b.close()
        with pytest.raises(zmq.ZMQError) as caught:
            await poller.poll(30_000)
        assert caught.value.errno == zmq.ENOTSOCK

    run(main)


# ---------------------------------------------------------------- streams, blocks, contexts


def test_async_for(run: Run, apair: Pair) -> None:
    async def main() -> None:
        a, b = apair()
        for number in range(200):
            await a.send(b"%d" % number)
        seen = []
        async for frame in b:
            seen.append(int(frame))
            if len(seen) == 200:
                break
        assert seen == list(range(200))
        task = asyncio.ensure_future(a.send_multipart([b"x", b"y"]))
        async for frames in b.iter_multipart():
            assert frames == [b"x", b"y"]
            break
        await task
        await a.send(BIG)
        async for frames in b.iter_multipart(copy=False):
            assert frames[0].bytes == BIG
            break

    run(main)


def test_blocks(run: Run) -> None:
    async def main() -> None:
        async with zmq.asyncio.Context() as context:
            async with context.socket(zmq.PULL) as pull, context.socket(zmq.PUSH) as push:
                with pull.bind(fresh_inproc()):
                    push.connect(pull.last_endpoint)
                    await push.send(b"x")
                    assert await soon(pull.recv()) == b"x"
            assert pull.closed and push.closed
            left_open = context.socket(zmq.PUB)
        assert context.closed
        assert left_open.closed

    run(main)


def test_leaving_a_context_ends_its_receives(run: Run) -> None:
    async def main() -> None:
        async with zmq.asyncio.Context() as context:
            waiting = context.socket(zmq.PULL).recv()
            await turns()
        with pytest.raises(zmq.ZMQError):
            await soon(waiting)

    run(main)


def test_kinds(actx: zmq.asyncio.Context, socket: MakeSocket) -> None:
    made = actx.socket(zmq.PUSH)
    assert type(made) is zmq.asyncio.Socket
    assert isinstance(made, zmq.Socket)
    assert made.context is actx
    assert isinstance(actx, zmq.Context)
    plain = actx.socket(zmq.PUSH, socket_class=zmq.Socket)
    assert type(plain) is zmq.Socket
    assert repr(made).startswith("<zmq.asyncio.Socket(")
    made.close()
    plain.close()
    assert repr(actx).startswith("<zmq.asyncio.Context(")
    assert zmq.asyncio.__all__ == ["Context", "Poller", "Socket", "ZMQEventLoop", "install"]
    assert issubclass(zmq.asyncio.ProactorSelectorThreadWarning, RuntimeWarning)
    with pytest.raises(TypeError):
        zmq.asyncio.Socket(actx)


def test_from_socket(run: Run, socket: MakeSocket) -> None:
    """Both ways, and both stay usable."""
    blocking, peer = socket(zmq.PAIR), socket(zmq.PAIR)
    peer.connect(bind_any(blocking, "inproc"))

    async def main() -> None:
        for shadow in (
            zmq.asyncio.Socket.from_socket(blocking),
            zmq.asyncio.Socket(blocking),
            zmq.asyncio.Socket(shadow=blocking.underlying),
            zmq.asyncio.Socket.shadow(blocking),
            zmq.asyncio.Socket(zmq.asyncio.Socket(blocking)),
        ):
            assert type(shadow) is zmq.asyncio.Socket
            waiting = shadow.recv()
            peer.send(b"x")
            assert await soon(waiting) == b"x"
            assert not blocking.closed
            back = zmq.Socket.shadow(shadow)
            assert type(back) is zmq.Socket
            peer.send(b"y")
            assert back.recv() == b"y"
        del shadow, back
        peer.send(b"z")
        assert blocking.recv() == b"z"

    run(main)


def test_context_of_a_blocking_one(run: Run, ctx: zmq.SyncContext) -> None:
    async def main() -> None:
        shadow = zmq.asyncio.Context(ctx)
        with shadow.socket(zmq.PULL) as pull, ctx.socket(zmq.PUSH) as push:
            push.connect(bind_any(pull, "inproc"))
            push.send(b"x")
            assert await soon(pull.recv()) == b"x"

    run(main)


@pytest.mark.parametrize("first", ["zmq", "zmq.asyncio"])
def test_instances_are_separate(first: str, run_child: Any) -> None:
    run_child(
        f"""
        import zmq, zmq.asyncio
        {first}.Context.instance()
        assert type(zmq.Context.instance()) is zmq.Context
        assert type(zmq.asyncio.Context.instance()) is zmq.asyncio.Context
        assert zmq.asyncio.Context.instance() is zmq.asyncio.Context.instance()
        assert zmq.asyncio.Context.instance() is not zmq.Context.instance()
        zmq.Context.instance().term(), zmq.asyncio.Context.instance().term()
        """
    ).ok()


def test_monitor(run: Run, apair: Pair) -> None:
    async def main() -> None:
        server, client = apair.socket(zmq.REP), apair.socket(zmq.REQ)
        monitor = client.get_monitor_socket(zmq.EVENT_CONNECTED | zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_MONITOR_STOPPED)
        assert type(monitor) is zmq.asyncio.Socket
        waiting = recv_monitor_message(monitor)
        client.connect(bind_any(server, "tcp"))
        connected = await soon(waiting)
        assert connected["event"] == zmq.EVENT_CONNECTED
        assert connected["endpoint"] == server.last_endpoint
        assert (await soon(recv_monitor_message(monitor)))["event"] == zmq.EVENT_HANDSHAKE_SUCCEEDED
        client.disable_monitor()
        assert (await soon(recv_monitor_message(monitor)))["event"] == zmq.EVENT_MONITOR_STOPPED
        monitor.close()

    run(main)


def test_without_a_loop(apair: Pair) -> None:
    """Making and configuring needs no loop; using does."""
    a, b = apair()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        asyncio.set_event_loop(None)
        with pytest.raises(RuntimeError):
            a.send(b"x")
        policy_warnings = [warning for warning in caught if issubclass(warning.category, RuntimeWarning)]
    assert policy_warnings


@pytest.mark.filterwarnings("always::DeprecationWarning")
def test_names_of_old(actx: zmq.asyncio.Context) -> None:
    code = """
    import warnings, asyncio
    import zmq.asyncio
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        zmq.asyncio.install()
        loop = zmq.asyncio.ZMQEventLoop()
        assert isinstance(loop, asyncio.SelectorEventLoop)
        loop.close()
    assert {w.category for w in caught} == {DeprecationWarning}, caught
    """
    namespace: dict[str, Any] = {}
    exec(inspect.cleandoc(code), namespace)
    with pytest.warns(DeprecationWarning):
        zmq.asyncio.Socket(actx, zmq.PUSH, io_loop=object()).close()


def test_private_names_others_read(run: Run, apair: Pair) -> None:
    async def main() -> None:
        a, b = apair()
        assert type(a._shadow_sock) is zmq.Socket
        assert a._shadow_sock is a._shadow_sock
        assert len(b._recv_futures) == len(b._send_futures) == 0
        waiting = b.recv()
        assert len(b._recv_futures) == 1
        assert b._get_loop() is asyncio.get_running_loop()
        await a.send(b"")
        await soon(waiting)
        await turns()
        assert len(b._recv_futures) == 0

    run(main)


# ---------------------------------------------------------------- the same signatures


def parameters(function: Any) -> list[tuple[str, Any, Any]]:
    found = inspect.signature(function).parameters.values()
    return [(p.name, p.kind, p.default) for p in found if p.name != "self"]  # a built-in method's cannot be given by name


def public_methods(cls: type) -> list[str]:
    kinds = (property, type)
    return [
        name for name in dir(cls) if name[0] != "_" and callable(getattr(cls, name)) and not isinstance(getattr(cls, name), kinds)
    ]


@pytest.mark.parametrize(
    ("blocking", "flavoured"),
    [(zmq.Socket, zmq.asyncio.Socket), (zmq.Context, zmq.asyncio.Context), (zmq.Poller, zmq.asyncio.Poller)],
    ids=["Socket", "Context", "Poller"],
)
def test_same_signatures(blocking: type, flavoured: type) -> None:
    names = public_methods(blocking)
    assert len(names) > 3
    different = {}
    for name in names:
        if name == "from_socket" or (name == "poll" and blocking is zmq.Poller):
            continue  # has an io_loop as PyZMQ's; waits without limit by default in both, spelt differently
        try:
            expected = parameters(getattr(blocking, name))
        except ValueError:
            continue  # a compiled function that does not tell
        got = parameters(getattr(flavoured, name))
        if got != expected:
            different[name] = (expected, got)
    assert different == {}


def test_every_public_method_has_a_docstring() -> None:
    for cls in (zmq.asyncio.Socket, zmq.asyncio.Context, zmq.asyncio.Poller):
        assert [name for name in public_methods(cls) if not inspect.getdoc(getattr(cls, name))] == []
