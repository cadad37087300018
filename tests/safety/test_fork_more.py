"""fork at the worst moment: inherited addresses, locks held elsewhere, buffers in flight, collections and exits in the child."""

from __future__ import annotations

import multiprocessing
import os

import pytest

from helpers import RunChild

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this platform")

PRELUDE = """
import errno, faulthandler, gc, os, sys, threading, time, traceback, warnings, zmq
from child_support import Running, blocked
warnings.filterwarnings("ignore", category=DeprecationWarning)  # fork with threads: meant here
context = zmq.Context()
a, b = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
a.bind("inproc://x"); b.connect("inproc://x")
for one in (a, b):
    one.linger = 0; one.rcvtimeo = one.sndtimeo = 30_000

def in_child(action, end="os._exit"):
    "Run the action in a forked child, which has 30 s; its failure is the failure of this process."
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        faulthandler.dump_traceback_later(30, exit=True)
        try:
            action()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        if end == "sys.exit":
            sys.exit(0)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0

def refused(action):
    try:
        action()
    except zmq.ForkedError as error:
        assert "fork" in str(error) or "parent" in str(error), error
        return
    raise AssertionError("allowed in the child")

def unharmed():
    a.send(b"still"); assert b.recv() == b"still"
    b.send(bytearray(100_000), copy=False); assert len(a.recv()) == 100_000
"""

INHERITED = {
    "shadow-object": "zmq.Socket.shadow(a)",
    "shadow-address": "zmq.Socket.shadow(address).send(b'x')",
    "copy": "__import__('copy').copy(a)",
    "context-object": "zmq.Context(context)",
    "context-address": "zmq.Context.shadow(context_address).socket(zmq.PAIR)",
    "tracker": "tracker.wait()",
    "tracker-timeout": "tracker.wait(1)",
    "context-set": "context.set(zmq.IO_THREADS, 2)",
    "monitor": "a.get_monitor_socket()",
    "proxy": "zmq.proxy(a, b)",
    "poller": "poller.poll(0)",
    "select": "zmq.select([a], [], [], 0)",
    "recv_json": "a.recv_json()",
    "unbind": "a.unbind('inproc://x')",
    "attribute": "setattr(a, 'hwm', 5)",
}


@pytest.mark.parametrize("use", INHERITED.values(), ids=INHERITED)
def test_whatever_is_inherited_is_refused(run_child: RunChild, use: str) -> None:
    script = (
        PRELUDE
        + f"""
address, context_address = a.underlying, context.underlying
poller = zmq.Poller(); poller.register(a)
tracker = a.send(bytearray(100_000), copy=False, track=True)
in_child(lambda: refused(lambda: {use}))
b.recv(); tracker.wait(30)
unharmed()
context.destroy(linger=0)
"""
    )
    run_child(script).ok()


def test_instance_while_another_thread_makes_it(run_child: RunChild) -> None:
    script = (
        PRELUDE
        + """
inside, go = threading.Event(), threading.Event()
class Slow(zmq.Context):
    _instance = None
    def __init__(self, *args, **kwargs):
        inside.set(); go.wait()
        super().__init__(*args, **kwargs)
making = Running(Slow.instance)
inside.wait()
in_child(lambda: zmq.Context.instance().term())
go.set()
making.ended().value.term()
unharmed()
context.destroy(linger=0)
"""
    )
    run_child(script).ok()


# what another thread may be doing while this one forks; `done()` lets it end
BUSY = {
    "recv": "busy = Running(b.recv)\ndef done(): a.send(b'x')",
    "send": "full = context.socket(zmq.PUSH); busy = Running(lambda: full.send(b'x'))\ndef done(): full.close(0)",
    "poller": "p = zmq.Poller(); p.register(b, 1); busy = Running(p.poll)\ndef done(): a.send(b'x'); busy.ended(); b.recv()",
    "proxy": "f, k = context.socket(zmq.PULL), context.socket(zmq.PUSH); busy = Running(lambda: zmq.proxy(f, k))\n"
    "def done(): f.close(0); k.close(0)",
    "tracker": "data = bytearray(100_000); m = a.send(data, copy=False, track=True); busy = Running(m.wait)\ndef done(): b.recv()",
    "term": "other = zmq.Context(); left = other.socket(zmq.PAIR); busy = Running(other.term)\ndef done(): left.close(0)",
    "term-timeout": "other = zmq.Context(); left = other.socket(zmq.PAIR); busy = Running(lambda: other.term(timeout=30))\n"
    "def done(): left.close(0)",
}


def test_closed_and_collected_in_the_child_leaves_no_trace(run_child: RunChild) -> None:
    # it stayed in the list of live sockets, and the next socket wrote to freed memory
    script = (
        PRELUDE
        + """
from zmq._core import handle
def close_and_make_anew():
    global a, b, one
    assert handle.live_sockets() == 2
    a.close(); b.close()
    a = b = one = None
    gc.collect()
    assert handle.live_sockets() == 0, handle.live_sockets()
    with zmq.Context() as mine:
        for _ in range(100):
            mine.socket(zmq.PAIR).close()
    assert handle.live_sockets() == 0, handle.live_sockets()
in_child(close_and_make_anew)
unharmed()
context.destroy(linger=0)
"""
    )
    run_child(script, env={"PYTHONMALLOC": "debug"}).ok()


@pytest.mark.parametrize("end", ["os._exit", "sys.exit"])
@pytest.mark.parametrize("busy", BUSY)
def test_fork_while_another_thread_is_inside(run_child: RunChild, busy: str, end: str) -> None:
    script = (
        PRELUDE
        + f"""
{BUSY[busy]}
blocked(busy)
def use():
    refused(lambda: a.send(b"x"))
    a.close(); b.close(); context.term()
    for name in ("other", "left", "f", "k", "full", "p", "m"):
        one = globals().pop(name, None)
        if isinstance(one, zmq.Context): one.term()
        if isinstance(one, zmq.Socket): one.close()
    one = None
    gc.collect()
    with zmq.Context() as mine, mine.socket(zmq.PAIR) as c, mine.socket(zmq.PAIR) as d:
        c.bind("inproc://x"); d.connect("inproc://x")
        tracker = c.send(bytearray(100_000), copy=False, track=True)
        assert len(d.recv()) == 100_000
        tracker.wait(30)
for _ in range(3):
    in_child(use, {end!r})
assert busy.is_alive()
done()
busy.ended()
if {busy!r} not in ("send", "proxy"):
    assert busy.error is None, busy.error
unharmed()
context.destroy(linger=0)
"""
    )
    run_child(script).ok()


def test_fork_in_the_middle_of_zero_copy_traffic(run_child: RunChild) -> None:
    script = (
        PRELUDE
        + """
stop = threading.Event()
def traffic(number):
    with context.socket(zmq.PUSH) as push, context.socket(zmq.PULL) as pull:
        push.bind("tcp://127.0.0.1:*"); pull.connect(push.last_endpoint)
        push.linger = 0
        while not stop.is_set():
            tracker = push.send_multipart([bytearray(100_000), bytes(100_000)], copy=False, track=True)
            assert [len(one) for one in pull.recv_multipart(copy=number % 2 == 0)] == [100_000] * 2
            tracker.wait(30)
threads = [Running(lambda number=number: traffic(number)) for number in range(3)]
def use():
    gc.collect()
    mine = zmq.Context()
    c, d = mine.socket(zmq.PUSH), mine.socket(zmq.PULL)
    c.bind("tcp://127.0.0.1:*"); d.connect(c.last_endpoint)
    for _ in range(5):
        tracker = c.send(bytearray(100_000), copy=False, track=True)
        assert len(d.recv()) == 100_000
        tracker.wait(30)
    mine.destroy(linger=0)
for number in range(30):
    in_child(use, "sys.exit" if number % 2 else "os._exit")
stop.set()
for thread in threads:
    thread.ended()
    if thread.error: raise thread.error
unharmed()
context.destroy(linger=0)
"""
    )
    run_child(script).ok()


@pytest.mark.parametrize("end", ["os._exit", "sys.exit", "collect", "del"])
def test_the_child_is_quiet(run_child: RunChild, end: str) -> None:
    """No warning for what the parent left open, whatever way the child goes."""
    script = (
        PRELUDE
        + f"""
sys.unraisablehook = lambda what: (traceback.print_exception(what.exc_value), os._exit(9))
frame = zmq.Frame(bytearray(100_000), copy=False, track=True)
monitor = a.get_monitor_socket()
instance = zmq.Context.instance()
shadow = zmq.Socket.shadow(a)
a.send(bytearray(100_000), copy=False)
cycle = [context, a]; cycle.append(cycle)
def use():
    if {end!r} in ("collect", "del"):
        for name in ("frame", "monitor", "instance", "shadow", "cycle", "a", "b", "context"):
            if {end!r} == "del" or name in ("cycle", "shadow", "frame"):
                globals().pop(name)
        gc.collect()
in_child(use, "sys.exit" if {end!r} == "del" else "os._exit" if {end!r} == "collect" else {end!r})
b.recv()
monitor.close(); instance.term()
unharmed()
context.destroy(linger=0)
"""
    )
    run_child(script, options=["-W", "error", "-W", "ignore::DeprecationWarning"]).ok()


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_multiprocessing_while_threads_and_buffers_are_busy(run_child: RunChild, method: str) -> None:
    run_child(
        f"""
        import multiprocessing, threading, warnings, zmq

        def work(endpoint, number):
            import zmq
            with zmq.Context.instance() as context, context.socket(zmq.PUSH) as push:
                push.connect(endpoint)
                push.send_multipart([b"%d" % number, bytearray(100_000)], copy=False)

        if __name__ == "__main__":
            warnings.simplefilter("ignore", DeprecationWarning)
            start = multiprocessing.get_context({method!r})
            context = zmq.Context.instance()
            a, b, pull = context.socket(zmq.PAIR), context.socket(zmq.PAIR), context.socket(zmq.PULL)
            a.bind("inproc://x"); b.connect("inproc://x")
            data = bytearray(b"y" * 100_000)
            tracker = a.send(data, copy=False, track=True)
            silent = context.socket(zmq.PULL)
            def wait():
                try:
                    silent.poll(30_000)
                except zmq.ZMQError as error:
                    assert error.errno == zmq.ENOTSOCK
            waiting = threading.Thread(target=wait, daemon=True)
            waiting.start()
            pull.rcvtimeo = 30_000
            pull.bind("tcp://127.0.0.1:*")
            children = [start.Process(target=work, args=(pull.last_endpoint.decode(), number)) for number in range(3)]
            for one in children: one.start()
            assert sorted(pull.recv_multipart()[0] for _ in children) == [b"0", b"1", b"2"]
            for one in children:
                one.join(30)
                assert one.exitcode == 0, one.exitcode
            assert not tracker.done and b.recv() == b"y" * 100_000
            tracker.wait(30)
            data.clear()
            silent.close(0)
            waiting.join(30)
            context.destroy(linger=0)
        """,
    ).ok()
