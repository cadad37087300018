"""ZMQStream: what Jupyter, ipyparallel and circus rely on."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
import zmq
import zmq.asyncio
from tornado.ioloop import IOLoop
from zmq.eventloop.zmqstream import ZMQStream

from helpers import MakePair, MakeSocket, bind_any

Streams = Callable[..., tuple[ZMQStream, ZMQStream]]


def in_loop(function: Callable[[], Awaitable[Any]], limit: float = 20) -> Any:
    """Run a coroutine function in a loop of its own."""
    loop = IOLoop(make_current=False)
    try:
        return loop.run_sync(function, timeout=limit)
    finally:
        loop.close()


async def until(condition: Callable[[], Any], limit: float = 10, what: str = "condition") -> Any:
    """Let the loop run until the answer is true."""
    end = time.monotonic() + limit
    while not (answer := condition()):
        assert time.monotonic() < end, f"{what} not reached"
        await asyncio.sleep(0.001)
    return answer


@pytest.fixture
def streams(pair: MakePair) -> Iterator[Streams]:
    """Make a connected pair of streams, inside a running loop."""
    made: list[ZMQStream] = []

    def make(bound: int = zmq.PAIR, connected: int = zmq.PAIR, transport: str = "inproc") -> tuple[ZMQStream, ZMQStream]:
        first, second = (ZMQStream(one) for one in pair(bound, connected, transport))
        made.extend((first, second))
        return first, second

    yield make
    for stream in made:
        if stream.socket is not None and not stream.socket.closed:
            stream.socket.close(0)


@pytest.mark.parametrize("transport", ["inproc", "tcp"])
def test_messages_go_both_ways(streams: Streams, transport: str) -> None:
    async def main() -> None:
        left, right = streams(zmq.ROUTER, zmq.DEALER, transport)
        got: list[list[bytes]] = []
        left.on_recv(left.send_multipart)
        right.on_recv(got.append)
        for i in range(300):
            right.send_multipart([b"%d" % i, b"x"])
        await until(lambda: len(got) == 300)
        assert got == [[b"%d" % i, b"x"] for i in range(300)]

    in_loop(main)


def test_every_way_to_send(streams: Streams) -> None:
    async def main() -> None:
        left, right = streams()
        got: list[list[bytes]] = []
        right.on_recv(got.append)
        left.send(b"frame")
        left.send_multipart((b"a", memoryview(b"b"), zmq.Frame(b"c")), copy=False)
        left.send_string("ä")
        left.send_unicode("ö", encoding="latin-1")
        left.send_json({"k": [1]})
        left.send_pyobj({1})
        left.send_pyobj({1}, protocol=2)
        assert left.sending()
        await until(lambda: len(got) == 7)
        assert not left.sending()
        assert got[:4] == [[b"frame"], [b"a", b"b", b"c"], ["ä".encode()], [b"\xf6"]]
        assert got[4] == [b'{"k": [1]}'] or got[4] == [b'{"k":[1]}']
        with pytest.raises(TypeError):
            left.send_string(b"bytes")  # type: ignore[arg-type]

    in_loop(main)


def test_on_recv_takes_what_waits_already_and_stops(streams: Streams) -> None:
    async def main() -> None:
        left, right = streams()
        left.socket.send(b"early")
        got: list[Any] = []
        assert not right.receiving()
        right.on_recv(got.append, copy=False)
        assert right.receiving()
        await until(lambda: got)
        assert isinstance(got[0][0], zmq.Frame)
        assert got[0][0].bytes == b"early"
        right.stop_on_recv()
        left.send(b"later")
        await until(lambda: not left.sending())
        await asyncio.sleep(0.01)
        assert len(got) == 1
        seen: list[Any] = []
        right.on_recv_stream(lambda stream, message: seen.append((stream, message)))
        await until(lambda: seen)
        assert seen == [(right, [b"later"])]
        right.on_recv_stream(None)
        assert not right.receiving()
        with pytest.raises(AssertionError):
            right.on_recv(1)  # type: ignore[arg-type]

    in_loop(main)


def test_on_send_tells_of_each_message(streams: Streams, socket: MakeSocket) -> None:
    async def main() -> None:
        left, _right = streams()
        told: list[Any] = []
        left.on_send(lambda message, status: told.append((message, status)))
        left.send(b"x")
        left.send_multipart([b"y", b"z"], copy=False, track=True)
        await until(lambda: len(told) == 2)
        assert told[0] == ([b"x"], None)
        assert told[1][0] == [b"y", b"z"]
        assert isinstance(told[1][1], zmq.MessageTracker)
        left.on_send_stream(lambda stream, message, status: told.append((stream, message, status)))
        left.send(b"1")
        await until(lambda: len(told) == 3)
        assert told[2] == (left, [b"1"], None)
        left.send(b"2", callback=lambda message, status: told.append(message))
        await until(lambda: len(told) == 4)
        assert told[3] == [b"2"]
        left.stop_on_send()
        left.send(b"3")
        await until(lambda: not left.sending())
        assert len(told) == 4

    in_loop(main)


def test_a_send_that_fails_is_logged_and_told(pair: MakePair, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        # somebody is there, else there is no room for anybody
        router, _peer = pair(zmq.ROUTER, zmq.DEALER)
        router.router_mandatory = 1
        stream = ZMQStream(router)
        told: list[Any] = []
        stream.on_send(lambda message, status: told.append(status))
        stream.send_multipart([b"nobody", b"x"])
        stream.send_multipart([b"nobody", "no buffer"])
        await until(lambda: len(told) == 2)
        assert isinstance(told[0], zmq.ZMQError)
        assert told[0].errno == zmq.EHOSTUNREACH
        assert isinstance(told[1], TypeError)
        stream.close()

    with caplog.at_level(logging.ERROR, "tornado.general"):
        in_loop(main)
    assert [record.message for record in caplog.records] == ["ZMQStream cannot send"] * 2


def test_a_full_queue_waits_for_room(pair: MakePair) -> None:
    async def main() -> None:
        push, pull = pair(zmq.PUSH, zmq.PULL)
        stream = ZMQStream(push)
        for i in range(5000):
            stream.send(b"%d" % i)
        await until(lambda: pull.poll(0))
        await asyncio.sleep(0.01)
        assert stream.sending()
        got = []
        while len(got) < 5000:
            await until(lambda: pull.poll(0))
            got.append(pull.recv())
        assert got == [b"%d" % i for i in range(5000)]
        assert not stream.sending()
        stream.close()

    in_loop(main)


def test_requests_and_replies_take_turns(streams: Streams) -> None:
    async def main() -> None:
        reply, request = streams(zmq.REP, zmq.REQ)
        got: list[Any] = []
        request.on_recv(got.append)
        reply.on_recv(lambda message: reply.send_multipart([b"re", *message]))
        for i in range(20):
            request.send(b"%d" % i)
        await until(lambda: len(got) == 20)
        assert got == [[b"re", b"%d" % i] for i in range(20)]

    in_loop(main)


# ---------------------------------------------------------------- flush


def test_flush_works_without_the_loop(pair: MakePair) -> None:
    loop = IOLoop(make_current=False)
    left, right = (ZMQStream(one, loop) for one in pair())
    got: list[Any] = []
    for i in range(5):
        left.send(b"%d" % i)
    assert left.flush(zmq.POLLIN) == 0
    assert left.flush(zmq.POLLOUT, limit=2) == 2
    assert left.flush() == 3
    assert right.flush() == 0  # nobody to give them to: they stay
    right.on_recv(got.append)
    assert right.flush(limit=1) == 1
    assert right.flush(zmq.POLLOUT) == 0
    assert right.flush() == 4
    assert got == [[b"%d" % i] for i in range(5)]
    left.close()
    right.close()
    loop.close()


def test_flush_inside_a_callback(streams: Streams) -> None:
    async def main() -> None:
        left, right = streams()
        got: list[Any] = []

        def callback(message: list[bytes]) -> None:
            got.append(message)
            if message == [b"0"]:
                assert right.flush() == 9

        for i in range(10):
            left.socket.send(b"%d" % i)
        right.on_recv(callback)
        await until(lambda: len(got) == 10)
        assert got == [[b"%d" % i] for i in range(10)]

    in_loop(main)


# ---------------------------------------------------------------- errors and endings


def test_errors_in_callbacks_are_logged_and_end_nothing(streams: Streams, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        left, right = streams()
        got: list[Any] = []

        def broken(message: list[bytes]) -> None:
            got.append(message)
            raise ValueError("broken")

        async def broken_too(message: list[bytes]) -> None:
            await asyncio.sleep(0)
            got.append(message)
            raise KeyError("broken too")

        right.on_recv(broken)
        left.send(b"1")
        left.send(b"2")
        await until(lambda: len(got) == 2)
        right.on_recv(broken_too)
        left.on_send(lambda message, status: 1 / 0)
        left.send(b"3")
        left.send(b"4")
        await until(lambda: len(got) == 4)
        await until(lambda: len(caplog.records) == 6)

    with caplog.at_level(logging.ERROR, "tornado.general"):
        in_loop(main)
    assert {record.message for record in caplog.records} == {"Uncaught exception in ZMQStream callback"}
    assert {record.exc_info[0] for record in caplog.records if record.exc_info} == {ValueError, KeyError, ZeroDivisionError}


@pytest.mark.parametrize("what", ["stream", "socket", "shadow", "context"])
def test_closing_in_a_callback(
    what: str, caplog: pytest.LogCaptureFixture, recwarn: pytest.WarningsRecorder
) -> None:
    async def main() -> None:
        context = zmq.Context()
        left, right = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
        right.connect(bind_any(left, "inproc"))
        stream = ZMQStream(right)
        closed: list[str] = []
        stream.set_close_callback(lambda: closed.append("closed"))
        got: list[Any] = []

        def callback(message: list[bytes]) -> None:
            got.append(message)
            if what == "stream":
                stream.close()
            elif what == "socket":
                right.close()
            elif what == "shadow":
                zmq.Socket.shadow(right).close()
            else:
                left.close(0)
                right.close(0)
                context.term()

        stream.on_recv(callback)
        for i in range(5):
            left.send(b"%d" % i)
        await until(stream.closed)
        await asyncio.sleep(0.01)
        assert got == [[b"0"]]
        assert closed == ["closed"]
        assert stream.socket is None
        for call in (lambda: stream.send(b"x"), stream.flush, lambda: stream.on_recv(None)):
            with pytest.raises(OSError, match="Stream is closed"):
                call()
        stream.close()
        context.destroy(0)

    in_loop(main)
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


def test_a_socket_closed_behind_the_streams_back(pair: MakePair, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        left, right = pair()
        stream, other = ZMQStream(left), ZMQStream(right)
        stream.on_recv(print)
        left.close()
        await until(lambda: stream.socket is None)
        other.socket.close()
        with pytest.warns(UserWarning, match="after closing socket"):
            other.close()
        assert other.closed()

    with caplog.at_level(logging.WARNING, "tornado.general"):
        in_loop(main)
    assert ["closed socket" in record.message for record in caplog.records] == [True]


def test_a_terminated_context_ends_the_stream(caplog: pytest.LogCaptureFixture) -> None:
    from helpers import Background

    async def main() -> None:
        context = zmq.Context()
        left = context.socket(zmq.PAIR)
        stream = ZMQStream(left)
        stream.on_recv(print)
        terminating = Background(context.term)
        await until(lambda: stream.socket is None)
        left.close()
        terminating.result()

    with caplog.at_level(logging.WARNING, "tornado.general"):
        in_loop(main)
    assert ["closed socket" in record.message for record in caplog.records] == [True]


def test_close_sets_linger_and_drops_what_is_queued(pair: MakePair) -> None:
    async def main() -> None:
        push, pull = pair(zmq.PUSH, zmq.PULL)
        stream = ZMQStream(push)
        stream.send(b"never")
        stream.close(linger=0)
        assert push.closed
        assert not pull.poll(10)

    in_loop(main)


# ---------------------------------------------------------------- sharing


def test_several_streams_on_one_socket(pair: MakePair) -> None:
    async def main() -> None:
        left, right = pair()
        one, two, sender = ZMQStream(left), ZMQStream(left), ZMQStream(right)
        seen: dict[str, list[int]] = {"one": [], "two": []}
        one.on_recv(lambda message: seen["one"].append(int(message[0])))
        two.on_recv(lambda message: seen["two"].append(int(message[0])))
        for i in range(200):
            sender.send(b"%d" % i)
        await until(lambda: len(seen["one"]) + len(seen["two"]) == 200)
        assert sorted(seen["one"] + seen["two"]) == list(range(200))
        assert min(len(seen["one"]), len(seen["two"])) > 50
        one.close()
        await until(two.closed)
        sender.close()

    in_loop(main)


def test_a_stream_beside_an_asyncio_socket(pair: MakePair) -> None:
    async def main() -> None:
        left, right = pair()
        stream = ZMQStream(left)
        awaited = zmq.asyncio.Socket.from_socket(left)
        got: list[Any] = []
        stream.on_recv(got.append)
        right.send(b"1")
        await until(lambda: got)
        stream.stop_on_recv()
        right.send(b"2")
        assert await awaited.recv() == b"2"
        stream.on_recv(got.append)
        await awaited.send(b"from it")
        assert right.recv() == b"from it"
        right.send(b"3")
        await until(lambda: len(got) == 2)
        stream.close()
        right.close()

    in_loop(main)


def test_an_asyncio_socket_is_used_through_a_shadow() -> None:
    async def main() -> None:
        with zmq.asyncio.Context() as context, context.socket(zmq.PAIR) as socket:
            with pytest.warns(RuntimeWarning, match="asyncio"):
                stream = ZMQStream(socket)
            assert type(stream.socket) is zmq.Socket
            assert stream.socket.underlying == socket.underlying
            stream.close()
            assert socket.closed

    in_loop(main)


def test_the_sockets_methods_are_the_streams(socket: MakeSocket) -> None:
    async def main() -> None:
        stream = ZMQStream(socket(zmq.SUB))
        port = stream.bind_to_random_port("tcp://127.0.0.1")
        stream.setsockopt(zmq.SUBSCRIBE, b"topic")
        stream.setsockopt_string(zmq.SUBSCRIBE, "ü")
        assert stream.getsockopt_string(zmq.LAST_ENDPOINT).endswith(str(port))
        assert stream.getsockopt(zmq.FD) == stream.socket.fileno()
        assert stream.io_loop is IOLoop.current()
        assert stream.socket in stream.poller
        stream.on_err(print)
        stream.stop_on_err()
        stream.close()

    in_loop(main)


def test_a_socket_goes_from_loop_to_loop(pair: MakePair) -> None:
    left, right = pair(transport="tcp")
    for i in range(3):

        async def main(number: int = i) -> None:
            stream = ZMQStream(left)
            got: list[Any] = []
            stream.on_recv(got.append)
            right.send(b"%d" % number)
            await until(lambda: got)
            assert got == [[b"%d" % number]]
            stream.stop_on_recv()

        in_loop(main)


def test_a_stream_made_before_its_loop_runs_in_another_thread(pair: MakePair) -> None:
    from helpers import Background, wait_until

    loop = IOLoop(make_current=False)
    left, right = pair()
    stream = ZMQStream(left, loop)
    got: list[Any] = []
    stream.on_recv(got.append)
    thread = Background(loop.start)
    right.send(b"x")
    wait_until(lambda: got)
    loop.add_callback(stream.close)
    loop.add_callback(loop.stop)
    thread.result()
    loop.close()
    assert left.closed


def test_closing_a_loop_with_all_descriptors_closes_the_socket(pair: MakePair) -> None:
    left, _right = pair()
    loop = IOLoop(make_current=False)
    ZMQStream(left, loop)
    loop.close(all_fds=True)
    assert left.closed


def test_queued_messages_starve_nobody(pair: MakePair) -> None:
    async def main() -> None:
        push, pull = pair(zmq.PUSH, zmq.PULL)
        stream = ZMQStream(pull)
        count = 0
        ticks: list[int] = []

        def callback(message: list[bytes]) -> None:
            nonlocal count
            count += 1

        for _ in range(900):
            push.send(b"x")
        stream.on_recv(callback)
        while count < 900:
            ticks.append(count)
            await asyncio.sleep(0)
        assert len(ticks) > 10
        stream.close()

    in_loop(main)
