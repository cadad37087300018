"""Out of descriptors, out of sockets, and things that are no sockets of ours."""

from __future__ import annotations

import os
import sys

import pytest

from helpers import RunChild

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="resource limits")

PRELUDE = """
import errno, os, resource, sys, threading, zmq
from child_support import Running, blocked, no_descriptor_left
"""


@POSIX
@pytest.mark.parametrize("limit", [24, 32, 48, 64, 100])
def test_out_of_descriptors_is_an_error_with_the_limit_in_it(run_child: RunChild, limit: int) -> None:
    """libzmq aborts the process there, so what can be told beforehand must be."""
    script = (
        PRELUDE
        + f"""
resource.setrlimit(resource.RLIMIT_NOFILE, ({limit}, {limit}))
made = []
try:
    context = zmq.Context()
    made.append(context)
    for _ in range(300):
        made.append(context.socket(zmq.PAIR))
except zmq.ZMQError as error:
    assert error.errno == errno.EMFILE, error
    assert "{limit}" in str(error), error
else:
    raise SystemExit("no limit met")
for one in reversed(made):
    one.close(0) if isinstance(one, zmq.Socket) else one.term()
"""
    )
    run_child(script).ok()


@POSIX
@pytest.mark.parametrize("call", ["context.socket(zmq.PAIR)", "zmq.Context()", "s.bind('tcp://127.0.0.1:*')"])
def test_no_descriptor_left_at_all(run_child: RunChild, call: str) -> None:
    script = (
        PRELUDE
        + f"""
context = zmq.Context()
s = context.socket(zmq.PAIR)
with no_descriptor_left(100):
    try:
        {call}
    except (zmq.ZMQError, OSError) as error:
        assert error.errno == errno.EMFILE, error
    else:
        raise SystemExit("made out of nothing")
s.close()
context.term()
"""
    )
    run_child(script).ok()


def test_too_many_sockets_names_the_limit(run_child: RunChild) -> None:
    script = (
        PRELUDE
        + """
context = zmq.Context()
context.set(zmq.MAX_SOCKETS, 5)
made = []
try:
    while True:
        made.append(context.socket(zmq.PAIR))
except zmq.ZMQError as error:
    assert error.errno == errno.EMFILE
    assert "5" in str(error) and "MAX_SOCKETS" in str(error).upper(), error
context.destroy(linger=0)
"""
    )
    run_child(script).ok()


FOREIGN = {
    "shadow-closed": "s.close(); zmq.Socket.shadow(s).send(b'x')",
    "proxy": "s.close(); zmq.proxy(s, t)",
    "proxy-back": "s.close(); zmq.proxy(t, s)",
    "proxy-capture": "s.close(); zmq.proxy(t, u, s)",
    "steerable-control": "s.close(); zmq.proxy_steerable(t, u, None, s)",
    "monitored-queue": "from zmq.devices import monitored_queue; s.close(); monitored_queue(t, u, s)",
    "monitor": "s.close(); s.get_monitor_socket()",
    "select-write": "s.close(); zmq.select([], [s], [], 0.1)",
    "select-error": "s.close(); zmq.select([], [], [s], 0.1)",
}


@pytest.mark.skipif(not hasattr(os, "SCHED_IDLE"), reason="only Linux lets a thread of libzmq come last")
@pytest.mark.parametrize(
    "call",
    [
        "context.socket(zmq.PAIR).close()",
        # not of its own end, of which an installed libzmq waits to tell a reader
        "s.monitor(f'inproc://{number}', zmq.EVENT_CONNECTED); s.monitor(None)",
        "s.monitor_events().close()",
    ],
)
def test_closed_sockets_do_not_count_against_the_limit(run_child: RunChild, call: str) -> None:
    """libzmq keeps their places until its own thread has come by, here behind a busy Python thread on one processor."""
    script = (
        PRELUDE
        + f"""
os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])
context = zmq.Context()
s = context.socket(zmq.PULL)
for task in map(int, os.listdir("/proc/self/task")):
    if task != os.getpid():
        os.sched_setscheduler(task, os.SCHED_IDLE, os.sched_param(0))
for number in range(2500):
    {call}
s.close()
context.term()
"""
    )
    run_child(script, timeout=120).ok()


@pytest.mark.parametrize("use", FOREIGN.values(), ids=FOREIGN)
def test_closed_socket_anywhere_is_enotsock(run_child: RunChild, use: str) -> None:
    script = (
        PRELUDE
        + f"""
context = zmq.Context()
s, t, u = (context.socket(zmq.PAIR) for _ in range(3))
try:
    {use}
except zmq.ZMQError as error:
    assert error.errno == zmq.ENOTSOCK, error
else:
    raise SystemExit("used a closed socket")
context.destroy(linger=0)
"""
    )
    run_child(script, stdin="readable\n").ok()


@pytest.mark.parametrize("kind", ["Socket", "Context"])
@pytest.mark.parametrize("wrong", ["'text'", "1.5", "object()", "[1]"])
def test_shadow_of_nonsense_is_refused(run_child: RunChild, kind: str, wrong: str) -> None:
    script = (
        PRELUDE
        + f"""
try:
    zmq.{kind}.shadow({wrong})
except (ValueError, TypeError):
    pass
else:
    raise SystemExit("shadowed nonsense")
"""
    )
    run_child(script).ok()


def test_curve_functions_from_many_threads(run_child: RunChild) -> None:
    script = (
        PRELUDE
        + """
barrier = threading.Barrier(16)
def work():
    barrier.wait()
    for _ in range(20):
        public, secret = zmq.curve_keypair()
        assert zmq.curve_public(secret) == public
threads = [Running(work) for _ in range(16)]
for thread in threads:
    thread.ended()
    if thread.error: raise thread.error
"""
    )
    run_child(script).ok()
