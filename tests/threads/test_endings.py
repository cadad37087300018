"""The end of sockets, contexts and processes: bounded, with status 0 and nothing to say."""

from __future__ import annotations

import itertools
import signal
import sys
import time
from pathlib import Path

import pytest

from helpers import RunChild, child_process

PRELUDE = """
import atexit, gc, os, signal, sys, threading, time, warnings, zmq
from child_support import Running, blocked
warnings.simplefilter("ignore", ResourceWarning)
context = zmq.Context()
"""

# what is left when the end comes; each leaves ``context`` and perhaps more behind
STATES = {
    "nothing": "",
    "open-socket": "s = context.socket(zmq.PULL); s.bind('inproc://x')",
    "closed-socket": "s = context.socket(zmq.PULL); s.close()",
    "connected-to-nobody": "s = context.socket(zmq.PUSH); s.connect('tcp://127.0.0.1:9')",
    "queued": "s = context.socket(zmq.PUSH); s.linger = 50; s.connect('tcp://127.0.0.1:9');"
    " s.send(b'x'); s.send(bytes(100_000), copy=False)",
    "queued-closed": "s = context.socket(zmq.PUSH); s.linger = 50;"
    " s.connect('tcp://127.0.0.1:9'); s.send(bytes(100_000), copy=False); s.close()",
    "queued-inproc": "s, t = context.socket(zmq.PAIR), context.socket(zmq.PAIR);"
    " s.bind('inproc://x'); t.connect('inproc://x'); s.send(bytearray(100_000), copy=False)",
    "held-frame": "s, t = context.socket(zmq.PAIR), context.socket(zmq.PAIR);"
    " s.bind('inproc://x'); t.connect('inproc://x'); s.send(bytearray(100_000), copy=False);"
    " f = t.recv(copy=False); v = memoryview(f)",
    "tracker": "s = context.socket(zmq.PUSH); s.linger = 0; s.connect('tcp://127.0.0.1:9');"
    " m = s.send(bytearray(100_000), copy=False, track=True)",
    "cycle": "s = context.socket(zmq.PULL); c = [context, s]; c.append(c)",
    "module-global": "import builtins; builtins.kept = [context, context.socket(zmq.PULL)]",
    "monitor": "s = context.socket(zmq.PULL); m = s.get_monitor_socket(); s.bind('tcp://127.0.0.1:*')",
    "poller": "s = context.socket(zmq.PULL); p = zmq.Poller(); p.register(s)",
    "shadow": "s = context.socket(zmq.PULL); t = zmq.Socket.shadow(s); c = zmq.Context(context)",
    "instance": "s = zmq.Context.instance().socket(zmq.PULL)",
    "daemon-in-recv": "s = context.socket(zmq.PULL); d = Running(s.recv); blocked(d)",
    "daemon-in-poll": "s = context.socket(zmq.PULL); d = Running(s.poll); blocked(d)",
    "daemon-in-send": "s = context.socket(zmq.PUSH); d = Running(lambda: s.send(b'x')); blocked(d)",
    "daemon-in-proxy": "s, t = context.socket(zmq.PULL), context.socket(zmq.PUSH);"
    " d = Running(lambda: zmq.proxy(s, t)); blocked(d)",
    "busy-daemon": "s, t = context.socket(zmq.PAIR), context.socket(zmq.PAIR);"
    " s.bind('inproc://x'); t.connect('inproc://x')\n"
    "def busy():\n"
    "    while True:\n"
    "        s.send(bytes(100_000), copy=False); t.recv(copy=False)\n"
    "d = Running(busy)",
}

# how the process ends, without an explicit end of the context
PROCESS_ENDS = {
    "falls-off": "",
    "sys-exit": "sys.exit(0)",
    "os-_exit": "os._exit(0)",
    "thread-sys-exit": "Running(lambda: sys.exit(0)).ended()",
    "after-gc": "gc.collect()",
    "del": "del context\nfor n in ('s', 't', 'f', 'v', 'c', 'p', 'd'): globals().pop(n, None)\ngc.collect()",
}


@pytest.mark.parametrize(("end", "state"), list(itertools.product(PROCESS_ENDS, STATES)), ids=lambda value: value)
def test_process_ends(run_child: RunChild, end: str, state: str) -> None:
    if (end, state) == ("after-gc", "nothing"):
        pytest.skip("same as falling off")
    child = run_child(f"{PRELUDE}\n{STATES[state]}\n{PROCESS_ENDS[end]}\n")
    child.ok()


# how the context is ended by the program; afterwards the process falls off its end
CONTEXT_ENDS = {
    "destroy": "context.destroy(linger=0)",
    "destroy-own-linger": "context.destroy()",
    "with": "with context: pass",
    "close-then-term": "for one in list(globals().values()):\n"
    "    if isinstance(one, zmq.Socket) and one.context is context: one.close(0)\n"
    "context.term()",
}
OUTSIDE = {"module-global", "instance"}  # sockets that the program does not find by name


@pytest.mark.parametrize(("end", "state"), list(itertools.product(CONTEXT_ENDS, STATES)), ids=lambda value: value)
def test_context_ends(run_child: RunChild, end: str, state: str) -> None:
    if end == "close-then-term" and (state in OUTSIDE or state == "cycle"):
        pytest.skip("the program does not find its socket by name")
    script = f"""{PRELUDE}
{STATES[state]}
start = time.monotonic()
{CONTEXT_ENDS[end]}
assert time.monotonic() - start < 30
assert context.closed
if "m" in globals() and isinstance(m, zmq.MessageTracker):
    m.wait(30)
"""
    run_child(script).ok()


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda n: n.name)
@pytest.mark.parametrize("state", ["open-socket", "queued", "daemon-in-recv", "monitor", "cycle"])
def test_signal_ends_a_waiting_process(tmp_path: Path, state: str, number: signal.Signals) -> None:
    script = f"""{PRELUDE}
{STATES[state]}
signal.signal(signal.SIGINT, signal.default_int_handler)
waiting = context.socket(zmq.PULL)
print("ready", flush=True)
waiting.recv()
"""
    with child_process(tmp_path, script) as child:
        assert child.readline() == "ready"
        child.wait_until_asleep()
        start = time.monotonic()
        child.popen.send_signal(number)
        ended = child.finish()
        assert ended.status is not None, ended.describe()
        assert time.monotonic() - start < 30
        assert ended.status in (-number, 130), ended.describe()
        assert "Fatal" not in ended.err, ended.describe()


def test_atexit_handlers_may_still_send(run_child: RunChild) -> None:
    script = (
        PRELUDE
        + """
a, b = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
a.bind("inproc://x"); b.connect("inproc://x")
@atexit.register
def last():
    tracker = a.send_multipart([bytearray(100_000), b"last"], copy=False, track=True)
    assert b.recv_multipart() == [bytes(100_000), b"last"]
    tracker.wait(30)
    a.send(bytearray(100_000), copy=False)
    print("sent")
"""
    )
    assert run_child(script).ok().out == "sent\n"


def test_messages_in_flight_at_exit_are_delivered(tmp_path: Path) -> None:
    """A program that ends properly loses nothing, whatever the receiver's pace."""
    receiver = """
    import zmq
    context = zmq.Context()
    pull = context.socket(zmq.PULL)
    pull.rcvtimeo = 30_000
    pull.bind("tcp://127.0.0.1:*")
    print(pull.last_endpoint.decode(), flush=True)
    assert [len(pull.recv()) for _ in range(50)] == [100_000] * 50
    context.destroy(linger=0)
    """
    sender = """
    import sys, zmq
    with zmq.Context() as context, context.socket(zmq.PUSH) as push:
        push.connect(sys.argv[1])
        for _ in range(50):
            push.send(bytearray(100_000), copy=False)
    """
    with child_process(tmp_path, receiver) as first:
        endpoint = first.readline()
        with child_process(tmp_path, sender, endpoint) as second:
            second.finish().ok()
        first.finish().ok()


def test_free_callbacks_after_shutdown_touch_nothing(run_child: RunChild) -> None:
    """Context and messages outlive the interpreter: libzmq frees them from its own thread."""
    script = (
        PRELUDE
        + """
s = context.socket(zmq.PUSH)
s.bind("tcp://127.0.0.1:*")
peer = zmq.Context().socket(zmq.PULL)
peer.connect(s.last_endpoint)
for _ in range(200):
    s.send(bytearray(200_000), copy=False)
"""
    )
    for _ in range(3):
        run_child(script).ok()


def test_many_contexts_come_and_go_while_sending(run_child: RunChild) -> None:
    script = (
        PRELUDE
        + """
for number in range(1000):
    mine = zmq.Context()
    a, b = mine.socket(zmq.PAIR), mine.socket(zmq.PAIR)
    a.bind("inproc://x"); b.connect("inproc://x")
    a.send(bytearray(70_000), copy=False)
    if number % 2:
        b.recv(copy=False)
    mine.destroy(linger=0)
"""
    )
    run_child(script).ok()


def test_zero_copy_flood_with_collections_and_closes_in_threads(run_child: RunChild) -> None:
    script = (
        PRELUDE
        + """
end = time.monotonic() + 2
def flood(number):
    for round in range(100_000):
        if time.monotonic() > end:
            return
        name = f"inproc://{number}.{round}"
        with context.socket(zmq.PAIR) as a, context.socket(zmq.PAIR) as b:
            a.bind(name); b.connect(name)
            for _ in range(50):
                a.send(bytearray(70_000), copy=False)
            for _ in range(25):
                b.recv(copy=False)
            a.close(0); b.close(0)
def collect():
    while time.monotonic() < end:
        gc.collect()
threads = [Running(lambda number=number: flood(number)) for number in range(3)]
threads.append(Running(collect))
for thread in threads:
    thread.ended()
    if thread.error: raise thread.error
context.destroy(linger=0)
"""
    )
    run_child(script).ok()


# what the bounded endings say


def test_term_with_a_timeout_names_what_is_open(run_child: RunChild) -> None:
    script = (
        PRELUDE
        + """
s = context.socket(zmq.PULL)
start = time.monotonic()
try:
    context.term(timeout=0.2)
except zmq.ZMQError as error:
    assert "zmq.PULL" in str(error), error
else:
    raise SystemExit("terminated with an open socket")
assert 0.15 < time.monotonic() - start < 20
s.close()
context.term(timeout=30)
assert context.closed
"""
    )
    run_child(script).ok()


@pytest.mark.parametrize("failing", ["context.get(12345)", "context.set(12345, 1)", "context.socket(12345)"])
def test_term_by_the_code_that_runs_while_an_error_is_made(run_child: RunChild, failing: str) -> None:
    """term() waits for others' calls on the context; a handler or a finaliser within one must not wait for itself."""
    run_child(
        PRELUDE
        + f"""
def terminate(frame, event, argument):
    # as a signal handler could, in the exception's Python code
    if event == "call" and "error" in frame.f_code.co_filename:
        sys.setprofile(None)
        context.term()
sys.setprofile(terminate)
try:
    {failing}
except zmq.ZMQError as error:
    assert error.errno == zmq.EINVAL
else:
    raise AssertionError("no error")
finally:
    sys.setprofile(None)
assert context.closed
"""
    ).ok()


def test_destroy_with_a_timeout_ends_in_time(run_child: RunChild) -> None:
    script = (
        PRELUDE
        + """
s = context.socket(zmq.PUSH)
s.connect("tcp://127.0.0.1:9")
s.send(b"never delivered")
start = time.monotonic()
try:
    context.destroy(linger=-1, timeout=0.2)
except zmq.ZMQError:
    pass
else:
    raise SystemExit("nobody took the message")
assert time.monotonic() - start < 20
os._exit(0)
"""
    )
    run_child(script).ok()


# collecting


def test_collecting_never_blocks(run_child: RunChild) -> None:
    script = (
        PRELUDE
        + """
class Holder: pass
for linger in (-1, 0, 60_000):
    for sending in (False, True):
        holder = Holder()
        holder.me = holder
        holder.context = zmq.Context()
        holder.s = holder.context.socket(zmq.PUSH)
        holder.s.linger = linger
        holder.s.connect("tcp://127.0.0.1:9")
        if sending:
            holder.s.send(bytes(100_000), copy=False)
        del holder
        start = time.monotonic()
        gc.collect()
        assert time.monotonic() - start < 20, (linger, sending)
os._exit(0)
"""
    )
    run_child(script).ok()


def test_collected_with_warnings_as_errors_still_closes(run_child: RunChild) -> None:
    child = run_child(
        """
        import gc, sys, zmq
        sys.unraisablehook = lambda raised: print(type(raised.exc_value).__name__)
        context = zmq.Context()
        made = context.socket(zmq.PUSH)
        del made
        gc.collect()
        context.term()
        """,
        options=["-W", "error"],
    ).ok()
    assert child.out == "ResourceWarning\n"


def test_deaths_in_every_order(run_child: RunChild) -> None:
    script = (
        PRELUDE
        + """
import itertools
def build():
    context = zmq.Context()
    a, b = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
    for one in (a, b):
        one.linger = 0
    a.bind("inproc://x"); b.connect("inproc://x")
    a.send(bytearray(b"y" * 100_000), copy=False)
    frame = b.recv(copy=False)
    return {"context": context, "a": a, "b": b, "frame": frame, "view": memoryview(frame)}
for order in itertools.permutations(["context", "a", "b", "frame", "view"]):
    things = build()
    for name in order:
        if name == "view":
            assert things["view"][-1:] == b"y", order
        things.pop(name)
        gc.collect()
"""
    )
    run_child(script).ok()
