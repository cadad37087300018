"""zmq.asyncio and libzmq's descriptor, whose news anybody may take: a receive that waits is served all the same."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
import zmq
import zmq.asyncio

from flavours.conftest import Pair
from flavours.loops import Run, soon, turns, until
from helpers import Background, MakeSocket, bind_any, wait_until

#: What takes the news off the descriptor of a socket in which somebody waits.
EATERS: dict[str, Callable[[Any], Any]] = {
    "events": lambda s: s.events,
    "get": lambda s: s.get(zmq.EVENTS),
    "getsockopt": lambda s: s.getsockopt(zmq.EVENTS),
    "another option": lambda s: s.rcvmore,
    "poll": lambda s: s.poll(0),
    "poll for room": lambda s: s.poll(0, zmq.POLLOUT),
    "send": lambda s: s.send(b"to peer"),
    "send of shadow": lambda s: s._shadow_sock.send(b"to peer"),
    "events of shadow": lambda s: s._shadow_sock.events,
    "poll of shadow": lambda s: s._shadow_sock.poll(0),
    "shadow made for it": lambda s: zmq.Socket.shadow(s).get(zmq.EVENTS),
    "zmq_poll": lambda s: zmq.zmq_poll([(s._shadow_sock, zmq.POLLIN)], 0),
    "select": lambda s: zmq.select([s._shadow_sock], [], [], 0),
    "connect": lambda s: s.context.socket(zmq.PAIR).close(),
    "set": lambda s: s.set(zmq.RCVHWM, 1000),
}


@pytest.mark.parametrize("eater", EATERS)
@pytest.mark.parametrize("transport", ["inproc", "tcp"])
def test_news_taken_by_others(run: Run, apair: Pair, eater: str, transport: str) -> None:
    async def main() -> None:
        a, b = apair(transport=transport)
        peer = a._shadow_sock
        for number in range(20):
            waiting = (b.recv, b.recv_multipart, b.poll)[number % 3]()
            await turns(number % 4)
            peer.send(b"x")
            for _ in range(number % 5 + 1):
                EATERS[eater](b)
            got = await soon(waiting)
            if number % 3 == 2:
                assert got == zmq.POLLIN
                assert await b.recv() == b"x"
            else:
                assert got in (b"x", [b"x"])

    run(main)


@pytest.mark.parametrize("transport", ["inproc", "tcp"])
def test_bursts_and_silence(run: Run, apair: Pair, transport: str) -> None:
    """Sends, receives and polls on one socket, from two clients, in bursts."""

    async def main() -> None:
        router = apair.socket(zmq.ROUTER)
        address = bind_any(router, transport)
        clients = [apair.socket(zmq.DEALER) for _ in range(2)]
        for client in clients:
            client.connect(address)

        async def serve() -> None:
            while True:
                await router.send_multipart(await router.recv_multipart())

        async def look() -> None:
            while True:
                await router.poll(30_000)
                router.events  # noqa: B018  reading it takes the news
                await asyncio.sleep(0)

        async def ask(client: Any) -> None:
            for burst in range(10):
                for number in range(10):
                    await client.send_multipart([b"%d" % number, b"%d" % burst])
                for number in range(10):
                    assert await soon(client.recv_multipart()) == [b"%d" % number, b"%d" % burst]
                await asyncio.sleep(0.001)

        helpers = [asyncio.ensure_future(serve()), asyncio.ensure_future(look())]
        await soon(asyncio.gather(*map(ask, clients)))
        for helper in helpers:
            helper.cancel()

    run(main)


@pytest.mark.parametrize("transport", ["inproc", "tcp"])
def test_shadow_for_every_send(run: Run, apair: Pair, transport: str) -> None:
    """A blocking shadow of the socket is made, used and forgotten for each answer, while the socket receives."""

    async def main() -> None:
        router, dealer = apair(zmq.ROUTER, zmq.DEALER, transport=transport)

        async def serve() -> None:
            while True:
                frames = await router.recv_multipart()
                for _ in range(3):
                    zmq.Socket.shadow(router.underlying).send_multipart(frames)

        serving = asyncio.ensure_future(serve())
        for number in range(200):
            await dealer.send(b"%d" % number)
            for _ in range(3):
                assert await soon(dealer.recv()) == b"%d" % number
        serving.cancel()

    run(main)


def test_shadow_of_asyncio_for_every_operation(run: Run, apair: Pair) -> None:
    async def main() -> None:
        a, b = apair()
        for number in range(200):
            waiting = zmq.asyncio.Socket.from_socket(b).recv()
            await zmq.asyncio.Socket.shadow(a.underlying).send(b"%d" % number)
            assert await soon(waiting) == b"%d" % number

    run(main)


def test_message_taken_by_a_shadow(run: Run, apair: Pair) -> None:
    """The waiting receive goes on waiting for the next."""

    async def main() -> None:
        a, b = apair()
        for _ in range(20):
            waiting = b.recv()
            await turns()
            a._shadow_sock.send(b"taken")
            assert b._shadow_sock.recv() == b"taken"
            await turns()
            assert not waiting.done()
            a._shadow_sock.send(b"next")
            assert await soon(waiting) == b"next"

    run(main)


def test_blocking_peer_in_a_thread(run: Run, apair: Pair, socket: MakeSocket) -> None:
    """10,000 messages from a blocking socket of another thread, and as many answers."""

    async def main() -> None:
        router = apair.socket(zmq.ROUTER, rcvhwm=100)  # with a mark for sending it would drop answers
        address = bind_any(router, "tcp")

        def ask() -> None:
            dealer = socket(zmq.DEALER)
            dealer.connect(address)
            sent = received = 0
            while received < 10_000:
                while sent < 10_000 and sent - received < 150:
                    dealer.send(b"%d" % sent)
                    sent += 1
                assert dealer.recv() == b"%d" % received
                received += 1

        client = Background(ask)
        for _ in range(10_000):
            await router.send_multipart(await router.recv_multipart())
        await until(lambda: not client.is_alive())
        client.result()

    run(main)


def test_burst_of_small_high_water_mark(run: Run, apair: Pair) -> None:
    """Sender and receiver stop and go all the time, in one loop."""

    async def main() -> None:
        for transport in ("inproc", "tcp"):
            sink, source = apair(zmq.PULL, zmq.PUSH, transport, rcvhwm=1, sndhwm=1)

            async def produce(source: Any = source) -> None:
                for number in range(2000):
                    await source.send_multipart([b"%d" % number, b""])

            producing = asyncio.ensure_future(produce())
            for number in range(2000):
                assert await soon(sink.recv_multipart()) == [b"%d" % number, b""]
            await soon(producing)

    run(main)


def test_blocking_receive_in_the_middle(run: Run, apair: Pair) -> None:
    """A blocking poll with a timeout through the shadow, while receives wait."""

    async def main() -> None:
        a, b = apair()
        waiting = b.recv()
        await turns()
        assert b._shadow_sock.poll(5) == 0
        a._shadow_sock.send(b"x")
        assert b._shadow_sock.poll(30_000) == zmq.POLLIN
        assert await soon(waiting) == b"x"

    run(main)


def test_subscriptions(run: Run, apair: Pair) -> None:
    async def main() -> None:
        pub, sub = apair(zmq.XPUB, zmq.SUB, "tcp")
        waiting = sub.recv_multipart()
        sub.subscribe("a")
        assert await soon(pub.recv()) == b"\1a"
        for number in range(100):
            await pub.send_multipart([b"a", b"%d" % number])
            await pub.send_multipart([b"b", b"%d" % number])
        assert await soon(waiting) == [b"a", b"0"]
        for number in range(1, 100):
            assert await soon(sub.recv_multipart()) == [b"a", b"%d" % number]

    run(main)


def test_monitor_of_a_socket_that_waits(run: Run, apair: Pair) -> None:
    """The monitor is started, awaited and stopped while receives wait in the socket it watches."""

    async def main() -> None:
        server, client = apair.socket(zmq.PULL), apair.socket(zmq.PUSH)
        address = bind_any(server, "tcp")
        waiting = server.recv()
        await turns()
        monitor = server.get_monitor_socket()
        events = monitor.recv_multipart()
        client.connect(address)
        await soon(events)
        await client.send(b"x")
        assert await soon(waiting) == b"x"
        again = server.recv()
        server.disable_monitor()
        await client.send(b"y")
        assert await soon(again) == b"y"
        monitor.close()

    run(main)


def test_handed_over_between_threads(run: Run, apair: Pair) -> None:
    """The loop of another thread takes over between two calls."""

    async def exchange() -> None:
        for number in range(50):
            waiting = b.recv()
            await a.send(b"%d" % number)
            assert await soon(waiting) == b"%d" % number

    a, b = apair()
    for _ in range(3):
        run(exchange)
        thread = Background(run, exchange)
        wait_until(lambda thread=thread: not thread.is_alive())
        thread.result()
