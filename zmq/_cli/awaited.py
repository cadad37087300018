"""The workloads of sockets that wait in an event loop: asyncio, uvloop, tornado, gevent.

A part of workloads.py, and like that file it imports nothing of this package but `zmq`: a rival is measured by the very same
lines. What a rival lacks (`recv_many`, `async for`) is done as its users do it, one `await socket.recv()` after the other.
"""

from __future__ import annotations

import asyncio
import contextlib
from importlib import import_module
from importlib.util import find_spec
from itertools import repeat
from time import perf_counter
from typing import TYPE_CHECKING, Any

import zmq

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    _Run = Callable[[Coroutine[Any, Any, float]], float]

PAYLOAD = b"x" * 16
DEALERS = 50
IN_FLIGHT = 16


@contextlib.contextmanager
def event_loop(kind: str) -> Iterator[_Run]:
    """What runs a coroutine in a loop that lives as long as the block."""
    package = asyncio
    if kind == "uvloop":
        package = import_module("uvloop")
    loop = package.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        yield loop.run_until_complete
    finally:
        asyncio.set_event_loop(None)
        loop.close()


@contextlib.contextmanager
def sockets(package: Any, transport: str, bound: int, *connected: int) -> Iterator[list[Any]]:
    """A bound socket and those connected to it."""
    context = package.Context()
    made = [context.socket(kind) for kind in (bound, *connected)]
    try:
        for socket in made:
            socket.linger = 0
        if transport == "inproc":
            address = "inproc://bench"
            made[0].bind(address)
        else:
            address = f"tcp://127.0.0.1:{made[0].bind_to_random_port('tcp://127.0.0.1')}"
        for socket in made[1:]:
            socket.connect(address)
        yield made
    finally:
        for socket in made:
            socket.close()
        context.term()


def push_pull(pace: Any, kind: str, transport: str) -> float:
    """Messages per second from one task to another."""
    import zmq.asyncio

    with event_loop(kind) as run, sockets(zmq.asyncio, transport, zmq.PULL, zmq.PUSH) as (pull, push):

        async def send(count: int) -> None:
            for _ in repeat(None, count):
                await push.send(PAYLOAD)

        async def both(count: int) -> float:
            start = perf_counter()
            sending = asyncio.ensure_future(send(count))
            for _ in repeat(None, count):
                await pull.recv()
            await sending
            return perf_counter() - start

        return float(pace.rate(lambda count: run(both(count))))


def req_rep(pace: Any, kind: str, transport: str) -> float:
    """Round trips per second between two tasks."""
    import zmq.asyncio

    with event_loop(kind) as run, sockets(zmq.asyncio, transport, zmq.REP, zmq.REQ) as (rep, req):

        async def serve(count: int) -> None:
            for _ in repeat(None, count):
                await rep.send(await rep.recv())

        async def both(count: int) -> float:
            start = perf_counter()
            serving = asyncio.ensure_future(serve(count))
            for _ in repeat(None, count):
                await req.send(PAYLOAD)
                await req.recv()
            await serving
            return perf_counter() - start

        return float(pace.rate(lambda count: run(both(count))))


def router_dealers(pace: Any, kind: str, transport: str) -> float:
    """Round trips per second of two-frame messages between a ROUTER and many DEALERs, a task for each."""
    import zmq.asyncio

    with event_loop(kind) as run, sockets(zmq.asyncio, transport, zmq.ROUTER, *[zmq.DEALER] * DEALERS) as (router, *dealers):
        message = [b"", PAYLOAD]

        async def serve(count: int) -> None:
            for _ in repeat(None, count):
                await router.send_multipart(await router.recv_multipart())

        async def ask(dealer: Any, count: int) -> None:
            for _ in repeat(None, count):
                await dealer.send_multipart(message)
                await dealer.recv_multipart()

        async def both(count: int) -> float:
            each = -(-count // DEALERS)
            start = perf_counter()
            await asyncio.gather(serve(each * DEALERS), *(ask(dealer, each) for dealer in dealers))
            return (perf_counter() - start) * count / (each * DEALERS)

        return float(pace.rate(lambda count: run(both(count)), first=DEALERS))


def receive_from_process(pace: Any, kind: str, how: str, size: int, peer_process: Any, tune: Any) -> float:
    """Messages per second at an awaiting receiver of what another process pushes."""
    import zmq.asyncio

    with event_loop(kind) as run, sockets(zmq.asyncio, "tcp", zmq.PULL) as (pull,):
        tune(pull, size)
        pull.rcvtimeo = -1

        async def one_by_one(count: int) -> None:
            for _ in repeat(None, count):
                await pull.recv()

        async def iterated(count: int) -> None:
            async for _ in pull:
                count -= 1
                if not count:
                    break

        async def in_batches(count: int) -> None:
            while count:
                count -= len(await pull.recv_many(min(count, 500)))

        receive = one_by_one
        if how == "iterate" and hasattr(pull, "__aiter__"):
            receive = iterated
        elif how == "many" and hasattr(pull, "recv_many"):
            receive = in_batches

        async def timed(count: int) -> float:
            await pull.recv()
            start = perf_counter()
            await receive(count)
            return perf_counter() - start

        with peer_process("push", pull.getsockopt(zmq.LAST_ENDPOINT).rstrip(b"\0").decode(), size) as start_peer:

            def loop(count: int) -> float:
                start_peer(count + 1)
                return run(timed(count))

            return float(pace.rate(loop))


def green_push_pull(pace: Any) -> float:
    """Messages per second from one greenlet to another."""
    import gevent
    import zmq.green

    with sockets(zmq.green, "inproc", zmq.PULL, zmq.PUSH) as (pull, push):

        def send(count: int) -> None:
            for _ in repeat(None, count):
                push.send(PAYLOAD)

        def receive(count: int) -> None:
            for _ in repeat(None, count):
                pull.recv()

        def loop(count: int) -> float:
            start = perf_counter()
            gevent.joinall([gevent.spawn(send, count), gevent.spawn(receive, count)], raise_error=True)
            return perf_counter() - start

        return float(pace.rate(loop))


def stream_echo(pace: Any) -> float:
    """Round trips per second between two ZMQStreams, some of them in flight."""
    stream: Any = import_module("zmq.eventloop.zmqstream").ZMQStream
    with event_loop("asyncio") as run, sockets(zmq, "tcp", zmq.DEALER, zmq.DEALER) as pair:
        streams: list[Any] = []

        async def echo(count: int) -> float:
            if not streams:
                # in the loop that runs, and once: PyZMQ's leave a descriptor in it
                streams.extend(stream(socket) for socket in pair)
            there, here = streams
            done = asyncio.get_running_loop().create_future()
            left = [count]

            def answered(message: list[bytes]) -> None:
                left[0] -= 1
                if left[0] >= IN_FLIGHT:
                    here.send_multipart(message)
                elif not left[0]:
                    done.set_result(None)

            there.on_recv(there.send_multipart)
            here.on_recv(answered)
            start = perf_counter()
            for _ in range(min(IN_FLIGHT, count)):
                here.send(PAYLOAD)
            await done
            elapsed = perf_counter() - start
            here.stop_on_recv()
            there.stop_on_recv()
            return elapsed

        return float(pace.rate(lambda count: run(echo(count))))


def define(workload: Any, peer_process: Any, tune: Any) -> None:
    """Register the workloads of the flavours that are installed.

    Args:
        workload, peer_process, tune: of workloads.py.
    """

    def add(name: str, measures: str, unit: str, measure: Callable[..., float], **options: Any) -> None:
        def run(pace: Any) -> float:
            return measure(pace, **options)

        run.__name__ = name
        workload(measures, unit)(run)

    for kind in ("asyncio", "uvloop"):
        if not find_spec(kind):
            continue
        for transport in ("inproc", "tcp"):
            add(
                f"{kind}_push_pull_{transport}_16",
                f"PUSH/PULL between two tasks, {kind}, {transport}, 16 bytes",
                "messages/s",
                push_pull,
                kind=kind,
                transport=transport,
            )
        add(
            f"{kind}_req_rep_inproc_16",
            f"REQ/REP between two tasks, {kind}, inproc, 16 bytes",
            "round trips/s",
            req_rep,
            kind=kind,
            transport="inproc",
        )
        for transport in ("inproc", "tcp"):
            add(
                f"{kind}_router_dealers_{transport}",
                f"a ROUTER and {DEALERS} DEALERs, multipart, {kind}, {transport}",
                "round trips/s",
                router_dealers,
                kind=kind,
                transport=transport,
            )
        for how, words, size, tag in (
            ("one", "await recv()", 16, "recv_tcp_16"),
            ("iterate", "async for", 16, "iterate_tcp_16"),
            ("many", "await recv_many(500)", 16, "recv_many_tcp_16"),
            ("one", "await recv()", 1 << 20, "recv_tcp_1M"),
        ):
            add(
                f"{kind}_{tag}",
                f"{words} of what another process pushes, {kind}, tcp, {size} bytes",
                "messages/s",
                receive_from_process,
                kind=kind,
                how=how,
                size=size,
                peer_process=peer_process,
                tune=tune,
            )
    if find_spec("gevent") and find_spec("zmq.green"):
        add("gevent_push_pull_inproc_16", "PUSH/PULL between two greenlets, inproc, 16 bytes", "messages/s", green_push_pull)
    if find_spec("tornado") and find_spec("zmq.eventloop.zmqstream"):
        add("stream_echo_tcp_16", "ZMQStream echo, tcp, 16 bytes, 16 in flight", "round trips/s", stream_echo)
