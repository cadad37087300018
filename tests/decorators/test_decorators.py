"""zmq.decorators: what a call gets, from where, and that it is closed."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
import zmq
import zmq.asyncio
from zmq.decorators import context, socket

from helpers import Background, fresh_inproc


def test_context_is_the_last_positional_argument_and_ends_with_the_call() -> None:
    @context()
    def call(first: str, ctx: Any) -> Any:
        assert (first, ctx.closed) == ("x", False)
        return ctx

    assert call("x").closed
    assert call("x") is not call("x")


@pytest.mark.parametrize("decorator", [context("ctx"), context(name="ctx"), context("ctx", io_threads=3)])
def test_context_by_name(decorator: Any) -> None:
    @decorator
    def call(ctx: Any) -> int:
        return int(ctx.io_threads)

    assert call() in (1, 3)
    with pytest.raises(TypeError, match="ctx"):
        call(ctx=1)


def test_arguments_go_to_the_context() -> None:
    @context(io_threads=5)
    def call(ctx: Any) -> int:
        return int(ctx.io_threads)

    assert call() == 5


def test_decorators_apply_from_the_top_down() -> None:
    @context()
    @socket(zmq.PUB)
    @socket("sub", zmq.SUB)
    def call(ctx: Any, pub: Any, sub: Any) -> tuple[Any, ...]:
        assert pub.context is sub.context is ctx
        assert (pub.type, sub.type) == (zmq.PUB, zmq.SUB)
        return pub, sub

    assert all(one.closed for one in call())


def test_methods_and_results() -> None:
    class Thing:
        name = "thing"

        @context()
        @socket(zmq.PAIR)
        def call(self, ctx: Any, pair: Any) -> str:
            """What it is for."""
            assert pair.context is ctx
            return self.name

    assert Thing().call() == "thing"
    assert Thing.call.__doc__ == "What it is for."
    assert Thing.call.__name__ == "call"


def test_socket_takes_the_context_of_the_call(ctx: zmq.SyncContext) -> None:
    @socket(zmq.PAIR)
    def positional(*args: Any) -> Any:
        return args[-1].context

    @socket(zmq.PAIR, name="pair")
    def keyword(context: Any, pair: Any) -> Any:
        return pair.context

    @socket(zmq.PAIR, name="pair", context_name="where")
    def other(where: Any, pair: Any) -> Any:
        return pair.context

    with zmq.Context() as second:
        assert positional(1, ctx, second) is ctx
        assert keyword(context=ctx) is ctx
        assert other(where=ctx) is ctx


def test_without_a_context_the_process_wide_one_is_taken() -> None:
    @socket(zmq.PAIR)
    def call(pair: Any) -> Any:
        return pair.context

    try:
        assert call() is zmq.Context.instance()
    finally:
        zmq.Context.instance().term()


def test_a_socket_needs_its_type() -> None:
    @context()
    @socket("pair")
    def call(ctx: Any, pair: Any) -> None: ...

    with pytest.raises(TypeError, match="socket_type"):
        call()


def test_what_a_call_raises_comes_out_and_the_socket_is_closed() -> None:
    seen = []

    @context()
    @socket(zmq.PAIR)
    def call(ctx: Any, pair: Any) -> None:
        seen.append(pair)
        raise LookupError

    with pytest.raises(LookupError):
        call()
    assert seen[0].closed


def test_threads_have_objects_of_their_own(ctx: zmq.SyncContext) -> None:
    together = threading.Barrier(8)
    seen = []

    @socket(zmq.PAIR)
    def call(ctx: Any, pair: Any) -> None:
        together.wait(30)
        pair.bind(fresh_inproc())
        seen.append(pair)

    for running in [Background(call, ctx) for _ in range(8)]:
        running.result()
    assert len(set(seen)) == 8


def test_a_coroutine_function_keeps_its_socket_until_it_ends() -> None:
    @socket(zmq.PUSH)
    @socket(zmq.PULL)
    async def call(ctx: Any, push: Any, pull: Any) -> Any:
        address = fresh_inproc()
        push.bind(address)
        pull.connect(address)
        await push.send(b"awaited")
        return await pull.recv()

    async def main() -> None:
        with zmq.asyncio.Context() as ctx:
            assert await call(ctx) == b"awaited"

    asyncio.run(main())
