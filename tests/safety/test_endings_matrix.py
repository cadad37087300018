"""Whatever is left open, and however the end comes: it is over within its bound, and quietly."""

from __future__ import annotations

import itertools
import signal
import sys
import time
from pathlib import Path

import pytest

from helpers import RunChild, child_process

PRELUDE = """
import gc, os, signal, sys, threading, time, warnings, zmq
from child_support import Running, blocked
warnings.simplefilter("ignore", ResourceWarning)
context = zmq.Context()
context.linger = 100
"""

STATES = {
    "open-socket": "s = context.socket(zmq.PULL); s.bind('tcp://127.0.0.1:*')",
    "queued-to-nobody": "s = context.socket(zmq.PUSH); s.connect('tcp://127.0.0.1:9'); s.send(b'x');"
    " s.send(bytearray(100_000), copy=False)",
    "reference-cycle": "s = context.socket(zmq.PUSH); s.connect('tcp://127.0.0.1:9'); s.send(b'x'); c = [context, s]; c.append(c)\n"
    "class Holder: pass\nh = Holder(); h.h = h; h.s = s; h.c = context",
    "daemon-in-recv": "s = context.socket(zmq.PULL); d = Running(s.recv); blocked(d)",
    "daemon-in-tracker": "s = context.socket(zmq.PUSH); s.connect('tcp://127.0.0.1:9');"
    " m = s.send(bytearray(100_000), copy=False, track=True); d = Running(m.wait); blocked(d)",
    "daemon-in-poller": "s = context.socket(zmq.PULL); p = zmq.Poller(); p.register(s); d = Running(p.poll); blocked(d)",
    "module-global": "import builtins; s = builtins.kept_socket = context.socket(zmq.PULL); builtins.kept = [context]",
    "monitor-attached": "s = context.socket(zmq.PULL); m = s.get_monitor_socket(); s.bind('tcp://127.0.0.1:*')",
    "monitor-closed": "s = context.socket(zmq.PULL); s.get_monitor_socket().close(); s.bind('tcp://127.0.0.1:*')",
    "authenticator": "from zmq.auth.thread import ThreadAuthenticator; a = ThreadAuthenticator(context); a.start();"
    " a.configure_plain(passwords={'me': 'secret'}); s = context.socket(zmq.PULL); s.plain_server = 1; s.bind('tcp://127.0.0.1:*')",
    "context-auth": "a = context.auth(passwords={'me': 'secret'})",
    "pending-await": """
import asyncio, zmq.asyncio
context = zmq.asyncio.Context(); context.linger = 100; s = context.socket(zmq.PULL); t = context.socket(zmq.PUSH)
p = zmq.asyncio.Poller(); p.register(s)
async def begin(): return [s.recv(), s.recv_json(), s.poll(), p.poll(), t.send(b"")]
c = asyncio.new_event_loop(); h = c.run_until_complete(begin())
assert not any(one.done() for one in h)
""",
    "pending-await-in-a-thread": """
import asyncio, zmq.asyncio
context = zmq.asyncio.Context(); context.linger = 100; s = context.socket(zmq.PULL)
async def wait(): await s.recv()
d = Running(lambda: asyncio.run(wait())); blocked(d)
""",
    "pending-await-in-trio": """
import trio, zmq.anyio
context = zmq.anyio.Context(); context.linger = 100; s = context.socket(zmq.PULL)
d = Running(lambda: trio.run(s.recv)); blocked(d)
""",
    "pending-greenlet": """
import gevent, zmq.green
context = zmq.green.Context(); context.linger = 100; s = context.socket(zmq.PULL)
def wait():
    try:
        s.recv()
    except zmq.ZMQError as error:
        assert error.errno in (zmq.ETERM, zmq.ENOTSOCK), error
h = gevent.spawn(wait); gevent.sleep(0.01)
""",
    "poller-holding": "s = context.socket(zmq.PULL); t = context.socket(zmq.PUSH); p = zmq.Poller();"
    " p.register(s); p.register(t); p.poll(0)",
}

ENDS = {
    "term": """
try:
    # an authenticator's own sockets end by themselves, in the time that its thread takes
    context.term(timeout=0.5 if "s" in globals() else 30)
except zmq.ZMQError as error:
    assert "timeout" in str(error).lower() or "within" in str(error), error
    assert "PULL" in str(error) or "PUSH" in str(error), error
    for one in list(context._sockets): one.close()
    context.term(timeout=30)
assert context.closed
""",
    "destroy": "context.destroy(); assert context.closed",
    "with": "with context:\n    pass\nassert context.closed",
    "gc.collect": "gc.collect()",
    "del": "for name in 'context s t c h m p d a'.split(): globals().pop(name, None)\none = name = None\ngc.collect()",
    "interpreter-exit": "",
    "sys.exit-in-a-thread": "Running(lambda: sys.exit(3)).ended()",
    "sys.exit": "sys.exit(0)",
    "os._exit": "os._exit(0)",
}

#: Seconds from the end's beginning to the process's end: LINGER is 0.1 s, term() above 0.5 s, the rest is for a busy machine.
BOUND = 30.0


@pytest.mark.parametrize(("end", "state"), list(itertools.product(ENDS, STATES)), ids=lambda value: value)
def test_it_is_over_in_time(tmp_path: Path, end: str, state: str) -> None:
    with child_process(tmp_path, f"{PRELUDE}\n{STATES[state]}\nprint('ready', flush=True)\n{ENDS[end]}\n") as child:
        assert child.readline() == "ready"
        start = time.monotonic()
        child.finish().ok()
        assert time.monotonic() - start < BOUND


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda n: n.name)
@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("waiting", ["context.term()", "zmq.Context().socket(zmq.PULL).recv()"], ids=["in-term", "in-recv"])
def test_a_signal_ends_it_in_time(tmp_path: Path, state: str, number: signal.Signals, waiting: str) -> None:
    script = f"""{PRELUDE}
signal.signal(signal.SIGINT, signal.default_int_handler)
{STATES[state]}
if {waiting!r} == "context.term()":
    extra = context.socket(zmq.PULL)  # so that term() waits for ever
print("ready", flush=True)
{waiting}
"""
    with child_process(tmp_path, script) as child:
        assert child.readline() == "ready"
        child.wait_until_asleep()
        start = time.monotonic()
        child.popen.send_signal(number)
        ended = child.finish()
        assert time.monotonic() - start < BOUND
        assert ended.status in (-number, 130), ended.describe()
        assert "Fatal" not in ended.err, ended.describe()


@pytest.mark.parametrize("state", STATES)
def test_collecting_never_blocks(run_child: RunChild, state: str) -> None:
    """Not even with LINGER at its default, no limit, and a message that nobody takes."""
    script = f"""{PRELUDE}
context.linger = -1
{STATES[state]}
start = time.monotonic()
for name in "context s t c h m p a".split():
    globals().pop(name, None)
gc.collect()
assert time.monotonic() - start < 20
os._exit(0)
"""
    run_child(script).ok()


@pytest.mark.parametrize("end", ["collected", "with", "collected-context"])
def test_resource_warning_tells_the_place_of_creation(run_child: RunChild, end: str) -> None:
    script = f"""
import gc, zmq
context = zmq.Context()  # made: context
s = context.socket(zmq.PULL)  # made: socket
if {end!r} == "collected":
    del s
    gc.collect()
    context.term()
elif {end!r} == "with":
    with context:
        pass
else:
    s.close()
    del s, context
    gc.collect()
"""
    child = run_child(script, options=["-W", "always", "-X", "tracemalloc=10"])
    assert child.status == 0, child.describe()
    made = "context" if end == "collected-context" else "socket"
    assert "ResourceWarning" in child.err
    assert f"# made: {made}" in child.err, child.describe()


@pytest.mark.parametrize("end", ["term(timeout=0.2)", "destroy(linger=-1, timeout=0.2)"])
def test_timeout_names_what_is_still_open(run_child: RunChild, end: str) -> None:
    script = f"""{PRELUDE}
import errno
s = context.socket(zmq.PUSH); s.connect("tcp://127.0.0.1:9"); s.send(b"x")
start = time.monotonic()
try:
    context.{end}
except zmq.ZMQError as error:
    assert error.errno == errno.ETIMEDOUT
    assert ("zmq.PUSH" in str(error)) is {end.startswith("term")}, error
    assert "linger" in str(error), error
else:
    raise SystemExit("nobody took the message")
assert 0.18 < time.monotonic() - start < 20
os._exit(0)
"""
    run_child(script).ok()


DAEMONS = {
    "term": "other = zmq.Context(); kept = other.socket(zmq.PAIR); d = Running(other.term)",
    "term-timeout": "other = zmq.Context(); kept = other.socket(zmq.PAIR); d = Running(lambda: other.term(timeout=60))",
    "destroy-lingering": "s = context.socket(zmq.PUSH); s.linger = -1; s.connect('tcp://127.0.0.1:9'); s.send(b'x');"
    " d = Running(context.destroy)",
    "select": "s = context.socket(zmq.PULL); d = Running(lambda: zmq.select([s], [], []))",
    "steerable": "s, t, k = (context.socket(x) for x in (zmq.PULL, zmq.PUSH, zmq.PAIR));"
    " d = Running(lambda: zmq.proxy_steerable(s, t, None, k))",
    "recv_multipart": "s = context.socket(zmq.PULL); d = Running(s.recv_multipart)",
    "recv_into": "s = context.socket(zmq.PULL); d = Running(lambda: s.recv_into(bytearray(9)))",
    "send-shared": "s = context.socket(zmq.PUSH); d = Running(lambda: s.send(bytearray(100_000), copy=False))",
}


@pytest.mark.parametrize("exit_", ["", "sys.exit(0)", "os._exit(0)", "context.socket(zmq.PULL).close(); gc.collect()"])
@pytest.mark.parametrize("daemon", DAEMONS)
def test_exit_with_a_daemon_thread_inside(run_child: RunChild, daemon: str, exit_: str) -> None:
    if daemon == "destroy-lingering" and "context" in exit_:
        exit_ = "gc.collect()"
    run_child(f"{PRELUDE}\n{DAEMONS[daemon]}\nblocked(d)\n{exit_}\n").ok()


def test_no_callback_touches_python_after_shutdown_began(run_child: RunChild) -> None:
    """libzmq goes on returning buffers, of every size and number, while and after the interpreter ends."""
    script = f"""{PRELUDE}
import atexit
context.linger = -1
push, pull = context.socket(zmq.PUSH), context.socket(zmq.PULL)
push.sndhwm = pull.rcvhwm = 0
push.bind("tcp://127.0.0.1:*"); pull.connect(push.last_endpoint)
class Exporter(bytearray):
    def __del__(self):
        assert sys.modules is not None and len(self) == 70_000
def flood():
    for _ in range(300):
        push.send_multipart([Exporter(70_000), bytearray(100_000), bytes(90_000)], copy=False)
def late():
    atexit.unregister(late)
    flood()
atexit.register(late)
flood()
"""
    for _ in range(4):
        run_child(script).ok()
