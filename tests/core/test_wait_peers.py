"""wait_connected and wait_subscribers: nobody sleeps for slow joiners."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import pytest
import zmq
import zmq.asyncio

from helpers import (
    Background,
    MakeSocket,
    RunChild,
    bind_any,
    counts_peers,
    endpoint_of,
    free_port,
    fresh_inproc,
    wait_until,
    wait_until_blocked,
)

pytestmark = pytest.mark.skipif(not counts_peers(), reason="an installed libzmq does not count peers")

NETWORK = ("ipc", "tcp") if zmq.has("ipc") else ("tcp",)


@pytest.fixture(params=NETWORK)
def network(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("kinds", [(zmq.PUSH, zmq.PULL), (zmq.REP, zmq.REQ), (zmq.ROUTER, zmq.DEALER), (zmq.PAIR, zmq.PAIR)])
def test_both_sides_know(socket: MakeSocket, network: str, kinds: tuple[int, int]) -> None:
    server, client = socket(kinds[0]), socket(kinds[1])
    assert server.wait_connected(0) == client.wait_connected(0) == 0
    client.connect(bind_any(server, network))
    assert client.wait_connected(timeout=30_000) == 1
    assert server.wait_connected(1, 30_000) == 1


def test_long_after_the_connection(socket: MakeSocket, network: str) -> None:
    """Which is what a monitor cannot do."""
    server, client = socket(zmq.REP), socket(zmq.REQ)
    client.connect(bind_any(server, network))
    for _ in range(3):
        client.send(b"x")
        server.recv()
        server.send(b"y")
        client.recv()
    assert client.wait_connected(1, 0) == server.wait_connected(1, 0) == 1


def test_peers_that_come_and_go(socket: MakeSocket, network: str) -> None:
    server = socket(zmq.PULL)
    endpoint = bind_any(server, network)
    clients = [socket(zmq.PUSH) for _ in range(5)]
    for number, client in enumerate(clients, 1):
        client.connect(endpoint)
        assert server.wait_connected(number, 30_000) == number
    clients[0].disconnect(endpoint)
    clients[1].close()
    # libzmq goes on with a disconnection in the socket's next call
    wait_until(lambda: clients[0].wait_connected(0) == 0)
    wait_until(lambda: server.wait_connected(0) == 3)
    server.unbind(endpoint_of(server))
    server.close()
    wait_until(lambda: clients[2].wait_connected(0) == 0)


def test_a_client_that_comes_back(socket: MakeSocket) -> None:
    server, client = socket(zmq.PULL), socket(zmq.PUSH)
    client.reconnect_ivl = 20
    endpoint = f"tcp://127.0.0.1:{free_port()}"
    server.bind(endpoint)
    client.connect(endpoint)
    client.wait_connected(1, 30_000)
    server.close()
    wait_until(lambda: client.wait_connected(0) == 0)
    again = socket(zmq.PULL)

    def bound() -> bool:
        try:
            again.bind(endpoint)
        except zmq.ZMQError as error:
            assert error.errno == zmq.EADDRINUSE
            return False
        return True

    wait_until(bound)
    assert client.wait_connected(1, 30_000) == 1


def test_a_peer_that_is_refused_does_not_count(socket: MakeSocket) -> None:
    server, client = socket(zmq.PULL), socket(zmq.PUSH)
    server.plain_server = 1  # nobody answers for it: everybody is refused
    client.plain_username, client.plain_password = b"me", b"secret"
    client.connect(bind_any(server, "tcp"))
    with pytest.raises(zmq.Again, match="0 of 1 connected peers after 200 ms"):
        client.wait_connected(timeout=200)
    assert server.wait_connected(0) == 0


def test_timeout_is_kept_and_names_what_is_missing(socket: MakeSocket) -> None:
    server, client = socket(zmq.PUB), socket(zmq.SUB)
    client.connect(bind_any(server, "tcp"))
    server.wait_connected()
    for wait, text in [
        (lambda: server.wait_connected(2, 100), "1 of 2 connected peers after 100 ms: <zmq.Socket(zmq.PUB)"),
        (lambda: server.wait_subscribers("topic", 1, 100), "0 of 1 subscribers to b'topic' after 100 ms: <zmq.Socket(zmq.PUB)"),
    ]:
        start = time.monotonic()
        with pytest.raises(zmq.Again) as caught:
            wait()
        assert text in str(caught.value)
        assert caught.value.errno == zmq.EAGAIN
        assert 0.09 < time.monotonic() - start < 20


@pytest.mark.parametrize("kind", [zmq.PUB, zmq.XPUB])
@pytest.mark.parametrize("transport", [*NETWORK, "inproc"])
def test_the_first_message_arrives(socket: MakeSocket, kind: int, transport: str) -> None:
    pub = socket(kind)
    endpoint = bind_any(pub, transport)
    subs = [socket(zmq.SUB) for _ in range(3)]
    for sub in subs:
        sub.connect(endpoint)
        sub.subscribe("weather.")
    assert pub.wait_subscribers("weather.", 3, 30_000) == 3
    pub.send(b"weather.rain")
    assert [sub.recv() for sub in subs] == [b"weather.rain"] * 3


@pytest.mark.parametrize("kind", [zmq.PUB, zmq.XPUB])
def test_a_topic_counts_those_who_would_get_it(socket: MakeSocket, kind: int) -> None:
    pub = socket(kind)
    endpoint = bind_any(pub, "tcp")
    all_of_it, some, both = (socket(zmq.SUB) for _ in range(3))
    all_of_it.subscribe("")
    some.subscribe("ab")
    both.subscribe("ab")
    both.subscribe("abc")
    for sub in (all_of_it, some, both):
        sub.connect(endpoint)
    assert pub.wait_subscribers(b"abc", 3, 30_000) == 3
    assert pub.wait_subscribers("ab", 0) == 3
    assert pub.wait_subscribers("a", 0) == pub.wait_subscribers(n=0) == pub.wait_subscribers(b"\0\xff", 0) == 1
    some.unsubscribe("ab")
    wait_until(lambda: pub.wait_subscribers("ab", 0) == 2)
    both.close()
    wait_until(lambda: pub.wait_subscribers("abcd", 0) == 1)


def test_subscription_messages_stay_for_who_reads_them(socket: MakeSocket) -> None:
    pub, sub = socket(zmq.XPUB), socket(zmq.SUB)
    sub.subscribe("x")
    sub.connect(bind_any(pub, "tcp"))
    assert pub.wait_subscribers("x", timeout=30_000) == 1
    assert pub.recv() == b"\1x"


def test_a_publisher_that_connects(socket: MakeSocket) -> None:
    pub, sub = socket(zmq.PUB), socket(zmq.SUB)
    sub.subscribe("")
    pub.connect(bind_any(sub, "tcp"))
    # a SUB that was bound tells newcomers of its subscriptions from within its own calls
    receiving = Background(sub.recv)
    pub.wait_subscribers(timeout=30_000)
    pub.send(b"first")
    assert receiving.result() == b"first"


def test_other_types_have_no_subscribers(socket: MakeSocket) -> None:
    for kind in (zmq.SUB, zmq.PUSH, zmq.ROUTER):
        with pytest.raises(zmq.ZMQError, match="PUB and XPUB sockets have") as caught:
            socket(kind).wait_subscribers(timeout=100)
        assert caught.value.errno == zmq.ENOTSUP


def test_inproc_peers_are_not_counted(socket: MakeSocket) -> None:
    one = socket(zmq.PAIR)
    one.bind(fresh_inproc())
    with pytest.raises(zmq.ZMQError, match="inproc") as caught:
        one.wait_connected(timeout=100)
    assert caught.value.errno == zmq.EPROTONOSUPPORT


@pytest.mark.parametrize("end", ["close", "term"])
@pytest.mark.parametrize("wait", ["wait_connected", "wait_subscribers"])
def test_waiting_ends_with_the_socket(end: str, wait: str) -> None:
    context: zmq.SyncContext = zmq.Context()
    pub = context.socket(zmq.PUB)
    waiting = Background(getattr(pub, wait))
    wait_until_blocked(waiting, looks=1)  # it wakes to look again and again
    if end == "close":
        # between two looks nobody is inside: whichever call meets the closed socket says so
        pub.close()
    else:
        Background(context.term)
    waiting.finished()
    assert isinstance(waiting.error, zmq.ZMQError)
    assert waiting.error.errno in (zmq.ENOTSOCK, zmq.ETERM, zmq.ENOTSUP)
    pub.close()
    context.term()


def test_closed_socket(socket: MakeSocket) -> None:
    pub = socket(zmq.PUB)
    pub.close()
    for wait in (pub.wait_connected, pub.wait_subscribers):
        with pytest.raises(zmq.ZMQError) as caught:
            wait()
        assert caught.value.errno == zmq.ENOTSOCK


# ---------------------------------------------------------------- awaited


@pytest.fixture
def actx() -> Iterator[zmq.asyncio.Context]:
    context = zmq.asyncio.Context()
    context.linger = 0
    yield context
    context.destroy(0)


def test_awaited(actx: zmq.asyncio.Context) -> None:
    async def main() -> None:
        pub: Any = actx.socket(zmq.PUB)
        pub.bind("tcp://127.0.0.1:*")
        waiting = asyncio.gather(pub.wait_connected(2), pub.wait_subscribers(b"x", 2, 30_000))
        subs: list[Any] = [actx.socket(zmq.SUB) for _ in range(2)]
        for sub in subs:
            await asyncio.sleep(0)
            sub.subscribe("x")
            sub.connect(pub.last_endpoint)
        assert await waiting == [2, 2]
        assert await subs[0].wait_connected(timeout=30_000) == 1
        await pub.send(b"x")
        assert [await sub.recv() for sub in subs] == [b"x", b"x"]
        with pytest.raises(zmq.Again, match="2 of 3 subscribers"):
            await pub.wait_subscribers(b"x", 3, 30)
        with pytest.raises(zmq.Again, match="2 of 3 connected"):
            await pub.wait_connected(3, 30)
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(pub.wait_connected(3), 0.03)
        for socket in (pub, *subs):
            socket.close()

    asyncio.run(main())


@pytest.mark.parametrize("end", ["close", "term"])
def test_awaiting_ends_with_the_socket(end: str) -> None:
    async def main() -> None:
        context = zmq.asyncio.Context()
        pub: Any = context.socket(zmq.PUB)
        waiting = asyncio.ensure_future(pub.wait_connected())
        await asyncio.sleep(0.005)
        if end == "close":
            pub.close()
        else:
            term = asyncio.get_running_loop().run_in_executor(None, context.term)
        with pytest.raises((zmq.ZMQError, asyncio.CancelledError)):
            await waiting
        pub.close()
        if end == "term":
            await term
        context.term()

    asyncio.run(main())


OTHER_FLAVOURS = {
    "green": """
import gevent, zmq.green as zmq
context = zmq.Context()
pub, sub = context.socket(zmq.PUB), context.socket(zmq.SUB)
heard, turns = [], []
events = pub.monitor_events()
listening = gevent.spawn(lambda: heard.extend(event.event.name for event in events))
def turn():
    while True:
        turns.append(1)
        gevent.sleep(0.001)
turning = gevent.spawn(turn)
pub.bind("tcp://127.0.0.1:*")
sub.subscribe("x")
sub.connect(pub.last_endpoint)
assert pub.wait_subscribers("x", timeout=30_000) == sub.wait_connected(timeout=30_000) == 1
for _ in range(50):  # on a busy machine the others have few turns in one wait
    try:
        pub.wait_subscribers("x", 2, timeout=60)
    except zmq.Again as error:
        assert "1 of 2" in str(error)
    if len(turns) > 5:
        break
assert len(turns) > 5, "the other greenlets stood still"
pub.close()
listening.join(30)
turning.kill()
assert heard[0] == "LISTENING" and heard[-1] == "MONITOR_STOPPED", heard
sub.close()
context.term()
""",
    "anyio": """
import sys, anyio, zmq, zmq.anyio
async def main():
    async with zmq.anyio.Context() as context:
        pub, sub = context.socket(zmq.PUB), context.socket(zmq.SUB)
        heard = []
        events = pub.monitor_events()
        pub.bind("tcp://127.0.0.1:*")
        sub.subscribe("x")
        sub.connect(pub.last_endpoint)
        assert await pub.wait_subscribers("x", timeout=30_000) == await sub.wait_connected(timeout=30_000) == 1
        try:
            await pub.wait_subscribers("x", 2, timeout=60)
        except zmq.Again as error:
            assert "1 of 2" in str(error)
        with anyio.move_on_after(0.03) as scope:
            await pub.wait_connected(2)
        assert scope.cancelled_caught
        async def listen():
            async for event in events:
                heard.append(event.event.name)
        with anyio.fail_after(30):
            async with anyio.create_task_group() as group:
                group.start_soon(listen)
                await anyio.sleep(0.01)
                pub.close()
        assert heard[0] == "LISTENING" and heard[-1] == "MONITOR_STOPPED", heard
        sub.close()
anyio.run(main, backend=sys.argv[1])
""",
}


@pytest.mark.parametrize(("flavour", "backend"), [("green", ""), ("anyio", "asyncio"), ("anyio", "trio")])
def test_other_flavours(run_child: RunChild, flavour: str, backend: str) -> None:
    run_child(OTHER_FLAVOURS[flavour], backend).ok()
