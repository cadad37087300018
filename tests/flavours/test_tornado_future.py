"""zmq.eventloop: awaited sockets in tornado's loop, and the modules of old."""

from __future__ import annotations

import asyncio
import importlib
import sys
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
import tornado.gen
import tornado.ioloop
import zmq
import zmq.asyncio
import zmq.eventloop
import zmq.eventloop.future

from conftest import end_context
from helpers import RunChild, bind_any


def in_loop(function: Callable[[], Awaitable[Any]], limit: float = 20) -> Any:
    """Run a coroutine function in a loop of its own."""
    loop = tornado.ioloop.IOLoop(make_current=False)
    try:
        return loop.run_sync(function, timeout=limit)
    finally:
        loop.close()


class KeepingContext(zmq.eventloop.future.Context):
    """Keeps its sockets, so that no test has to close them."""

    made: list[Any]

    def socket(self, *args: Any, **kwargs: Any) -> Any:
        one = super().socket(*args, **kwargs)
        self.made.append(one)
        return one


@pytest.fixture
def tctx() -> Iterator[zmq.eventloop.future.Context]:
    context = KeepingContext()
    context.made = []
    context.linger = 0
    yield context
    end_context(context)


def connected(context: Any, bound: int = zmq.PAIR, other: int = zmq.PAIR) -> tuple[Any, Any]:
    first, second = context.socket(bound), context.socket(other)
    second.connect(bind_any(first, "tcp"))
    return first, second


def test_coroutines_of_both_kinds(tctx: zmq.eventloop.future.Context) -> None:
    async def main() -> None:
        left, right = connected(tctx)
        waiting = left.recv_multipart()
        assert isinstance(waiting, asyncio.Future)
        await right.send_multipart([b"a", b"b"])
        assert await waiting == [b"a", b"b"]

        @tornado.gen.coroutine  # type: ignore[untyped-decorator]
        def old() -> Any:
            yield right.send_json({"a": 1})
            return (yield left.recv_json())

        assert await old() == {"a": 1}
        assert await left.poll(0) == 0
        left.rcvtimeo = 10
        with pytest.raises(zmq.Again):
            await left.recv()

    in_loop(main)


def test_a_cancelled_receive_loses_nothing(tctx: zmq.eventloop.future.Context) -> None:
    async def main() -> None:
        left, right = connected(tctx)
        waiting = left.recv()
        assert waiting.cancel()
        assert waiting.cancelled()
        with pytest.raises(zmq.eventloop.future.CancelledError):
            await waiting
        await right.send(b"x")
        assert await left.recv() == b"x"

    in_loop(main)


def test_poller(tctx: zmq.eventloop.future.Context) -> None:
    async def main() -> None:
        left, right = connected(tctx)
        poller = zmq.eventloop.future.Poller()
        poller.register(left, zmq.POLLIN)
        waiting = poller.poll(30_000)
        assert not waiting.done()
        await right.send(b"x")
        assert await waiting == [(left, zmq.POLLIN)]

    in_loop(main)


def test_closing_the_loop_with_all_descriptors_closes_its_sockets(tctx: zmq.eventloop.future.Context) -> None:
    async def main() -> Any:
        left, right = connected(tctx)
        await right.send(b"x")
        assert await left.recv() == b"x"
        return left, right

    loop = tornado.ioloop.IOLoop(make_current=False)
    left, right = loop.run_sync(main)
    loop.close(all_fds=True)
    assert left.closed
    assert right.closed


def test_successive_loops(tctx: zmq.eventloop.future.Context) -> None:
    left, right = connected(tctx)

    async def main() -> None:
        waiting = left.recv()
        await right.send(b"x")
        assert await waiting == b"x"

    for _ in range(3):
        in_loop(main)


def test_classes_and_instances(tctx: zmq.eventloop.future.Context) -> None:
    with tctx.socket(zmq.PAIR) as socket:
        assert isinstance(socket, zmq.eventloop.future.Socket)
        assert isinstance(socket, zmq.asyncio.Socket)
        assert repr(socket).startswith("<zmq.eventloop.future.Socket(zmq.PAIR)")
    instance = zmq.eventloop.future.Context.instance()
    assert instance is not zmq.asyncio.Context.instance()
    instance.term()
    zmq.asyncio.Context.instance().term()
    with pytest.deprecated_call():
        zmq.eventloop.future.Context(io_loop=object()).term()


@pytest.mark.parametrize("name", ["zmq.eventloop.ioloop", "zmq.green.eventloop.ioloop"])
def test_the_loop_of_old_is_tornados(name: str) -> None:
    for module in ("zmq.green.eventloop.ioloop", "zmq.eventloop.ioloop"):
        sys.modules.pop(module, None)
    with pytest.deprecated_call():
        old = importlib.import_module(name)
    assert old.ZMQIOLoop is old.IOLoop is zmq.eventloop.IOLoop is tornado.ioloop.IOLoop
    assert old.PeriodicCallback is tornado.ioloop.PeriodicCallback
    with pytest.deprecated_call():
        old.install()


@pytest.mark.parametrize("name", ["zmq.eventloop.zmqstream", "zmq.eventloop.future", "zmq.green.eventloop"])
def test_without_tornado_the_error_names_the_extra(run_child: RunChild, name: str) -> None:
    child = run_child(
        f"""
        import sys
        sys.modules["tornado"] = sys.modules["tornado.ioloop"] = None
        try:
            import {name}
        except ImportError as error:
            print(error)
        """
    )
    assert "pyzmq[tornado]" in child.ok().out


def test_green_sockets_in_a_stream(run_child: RunChild) -> None:
    run_child(
        """
        import zmq.green as zmq
        from tornado.ioloop import IOLoop
        from zmq.green.eventloop.zmqstream import ZMQStream

        loop = IOLoop()
        ctx = zmq.Context()
        left, right = ctx.socket(zmq.PAIR), ctx.socket(zmq.PAIR)
        left.bind("inproc://pair")
        right.connect("inproc://pair")
        stream = ZMQStream(left, loop)
        stream.on_recv(lambda message: (print(message), loop.stop()))
        right.send(b"x")
        loop.start()
        stream.close()
        right.close()
        ctx.term()
        loop.close()
        """
    ).ok()
