"""Closed, foreign and impossible things: an exception that names them, never a crash."""

from __future__ import annotations

import sys
from typing import Any

import pytest
import zmq

from helpers import RunChild

PRELUDE = """
import ctypes, errno, gc, os, sys, threading, time, zmq
from child_support import Running, blocked, no_descriptor_left
context = zmq.Context()

def refused(action, *errors):
    try:
        action()
    except errors or (zmq.ZMQError, OverflowError) as error:
        return error
    raise SystemExit("allowed")
"""

ADDRESSES = {
    "one": "1",
    "true": "True",
    "odd": "12345",
    "unmapped": "0xdeadbeef",
    "unmapped-even": "0xdeadbee0",
    "top": "2**64 - 1",
    "top-even": "2**64 - 8",
    "kernel": "0xffff_8000_0000_0000",
    "too-large": "2**64",
    "huge": "10**30",
    "negative": "-1",
    "own-object": "id(context)",
    "zeros": "ctypes.addressof(zeros)",
    "end-of-a-page": "ctypes.addressof(zeros) // 4096 * 4096 + 4096 - 8",
    "code": "ctypes.cast(ctypes.pythonapi.Py_IncRef, ctypes.c_void_p).value // 8 * 8",
}


@pytest.mark.parametrize("kind", ["Socket", "Context"])
@pytest.mark.parametrize("address", ADDRESSES.values(), ids=ADDRESSES)
def test_shadow_of_an_address_that_is_none(run_child: RunChild, kind: str, address: str) -> None:
    script = (
        PRELUDE
        + f"""
zeros = (ctypes.c_char * 100_000)()
error = refused(lambda: zmq.{kind}.shadow({address}))
if isinstance(error, zmq.ZMQError):
    assert "{kind.lower()}" in str(error) and "0x" in str(error), error
context.term()
"""
    )
    run_child(script).ok()


@pytest.mark.parametrize(
    "confused",
    [
        "zmq.Socket.shadow(context.underlying)",
        "zmq.Context.shadow(s.underlying)",
        "zmq.Socket.shadow(closed)",
        "zmq.Context.shadow(ended)",
        "zmq.Socket.shadow(gone)",
        "zmq.Context.shadow(gone_context)",
        "zmq.Context(gone_context)",
    ],
)
def test_shadow_of_the_wrong_or_a_closed_thing(run_child: RunChild, confused: str) -> None:
    script = (
        PRELUDE
        + f"""
s = context.socket(zmq.PAIR)
gone = context.socket(zmq.PAIR); closed = gone.underlying; gone.close()
gone_context = zmq.Context(); ended = gone_context.underlying; gone_context.term()
error = refused(lambda: {confused}, zmq.ZMQError)
assert error.errno in (zmq.ENOTSOCK, errno.EFAULT, zmq.ENOTSUP), repr(error)
s.close()
context.term()
"""
    )
    run_child(script).ok()


SHADOWS = {
    "Socket": "zmq.Socket(s)",
    "shadow": "zmq.Socket.shadow(s)",
    "copy": "__import__('copy').copy(s)",
    "asyncio": "zmq.asyncio.Socket.shadow(s)",
    "asyncio-from_socket": "zmq.asyncio.Socket.from_socket(s)",
    "green": "zmq.green.Socket.shadow(s)",
    "anyio": "zmq.anyio.Socket.shadow(s)",
}


@pytest.mark.parametrize("shadow", SHADOWS.values(), ids=SHADOWS)
def test_shadow_of_a_socket_whose_address_becomes_another_sockets(run_child: RunChild, shadow: str) -> None:
    """As when another thread closes it in that moment: the shadow was of the socket made next, or looked at freed memory."""
    script = (
        PRELUDE
        + f"""
import {"zmq.green" if "green" in shadow else "zmq.anyio, zmq.asyncio"}
class Fleeting(zmq.Socket):
    "Closed, and its address used again, by whoever asks for the address."
    @property
    def underlying(self):
        address = super().underlying
        self.close()
        end = time.monotonic() + 10
        while True:
            other = context.socket(zmq.PULL)
            others.append(other)
            if other.underlying == address: return address
            assert time.monotonic() < end, "no such address again"
            if len(others) > 100: others.pop(0).close()
others = []
s = Fleeting(context, zmq.PUSH)
t = {shadow}
assert t.type == zmq.PUSH and not t.closed and t._handle is s._handle
s.close()
assert t.closed
for one in others: one.close()
context.term()
"""
    )
    run_child(script, timeout=20).ok()


@pytest.mark.parametrize("flavour", ["zmq", "zmq.asyncio", "zmq.green", "zmq.anyio"])
def test_shadow_of_a_context_that_another_thread_terminates(run_child: RunChild, flavour: str) -> None:
    """It was a new context, in which sockets could be made."""
    script = (
        PRELUDE
        + f"""
import {flavour}
s = context.socket(zmq.PAIR)
ending = Running(context.term)
blocked(ending)
for shadow in ({flavour}.Context.shadow(context), {flavour}.Context(context)):
    assert not shadow.closed
    assert refused(lambda: shadow.socket(zmq.PAIR), zmq.ZMQError).errno == zmq.ETERM
s.close()
ending.ended()
assert shadow.closed
"""
    )
    run_child(script, timeout=20).ok()


def test_many_shadows_of_dead_addresses(run_child: RunChild) -> None:
    """The memory of a closed socket is used again for other things, and for other sockets."""
    script = (
        PRELUDE
        + """
dead = []
for number in range(300):
    mine = zmq.Context()
    made = mine.socket(number % 12)
    dead.append(made.underlying)
    made.close(); mine.term()
    for address in dead[-20:]:
        try:
            zmq.Socket.shadow(address).get(zmq.TYPE)
        except zmq.ZMQError as error:
            assert error.errno in (zmq.ENOTSOCK, zmq.ETERM), error
context.term()
"""
    )
    run_child(script).ok()


def test_no_descriptor_to_look_with(run_child: RunChild) -> None:
    script = (
        PRELUDE
        + """
with no_descriptor_left(64):
    error = refused(lambda: zmq.Socket.shadow(0xdeadbee0), zmq.ZMQError)
    assert error.errno == errno.EMFILE and "64" in str(error), error
context.term()
"""
    )
    if sys.platform == "win32":
        pytest.skip("resource limits")
    run_child(script).ok()


# objects that were never initialised, or twice


@pytest.mark.parametrize(
    "call",
    ["s.send(b'x')", "s.send_multipart([b'x'])", "s.recv()", "s.recv_multipart()", "s.recv_into(bytearray(3))", "s.poll(0)",
     "s.get(zmq.LINGER)", "s.linger", "s.bind('inproc://x')", "zmq.proxy(s, s)", "zmq.zmq_poll([(s, 1)], 0)",
     "zmq.Socket.shadow(s)", "s.get_monitor_socket()", "c.socket(zmq.PAIR)", "c.get(zmq.IO_THREADS)", "c.set(zmq.IO_THREADS, 1)",
     "zmq.Context(c)"],
)  # fmt: skip
def test_object_without_init(run_child: RunChild, call: str) -> None:
    script = (
        PRELUDE
        + f"""
s, c = zmq.Socket.__new__(zmq.Socket), zmq.Context.__new__(zmq.Context)
repr(s), repr(c), s.closed, c.closed, s.underlying, c.underlying
refused(lambda: {call}, zmq.ZMQError, RuntimeError, AttributeError, TypeError)
s.close(); c.term(); c.destroy()
del s, c
gc.collect()
context.term()
"""
    )
    run_child(script).ok()


def test_init_again(run_child: RunChild) -> None:
    script = (
        PRELUDE
        + """
import warnings
warnings.simplefilter("ignore")
s = context.socket(zmq.PUSH)
s.__init__(context, zmq.PULL)
assert s.type == zmq.PULL
context.destroy(linger=0)
context.__init__()
context.term()
"""
    )
    run_child(script).ok()


def test_classes_of_the_core_made_from_python(run_child: RunChild) -> None:
    script = (
        PRELUDE
        + """
s = context.socket(zmq.PAIR)
frame = zmq.Frame(bytearray(100_000), copy=False, track=True)
for one in (s._handle, context._handle, next(iter(frame.tracker.events))):
    try:
        twin = type(one)()
    except TypeError:
        continue
    for name in dir(twin):
        if not name.startswith("__"):
            value = getattr(twin, name)
            if name == "is_set":
                assert value() is False
            if name == "wait":
                assert value(0.01) is False
    del twin
gc.collect()
tracker = zmq.MessageTracker.__new__(zmq.MessageTracker)
refused(lambda: tracker.done, AttributeError)
context.destroy(linger=0)
"""
    )
    run_child(script).ok()


# members of a poll that do things


@pytest.mark.parametrize("does", ["close", "term", "send", "raise", "other-thread"])
@pytest.mark.parametrize("position", [0, 2])
def test_fileno_that_uses_the_other_members(run_child: RunChild, does: str, position: int) -> None:
    script = (
        PRELUDE
        + f"""
for _ in range(20):
    mine = zmq.Context()
    sockets = [mine.socket(zmq.PAIR) for _ in range(4)]
    for one in sockets:
        one.linger = 0
    sockets[0].bind("inproc://a"); sockets[1].connect("inproc://a")
    class Member:
        def fileno(self):
            if {does!r} == "close":
                for one in sockets: one.close()
            elif {does!r} == "term":
                mine.destroy(linger=0)
            elif {does!r} == "send":
                sockets[0].send(b"x"); sockets[1].recv()
            elif {does!r} == "other-thread":
                Running(lambda: [one.close() for one in sockets]).ended()
            else:
                raise LookupError
            return 0
    members = [(one, zmq.POLLIN) for one in sockets]
    members.insert({position}, (Member(), zmq.POLLIN))
    try:
        zmq.zmq_poll(members, 10)
    except zmq.ZMQError as error:
        assert error.errno == zmq.ENOTSOCK and "zmq.PAIR" in str(error), error
        assert {does!r} != "send"
    except LookupError:
        assert {does!r} == "raise"
    else:
        assert {does!r} == "send"
    mine.destroy(linger=0)
context.term()
"""
    )
    run_child(script, stdin="").ok()


@pytest.mark.parametrize("member", [None, "text", 1.5, -1, object(), b"x", 2**40, -(2**40)])
def test_no_member_at_all(member: Any) -> None:
    number: Any = 5
    for call in (
        lambda: zmq.zmq_poll([(member, zmq.POLLIN)], 0),
        lambda: zmq.select([member], [], [], 0),
        lambda: zmq.zmq_poll([(0, 10**9)], 0),
        lambda: zmq.zmq_poll([0], 0),
        lambda: zmq.zmq_poll([(0, 1, 2)], 0),
        lambda: zmq.zmq_poll(number, 0),
    ):
        with pytest.raises((TypeError, ValueError, OverflowError)):
            call()


def test_closed_socket_in_a_poller_does_not_watch_standard_input(run_child: RunChild) -> None:
    """Number 9 of the twenty: the closed socket's descriptor was read as 0."""
    script = (
        PRELUDE
        + """
s = context.socket(zmq.PULL)
poller = zmq.Poller(); poller.register(s, zmq.POLLIN)
s.close()
error = refused(lambda: poller.poll(100), zmq.ZMQError)
assert error.errno == zmq.ENOTSOCK and "zmq.PULL" in str(error), error
context.term()
"""
    )
    run_child(script, stdin="readable\n").ok()
