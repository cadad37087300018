"""proxy, proxy_steerable and monitored_queue, each in a thread and ended from outside."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import pytest
import zmq
from zmq.devices import monitored_queue

from helpers import Background, MakeSocket, RunChild, bind_any, fresh_inproc, wait_until


class Running:
    """A proxy in a thread: its sockets are made, used and closed there."""

    def __init__(self, ctx: zmq.SyncContext, run: Callable[..., Any], *kinds: int) -> None:
        self.ctx = ctx
        sockets = [ctx.socket(kind) for kind in kinds]
        for one in sockets:
            one.setsockopt(zmq.LINGER, 0)
        self.endpoints = [bind_any(one, "inproc") for one in sockets]

        def serve() -> Any:
            try:
                return run(*sockets)
            finally:
                for one in sockets:
                    one.close()

        self.thread = Background(serve)

    def end(self) -> BaseException | None:
        """Terminate the context; the proxy must end with an exception, which is returned."""
        Background(self.ctx.term).result()
        return self.thread.finished().error


@pytest.fixture
def inner() -> Any:
    """A context that the test terminates under the proxy."""
    context: zmq.SyncContext = zmq.Context()
    yield context
    Background(context.destroy, 0).result()


def client(ctx: zmq.SyncContext, kind: int, endpoint: str) -> zmq.SyncSocket:
    made = ctx.socket(kind)
    made.setsockopt(zmq.LINGER, 0)
    made.setsockopt(zmq.RCVTIMEO, 30_000)
    made.setsockopt(zmq.SNDTIMEO, 30_000)
    made.connect(endpoint)
    return made


# proxy


@pytest.mark.parametrize("run", [zmq.proxy, lambda f, b: zmq.device(zmq.QUEUE, f, b)])
def test_queue_passes_requests_and_replies(inner: zmq.SyncContext, run: Any) -> None:
    running = Running(inner, run, zmq.ROUTER, zmq.DEALER)
    with (
        client(inner, zmq.REQ, running.endpoints[0]) as req,
        client(inner, zmq.REP, running.endpoints[1]) as rep,
    ):
        for number in range(20):
            req.send_multipart([b"%d" % number, b"tail"])
            assert rep.recv_multipart() == [b"%d" % number, b"tail"]
            rep.send(b"ok")
            assert req.recv() == b"ok"
    assert isinstance(running.end(), zmq.ContextTerminated)


def test_streamer(inner: zmq.SyncContext) -> None:
    running = Running(inner, zmq.proxy, zmq.PULL, zmq.PUSH)
    with (
        client(inner, zmq.PUSH, running.endpoints[0]) as push,
        client(inner, zmq.PULL, running.endpoints[1]) as pull,
    ):
        for number in range(100):
            push.send(b"%d" % number)
        assert [int(pull.recv()) for _ in range(100)] == list(range(100))
    assert isinstance(running.end(), zmq.ContextTerminated)


def test_forwarder_passes_subscriptions(inner: zmq.SyncContext) -> None:
    running = Running(inner, zmq.proxy, zmq.XSUB, zmq.XPUB)
    with (
        client(inner, zmq.XPUB, running.endpoints[0]) as pub,
        client(inner, zmq.SUB, running.endpoints[1]) as sub,
    ):
        sub.subscribe(b"a")
        assert pub.recv() == b"\1a"
        pub.send(b"b-dropped")
        pub.send(b"a-kept")
        assert sub.recv() == b"a-kept"
    running.end()


def test_capture_gets_both_directions(inner: zmq.SyncContext, socket: MakeSocket) -> None:
    running = Running(inner, zmq.proxy, zmq.ROUTER, zmq.DEALER, zmq.PUSH)
    with (
        client(inner, zmq.PULL, running.endpoints[2]) as capture,
        client(inner, zmq.REQ, running.endpoints[0]) as req,
        client(inner, zmq.REP, running.endpoints[1]) as rep,
    ):
        req.send(b"question")
        assert rep.recv() == b"question"
        rep.send(b"answer")
        assert req.recv() == b"answer"
        assert capture.recv_multipart()[-1] == b"question"
        assert capture.recv_multipart()[-1] == b"answer"
    running.end()


def test_one_socket_on_both_sides_echoes(inner: zmq.SyncContext) -> None:
    running = Running(inner, lambda one: zmq.device(zmq.QUEUE, one, one), zmq.ROUTER)
    with client(inner, zmq.REQ, running.endpoints[0]) as req:
        for number in range(20):
            req.send(b"%d" % number)
            assert req.recv() == b"%d" % number
    assert isinstance(running.end(), zmq.ContextTerminated)


@pytest.mark.parametrize("wrong", [None, 5, "text", object()], ids=repr)
def test_proxy_wants_sockets(socket: MakeSocket, wrong: Any) -> None:
    good = socket(zmq.PULL)
    for arguments in ((wrong, good), (good, wrong), (wrong, wrong)):
        with pytest.raises(TypeError):
            zmq.proxy(*arguments)


def test_proxy_over_a_closed_socket_is_enotsock(socket: MakeSocket) -> None:
    good, gone = socket(zmq.PULL), socket(zmq.PUSH)
    gone.close()
    for arguments in ((good, gone), (gone, good)):
        with pytest.raises(zmq.ZMQError) as caught:
            zmq.proxy(*arguments)
        assert caught.value.errno == zmq.ENOTSOCK


# proxy_steerable


class Steered:
    """A steerable streamer with its ends and its control socket."""

    def __init__(self, ctx: zmq.SyncContext) -> None:
        def run(front: Any, back: Any, control: Any) -> Any:
            return zmq.proxy_steerable(front, back, None, control)

        self.running = Running(ctx, run, zmq.PULL, zmq.PUSH, zmq.PAIR)
        front, back, control = self.running.endpoints
        self.push = client(ctx, zmq.PUSH, front)
        self.pull = client(ctx, zmq.PULL, back)
        self.control = client(ctx, zmq.PAIR, control)

    def command(self, word: bytes) -> list[bytes]:
        self.control.send(word)
        return self.control.recv_multipart()

    def close(self) -> None:
        for one in (self.push, self.pull, self.control):
            one.close()


@pytest.fixture
def steered(inner: zmq.SyncContext) -> Any:
    made = Steered(inner)
    yield made
    made.close()


def test_terminate_returns_zero(steered: Steered) -> None:
    steered.push.send(b"x")
    assert steered.pull.recv() == b"x"
    steered.control.send(b"TERMINATE")
    assert steered.running.thread.result() == 0


def test_statistics_count_messages_and_bytes(steered: Steered) -> None:
    for _ in range(3):
        steered.push.send(b"12345")
        assert steered.pull.recv() == b"12345"

    def counts() -> list[int]:
        return [struct.unpack("=Q", frame)[0] for frame in steered.command(b"STATISTICS")]

    wait_until(lambda: counts() == [3, 15, 0, 0, 0, 0, 3, 15], what="statistics")
    steered.control.send(b"TERMINATE")
    assert steered.running.thread.result() == 0


def test_pause_holds_messages_back_and_resume_lets_them_go(steered: Steered) -> None:
    steered.push.send(b"before")
    assert steered.pull.recv() == b"before"
    steered.command(b"PAUSE")
    steered.push.send(b"held")
    assert steered.pull.poll(100) == 0
    steered.command(b"RESUME")
    assert steered.pull.recv() == b"held"
    steered.push.send(b"after")
    assert steered.pull.recv() == b"after"
    steered.control.send(b"TERMINATE")
    assert steered.running.thread.result() == 0


def test_terminate_while_paused(steered: Steered) -> None:
    steered.command(b"PAUSE")
    steered.control.send(b"TERMINATE")
    assert steered.running.thread.result() == 0


def test_steerable_proxy_ends_with_its_context(inner: zmq.SyncContext) -> None:
    made = Steered(inner)
    made.close()
    assert isinstance(made.running.end(), zmq.ContextTerminated)


def test_steerable_proxy_captures(inner: zmq.SyncContext) -> None:
    running = Running(
        inner,
        lambda f, b, capture, control: zmq.proxy_steerable(f, b, capture, control),
        zmq.PULL,
        zmq.PUSH,
        zmq.PUSH,
        zmq.PAIR,
    )
    with (
        client(inner, zmq.PUSH, running.endpoints[0]) as push,
        client(inner, zmq.PULL, running.endpoints[1]) as pull,
        client(inner, zmq.PULL, running.endpoints[2]) as capture,
        client(inner, zmq.PAIR, running.endpoints[3]) as control,
    ):
        push.send_multipart([b"1", b"2"])
        assert pull.recv_multipart() == [b"1", b"2"]
        assert capture.recv_multipart() == [b"1", b"2"]
        control.send(b"TERMINATE")
        assert running.thread.result() == 0


def test_steerable_proxy_wants_sockets(socket: MakeSocket) -> None:
    good = socket(zmq.PULL)
    with pytest.raises(TypeError):
        zmq.proxy_steerable(good, None)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        zmq.proxy_steerable(good, good, None, "control")  # type: ignore[arg-type]


# monitored_queue


@pytest.mark.parametrize(
    ("prefixes", "expected"),
    [((), (b"in", b"out")), ((b"i", b"o"), (b"i", b"o")), ((b"", b""), (b"", b""))],
)
def test_monitor_gets_every_message_with_its_prefix(
    inner: zmq.SyncContext, prefixes: tuple[bytes, ...], expected: tuple[bytes, bytes]
) -> None:
    running = Running(
        inner,
        lambda i, o, m: monitored_queue(i, o, m, *prefixes),
        zmq.ROUTER,
        zmq.DEALER,
        zmq.PUSH,
    )
    with (
        client(inner, zmq.PULL, running.endpoints[2]) as monitor,
        client(inner, zmq.REQ, running.endpoints[0]) as req,
        client(inner, zmq.REP, running.endpoints[1]) as rep,
    ):
        req.send_multipart([b"question", b"two"])
        assert rep.recv_multipart() == [b"question", b"two"]
        rep.send(b"answer")
        assert req.recv() == b"answer"
        seen = monitor.recv_multipart()
        assert seen[0] == expected[0]
        assert seen[-2:] == [b"question", b"two"]
        seen = monitor.recv_multipart()
        assert seen[0] == expected[1]
        assert seen[-1] == b"answer"
    assert isinstance(running.end(), zmq.ContextTerminated)


def test_between_two_routers_the_first_two_frames_are_swapped(inner: zmq.SyncContext) -> None:
    running = Running(inner, monitored_queue, zmq.ROUTER, zmq.ROUTER, zmq.PUSH)
    monitor = client(inner, zmq.PULL, running.endpoints[2])
    peers = {}
    for name, endpoint in ((b"left", running.endpoints[0]), (b"right", running.endpoints[1])):
        peer = inner.socket(zmq.DEALER)
        peer.setsockopt(zmq.LINGER, 0)
        peer.setsockopt(zmq.RCVTIMEO, 30_000)
        peer.setsockopt(zmq.ROUTING_ID, name)
        peer.connect(endpoint)
        peers[name] = peer
    left, right = peers[b"left"], peers[b"right"]

    def arrived() -> bool:
        left.send_multipart([b"right", b"hello"])
        return bool(right.poll(50))

    wait_until(arrived, what="route")
    assert right.recv_multipart() == [b"left", b"hello"]
    while monitor.recv_multipart() != [b"in", b"right", b"left", b"hello"]:
        pass
    right.send_multipart([b"left", b"back"])
    assert left.recv_multipart() == [b"right", b"back"]
    for one in (left, right, monitor):
        one.close()
    running.end()


@pytest.mark.parametrize("wrong", [None, 5, "text"])
def test_monitored_queue_wants_sockets(socket: MakeSocket, wrong: Any) -> None:
    good = socket(zmq.PULL)
    for arguments in ((wrong, good, good), (good, wrong, good), (good, good, wrong)):
        with pytest.raises(TypeError):
            monitored_queue(*arguments)


def test_proxies_can_be_chained(inner: zmq.SyncContext) -> None:
    first = Running(inner, zmq.proxy, zmq.PULL, zmq.PUSH)
    second = Running(inner, zmq.proxy, zmq.PULL, zmq.PUSH)
    name = fresh_inproc()
    bridge_in, bridge_out = inner.socket(zmq.PULL), inner.socket(zmq.PUSH)
    bridge_in.connect(first.endpoints[1])
    bridge_out.connect(second.endpoints[0])
    bridge_out.bind(name)

    def bridge() -> None:
        with bridge_in, bridge_out:
            zmq.proxy(bridge_in, bridge_out)

    bridging = Background(bridge)
    with (
        client(inner, zmq.PUSH, first.endpoints[0]) as push,
        client(inner, zmq.PULL, second.endpoints[1]) as pull,
    ):
        push.send(b"through")
        assert pull.recv() == b"through"
    first.end()
    second.thread.finished()
    bridging.finished()


SPIN = """
import zmq
from child_support import Running, blocked
context = zmq.Context()
front, back = context.socket(zmq.PULL), context.socket(zmq.PUSH)
front.bind("inproc://front"); back.bind("inproc://back")
source, sink = context.socket(zmq.PUSH), context.socket(zmq.PULL)
source.connect("inproc://front"); sink.connect("inproc://back")
"""


def test_proxy_sleeps_while_its_capture_socket_has_news(run_child: RunChild) -> None:
    """The capture socket's descriptor stays readable until something is sent on it."""
    script = (
        SPIN
        + """
capture = context.socket(zmq.PUB)
capture.bind("inproc://capture")
proxy = Running(lambda: zmq.proxy(front, back, capture))
blocked(proxy)
late = context.socket(zmq.SUB)
late.subscribe("")
late.connect("inproc://capture")
blocked(proxy)
source.send(b"x")
assert sink.recv() == b"x"
for one in (source, sink, late, front, back, capture):
    one.close(0)
proxy.ended()
context.term()
"""
    )
    run_child(script).ok()


def test_proxy_sleeps_while_its_capture_socket_is_full(run_child: RunChild) -> None:
    script = (
        SPIN
        + """
capture = context.socket(zmq.PUSH)
capture.bind("inproc://capture")
proxy = Running(lambda: zmq.proxy(front, back, capture))
source.send(b"x")
source.send(b"y")
blocked(proxy)
audit = context.socket(zmq.PULL)
audit.connect("inproc://capture")
assert [audit.recv(), audit.recv(), sink.recv(), sink.recv()] == [b"x", b"y", b"x", b"y"]
for one in (source, sink, audit, front, back, capture):
    one.close(0)
proxy.ended()
context.term()
"""
    )
    run_child(script).ok()
