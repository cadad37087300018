"""zmq.green: what gevent's users rely on. No test here patches the process: those are in test_green_patched."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import gevent
import gevent.event
import pytest
import zmq
import zmq.green

from helpers import TRANSPORTS, Background, bind_any, fresh_inproc, let_go

MakeGreen = Callable[..., Any]
GreenPair = Callable[..., tuple[Any, Any]]


class KeepingContext(zmq.green.Context):
    """Keeps its sockets, so that no test has to close them."""

    made: list[zmq.green.Socket]

    def socket(self, *args: Any, **kwargs: Any) -> Any:
        one = super().socket(*args, **kwargs)
        self.made.append(one)
        return one


@pytest.fixture
def gctx() -> Iterator[zmq.green.Context]:
    context = KeepingContext()
    context.made = []
    context.linger = 0
    yield context
    with gevent.Timeout(30):
        context.destroy(0)


@pytest.fixture
def green(gctx: zmq.green.Context) -> GreenPair:
    """Make connected pairs of green sockets, the first one bound."""

    def make(bound: int = zmq.PAIR, connected: int = zmq.PAIR, transport: str = "inproc") -> tuple[Any, Any]:
        first, second = gctx.socket(bound), gctx.socket(connected)
        second.connect(bind_any(first, transport))
        return first, second

    return make


def started(function: Callable[..., Any], *args: Any) -> gevent.Greenlet:
    """A greenlet that has run up to its first wait."""
    greenlet = gevent.spawn(function, *args)
    gevent.sleep(0)
    return greenlet


def finish(*greenlets: gevent.Greenlet, timeout: float = 10.0) -> list[Any]:
    """What greenlets returned; raises what one of them raised."""
    done = gevent.joinall(greenlets, timeout=timeout)
    assert len(done) == len(greenlets), "a greenlet still waits"
    return [greenlet.get() for greenlet in greenlets]


# ---------------------------------------------------------------- the verbs


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_each_verb_waits_and_lets_others_run(green: GreenPair, transport: str) -> None:
    left, right = green(transport=transport)
    buffer = bytearray(8)
    for receive, send, expected in (
        (left.recv, lambda: right.send(b"one"), b"one"),
        (left.recv_multipart, lambda: right.send_multipart([b"a", b"b"]), [b"a", b"b"]),
        (lambda: left.recv_into(buffer), lambda: right.send(b"filled"), 6),
        (left.recv_string, lambda: right.send_string("text"), "text"),
        (left.recv_json, lambda: right.send_json([1]), [1]),
        (left.recv_pyobj, lambda: right.send_pyobj({1}), {1}),
        (lambda: left.recv_serialized(b"".join), lambda: right.send_serialized(b"xy", lambda m: [m[:1], m[1:]]), b"xy"),
        (lambda: left.poll(30_000) and left.recv(), lambda: right.send(b"polled"), b"polled"),
    ):
        waiting = started(receive)
        assert not waiting.ready()
        send()
        assert finish(waiting) == [expected]
    assert bytes(buffer) == b"filled\0\0"
    frame_waiting = started(lambda: left.recv(copy=False))
    right.send(b"frame", zmq.SNDMORE)
    right.send(b"last")
    frame = finish(frame_waiting)[0]
    assert isinstance(frame, zmq.Frame)
    assert (frame.bytes, frame.more) == (b"frame", True)
    assert left.recv() == b"last"


def test_send_waits_for_room(gctx: zmq.green.Context) -> None:
    push, pull = gctx.socket(zmq.PUSH), gctx.socket(zmq.PULL)
    push.hwm = pull.hwm = 2
    push.connect(bind_any(pull, "inproc"))
    sender = started(lambda: [push.send(b"%d" % i) for i in range(500)] and push.send_multipart([b"end", b"end"]))
    assert not sender.ready()
    assert [pull.recv() for _ in range(500)] == [b"%d" % i for i in range(500)]
    assert pull.recv_multipart() == [b"end", b"end"]
    finish(sender)


def test_a_tracker_comes_from_a_send_that_waited(gctx: zmq.green.Context) -> None:
    push, pull = gctx.socket(zmq.PUSH), gctx.socket(zmq.PULL)
    sender = started(lambda: push.send(bytearray(100_000), copy=False, track=True))
    push.connect(bind_any(pull, "inproc"))
    frame = pull.recv(copy=False)
    (tracker,) = finish(sender)
    del frame
    let_go()
    tracker.wait(30)


@pytest.mark.parametrize("multipart", [False, True])
def test_a_greenlet_waits_for_what_another_one_holds(green: GreenPair, multipart: bool) -> None:
    left, right = green()
    block = bytearray(200_000)
    if multipart:
        tracker = left.send_multipart([b"small", block], copy=False, track=True)
        frames = right.recv_multipart(copy=False)
    else:
        tracker = left.send(block, copy=False, track=True)
        frames = [right.recv(copy=False)]
    assert isinstance(tracker, zmq.MessageTracker)
    with pytest.raises(zmq.NotDone):
        tracker.wait(0.02)
    with gevent.Timeout(0.02, False):
        tracker.wait()
    waiting = [started(tracker.wait), started(tracker.wait, 5)]
    assert not any(greenlet.ready() for greenlet in waiting)
    frames.clear()
    let_go()
    finish(*waiting)
    assert tracker.done
    tracker.wait(0)


def test_trackers_keep_their_identity(green: GreenPair) -> None:
    left, _right = green()
    frame = zmq.Frame(bytearray(100_000), track=True)
    assert left.send(frame, copy=False, track=True) is frame.tracker
    assert left.send(b"small", copy=False, track=True) is zmq._FINISHED_TRACKER
    assert left.send(b"copied") is None
    assert left.send_multipart([b"a", frame], copy=False) is frame.tracker


def test_dontwait_raises_again_and_never_switches(green: GreenPair) -> None:
    left, right = green()
    ran: list[int] = []
    other = gevent.spawn(ran.append, 1)
    for _ in range(500):
        with pytest.raises(zmq.Again):
            left.recv(zmq.DONTWAIT)
        right.send(b"x", zmq.DONTWAIT)
        assert left.recv(zmq.DONTWAIT) == b"x"
        right.send_multipart([b"x", b"y"], zmq.DONTWAIT)
        assert left.recv_multipart(zmq.DONTWAIT) == [b"x", b"y"]
    assert ran == []
    finish(other)


def test_dontwait_works_in_a_callback_of_the_hub(green: GreenPair) -> None:
    left, right = green()
    left.send(b"x")
    outcome: gevent.event.AsyncResult = gevent.event.AsyncResult()

    def callback() -> None:
        # a wait is impossible there
        for _ in range(200):
            right.send(b"y", zmq.DONTWAIT)
        outcome.set(right.recv(zmq.DONTWAIT))

    gevent.get_hub().loop.run_callback(callback)
    assert outcome.get(timeout=30) == b"x"
    assert [left.recv() for _ in range(200)] == [b"y"] * 200


@pytest.mark.parametrize("multipart", [False, True])
def test_batches_wait_for_the_first_message_and_for_room(gctx: zmq.green.Context, multipart: bool) -> None:
    push, pull = gctx.socket(zmq.PUSH), gctx.socket(zmq.PULL)
    push.hwm = pull.hwm = 10
    push.connect(bind_any(pull, "inproc"))
    messages: list[Any] = [[b"%d" % i, b"end"] if multipart else b"%d" % i for i in range(500)]
    receiver = started(lambda: pull.recv_many(1000, multipart=multipart))
    sender = started(lambda: push.send_many(messages, multipart=multipart))
    got = []
    while len(got) < 500:
        got += finish(receiver)[0] if not got else pull.recv_many(1000, multipart=multipart)
    assert got == messages
    assert finish(sender) == [500]
    push.sndtimeo = 20
    sent = push.send_many(messages, multipart=multipart)
    assert 0 < sent < 500
    with pytest.raises(zmq.Again):
        push.send_many(messages, zmq.DONTWAIT, multipart=multipart)
    assert len(pull.recv_many(1000, multipart=multipart)) <= sent
    for refused in (lambda: pull.recv_many(0), lambda: push.send_many([b"x"], zmq.SNDMORE)):
        with pytest.raises(ValueError, match=r"recv_many|send_many"):
            refused()


@pytest.mark.parametrize("multipart", [False, True])
def test_a_batch_that_arrives_with_the_kill_is_not_lost(green: GreenPair, multipart: bool) -> None:
    left, right = green(transport="tcp")
    victim = started(lambda: left.recv_many(6, multipart=multipart))
    next_one = started(left.recv_multipart)
    shadow = zmq.Socket.shadow(left)
    for i in range(3):
        right.send_multipart([b"%d" % i, b"end"])
    shadow.poll(30_000)
    victim.kill(block=False)
    messages = [*finish(next_one), left.recv_multipart(), left.recv_multipart()]
    # those that came only after the kill may have gone to the next one first
    assert sorted(messages) == [[b"%d" % i, b"end"] for i in range(3)]


@pytest.mark.parametrize("timeout", [0, 30])
def test_rcvtimeo_and_sndtimeo_hold(green: GreenPair, gctx: zmq.green.Context, timeout: int) -> None:
    left, _right = green()
    lonely = gctx.socket(zmq.PUSH)
    left.rcvtimeo = lonely.sndtimeo = timeout
    assert left.get(zmq.RCVTIMEO) == timeout
    for call in (left.recv, left.recv_multipart, lambda: left.recv_into(bytearray(1)), lambda: lonely.send(b"x")):
        start = time.monotonic()
        with pytest.raises(zmq.Again):
            call()
        assert timeout / 1000 <= time.monotonic() - start < 20


def test_errors_are_raised_in_the_caller(gctx: zmq.green.Context) -> None:
    reply = gctx.socket(zmq.REP)
    with pytest.raises(zmq.ZMQError) as caught:
        reply.send(b"out of turn")
    assert caught.value.errno == zmq.EFSM
    with pytest.raises(TypeError):
        reply.send("text")
    with pytest.raises(BufferError):
        reply.recv_into(b"fixed")
    with pytest.raises(ValueError, match="nbytes"):
        reply.recv_into(bytearray(2), nbytes=3)


# ---------------------------------------------------------------- many greenlets in a socket


def test_greenlets_of_a_direction_are_served_in_turn(gctx: zmq.green.Context) -> None:
    pull, push = gctx.socket(zmq.PULL), gctx.socket(zmq.PUSH)
    receivers = [started(pull.recv) for _ in range(20)]
    senders = [started(push.send, b"%d" % i) for i in range(20)]
    assert not any(greenlet.ready() for greenlet in receivers + senders)
    push.connect(bind_any(pull, "tcp"))
    finish(*senders)
    assert finish(*receivers) == [b"%d" % i for i in range(20)]


def test_a_send_that_takes_the_news_off_the_descriptor_leaves_no_receiver_behind(gctx: zmq.green.Context) -> None:
    router, dealer = gctx.socket(zmq.ROUTER), gctx.socket(zmq.DEALER)
    router.router_mandatory = 1  # otherwise it drops what is over its high-water mark
    dealer.connect(bind_any(router, "tcp"))

    def serve() -> None:
        while True:
            router.send_multipart(router.recv_multipart())

    got: list[bytes] = []

    def read() -> None:
        while len(got) < 2000:
            got.append(dealer.recv())

    server, reader = gevent.spawn(serve), gevent.spawn(read)
    for i in range(2000):
        dealer.send(b"%d" % i)
        if i % 7 == 0:
            _ = dealer.events
        if i % 50 == 0:
            gevent.sleep(0)
    finish(reader)
    assert got == [b"%d" % i for i in range(2000)]
    server.kill()


def test_a_blocking_shadow_beside_a_waiting_greenlet(green: GreenPair) -> None:
    left, right = green(transport="tcp")
    waiting = started(left.recv_multipart)
    shadow = zmq.Socket.shadow(left)
    for _ in range(50):
        shadow.send(b"x")
        _ = shadow.events
    right.send_multipart([b"1", b"2"])
    assert finish(waiting) == [[b"1", b"2"]]
    assert right.recv() == b"x"


def test_thirty_processes_send_two_hundred_each(gctx: zmq.green.Context, tmp_path: Any) -> None:
    from helpers import child_process

    pull = gctx.socket(zmq.PULL)
    address = bind_any(pull, "tcp")
    script = """
        import os, sys, zmq
        push = zmq.Context.instance().socket(zmq.PUSH)
        push.connect(sys.argv[1])
        for i in range(200):
            push.send_multipart([sys.argv[2].encode(), b"%d" % i])
        push.close()
        zmq.Context.instance().term()
    """
    from contextlib import ExitStack

    seen: dict[bytes, list[int]] = {}
    with ExitStack() as stack:
        for number in range(30):
            stack.enter_context(child_process(tmp_path, script, address, str(number)))
        with gevent.Timeout(120):
            for _ in range(6000):
                name, i = pull.recv_multipart()
                seen.setdefault(name, []).append(int(i))
    assert len(seen) == 30
    assert all(numbers == list(range(200)) for numbers in seen.values())


def test_queued_messages_starve_nobody(gctx: zmq.green.Context) -> None:
    pull, push = gctx.socket(zmq.PULL), gctx.socket(zmq.PUSH)
    pull.hwm = push.hwm = 0
    push.connect(bind_any(pull, "inproc"))
    ticks: list[int] = []

    def tick() -> None:
        while True:
            ticks.append(received)
            gevent.sleep(0)

    received = 0
    ticker = started(tick)
    for _ in range(10_000):
        push.send(b"x")
    sent_ticks = len(ticks)
    for received in range(10_000):  # noqa: B007  # read by tick()
        pull.recv()
    ticker.kill()
    assert sent_ticks > 50
    gaps = [later - earlier for earlier, later in pairwise(ticks)]
    assert max(gaps) <= 100


# ---------------------------------------------------------------- Timeout and kill()


def test_a_timeout_around_a_receive_propagates(green: GreenPair) -> None:
    left, right = green()
    with pytest.raises(gevent.Timeout), gevent.Timeout(0.01):
        left.recv()
    with gevent.Timeout(0.01, False):
        left.poll()
    with pytest.raises(gevent.Timeout), gevent.Timeout(0.01):
        zmq.green.select([left], [], [])
    right.send(b"later")
    assert left.recv() == b"later"


@pytest.mark.parametrize("receive", ["recv", "recv_multipart", "recv_string", "recv_json", "recv_pyobj", "recv_into", "frame"])
def test_a_message_that_arrives_with_the_kill_is_not_lost(green: GreenPair, receive: str) -> None:
    left, right = green(transport="tcp")
    call = {
        "recv_into": lambda: left.recv_into(bytearray(10)),
        "frame": lambda: left.recv(copy=False),
    }.get(receive, getattr(left, receive, None))
    assert call is not None
    victim, next_one = started(call), started(left.recv_multipart)
    shadow = zmq.Socket.shadow(left)
    right.send_multipart([b"1", b"2"] if receive == "recv_multipart" else [b"1"])
    shadow.poll(30_000)  # the hub does not run: the message and the kill come in one turn
    victim.kill(block=False)
    assert finish(next_one) == [[b"1", b"2"] if receive == "recv_multipart" else [b"1"]]
    assert victim.dead


def test_a_storm_of_kills_and_timeouts_loses_nothing(gctx: zmq.green.Context) -> None:
    seed = int(os.environ.get("ZMQ_STORM_SEED", str(random.randrange(1 << 30))))
    count = int(os.environ.get("ZMQ_STORM", "2000"))
    dice = random.Random(seed)
    pull = gctx.socket(zmq.PULL)
    address = bind_any(pull, "tcp")
    got: dict[int, list[int]] = {0: [], 1: [], 2: []}
    wanted = 3 * count

    def send(name: int) -> None:
        push = gctx.socket(zmq.PUSH)
        push.connect(address)
        for i in range(count):
            push.send_multipart([b"%d" % name, b"%d" % i, bytes(dice.choice((0, 10, 50_000)))])
            if dice.random() < 0.2:
                gevent.sleep(dice.random() / 2000)
        push.close(60_000)

    def take() -> None:
        name, i, _content = pull.recv_multipart(copy=dice.random() < 0.5)
        got[int(bytes(name))].append(int(bytes(i)))

    def take_with_timeout() -> None:
        with gevent.Timeout(dice.random() / 1000, False):
            while True:
                take()

    senders = [gevent.spawn(send, name) for name in got]
    stopped = 0
    with gevent.Timeout(120):
        while sum(map(len, got.values())) < wanted:
            takers = [gevent.spawn(take_with_timeout if dice.random() < 0.5 else take) for _ in range(3)]
            gevent.sleep(dice.random() / 1000)
            for taker in takers:
                stopped += not taker.ready()
                taker.kill(block=dice.random() < 0.5)
            gevent.joinall(takers)
    finish(*senders)
    assert stopped > 100, f"seed {seed}"
    assert [sorted(numbers) for numbers in got.values()] == [list(range(count))] * 3, f"seed {seed}"


def test_a_killed_multipart_send_is_whole_or_not_at_all(gctx: zmq.green.Context) -> None:
    push, pull = gctx.socket(zmq.PUSH), gctx.socket(zmq.PULL)
    push.hwm = pull.hwm = 1
    push.connect(bind_any(pull, "inproc"))
    while push.poll(0, zmq.POLLOUT):
        push.send_multipart([b"x"] * 5)
    killed = started(lambda: push.send_multipart([b"killed"] * 5))
    other = started(lambda: push.send_multipart([b"other"] * 5))
    killed.kill()
    pull.rcvtimeo = 500
    messages = []
    with pytest.raises(zmq.Again):
        while True:
            messages.append(pull.recv_multipart())
    finish(other)
    assert {len(message) for message in messages} == {5}
    assert [b"killed"] * 5 not in messages
    assert messages[-1] == [b"other"] * 5


def test_waits_that_end_leave_nothing_behind(green: GreenPair) -> None:
    left, right = green()
    patient = started(left.recv)
    for _ in range(2000):
        with gevent.Timeout(0.00001, False):
            left.recv()
    readiness = left._handle.readiness
    assert len(readiness.receivers) < 200
    right.send(b"x")
    assert finish(patient) == [b"x"]
    for _ in range(200):
        assert left.poll(0.01) == 0
    assert not readiness.waiting()


# ---------------------------------------------------------------- endings


def test_close_wakes_whoever_waits(gctx: zmq.green.Context) -> None:
    for close in (lambda socket: socket.close(), lambda socket: zmq.Socket.shadow(socket).close(0)):
        pair = gctx.socket(zmq.PAIR)
        waiting = [started(pair.recv), started(pair.send, b"x"), started(pair.poll)]
        close(pair)
        gevent.joinall(waiting, timeout=30)
        assert [getattr(greenlet.exception, "errno", None) for greenlet in waiting] == [zmq.ENOTSOCK] * 3
    closed = gctx.socket(zmq.PAIR)
    closed.close()
    for call in (closed.recv, lambda: closed.send(b"x"), closed.recv_multipart):
        with pytest.raises(zmq.ZMQError) as caught:
            call()
        assert caught.value.errno == zmq.ENOTSOCK
    with pytest.raises(zmq.ZMQError) as caught:
        closed.poll()
    assert caught.value.errno == zmq.ENOTSUP


def test_term_lets_other_greenlets_close_their_sockets() -> None:
    context = zmq.green.Context()
    pair = context.socket(zmq.PAIR)

    def use() -> str:
        with pair:
            try:
                pair.recv()
            except zmq.ContextTerminated:
                return "terminated"
        return "?"

    waiting = started(use)
    context.term()
    assert finish(waiting) == ["terminated"]
    assert context.closed


def test_term_has_a_timeout() -> None:
    context = zmq.green.Context()
    with context.socket(zmq.PAIR):
        with pytest.raises(zmq.ZMQError, match=r"within 0\.05 s") as caught:
            context.term(0.05)
        assert caught.value.errno == zmq.ETIMEDOUT
    context.term()


def test_a_socket_in_another_thread_has_that_threads_hub(gctx: zmq.green.Context) -> None:
    left, right = gctx.socket(zmq.PAIR), gctx.socket(zmq.PAIR)
    right.connect(bind_any(left, "tcp"))
    waiting = started(left.recv)

    def reply() -> bytes:
        right.send(b"ping")
        answer: bytes = right.recv()
        gevent.get_hub().destroy(destroy_loop=True)
        return answer

    thread = Background(reply)
    assert finish(waiting) == [b"ping"]
    left.send(b"pong")
    assert thread.result() == b"pong"
    # the hub it waited in last is gone
    again = started(right.recv)
    left.send(b"once more")
    assert finish(again) == [b"once more"]


def test_a_close_in_another_thread_wakes_a_greenlet(gctx: zmq.green.Context) -> None:
    pair = gctx.socket(zmq.PAIR)
    waiting = started(pair.recv)
    Background(pair.close).result()
    gevent.joinall([waiting], timeout=30)
    assert waiting.exception is not None
    assert waiting.exception.errno == zmq.ENOTSOCK


# ---------------------------------------------------------------- polling many


def test_poller_takes_sockets_of_any_flavour_and_descriptors(gctx: zmq.green.Context, green: GreenPair) -> None:
    left, right = green(transport="tcp")
    blocking, peer = zmq.Socket(gctx, zmq.PAIR), gctx.socket(zmq.PAIR)
    peer.connect(bind_any(blocking, "tcp"))
    reader, writer = os.pipe()
    poller = zmq.green.Poller()
    for member in (left, blocking, reader):
        poller.register(member, zmq.POLLIN)
    try:
        for cause, expected in (
            (lambda: right.send(b"x"), left),
            (lambda: peer.send(b"x"), blocking),
            (lambda: os.write(writer, b"x"), reader),
        ):
            waiting = started(poller.poll)
            assert not waiting.ready()
            cause()
            assert finish(waiting) == [[(expected, zmq.POLLIN)]]
            os.read(reader, 1) if expected is reader else expected.recv()
        assert poller.poll(0) == []
        assert poller.poll(10) == []
        os.write(writer, b"x")
        assert zmq.green.select([left, reader], [right], [], 30) == ([reader], [right], [])
    finally:
        os.close(reader)
        os.close(writer)
        blocking.close()


def test_an_empty_poller_waits_out_its_time() -> None:
    start = time.monotonic()
    assert zmq.green.Poller().poll(30) == []
    assert time.monotonic() - start >= 0.03


def test_a_poll_whose_message_another_greenlet_took_goes_on(green: GreenPair) -> None:
    left, right = green()
    poller = zmq.green.Poller()
    poller.register(left, zmq.POLLIN)
    polling, taking = started(poller.poll), started(left.recv)
    right.send(b"first")
    assert finish(taking) == [b"first"]
    gevent.sleep(0)
    right.send(b"second")
    assert finish(polling) == [[(left, zmq.POLLIN)]]


def test_a_poller_with_a_closed_socket_names_it(gctx: zmq.green.Context) -> None:
    pair = gctx.socket(zmq.PAIR)
    poller = zmq.green.Poller()
    poller.register(pair)
    pair.close()
    with pytest.raises(zmq.ZMQError) as caught:
        poller.poll(10)
    assert caught.value.errno == zmq.ENOTSOCK


# ---------------------------------------------------------------- device and proxy


@pytest.mark.parametrize("device", ["device", "proxy"])
def test_requests_and_replies_pass_a_proxy(gctx: zmq.green.Context, device: str) -> None:
    front, back = gctx.socket(zmq.ROUTER), gctx.socket(zmq.DEALER)
    client, worker = gctx.socket(zmq.REQ), gctx.socket(zmq.REP)
    capture, tap = gctx.socket(zmq.PUSH), gctx.socket(zmq.PULL)
    client.connect(bind_any(front, "tcp"))
    worker.connect(bind_any(back, "inproc"))
    tap.connect(bind_any(capture, "inproc"))
    if device == "device":
        running = started(zmq.green.device, zmq.QUEUE, front, back)
    else:
        running = started(zmq.green.proxy, front, back, capture)

    def serve() -> None:
        for _ in range(10):
            worker.send(b"re:" + worker.recv())

    server = gevent.spawn(serve)
    for i in range(10):
        client.send(b"%d" % i)
        assert client.recv() == b"re:%d" % i
    finish(server)
    if device == "proxy":
        captured = [tap.recv_multipart()[-1] for _ in range(20)]
        assert captured == [part for i in range(10) for part in (b"%d" % i, b"re:%d" % i)]
    front.close()
    gevent.joinall([running], timeout=30)
    assert running.exception is not None
    assert running.exception.errno == zmq.ENOTSOCK


@pytest.mark.parametrize("other", ["same", "minus one"])
def test_a_device_of_one_socket_echoes(gctx: zmq.green.Context, other: str) -> None:
    echo, client = gctx.socket(zmq.REP), gctx.socket(zmq.REQ)
    client.connect(bind_any(echo, "inproc"))
    running = started(zmq.green.device, zmq.QUEUE, echo, echo if other == "same" else -1)
    for i in range(5):
        client.send(b"%d" % i)
        assert client.recv() == b"%d" % i
    running.kill()


def test_a_killed_proxy_gives_back_what_it_could_not_send(gctx: zmq.green.Context) -> None:
    pull, push, source = gctx.socket(zmq.PULL), gctx.socket(zmq.PUSH), gctx.socket(zmq.PUSH)
    source.connect(bind_any(pull, "inproc"))
    running = started(zmq.green.proxy, pull, push)
    for i in range(3):
        source.send_multipart([b"%d" % i, b"end"])
    gevent.sleep(0.01)
    running.kill()
    assert [pull.recv_multipart() for _ in range(3)] == [[b"%d" % i, b"end"] for i in range(3)]


# ---------------------------------------------------------------- the module


def test_the_module_has_every_name_of_zmq() -> None:
    assert zmq.green.__all__ == zmq.__all__
    assert [name for name in zmq.__all__ if not hasattr(zmq.green, name)] == []
    assert zmq.green.ZMQError is zmq.ZMQError
    with zmq.green.Context() as context:
        assert repr(context).startswith("<zmq.green.Context()")


def test_instances_are_its_own() -> None:
    context = zmq.green.Context.instance()
    assert context is zmq.green.Context.instance()
    assert context is not zmq.Context.instance()
    with context.socket(zmq.PAIR) as socket:
        assert isinstance(socket, zmq.green.Socket)
        assert repr(socket).startswith("<zmq.green.Socket(zmq.PAIR)")
    context.term()
    zmq.Context.instance().term()


def test_a_monitor_socket_is_green(gctx: zmq.green.Context) -> None:
    from zmq.utils.monitor import recv_monitor_message

    pair = gctx.socket(zmq.PAIR)
    with pair.get_monitor_socket() as monitor:
        assert isinstance(monitor, zmq.green.Socket)
        waiting = started(recv_monitor_message, monitor)
        bind_any(pair, "tcp")
        assert finish(waiting)[0]["event"] == zmq.EVENT_LISTENING
        pair.disable_monitor()


def test_publish_and_subscribe(gctx: zmq.green.Context) -> None:
    publisher, subscriber = gctx.socket(zmq.XPUB), gctx.socket(zmq.SUB)
    subscriber.subscribe("a")
    subscriber.connect(bind_any(publisher, "tcp"))
    assert publisher.recv() == b"\x01a"
    waiting = started(subscriber.recv_multipart)
    publisher.send(b"b other")
    publisher.send_multipart([b"a", b"mine"])
    assert finish(waiting) == [[b"a", b"mine"]]


def test_addresses_can_be_shared_with_plain_sockets(gctx: zmq.green.Context) -> None:
    plain = zmq.Context.shadow(gctx)
    address = fresh_inproc()
    left, right = gctx.socket(zmq.PAIR), plain.socket(zmq.PAIR)
    left.bind(address)
    right.connect(address)
    waiting = started(left.recv)
    right.send(b"from a plain socket")
    assert finish(waiting) == [b"from a plain socket"]
    right.close()
