"""fork: using an inherited context or socket raises, closing it there is nothing."""

from __future__ import annotations

import multiprocessing
import os

import pytest

from helpers import RunChild

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this platform")

PRELUDE = """
import errno, gc, os, sys, threading, traceback, warnings, zmq
from child_support import Running, blocked
context = zmq.Context()
a, b = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
a.bind("inproc://x"); b.connect("inproc://x")

def in_child(action):
    "Run the action in a forked child; its failure is the failure of this process."
    sys.stdout.flush()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # fork with threads: meant here
        pid = os.fork()
    if pid == 0:
        status = 1
        try:
            action()
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0

def refused(action):
    try:
        action()
    except zmq.ForkedError as error:
        assert isinstance(error, zmq.ZMQError)
        assert error.errno == errno.EPERM
        assert "fork" in str(error).lower(), error
    else:
        raise AssertionError("usable in the child")

def unharmed():
    a.send(b"still"); assert b.recv() == b"still"
    b.send(b"good"); assert a.recv() == b"good"
"""

USES = {
    "send": "a.send(b'x')",
    "send-shared": "a.send(bytes(100_000), copy=False)",
    "send_multipart": "a.send_multipart([b'x', b'y'])",
    "recv": "a.recv(zmq.DONTWAIT)",
    "recv-waiting": "a.recv()",
    "recv_multipart": "a.recv_multipart()",
    "recv_into": "a.recv_into(bytearray(5))",
    "poll": "a.poll(10)",
    "poller": "p = zmq.Poller(); p.register(a); p.poll(10)",
    "get": "a.get(zmq.LINGER)",
    "set": "a.set(zmq.LINGER, 0)",
    "attribute": "a.linger",
    "fileno": "a.fileno()",
    "bind": "a.bind('inproc://y')",
    "connect": "a.connect('inproc://y')",
    "proxy": "zmq.proxy(a, b)",
    "socket": "context.socket(zmq.PAIR)",
    "context-get": "context.get(zmq.IO_THREADS)",
}


@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_use_in_the_child_is_forkederror(run_child: RunChild, use: str) -> None:
    script = (
        PRELUDE
        + f"""
def use():
    {use}
in_child(lambda: refused(use))
unharmed()
context.destroy(linger=0)
"""
    )
    run_child(script).ok()


@pytest.mark.parametrize(
    "ending",
    [
        "a.close()",
        "a.close(linger=0)",
        "context.term()",
        "context.destroy(linger=0)",
        "a.close(); b.close(); context.term()",
        "globals().pop('a'); globals().pop('b'); globals().pop('context'); gc.collect()",
    ],
)
def test_ending_in_the_child_is_nothing(run_child: RunChild, ending: str) -> None:
    script = (
        PRELUDE
        + f"""
a.send(b"queued before")
def end():
    warnings.simplefilter("ignore", ResourceWarning)
    {ending}
in_child(end)
assert b.recv() == b"queued before"
unharmed()
context.destroy(linger=0)
"""
    )
    run_child(script).ok()


def test_fresh_instance_in_the_child(run_child: RunChild) -> None:
    script = (
        PRELUDE
        + """
parent = zmq.Context.instance()
def use():
    mine = zmq.Context.instance()
    assert mine is not parent
    assert zmq.Context.instance() is mine
    c, d = mine.socket(zmq.PUSH), mine.socket(zmq.PULL)
    c.bind("tcp://127.0.0.1:*"); d.connect(c.last_endpoint)
    tracker = c.send(bytearray(200_000), copy=False, track=True)
    assert d.recv() == bytes(200_000)
    tracker.wait(30)
    mine.destroy(linger=0)
in_child(use)
assert zmq.Context.instance() is parent
parent.term()
unharmed()
context.destroy(linger=0)
"""
    )
    run_child(script).ok()


def test_child_of_a_child(run_child: RunChild) -> None:
    script = (
        PRELUDE
        + """
def again():
    refused(lambda: a.send(b"x"))
    in_child(lambda: refused(lambda: a.send(b"x")))
    in_child(lambda: zmq.Context().term())
in_child(again)
unharmed()
context.destroy(linger=0)
"""
    )
    run_child(script).ok()


def test_shared_buffers_in_flight(run_child: RunChild) -> None:
    script = (
        PRELUDE
        + """
data = bytearray(b"x" * 200_000)
tracker = a.send(data, copy=False, track=True)
received = []
def use():
    mine = zmq.Context()
    c, d = mine.socket(zmq.PAIR), mine.socket(zmq.PAIR)
    c.bind("inproc://x"); d.connect("inproc://x")
    own = c.send(bytearray(200_000), copy=False, track=True)
    assert d.recv() == bytes(200_000)
    own.wait(30)
    mine.destroy(linger=0)
    assert not tracker.done
in_child(use)
assert b.recv() == b"x" * 200_000
tracker.wait(30)
data.clear()
context.destroy(linger=0)
"""
    )
    run_child(script).ok()


def test_fork_while_another_thread_waits_inside(run_child: RunChild) -> None:
    script = (
        PRELUDE
        + """
holder = Running(b.recv)
blocked(holder)
def use():
    refused(lambda: a.send(b"x"))
    refused(lambda: b.recv(zmq.DONTWAIT))
    b.close()
    mine = zmq.Context()
    mine.socket(zmq.PAIR).close()
    mine.term()
in_child(use)
a.send(b"for the holder")
assert holder.ended().value == b"for the holder"
context.destroy(linger=0)
"""
    )
    run_child(script).ok()


def test_child_ends_through_the_interpreter(run_child: RunChild) -> None:
    script = (
        PRELUDE
        + """
a.send(b"queued")
poller = zmq.Poller(); poller.register(b)
sys.stdout.flush()
warnings.simplefilter("ignore")
pid = os.fork()
if pid == 0:
    sys.exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
assert b.recv() == b"queued"
unharmed()
context.destroy(linger=0)
"""
    )
    run_child(script).ok()


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_multiprocessing(run_child: RunChild, method: str) -> None:
    run_child(
        f"""
        import multiprocessing, warnings, zmq

        def work(endpoint):
            with zmq.Context() as context, context.socket(zmq.PUSH) as push:
                push.connect(endpoint)
                push.send_multipart([b"from the child", bytes(100_000)], copy=False)

        if __name__ == "__main__":
            warnings.simplefilter("ignore", DeprecationWarning)
            start = multiprocessing.get_context({method!r})
            context = zmq.Context.instance()
            pull = context.socket(zmq.PULL)
            pull.setsockopt(zmq.RCVTIMEO, 30_000)
            pull.bind("tcp://127.0.0.1:*")
            endpoint = pull.getsockopt(zmq.LAST_ENDPOINT).decode()
            processes = [start.Process(target=work, args=(endpoint,)) for _ in range(3)]
            for one in processes:
                one.start()
            for one in processes:
                assert pull.recv_multipart() == [b"from the child", bytes(100_000)]
            for one in processes:
                one.join(30)
                assert one.exitcode == 0, one.exitcode
            context.destroy(linger=0)
        """,
    ).ok()
