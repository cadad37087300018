"""What is done while libzmq's calls fail; fault_runner.py says how."""

from __future__ import annotations

import copy
import gc
from collections.abc import Callable, Generator
from typing import Any

import zmq
from fault_runner import BIG, PATIENT, Outcome, Scenario, World, unpinned, whole
from zmq.devices import monitored_queue

Story = Generator[Callable[[], Any], Outcome, None]

SCENARIOS: dict[str, Scenario] = {}

SMALL = [b"a" * 100, b"b" * 200, b"c" * 300]  # too long to lie inside zmq_msg_t
SHARED = b"s" * 70000


def scenario(function: Scenario) -> Scenario:
    SCENARIOS[function.__name__] = function
    return function


# ---------------------------------------------------------------- send


def _send(w: World, message: Any, expected: bytes, *, kinds: tuple[int, int] = (zmq.PAIR, zmq.PAIR), **kwargs: Any) -> Story:
    here, there = w.pair(*kinds)
    outcome = yield lambda: here.send(message, **kwargs)
    whole(outcome, here, there, [expected])


@scenario
def send_copied(w: World) -> Story:
    yield from _send(w, SMALL[0], SMALL[0])


@scenario
def send_copied_big(w: World) -> Story:
    yield from _send(w, bytearray(BIG), bytes(BIG))


@scenario
def send_copied_without_gil(w: World) -> Story:
    yield from _send(w, bytearray(70000), bytes(70000))


@scenario
def send_shared_bytes(w: World) -> Story:
    yield from _send(w, SHARED, SHARED)


@scenario
def send_push(w: World) -> Story:
    yield from _send(w, SMALL[0], SMALL[0], kinds=(zmq.PUSH, zmq.PULL))


@scenario
def send_lent(w: World) -> Story:
    here, there = w.pair()
    data = bytearray(SHARED)
    outcome = yield lambda: here.send(data, copy=False, track=True)
    tracker = outcome.value
    whole(outcome, here, there, [bytes(data)])
    there.close(0)
    here.close(0)
    if tracker is not None:
        tracker.wait(10)
    unpinned(data)


@scenario
def send_frame(w: World) -> Story:
    here, there = w.pair()
    data = bytearray(SHARED)

    def act() -> Any:
        frame = zmq.Frame(data, track=True, copy=False)
        return here.send(frame)

    outcome = yield act
    whole(outcome, here, there, [bytes(data)])
    outcome.value = None
    here.close(0)
    there.close(0)
    unpinned(data)


@scenario
def send_more(w: World) -> Story:
    """A part that failed was not sent: sending it again makes the message whole."""
    here, there = w.pair()
    done: list[int] = []

    def act() -> None:
        for i, part in enumerate(SMALL):
            here.send(part, zmq.SNDMORE if i < 2 else 0)
            done.append(i)

    outcome = yield act
    if not outcome.good:
        for i in range(len(done), 3):
            here.send(SMALL[i], zmq.SNDMORE if i < 2 else 0)
        outcome.error, outcome.case = None, None
    whole(outcome, here, there, SMALL)


def _full(w: World, send: Callable[[Any], Any], *, dontwait: bool) -> Story:
    """To a peer that takes no more: the wait, its end, and nothing half sent."""
    here, there = w.pair(zmq.PUSH, zmq.PULL, sndhwm=1, rcvhwm=1)
    here.sndtimeo = 30
    queued = 0
    while True:
        try:
            here.send_multipart([b"first", b"second"], zmq.DONTWAIT)
        except zmq.Again:
            break
        queued += 1
    outcome = yield lambda: send(here)
    assert not outcome.good
    if outcome.dead:
        return
    for _ in range(queued):
        assert there.recv_multipart() == [b"first", b"second"]
    whole(outcome, here, there)


@scenario
def send_when_full(w: World) -> Story:
    yield from _full(w, lambda s: s.send(SMALL[0]), dontwait=False)


@scenario
def send_when_full_dontwait(w: World) -> Story:
    yield from _full(w, lambda s: s.send(SHARED, zmq.DONTWAIT, copy=False), dontwait=True)


@scenario
def send_multipart_when_full(w: World) -> Story:
    yield from _full(w, lambda s: s.send_multipart([*SMALL, SHARED], copy=False), dontwait=False)


# ---------------------------------------------------------------- send_multipart


def _send_parts(w: World, parts: list[Any], *, kinds: tuple[int, int] = (zmq.PAIR, zmq.PAIR), **kwargs: Any) -> Story:
    here, there = w.pair(*kinds)
    outcome = yield lambda: here.send_multipart(parts, **kwargs)
    whole(outcome, here, there, [bytes(part) for part in parts])


@scenario
def multipart_small(w: World) -> Story:
    yield from _send_parts(w, SMALL)


@scenario
def multipart_small_push(w: World) -> Story:
    yield from _send_parts(w, SMALL, kinds=(zmq.PUSH, zmq.PULL))


@scenario
def multipart_copied_big(w: World) -> Story:
    yield from _send_parts(w, [bytearray(BIG), b"x" * BIG, bytearray(BIG)])


@scenario
def multipart_many(w: World) -> Story:
    yield from _send_parts(w, [b"%100d" % i for i in range(40)])


@scenario
def multipart_mixed(w: World) -> Story:
    here, there = w.pair()
    data = bytearray(SHARED)
    frame = zmq.Frame(bytearray(SHARED), track=True, copy=False)
    parts: list[Any] = [b"small" * 20, SHARED, data, frame, memoryview(b"view" * 20), b""]
    expected = [bytes(part) for part in parts]
    outcome = yield lambda: here.send_multipart(parts, copy=False, track=True)
    tracker = outcome.value
    whole(outcome, here, there, expected)
    outcome.value = None
    here.close(0)
    there.close(0)
    del frame
    parts.clear()
    if tracker is not None:
        tracker.wait(10)
    unpinned(data)


@scenario
def publish(w: World) -> Story:
    """One message for two subscribers."""
    there = w.socket(zmq.XPUB, xpub_verbose=True)
    there.bind("inproc://publish")
    subscribers = [w.socket(zmq.SUB) for _ in range(2)]
    for one in subscribers:
        one.subscribe(b"")
        one.connect("inproc://publish")
        there.recv()
    data = bytearray(SHARED)
    outcome = yield lambda: there.send_multipart([b"topic" * 10, data], copy=False)
    for one in subscribers:
        whole(outcome, there, one, [b"topic" * 10, bytes(data)])
        if not outcome.dead and one is subscribers[0]:
            subscribers[1].recv_multipart() if outcome.good else None
            break
    for one in w.sockets:
        one.close(0)
    unpinned(data)


# ---------------------------------------------------------------- send_many


@scenario
def send_many(w: World) -> Story:
    here, there = w.pair()
    outcome = yield lambda: here.send_many([*SMALL, SHARED])
    whole(outcome, here, there, *([one] for one in (*SMALL, SHARED)))


@scenario
def send_many_messages(w: World) -> Story:
    here, there = w.pair()
    messages = [SMALL, [SHARED, b"y" * 200], [b"%100d" % i for i in range(20)]]
    outcome = yield lambda: here.send_many(messages, multipart=True)
    whole(outcome, here, there, *messages)


# ---------------------------------------------------------------- receive


def _recv(w: World, parts: list[bytes], act: Callable[[Any], Any], check: Callable[[Any], Any], transport: str = "inproc") -> Story:
    """What a failed receive left is there for the next one."""
    here, there = w.pair(transport=transport)
    here.send_multipart(parts)
    there.poll(10_000)
    there.rcvtimeo = 60
    outcome = yield lambda: act(there)
    if outcome.good:
        if not outcome.dead:
            assert check(outcome.value) == parts, outcome.value
    elif not outcome.dead:
        assert there.recv_multipart() == parts
    outcome.value = None
    if outcome.good and not outcome.dead:
        whole(outcome, here, there)


@scenario
def recv(w: World) -> Story:
    yield from _recv(w, [SMALL[0]], lambda s: s.recv(), lambda got: [got])


@scenario
def recv_big(w: World) -> Story:
    yield from _recv(w, [b"x" * BIG], lambda s: s.recv(), lambda got: [got])


@scenario
def recv_shared(w: World) -> Story:
    yield from _recv(w, [SHARED], lambda s: s.recv(), lambda got: [got])


@scenario
def recv_frame(w: World) -> Story:
    yield from _recv(w, [SHARED], lambda s: s.recv(copy=False, track=True), lambda got: [got.bytes])


@scenario
def recv_frame_tcp(w: World) -> Story:
    yield from _recv(w, [SHARED], lambda s: s.recv(copy=False), lambda got: [bytes(memoryview(got))], "tcp")


@scenario
def recv_into(w: World) -> Story:
    room = bytearray(200)
    yield from _recv(w, [SMALL[0]], lambda s: s.recv_into(room), lambda got: [bytes(room[:got])])
    room.extend(b"x")


@scenario
def recv_multipart(w: World) -> Story:
    yield from _recv(w, SMALL, lambda s: s.recv_multipart(), lambda got: got)


@scenario
def recv_multipart_frames(w: World) -> Story:
    yield from _recv(w, [*SMALL, SHARED], lambda s: s.recv_multipart(copy=False), lambda got: [one.bytes for one in got])


@scenario
def recv_multipart_many(w: World) -> Story:
    parts = [b"%100d" % i for i in range(40)]
    yield from _recv(w, parts, lambda s: s.recv_multipart(), lambda got: got)


def _recv_many(w: World, messages: list[list[bytes]], **kwargs: Any) -> Story:
    """What a failed batch did not hand over is there for the next one."""
    here, there = w.pair()
    here.send_many(messages, multipart=True)
    there.rcvtimeo = 60
    outcome = yield lambda: there.recv_many(len(messages), multipart=True, **kwargs)
    got = list(outcome.value) if outcome.good else []
    outcome.value = None
    if outcome.dead:
        return
    while len(got) < len(messages):
        got += there.recv_many(len(messages) - len(got), multipart=True)
    assert [[bytes(frame) for frame in message] for message in got] == messages
    del got
    whole(outcome, here, there)


@scenario
def recv_many(w: World) -> Story:
    yield from _recv_many(w, [[one] for one in SMALL])


@scenario
def recv_many_messages(w: World) -> Story:
    yield from _recv_many(w, [SMALL, [SHARED, b"y" * 200], [b"%100d" % i for i in range(70)]])


@scenario
def recv_many_frames(w: World) -> Story:
    yield from _recv_many(w, [[one] for one in (*SMALL, SHARED)], copy=False)


@scenario
def recv_nothing(w: World) -> Story:
    """The wait of a receive, until its timeout."""
    here, there = w.pair()
    there.rcvtimeo = 20
    outcome = yield lambda: there.recv()
    assert not outcome.good
    whole(outcome, here, there)


@scenario
def recv_multipart_nothing(w: World) -> Story:
    here, there = w.pair()
    there.rcvtimeo = 20
    outcome = yield lambda: there.recv_multipart(copy=False)
    assert not outcome.good
    whole(outcome, here, there)


@scenario
def request_and_reply(w: World) -> Story:
    """A failed step may be taken again: the state machines of REQ and REP are where they were."""
    req, rep = w.pair(zmq.REQ, zmq.REP)
    steps: list[Callable[[], Any]] = [
        lambda: req.send_multipart(SMALL),
        lambda: rep.recv_multipart(),
        lambda: rep.send(SHARED, copy=False),
        lambda: req.recv(copy=False),
    ]
    taken: list[Any] = []

    def act() -> None:
        for step in steps:
            taken.append(step())

    outcome = yield act
    if outcome.dead:
        taken.clear()
        return
    for step in steps[len(taken) :]:
        taken.append(step())
    assert taken[1] == SMALL
    assert taken[3].bytes == SHARED
    taken.clear()


@scenario
def route(w: World) -> Story:
    dealer, router = w.pair(zmq.DEALER, zmq.ROUTER, transport="tcp", routing_id=b"a name of some length, to be on the heap")
    dealer.send(b"hello")
    router.rcvtimeo = 10_000
    name, _ = router.recv_multipart()

    def act() -> Any:
        router.send_multipart([name, *SMALL])
        dealer.poll(10_000)
        dealer.rcvtimeo = 60
        return dealer.recv_multipart()

    outcome = yield act
    if outcome.good and not outcome.dead:
        assert outcome.value == SMALL


# ---------------------------------------------------------------- readiness


@scenario
def poll_socket(w: World) -> Story:
    here, there = w.pair()
    here.send(b"x")
    outcome = yield lambda: (there.poll(20), there.poll(0, zmq.POLLIN | zmq.POLLOUT), here.poll(20))
    if outcome.good:
        assert outcome.value == (zmq.POLLIN, zmq.POLLIN | zmq.POLLOUT, 0)
    whole(Outcome(None), here, there, [b"x"])


@scenario
def poll_many(w: World) -> Story:
    here, there = w.pair()
    other, _ = w.pair()
    here.send(b"x")

    def act() -> Any:
        poller = zmq.Poller()
        poller.register(there, zmq.POLLIN)
        poller.register(other, zmq.POLLIN)
        found = dict(poller.poll(50))
        return (
            found == {there: zmq.POLLIN},
            zmq.zmq_poll([(other, zmq.POLLIN)], 10) == [],
            zmq.select([there], [], [], 0.01)[0] == [there],
        )

    outcome = yield act
    if outcome.good:
        assert outcome.value == (True, True, True)
    whole(Outcome(None), here, there, [b"x"])


@scenario
def monitor(w: World) -> Story:
    here = w.socket(zmq.PAIR)

    def act() -> None:
        watcher = w.keep(here.get_monitor_socket())
        here.bind("tcp://127.0.0.1:*")
        watcher.poll(50)
        watcher.recv_multipart()
        here.disable_monitor()

    outcome = yield act
    if not outcome.good and not here.last_endpoint:
        here.bind("tcp://127.0.0.1:*")  # would wait for ever on a monitor that nobody reads


# ---------------------------------------------------------------- proxies


@scenario
def proxy_steerable(w: World) -> Story:
    """Two messages to forward, and commands that end the proxy then; what it did not take is still in front of it."""
    source, front = w.pair(zmq.PUSH, zmq.PULL)
    sink, back = w.pair(zmq.PULL, zmq.PUSH)
    watcher, capture = w.pair(zmq.PULL, zmq.PUSH)
    steer, control = w.pair()
    messages = [SMALL, [b"one", SHARED]]
    for message in messages:
        source.send_multipart(message)
    for command in (b"STATISTICS", b"PAUSE", b"RESUME", b"TERMINATE"):
        steer.send(command)
    outcome = yield lambda: zmq.proxy_steerable(front, back, capture, control)
    if outcome.dead:
        return
    moved = _all(sink)
    left = _all(front)
    seen = _all(watcher)
    assert moved == messages[: len(moved)], "a torn message came out"
    # one that was received and could not be sent on is lost: with EAGAIN and EINTR there is no such one
    assert left == messages[len(messages) - len(left) :], "a torn message is left"
    assert len(moved) + len(left) >= len(messages) - (not outcome.good)
    for message in seen:
        assert message in messages, f"a torn copy: {[part[:8] for part in message]}"


def _all(socket: Any) -> list[list[bytes]]:
    got = []
    while socket.poll(0):
        got.append(socket.recv_multipart())
    return got


@scenario
def queue_until_closed(w: World) -> Story:
    """Ended by closing one of its sockets."""
    source, front = w.pair(zmq.PUSH, zmq.PULL)
    sink, back = w.pair(zmq.PULL, zmq.PUSH)
    watcher, capture = w.pair(zmq.PULL, zmq.PUSH)
    source.send_multipart(SMALL)
    stop = _after(0.01, lambda: back.close(0))
    prefix = b"a prefix of a length that has to be on the heap, as libzmq has it"
    outcome = yield lambda: monitored_queue(front, back, capture, prefix, prefix)
    stop.join()
    assert not outcome.good
    if outcome.dead:
        return
    for message in _all(watcher):
        assert message == [prefix, *SMALL], f"a torn copy: {[part[:8] for part in message]}"


PATIENT.update((proxy_steerable, queue_until_closed))


def _after(delay: float, function: Callable[[], Any]) -> Any:
    import threading  # one scenario's only

    timer = threading.Timer(delay, function)
    timer.daemon = True
    timer.start()
    return timer


# ---------------------------------------------------------------- options, endpoints, lives


@scenario
def options(w: World) -> Story:
    one = w.socket(zmq.SUB)

    def act() -> None:
        one.setsockopt(zmq.RCVHWM, 7)
        one.subscribe(b"topic")
        one.unsubscribe("topic")
        one.set_string(zmq.SUBSCRIBE, "text")
        one.hwm = 9
        one.maxmsgsize = 1 << 40
        one.identity = b"name"
        assert (one.hwm, one.maxmsgsize, one.identity) == (9, 1 << 40, b"name")
        assert one.getsockopt(zmq.FD) >= 0
        assert one.get_string(zmq.LAST_ENDPOINT) == ""
        assert one.events == 0
        assert one.type == zmq.SUB

    yield act
    one.rcvhwm = 3
    assert one.rcvhwm == 3


@scenario
def endpoints(w: World) -> Story:
    here, there = w.socket(zmq.PUSH), w.socket(zmq.PULL)

    def act() -> None:
        there.bind("tcp://127.0.0.1:*")
        address = there.last_endpoint
        here.connect(address)
        here.disconnect(address)
        there.unbind(address)
        there.bind("inproc://endpoints")
        here.connect("inproc://endpoints")

    outcome = yield act
    if outcome.good:
        whole(outcome, here, there)


@scenario
def random_port(w: World) -> Story:
    there = w.socket(zmq.PULL)
    yield lambda: there.bind_to_random_port("tcp://127.0.0.1", max_tries=3)


@scenario
def life(w: World) -> Story:
    def act() -> None:
        context = w.context()
        context.set(zmq.MAX_SOCKETS, 50)
        assert context.get(zmq.MAX_SOCKETS) == 50
        one = context.socket(zmq.PAIR)
        w.sockets.append(one)
        one.close(linger=0)
        context.term()

    yield act


@scenario
def life_with(w: World) -> Story:
    def act() -> None:
        with zmq.Context() as context:
            w.contexts.append(context)
            with context.socket(zmq.PAIR) as one:
                one.bind("inproc://life")

    yield act


@scenario
def life_bounded(w: World) -> Story:
    def act() -> None:
        context = w.context()
        for _ in range(3):
            w.sockets.append(context.socket(zmq.PAIR))
        context.destroy(linger=0, timeout=10)

    yield act


@scenario
def life_collected(w: World) -> Story:
    """Neither closed nor terminated: collected."""

    def act() -> None:
        context: Any = zmq.Context()
        context.socket(zmq.PAIR).bind("inproc://collected")
        del context
        gc.collect()

    yield act
    gc.collect()


@scenario
def shadows(w: World) -> Story:
    here, there = w.pair()

    def act() -> None:
        context = zmq.Context.shadow(w.ctx.underlying)
        w.keep(context.socket(zmq.PAIR))
        twin = zmq.Socket.shadow(here.underlying)
        twin.send(b"x" * 100)

    outcome = yield act
    if outcome.good:
        whole(outcome, here, there, [b"x" * 100])


# ---------------------------------------------------------------- frames and keys


@scenario
def frames(w: World) -> Story:
    here, there = w.pair(transport="tcp")
    here.send(b"x" * 100)
    there.poll(10_000)
    received = there.recv(copy=False)
    data = bytearray(SHARED)

    def act() -> None:
        made = [zmq.Frame(b"text" * 50), zmq.Frame(data, copy=False, track=True), zmq.Frame(bytearray(BIG), copy=True), zmq.Frame()]
        made += [copy.copy(one) for one in made]
        assert [len(one) for one in made] == [200, 70000, BIG, 0] * 2
        assert memoryview(made[1]) == memoryview(made[5])
        assert made[0].get(zmq.MORE) == 0
        assert received.get("Peer-Address") == "127.0.0.1"
        memoryview(received)
        repr(made[2])

    yield act
    unpinned(data)


@scenario
def curve(w: World) -> Story:
    if not zmq.has("curve"):
        yield lambda: None
        return

    def act() -> None:
        public, secret = zmq.curve_keypair()
        assert zmq.curve_public(secret) == public

    yield act


@scenario
def drafts(w: World) -> Story:
    if not zmq.DRAFT_API:
        yield lambda: None
        return
    radio, dish = w.pair(zmq.RADIO, zmq.DISH)
    client, server = w.pair(zmq.CLIENT, zmq.SERVER)

    def act() -> None:
        dish.join("group")
        radio.send(SMALL[0], group="group")
        dish.recv(copy=False)
        dish.leave("group")
        client.send(SMALL[0])
        server.poll(50)
        request = server.recv(copy=False)
        server.send(SHARED, copy=False, routing_id=request.routing_id)
        client.recv()
        zmq.zmq_poll([(client, zmq.POLLIN)], 5)

    yield act
