"""Socket: construction, shadows, closing, copying, representation."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref
from collections.abc import Callable
from typing import Any

import pytest
import zmq

from helpers import PYPY, MakePair, MakeSocket, RunChild, fresh_inproc, traces_memory

CLOSED_CALLS: dict[str, Callable[[zmq.SyncSocket], object]] = {
    "send": lambda s: s.send(b"x"),
    "send_multipart": lambda s: s.send_multipart([b"x", b"y"]),
    "send_large": lambda s: s.send(bytes(100_000), copy=False),
    "recv": lambda s: s.recv(),
    "recv_frame": lambda s: s.recv(copy=False),
    "recv_multipart": lambda s: s.recv_multipart(),
    "recv_into": lambda s: s.recv_into(bytearray(5)),
    "bind": lambda s: s.bind(fresh_inproc()),
    "connect": lambda s: s.connect(fresh_inproc()),
    "unbind": lambda s: s.unbind("inproc://x"),
    "disconnect": lambda s: s.disconnect("inproc://x"),
    "get": lambda s: s.get(zmq.LINGER),
    "set": lambda s: s.set(zmq.LINGER, 0),
    "attribute": lambda s: s.linger,
    "attribute_write": lambda s: setattr(s, "linger", 0),
    "fileno": lambda s: s.fileno(),
    "monitor": lambda s: s.monitor(fresh_inproc()),
}


# construction


def test_made_from_a_context(ctx: zmq.SyncContext) -> None:
    with zmq.Socket(ctx, zmq.PUSH) as made:
        assert made.type is zmq.PUSH
        assert made.context is ctx
        assert not made.closed
        assert made.underlying != 0


def test_default_type_is_pair(ctx: zmq.SyncContext) -> None:
    with zmq.Socket(ctx) as made:
        assert made.type is zmq.PAIR


@pytest.mark.parametrize("arguments", [(), (None, zmq.PUSH), ("context", zmq.PUSH), (5, zmq.PUSH)])
def test_without_a_context_is_a_typeerror(arguments: tuple[Any, ...]) -> None:
    with pytest.raises(TypeError):
        zmq.Socket(*arguments)


def test_socket_type_property_is_deprecated(socket: MakeSocket) -> None:
    made = socket(zmq.PULL)
    with pytest.warns(DeprecationWarning):
        assert made.socket_type == zmq.PULL


def test_copy_threshold_is_an_argument_and_an_attribute(socket: MakeSocket) -> None:
    made = socket(zmq.PUSH, copy_threshold=12)
    assert made.copy_threshold == 12
    made.copy_threshold = 0
    assert made.copy_threshold == 0


# shadows


def test_shadow_of_an_object_shares_context_and_keeps_it(socket: MakeSocket) -> None:
    made = socket(zmq.PUSH)
    for shadow in (zmq.Socket(made), zmq.Socket.shadow(made), zmq.Socket(shadow=made)):
        assert shadow.underlying == made.underlying
        assert shadow.context is made.context
        assert shadow._shadow_obj is made
        assert shadow.type == zmq.PUSH


def test_shadow_of_an_address_has_no_context(socket: MakeSocket) -> None:
    made = socket(zmq.PUSH)
    shadow = zmq.Socket.shadow(made.underlying)
    assert shadow.underlying == made.underlying
    assert shadow.context is None


def test_collecting_a_shadow_leaves_the_socket_open(socket: MakeSocket) -> None:
    made = socket(zmq.PUSH)
    shadow = zmq.Socket.shadow(made)
    del shadow
    gc.collect()
    assert not made.closed
    assert made.getsockopt(zmq.TYPE) == zmq.PUSH


def test_closing_a_shadow_closes_the_socket(socket: MakeSocket) -> None:
    made = socket(zmq.PUSH)
    zmq.Socket.shadow(made).close()
    assert made.closed


def test_messages_pass_through_shadows(pair: MakePair) -> None:
    a, b = pair()
    zmq.Socket.shadow(a.underlying).send(b"through")
    assert zmq.Socket.shadow(b).recv() == b"through"


@pytest.mark.parametrize("wrong", ["text", 1.5, object()])
def test_shadow_of_something_else_is_a_valueerror(wrong: Any) -> None:
    with pytest.raises(ValueError):
        zmq.Socket.shadow(wrong)


@pytest.mark.parametrize("copier", [copy.copy, copy.deepcopy])
def test_copy_is_a_shadow(socket: MakeSocket, copier: Any) -> None:
    made = socket(zmq.PUSH)
    twin = copier(made)
    assert type(twin) is type(made)
    assert twin.underlying == made.underlying
    del twin
    gc.collect()
    assert not made.closed


def test_pickling_is_refused(socket: MakeSocket) -> None:
    with pytest.raises(TypeError):
        pickle.dumps(socket(zmq.PUSH))


# closing


def test_close_twice_is_once(socket: MakeSocket) -> None:
    made = socket(zmq.PUSH)
    made.close()
    assert made.closed
    assert made.underlying == 0
    made.close()
    made.close(linger=0)


@pytest.mark.parametrize("arguments", [(0,), (5,), ()])
def test_close_takes_linger_by_position(socket: MakeSocket, arguments: tuple[int, ...]) -> None:
    made = socket(zmq.PUSH)
    made.close(*arguments)
    assert made.closed


def test_with_block_closes(ctx: zmq.SyncContext) -> None:
    with ctx.socket(zmq.PUSH) as made:
        assert not made.closed
    assert made.closed


def test_with_block_closes_on_an_exception(ctx: zmq.SyncContext) -> None:
    with pytest.raises(RuntimeError), ctx.socket(zmq.PUSH) as made:
        raise RuntimeError
    assert made.closed


def test_close_after_the_context_was_destroyed(ctx: zmq.SyncContext) -> None:
    made = ctx.socket(zmq.PUSH)
    ctx.destroy()
    assert made.closed
    made.close()


def test_closed_socket_leaves_the_context(ctx: zmq.SyncContext) -> None:
    made = ctx.socket(zmq.PUSH)
    assert "1 socket" in repr(ctx)
    made.close()
    assert "socket" not in repr(ctx).replace("sockets=", "")


@pytest.mark.parametrize("call", CLOSED_CALLS.values(), ids=CLOSED_CALLS)
def test_call_on_a_closed_socket_is_enotsock(socket: MakeSocket, call: Callable[[zmq.SyncSocket], object]) -> None:
    made = socket(zmq.PAIR)
    made.close()
    with pytest.raises(zmq.ZMQError) as caught:
        call(made)
    assert caught.value.errno == zmq.ENOTSOCK


def test_poll_on_a_closed_socket_is_enotsup(socket: MakeSocket) -> None:
    made = socket(zmq.PAIR)
    made.close()
    with pytest.raises(zmq.ZMQError) as caught:
        made.poll(0)
    assert caught.value.errno == zmq.ENOTSUP


def test_closed_is_false_while_the_context_is_terminating(run_child: RunChild) -> None:
    run_child(
        """
        import threading, zmq
        context = zmq.Context()
        made = context.socket(zmq.PAIR)
        ending = threading.Thread(target=context.term)
        ending.start()
        try:
            made.recv()
        except zmq.ContextTerminated:
            pass
        assert made.closed is False
        made.close()
        assert made.closed is True
        ending.join()
        """,
    ).ok()


def test_collected_open_socket_warns_and_closes(ctx: zmq.SyncContext, run_child: RunChild) -> None:
    child = run_child(
        """
        import gc, zmq
        context = zmq.Context()
        made = context.socket(zmq.PUSH)
        del made
        gc.collect()
        context.term()
        print("ended")
        """,
        options=["-W", "always::ResourceWarning"],
    )
    assert child.status == 0, child.describe()
    assert child.out == "ended\n"
    assert "Unclosed socket" in child.err


@traces_memory
def test_warning_shows_where_the_socket_was_made(run_child: RunChild) -> None:
    child = run_child(
        """
        import gc, zmq
        context = zmq.Context()
        made = context.socket(zmq.PUSH)  # the culprit
        del made
        gc.collect()
        context.term()
        """,
        options=["-W", "always::ResourceWarning", "-X", "tracemalloc=5"],
    )
    assert "the culprit" in child.err, child.describe()


def test_weak_references_and_hash(socket: MakeSocket) -> None:
    made = socket(zmq.PUSH)
    assert weakref.ref(made)() is made
    assert {made: 1}[made] == 1


# representation


@pytest.mark.parametrize(("kind", "name"), [(zmq.PUSH, "zmq.PUSH"), (zmq.XREQ, "zmq.DEALER"), (zmq.SUB, "zmq.SUB")])
def test_repr_names_the_type(socket: MakeSocket, kind: int, name: str) -> None:
    made = socket(kind)
    assert repr(made) == f"<zmq.Socket({name}) at {hex(id(made))}>"
    made.close()
    assert repr(made) == f"<zmq.Socket({name}) at {hex(id(made))} closed>"


def test_repr_of_a_subclass_names_it(ctx: zmq.SyncContext) -> None:
    class Special(zmq.Socket[bytes]):
        pass

    with ctx.socket(zmq.PUSH, socket_class=Special) as made:
        assert "Special" in repr(made)


def test_dir_lists_options_that_read_or_raise_attributeerror(socket: MakeSocket) -> None:
    made = socket(zmq.PUSH)
    names = dir(made)
    assert {"LINGER", "linger" if "linger" in names else "LINGER", "send", "recv"} <= set(names)
    for option in zmq.SocketOption.__members__:
        assert option in names


# subclasses


def test_subclass_attributes_declared_on_the_class(ctx: zmq.SyncContext) -> None:
    class Declared(zmq.Socket[bytes]):
        annotated: int
        given = 5

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.annotated = 1
            self.given = 2

    with ctx.socket(zmq.PAIR, socket_class=Declared) as made:
        assert (made.annotated, made.given) == (1, 2)


def test_undeclared_attribute_is_an_attributeerror(socket: MakeSocket) -> None:
    made: Any = socket(zmq.PAIR)
    with pytest.raises(AttributeError):
        made.typo = 1
    with pytest.raises(AttributeError):
        _ = made.typo


def test_instance_dict_is_the_way_around(socket: MakeSocket) -> None:
    made: Any = socket(zmq.PAIR)
    made.__dict__["extra"] = 1
    assert made.extra == 1
    made.extra = 2
    assert made.__dict__["extra"] == 2


def test_overridden_methods_are_called(ctx: zmq.SyncContext) -> None:
    class Loud(zmq.Socket[bytes]):
        def send(self, data: Any, *args: Any, **kwargs: Any) -> Any:
            return super().send(data + b"!", *args, **kwargs)

    name = fresh_inproc()
    with ctx.socket(zmq.PAIR) as plain, ctx.socket(zmq.PAIR, socket_class=Loud) as loud:
        plain.bind(name)
        loud.connect(name)
        loud.send_string("hey")
        assert plain.recv() == b"hey!"


@pytest.mark.skipif(PYPY, reason="PyPy never collects a cycle that goes through an object of an extension module")
def test_sockets_collected_in_cycles_give_their_places_back(run_child: RunChild) -> None:
    # of a class without the finalizer that closes: else nothing is left to do when the cycle is broken
    script = """
        import gc, zmq

        class Quiet(zmq.Socket):
            def __del__(self):
                pass

        class Link:
            pass

        context = zmq.Context()
        context.set(zmq.MAX_SOCKETS, 50)
        for _ in range(200):
            socket = context.socket(zmq.PAIR, socket_class=Quiet)
            link = Link()  # after it, so that the collector comes by the socket's handle first
            link.handle = socket._handle
            socket._handle.readiness = link
            del link, socket
            gc.collect()
        context.term()
    """
    run_child(script).ok()
