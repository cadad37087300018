"""close, term and destroy from another thread: the blocked call raises, nothing aborts."""

from __future__ import annotations

import itertools

import pytest

from helpers import RunChild

PRELUDE = """
import zmq
from child_support import Running, blocked
context = zmq.Context()
"""

BLOCKED = {
    "recv": "s.recv()",
    "recv-frame": "s.recv(copy=False)",
    "recv-timeout": "s.rcvtimeo = 60_000; s.recv()",
    "recv_multipart": "s.recv_multipart()",
    "recv_into": "s.recv_into(bytearray(5))",
    "recv-second-part": "s.recv(); s.recv()",
    "send": "t.send(b'x')",
    "send-timeout": "t.sndtimeo = 60_000; t.send(b'x')",
    "send-shared": "t.send(bytes(100_000), copy=False)",
    "send_multipart": "t.send_multipart([b'x', bytes(100_000)], copy=False)",
    "poll": "s.poll()",
    "poll-timeout": "s.poll(60_000)",
    "poller": "p = zmq.Poller(); p.register(s, 1); p.register(t, 2); p.poll()",
    "select": "zmq.select([s], [t], [])",
    "proxy": "zmq.proxy(s, t)",
    "steerable": "zmq.proxy_steerable(s, t, None, c)",
}

ENDINGS = {
    "close": "s.close(0); t.close(0); c.close(0)",
    "term": "ending = Running(context.term)",
    "destroy": "context.destroy(linger=0)",
}


@pytest.mark.parametrize(
    ("ending", "call"),
    list(itertools.product(ENDINGS, BLOCKED)),
    ids=lambda value: value,
)
def test_blocked_call_raises(run_child: RunChild, ending: str, call: str) -> None:
    script = (
        PRELUDE
        + f"""
s, t, c = context.socket(zmq.PULL), context.socket(zmq.PUSH), context.socket(zmq.PAIR)
s.bind("inproc://s"); t.bind("inproc://t"); c.bind("inproc://c")
def work():
    {BLOCKED[call]}
if {call == "recv-second-part"}:
    first = context.socket(zmq.PUSH)
    first.connect("inproc://s"); first.send(b"only one"); first.close()
holder = Running(work)
blocked(holder)
{ENDINGS[ending]}
holder.ended()
error = holder.error
assert isinstance(error, zmq.ZMQError), repr(error)
assert error.errno in (zmq.ENOTSOCK, zmq.ETERM, zmq.ENOTSUP), repr(error)
s.close(0); t.close(0); c.close(0)
if {ending == "term"}:
    ending.ended()
    if ending.error: raise ending.error
context.term()
assert s.closed and t.closed and context.closed
"""
    )
    run_child(script).ok()


def test_closing_one_of_many_polled_sockets_wakes_the_poll(run_child: RunChild) -> None:
    script = (
        PRELUDE
        + """
sockets = [context.socket(zmq.PULL) for _ in range(20)]
poller = zmq.Poller()
for one in sockets:
    poller.register(one, zmq.POLLIN)
holder = Running(poller.poll)
blocked(holder)
sockets[7].close()
holder.ended()
assert isinstance(holder.error, zmq.ZMQError), repr(holder.error)
assert holder.error.errno == zmq.ENOTSOCK
context.destroy(linger=0)
"""
    )
    run_child(script).ok()


def test_close_and_blocked_receive_many_times(run_child: RunChild) -> None:
    script = (
        PRELUDE
        + """
for number in range(100):
    s = context.socket(zmq.PULL)
    s.bind(f"inproc://{number}")
    holder = Running(s.recv)
    if number % 2:
        blocked(holder)
    s.close(0)
    holder.ended()
    assert isinstance(holder.error, zmq.ZMQError), repr(holder.error)
    assert s.closed
context.term()
"""
    )
    run_child(script).ok()


def test_context_terminated_while_eight_threads_wait(run_child: RunChild) -> None:
    script = (
        PRELUDE
        + """
def work():
    with context.socket(zmq.PULL) as mine:
        mine.recv()
holders = [Running(work) for _ in range(8)]
for holder in holders:
    blocked(holder)
context.term()
for holder in holders:
    holder.ended()
    assert isinstance(holder.error, zmq.ContextTerminated), repr(holder.error)
"""
    )
    run_child(script).ok()


def test_message_that_arrived_before_the_close_is_not_half_taken(run_child: RunChild) -> None:
    script = (
        PRELUDE
        + """
for number in range(200):
    s, peer = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
    s.bind(f"inproc://{number}"); peer.connect(f"inproc://{number}")
    holder = Running(s.recv_multipart)
    peer.send_multipart([b"1", b"2", b"3"])
    s.close(0)
    holder.ended()
    assert holder.error is not None or holder.value == [b"1", b"2", b"3"], holder.value
    peer.close(0)
context.term()
"""
    )
    run_child(script).ok()


def test_close_while_an_event_loop_looks(run_child: RunChild) -> None:
    """The loop's thread, by turns about to sleep, asleep and awake, must not keep the socket from being closed."""
    script = """
import asyncio, threading, time, zmq, zmq.asyncio
from child_support import Running

def wait(socket, ready):
    async def main():
        received = zmq.asyncio.Socket.from_socket(socket).recv()
        asyncio.get_running_loop().call_soon(ready.set)
        try:
            await received
        except zmq.ZMQError as error:
            assert error.errno == zmq.ENOTSOCK, error
    asyncio.run(main())

with zmq.Context() as context:
    for number in range(300):
        socket = context.socket(zmq.PAIR)
        ready = threading.Event()
        waiting = Running(lambda: wait(socket, ready))
        ready.wait()
        end = time.perf_counter() + number % 20 * 2e-5
        while time.perf_counter() < end:
            pass
        socket.close(0)
        waiting.ended()
        assert waiting.error is None, waiting.error
"""
    run_child(script).ok()
