"""Inproc addresses that are connected to before anybody has bound them: libzmq has several ways to abort the process over them.

With the bundled libzmq all of it works; with another, what would abort is refused with ENOTSUP. Each runs in a process of its own.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from helpers import RunChild, counts_peers, traces_memory

EndsWell = Callable[[str], None]

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="resource limits")

PRELUDE = """
import errno, gc, os, sys, zmq
from child_support import Running, blocked, no_descriptor_left

repaired = sys.argv[1] == "True"

def allowed(call, *args):
    # whether libzmq can do it; otherwise it was refused
    try:
        call(*args)
    except zmq.ZMQError as error:
        assert not repaired and error.errno == zmq.ENOTSUP and "abort" in str(error) and "inproc://x" in str(error), error
        return False
    return True
"""


@pytest.fixture
def ends_well(run_child: RunChild) -> EndsWell:
    """Run a script in a child that must end with status 0 and without a word."""
    repaired = str(counts_peers())

    def run(script: str) -> None:
        run_child(PRELUDE + script, repaired).ok()

    return run


@POSIX
def test_more_connections_than_places_for_sockets(ends_well: EndsWell) -> None:
    """Closed sockets keep their places, because their connections still wait; term() needs one more."""
    ends_well("""
import resource
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard) if hard > 0 else 4096, hard))
spare = [os.open(os.devnull, os.O_RDONLY) for _ in range(8)]
context = zmq.Context()
context.max_sockets = 5
sockets = [context.socket(kind) for kind in (zmq.DEALER, zmq.ROUTER, zmq.REP, zmq.SUB, zmq.PAIR)]
for i, one in enumerate(sockets):
    for j in range(500):
        one.connect(f"inproc://nobody-{j if i % 2 else -j}")
for one in sockets:
    one.close(0)
try:
    for j in range(5000):
        one = context.socket(zmq.PUSH)
        try:
            one.connect("inproc://nobody-again")
        finally:
            one.close(0)
except zmq.ZMQError as error:
    assert error.errno == errno.EMFILE, error
else:
    raise SystemExit("no limit met")
for one in spare:
    os.close(one)
context.term()
""")


@pytest.mark.parametrize("timeout", [None, 30])
def test_term_while_the_sockets_are_open(ends_well: EndsWell, timeout: float | None) -> None:
    """Among them ROUTERs, to which libzmq then writes who has bound the address."""
    ends_well(f"""
context = zmq.Context()
sockets = [context.socket(kind) for kind in (zmq.ROUTER, zmq.ROUTER, zmq.REP, zmq.DEALER, zmq.SUB, zmq.PAIR, zmq.PUSH)]
for one in sockets:
    one.connect("inproc://x")
    one.connect("inproc://y")
ending = Running(lambda: context.term(timeout={timeout}))
blocked(ending)
for one in sockets:
    one.close(0)
assert ending.ended().error is None, ending.error
""")


@POSIX
@pytest.mark.parametrize("timeout", [None, 30])
def test_term_without_a_descriptor(ends_well: EndsWell, timeout: float | None) -> None:
    ends_well(f"""
context = zmq.Context()
one = context.socket(zmq.PAIR)
one.connect("inproc://x")
one.close(0)
with no_descriptor_left(100):
    try:
        context.term(timeout={timeout})
    except zmq.ZMQError as error:
        assert error.errno == errno.EMFILE and "never bound" in str(error) and "100" in str(error), error
        assert not context.closed
context.term(timeout={timeout})
assert context.closed
""")


def test_contexts_that_are_collected(ends_well: EndsWell) -> None:
    ends_well("""
for i in range(20):
    context = zmq.Context()
    one = context.socket(zmq.DEALER)
    for j in range(200):
        one.connect(f"inproc://nobody-{j}")
    one.close(0)
    cycle = [context]
    cycle.append(cycle)
    del context, one, cycle
    gc.collect()
""")


@pytest.mark.parametrize("kind", ["PULL", "SUB", "PUSH", "PUB", "DEALER"])
@pytest.mark.parametrize("end", ["close", "disconnect", "term"])
def test_conflating_connection_that_ends_before_the_bind(ends_well: EndsWell, kind: str, end: str) -> None:
    """Its only message is its end then, where libzmq expects a routing id."""
    ends_well(f"""
context = zmq.Context()
one = context.socket(zmq.{kind})
one.linger = 0
one.conflate = 1
if allowed(one.connect, "inproc://x"):
    if {end!r} == "disconnect":
        one.disconnect("inproc://x")
        one.get(zmq.EVENTS)
    if {end!r} == "close":
        one.close()
    if {end!r} != "term":
        with context.socket(zmq.PAIR) as other:
            other.bind("inproc://x")
with context.socket(zmq.PUSH) as bound, context.socket(zmq.PULL) as late:
    # who is late may conflate with any libzmq
    bound.bind("inproc://z")
    late.conflate = 1
    late.connect("inproc://z")
    bound.send(b"news")
    assert late.recv() == b"news"
one.close()
context.term()
""")


@pytest.mark.parametrize("kind", ["ROUTER", "REP"])
def test_router_that_disconnects_before_the_bind(ends_well: EndsWell, kind: str) -> None:
    """There is nobody then for the routing id that libzmq writes."""
    ends_well(f"""
context = zmq.Context()
one = context.socket(zmq.{kind})
one.connect("inproc://x")
if allowed(one.disconnect, "inproc://x"):
    one.get(zmq.EVENTS)
with context.socket(zmq.DEALER) as other:
    other.bind("inproc://x")
one.connect("inproc://x")
# bound, it may
with context.socket(zmq.DEALER) as other:
    other.bind("inproc://z")
    one.connect("inproc://z")
    one.disconnect("inproc://z")
one.close(0)
context.term()
""")


@pytest.mark.parametrize("kind", ["ROUTER", "REP"])
def test_pair_binds_where_two_routers_wait(ends_well: EndsWell, kind: str) -> None:
    """A PAIR ends all connections but its first at once."""
    ends_well(f"""
context = zmq.Context()
waiting = [context.socket(zmq.{kind}) for _ in range(3)]
for one in waiting:
    one.connect("inproc://x")
with context.socket(zmq.PAIR) as pair:
    allowed(pair.bind, "inproc://x")
for one in waiting:
    one.close(0)
context.term()
""")


@traces_memory
def test_addresses_that_come_and_go_leave_nothing(ends_well: EndsWell) -> None:
    """What is remembered of an address goes with who bound it; also with a monitor."""
    ends_well("""
import tracemalloc
context = zmq.Context()

def rounds(first, count):
    with context.socket(zmq.PUSH) as monitored:
        for i in range(first, first + count):
            with context.socket(zmq.PULL) as early, context.socket(zmq.PUSH) as bound, context.socket(zmq.PULL) as late:
                early.connect(f"inproc://early-{i}")
                bound.bind(f"inproc://early-{i}")
                bound.bind(f"inproc://late-{i}")
                late.connect(f"inproc://late-{i}")
                bound.unbind(f"inproc://late-{i}")
            monitored.get_monitor_socket(addr=f"inproc://monitor-{i}").close()
            monitored.disable_monitor()

tracemalloc.start()
rounds(0, 300)
gc.collect()
before = tracemalloc.get_traced_memory()[0]
rounds(1000, 1000)
gc.collect()
after = tracemalloc.get_traced_memory()[0]
assert after - before < 60_000, f"{(after - before) / 1000:.0f} bytes are left of each round"
context.term()
""")
