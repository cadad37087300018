"""Context: construction, sharing, sockets, endings, representation."""

from __future__ import annotations

import copy
import errno
import gc
import os
import pickle
import threading
import weakref
from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest
import zmq

from helpers import Background, MakeSocket, RunChild, fresh_inproc, wait_until_blocked


@pytest.fixture
def no_instance() -> Iterator[None]:
    """Run with an empty singleton slot and end the singleton made meanwhile."""
    saved, zmq.Context._instance = zmq.Context._instance, None
    yield
    made = zmq.Context._instance
    if made is not None and not made.closed:
        made.destroy(linger=0)
    zmq.Context._instance = saved


# construction


def test_new_context_is_open() -> None:
    with zmq.Context() as context:
        assert not context.closed
        assert context.underlying != 0


@pytest.mark.parametrize("threads", [0, 1, 3])
def test_io_threads_are_set(threads: int) -> None:
    with zmq.Context(threads) as context:
        assert context.get(zmq.IO_THREADS) == threads


def test_negative_io_threads_is_einval() -> None:
    with pytest.raises(zmq.ZMQError) as caught:
        zmq.Context(-1)
    assert caught.value.errno == zmq.EINVAL


@pytest.mark.parametrize("threads", ["1", [], None])
def test_io_threads_wants_an_int(threads: Any) -> None:
    with pytest.raises(TypeError):
        zmq.Context(threads)


def test_subclass_may_have_any_signature() -> None:
    class Named(zmq.Context[zmq.SyncSocket]):
        name: str

        def __init__(self, name: str, *, extra: int = 0) -> None:
            super().__init__()
            self.name = name

    with Named("s", extra=3) as context:
        assert context.name == "s"


def test_two_contexts_are_separate() -> None:
    with zmq.Context() as one, zmq.Context() as two:
        assert one.underlying != two.underlying
        assert one != two
        assert len({one, two}) == 2


# shadows


def test_shadow_by_address_shares_the_context(ctx: zmq.SyncContext) -> None:
    shadow = zmq.Context.shadow(ctx.underlying)
    assert shadow.underlying == ctx.underlying
    assert shadow._shadow
    del shadow
    gc.collect()
    assert not ctx.closed
    ctx.socket(zmq.PAIR).close()


def test_shadow_by_object_keeps_a_reference(ctx: zmq.SyncContext) -> None:
    for shadow in (zmq.Context.shadow(ctx), zmq.Context(ctx), zmq.Context(shadow=ctx)):
        assert shadow.underlying == ctx.underlying
        assert shadow._shadow_obj is ctx


def test_socket_of_a_shadow_talks_to_sockets_of_the_original(ctx: zmq.SyncContext, socket: MakeSocket) -> None:
    shadow = zmq.Context.shadow(ctx.underlying)
    name = fresh_inproc()
    receiver = socket(zmq.PULL)
    receiver.bind(name)
    with shadow.socket(zmq.PUSH) as sender:
        sender.connect(name)
        sender.send(b"hello")
        assert receiver.recv() == b"hello"


@pytest.mark.parametrize("wrong", ["text", 1.5, object()])
def test_shadow_of_something_else_is_a_valueerror(wrong: Any) -> None:
    with pytest.raises(ValueError):
        zmq.Context.shadow(wrong)


def test_ending_a_shadow_ends_the_real_context(run_child: RunChild) -> None:
    run_child(
        """
        import zmq
        original = zmq.Context()
        zmq.Context.shadow(original.underlying).term()
        try:
            original.socket(zmq.PAIR)
        except zmq.ZMQError as error:
            assert error.errno in (zmq.EFAULT, zmq.ENOTSUP), error
        else:
            raise SystemExit("still usable")
        """
    ).ok()


@pytest.mark.parametrize("copier", [copy.copy, copy.deepcopy])
def test_copy_is_a_shadow(ctx: zmq.SyncContext, copier: Any) -> None:
    twin = copier(ctx)
    assert type(twin) is type(ctx)
    assert twin.underlying == ctx.underlying
    assert twin._shadow
    del twin
    gc.collect()
    assert not ctx.closed


def test_pickling_is_refused(ctx: zmq.SyncContext) -> None:
    with pytest.raises(TypeError):
        pickle.dumps(ctx)


def test_shadow_pyczmq_needs_pyczmq() -> None:
    with pytest.raises(ImportError):
        zmq.Context.shadow_pyczmq(1)


# the singleton


@pytest.mark.usefixtures("no_instance")
def test_instance_is_one_object_until_closed() -> None:
    first = zmq.Context.instance()
    assert zmq.Context.instance(io_threads=7) is first
    assert first.get(zmq.IO_THREADS) == 1
    first.term()
    second = zmq.Context.instance(io_threads=2)
    assert second is not first
    assert second.get(zmq.IO_THREADS) == 2


@pytest.mark.usefixtures("no_instance")
def test_subclass_with_its_own_slot_has_its_own_instance() -> None:
    class Own(zmq.Context[zmq.SyncSocket]):
        _instance = None

    base = zmq.Context.instance()
    own = Own.instance()
    assert type(own) is Own
    assert own is not base
    assert Own.instance() is own
    own.term()


@pytest.mark.usefixtures("no_instance")
def test_subclass_without_a_slot_gets_the_live_base_instance() -> None:
    class Plain(zmq.Context[zmq.SyncSocket]):
        pass

    base = zmq.Context.instance()
    assert Plain.instance() is base


@pytest.mark.usefixtures("no_instance")
def test_subclass_that_comes_first_does_not_become_the_base_instance() -> None:
    class Plain(zmq.Context[zmq.SyncSocket]):
        pass

    plain = Plain.instance()
    assert type(plain) is Plain
    assert type(zmq.Context.instance()) is zmq.Context
    plain.term()


def test_threads_that_race_for_the_instance_get_one_object() -> None:
    barrier = threading.Barrier(17)
    entered = threading.Event()

    class Slow(zmq.Context[zmq.SyncSocket]):
        _instance = None

        def __init__(self) -> None:
            entered.wait(0.05)  # widens the window between the check and the assignment
            super().__init__()

    def ask() -> zmq.SyncContext:
        barrier.wait()
        return Slow.instance()

    # instance() passes io_threads by keyword to classes that take it
    class Racing(Slow):
        _instance = None

        def __init__(self, io_threads: int = 1) -> None:
            super().__init__()

    def ask_racing() -> zmq.SyncContext:
        barrier.wait()
        return Racing.instance()

    got = {id(one.result()) for one in [Background(ask_racing) for _ in range(17)]}
    assert len(got) == 1
    Racing.instance().term()


# sockets


def test_socket_class_is_chosen_by_argument_then_by_attribute(ctx: zmq.SyncContext) -> None:
    class Mine(zmq.Socket[bytes]):
        pass

    class Other(zmq.Socket[bytes]):
        pass

    def kind(**arguments: Any) -> type:
        with ctx.socket(zmq.PAIR, **arguments) as made:
            return type(made)

    assert kind(socket_class=Mine) is Mine
    ctx._socket_class = Other
    assert kind() is Other
    assert kind(socket_class=Mine) is Mine
    del ctx._socket_class
    assert kind() is zmq.Socket


def test_keywords_reach_the_socket_class(ctx: zmq.SyncContext) -> None:
    class Labelled(zmq.Socket[bytes]):
        label: str

        def __init__(self, *args: Any, label: str = "", **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.label = label

    with ctx.socket(zmq.PAIR, socket_class=Labelled, label="x", copy_threshold=5) as made:
        assert (made.label, made.copy_threshold) == ("x", 5)


def test_socket_knows_its_context(ctx: zmq.SyncContext) -> None:
    with ctx.socket(zmq.PAIR) as made:
        assert made.context is ctx


def test_unknown_socket_type_is_einval(ctx: zmq.SyncContext) -> None:
    with pytest.raises(zmq.ZMQError) as caught:
        ctx.socket(999)
    assert caught.value.errno == zmq.EINVAL


@pytest.mark.parametrize("kind", [-1, "PUSH", None])
def test_impossible_socket_type_is_a_typeerror(ctx: zmq.SyncContext, kind: Any) -> None:
    with pytest.raises(TypeError):
        ctx.socket(kind)


def test_socket_on_a_closed_context_is_enotsup(ctx: zmq.SyncContext) -> None:
    ctx.term()
    with pytest.raises(zmq.ZMQError) as caught:
        ctx.socket(zmq.PAIR)
    assert caught.value.errno == zmq.ENOTSUP


def test_too_many_sockets_is_emfile(ctx: zmq.SyncContext) -> None:
    ctx.set(zmq.MAX_SOCKETS, 3)
    made = []
    with pytest.raises(zmq.ZMQError) as caught:
        for _ in range(10):
            made.append(ctx.socket(zmq.PAIR))
    assert caught.value.errno == errno.EMFILE
    for one in made:
        one.close()


def test_many_sockets_in_rounds(ctx: zmq.SyncContext) -> None:
    for _ in range(16):
        batch = [ctx.socket(zmq.PAIR) for _ in range(65)]
        for one in batch:
            one.close()


def test_sockets_may_be_made_from_any_thread(ctx: zmq.SyncContext) -> None:
    barrier = threading.Barrier(8)

    def rounds() -> int:
        barrier.wait()
        for _ in range(50):
            ctx.socket(zmq.PAIR).close()
        return 50

    assert sum(one.result() for one in [Background(rounds) for _ in range(8)]) == 400


# endings


def test_term_twice_is_once(ctx: zmq.SyncContext) -> None:
    ctx.term()
    assert ctx.closed
    assert ctx.underlying == 0
    ctx.term()


def test_term_waits_for_the_sockets_to_close(ctx: zmq.SyncContext) -> None:
    made = ctx.socket(zmq.PAIR)
    ending = Background(ctx.term)
    wait_until_blocked(ending)
    assert ending.is_alive()
    assert not made.closed
    made.close()
    ending.result()
    assert ctx.closed


def test_term_wakes_a_blocked_receiver_with_etterm(ctx: zmq.SyncContext) -> None:
    made = ctx.socket(zmq.PULL)

    def receive() -> None:
        try:
            made.recv()
        finally:
            made.close()

    receiving = Background(receive)
    wait_until_blocked(receiving)
    Background(ctx.term).result()
    with pytest.raises(zmq.ContextTerminated):
        receiving.result()


@pytest.mark.parametrize("linger", [None, 0, 10])
def test_destroy_closes_sockets(ctx: zmq.SyncContext, linger: int | None) -> None:
    made = [ctx.socket(kind) for kind in (zmq.PAIR, zmq.ROUTER, zmq.PUB)]
    ctx.destroy(linger=linger)
    assert ctx.closed
    assert all(one.closed for one in made)
    ctx.destroy()


def test_destroy_with_linger_drops_what_nobody_takes(ctx: zmq.SyncContext) -> None:
    made = ctx.socket(zmq.PUSH)
    made.connect("tcp://127.0.0.1:9")
    made.send(b"never")
    Background(ctx.destroy, 0).result()
    assert made.closed


def test_destroy_after_some_sockets_were_closed_and_collected(ctx: zmq.SyncContext) -> None:
    ctx.socket(zmq.PAIR).close()
    gc.collect()
    left = ctx.socket(zmq.PAIR)
    ctx.destroy(linger=0)
    assert left.closed


def test_destroy_with_reference_cycles() -> None:
    context: Any = zmq.Context()
    made: Any = context.socket(zmq.PAIR)
    cycle = [context, made]
    cycle.append(cycle)
    context.destroy(linger=0)
    assert made.closed


def test_with_block_terminates() -> None:
    with zmq.Context() as context:
        context.socket(zmq.PAIR).close()
    assert context.closed


def test_with_block_warns_about_each_socket_left_open() -> None:
    with pytest.warns(ResourceWarning, match="Destroying context with unclosed socket") as caught:
        with zmq.Context() as context:
            left = [context.socket(zmq.PAIR), context.socket(zmq.PUSH)]
    assert len(caught) == len(left)
    assert all(one.closed for one in left)


def test_collected_open_context_warns(run_child: RunChild) -> None:
    child = run_child(
        """
        import gc, zmq
        context = zmq.Context()
        del context
        gc.collect()
        """,
        options=["-W", "always::ResourceWarning"],
    )
    assert child.status == 0, child.describe()
    assert "Unclosed context" in child.err


def test_collecting_a_cycle_of_context_and_socket_does_not_hang(run_child: RunChild) -> None:
    child = run_child(
        """
        import gc, zmq
        class Holder: pass
        holder = Holder()
        holder.ctx = zmq.Context()
        holder.socket = holder.ctx.socket(zmq.PUSH)
        holder.me = holder
        del holder
        gc.collect()
        print("collected")
        """,
        options=["-W", "ignore::ResourceWarning"],
    )
    assert child.ok().out == "collected\n"


def test_weak_references(ctx: zmq.SyncContext) -> None:
    reference = weakref.ref(ctx)
    assert reference() is ctx


# representation


def test_repr_counts_sockets_and_tells_closed(ctx: zmq.SyncContext) -> None:
    place = hex(id(ctx))
    assert repr(ctx) == f"<zmq.Context() at {place}>"
    one = ctx.socket(zmq.PAIR)
    assert repr(ctx) == f"<zmq.Context(1 socket) at {place}>"
    two = ctx.socket(zmq.PAIR)
    assert repr(ctx) == f"<zmq.Context(2 sockets) at {place}>"
    one.close()
    two.close()
    ctx.term()
    assert repr(ctx) == f"<zmq.Context() at {place} closed>"


def test_repr_of_a_subclass_names_it() -> None:
    class Special(zmq.Context[zmq.SyncSocket]):
        pass

    with Special() as context:
        assert "Special" in repr(context)


def test_mock_with_spec() -> None:
    with zmq.Context() as context:
        double = mock.Mock(spec=context)
        assert isinstance(double, zmq.Context)
        double.socket(zmq.PAIR)


def test_dir_reads_or_raises_attributeerror_only(ctx: zmq.SyncContext) -> None:
    names = dir(ctx)
    assert "IO_THREADS" in names
    for name in names:
        getattr(ctx, name, None)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this platform")
@pytest.mark.usefixtures("no_instance")
def test_instance_after_fork_is_new(run_child: RunChild) -> None:
    run_child(
        """
        import os, zmq
        parent = zmq.Context.instance()
        pid = os.fork()
        if pid == 0:
            mine = zmq.Context.instance()
            a, b = mine.socket(zmq.PAIR), mine.socket(zmq.PAIR)
            a.bind("inproc://x"); b.connect("inproc://x"); a.send(b"x")
            good = mine is not parent and b.recv() == b"x"
            mine.destroy(linger=0)
            os._exit(0 if good else 1)
        assert os.waitpid(pid, 0)[1] == 0
        assert zmq.Context.instance() is parent
        parent.term()
        """,
    ).ok()
