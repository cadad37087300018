"""Monitors: a reader that is closed, or does not read, stops nobody."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from helpers import RunChild, child_process, wait_until

# libzmq waits for a monitor's reader without end: each of these hung with the GIL held or left an I/O thread stuck

PRELUDE = """
import gc, time, zmq
from child_support import Running, blocked
from zmq.utils.monitor import recv_monitor_message
context = zmq.Context()
s = context.socket(zmq.PULL)
s.rcvtimeo = 30_000

def traffic():
    "Events of every kind: listening, accepted, handshake, disconnected, closed."
    s.bind("tcp://127.0.0.1:*")
    endpoint = s.last_endpoint
    for _ in range(3):
        with context.socket(zmq.PUSH) as push:
            push.connect(endpoint)
            push.send(b"x")
            assert s.recv() == b"x"
    s.unbind(endpoint)
    s.poll(20)

def own_reader():
    s.monitor("inproc://events")
    reader = context.socket(zmq.PAIR)
    reader.connect("inproc://events")
    return reader
"""

READERS = {"get_monitor_socket": "m = s.get_monitor_socket()", "own-pair": "m = own_reader()"}

ENDS = {
    "closed": "m.close()",
    "closed-after-events": "traffic(); m.close(); ",
    "collected": "m = None; s.__dict__.pop('_monitor_socket', None); gc.collect()",
    "disconnected": "m.disconnect(m.last_endpoint)",
    "closed-elsewhere": "Running(m.close).ended()",
    "closed-while-received": "r = Running(m.recv); blocked(r); m.close(); r.ended()",
    "closed-after-a-new-one": "s.disable_monitor(); old, m = m, s.get_monitor_socket(); old.close(); s.bind('inproc://new')\n"
    "assert m.closed is False; m.poll(0); traffic(); assert m.poll(30_000), 'the new monitor must go on'; m.close()",
    "never-read": "pass",
}


@pytest.mark.parametrize("after", ["traffic()", "s.monitor(None)", "s.close()", "s = None; gc.collect()", "s.get_monitor_socket()"])
@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("reader", READERS)
def test_reader_that_goes_stops_nobody(run_child: RunChild, reader: str, end: str, after: str) -> None:
    script = f"""{PRELUDE}
import warnings
warnings.simplefilter("ignore", ResourceWarning)
{READERS[reader]}
{ENDS[end]}
{after}
if s is not None and not s.closed:
    traffic()
context.destroy(linger=0)
"""
    if reader == "own-pair" and after == "s.get_monitor_socket()":
        pytest.skip("two monitors on one socket replace each other")
    run_child(script).ok()


def test_unread_events_do_not_stop_the_io_thread(run_child: RunChild) -> None:
    """More than two high water marks of them."""
    script = (
        PRELUDE
        + """
m = s.get_monitor_socket()
s.bind("tcp://127.0.0.1:*")
endpoint = s.last_endpoint
for number in range(1200):
    with context.socket(zmq.PUSH) as push:
        push.connect(endpoint)
        push.send(b"x")
        assert s.recv() == b"x"
events = 0
while m.poll(0):
    assert recv_monitor_message(m)["event"] != zmq.EVENT_MONITOR_STOPPED
    events += 1
assert events > 2400, events
context.destroy(linger=0)
"""
    )
    run_child(script).ok()


@pytest.mark.parametrize("first", ["s.close(); m.close()", "m.close(); s.close()", "del s, m; gc.collect()"])
def test_both_closed_at_once_with_events_on_their_way(run_child: RunChild, first: str) -> None:
    """An I/O thread that tells of the disconnection comes after both: it must go on serving others."""
    script = (
        PRELUDE
        + f"""
import warnings
warnings.simplefilter("ignore", ResourceWarning)
s.close()
for _ in range(100):
    s, push = context.socket(zmq.PULL), context.socket(zmq.PUSH)
    m = s.get_monitor_socket()
    s.rcvtimeo = 30_000
    s.bind("tcp://127.0.0.1:*"); push.connect(s.last_endpoint)
    push.send(b"x"); assert s.recv() == b"x"
    {first}
    push.close(0)
context.term()
"""
    )
    run_child(script).ok()


def test_monitors_one_after_another(run_child: RunChild) -> None:
    script = (
        PRELUDE
        + """
for number in range(300):
    m = s.get_monitor_socket()
    if number % 3 == 0:
        s.disable_monitor()
    m.close()
    if number % 3 == 1:
        s.disable_monitor()
context.destroy(linger=0)
"""
    )
    run_child(script).ok()


@pytest.mark.parametrize("end", ["s.close()", "context.destroy(linger=0)", "s.disable_monitor()"])
def test_blocked_reader_is_told(run_child: RunChild, end: str) -> None:
    script = (
        PRELUDE
        + f"""
m = s.get_monitor_socket()
def read():
    while recv_monitor_message(m)["event"] != zmq.EVENT_MONITOR_STOPPED:
        pass
reading = Running(read)
blocked(reading)
{end}
reading.ended()
assert reading.error is None or reading.error.errno in (zmq.ENOTSOCK, zmq.ETERM), reading.error
context.destroy(linger=0)
"""
    )
    run_child(script).ok()


CLOSED = ["s.get_monitor_socket()", "s.monitor('inproc://y')", "s.disable_monitor()", "recv_monitor_message(m)"]


@pytest.mark.parametrize("call", CLOSED)
def test_closed_socket_is_enotsock(run_child: RunChild, call: str) -> None:
    script = (
        PRELUDE
        + f"""
m = s.get_monitor_socket()
m.close(); s.close()
try:
    {call}
except zmq.ZMQError as error:
    assert error.errno == zmq.ENOTSOCK, error
else:
    raise SystemExit("used a closed socket")
context.term()
"""
    )
    run_child(script).ok()


def test_reader_connected_by_another_thread_while_bind_waits_for_it(run_child: RunChild) -> None:
    script = """
import threading, zmq
context = zmq.Context()
watched = context.socket(zmq.PAIR)
watched.linger = 0
watched.monitor("inproc://monitor", zmq.EVENT_LISTENING)
binding = threading.Thread(target=watched.bind, args=("tcp://127.0.0.1:*",), daemon=True)
binding.start()
# a libzmq without the repair waits in it; this one may have dropped the event already
binding.join(0.3)
reader = context.socket(zmq.PAIR)
reader.linger = 0
reader.connect("inproc://monitor")
binding.join(30)
assert not binding.is_alive(), "bind() still waits"
watched.disable_monitor()
watched.close(); reader.close(); context.term()
"""
    run_child(script).ok()


@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT")
def test_ctrl_c_leaves_a_bind_that_waits_for_a_reader(tmp_path: Path) -> None:
    script = """
import zmq
context = zmq.Context()
watched = context.socket(zmq.PAIR)
watched.monitor("inproc://monitor", zmq.EVENT_LISTENING)
try:
    print("go", flush=True)
    watched.bind("tcp://127.0.0.1:*")
    print("bound", flush=True)
    import signal
    signal.pause()
except KeyboardInterrupt:
    watched.close(0); context.term()
"""
    with child_process(tmp_path, script) as child:
        assert child.readline() == "go"
        child.wait_until_asleep()

        def interrupted() -> bool:
            child.popen.send_signal(signal.SIGINT)
            try:
                child.popen.wait(0.5)
            except subprocess.TimeoutExpired:
                return False
            return True

        wait_until(interrupted, what="the end of bind()")
        assert child.popen.returncode == 0
