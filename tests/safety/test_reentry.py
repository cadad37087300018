"""Code of the program in the middle of a call: signal handlers, finalizers, trace functions, classes that lie."""

from __future__ import annotations

import pytest

from helpers import RunChild

PAIR = """
import gc, resource, signal, sys, threading, time, zmq
context = zmq.Context()
a, b = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
for one in (a, b):
    one.linger, one.rcvtimeo, one.sndtimeo = 0, 20_000, 20_000
a.bind("inproc://pair"); b.connect("inproc://pair")
"""


def test_a_sequence_that_lies_about_its_length(run_child: RunChild) -> None:
    """2**58 + 1 frames take 64 bytes of memory, if that is counted in 64 bits."""
    script = (
        PAIR
        + """
class Lies(list):
    def __len__(self):
        return 2**58 + 1

for copy in (True, False):
    try:
        a.send_multipart(Lies([b"x" * 40_000] * 20_000), copy=copy)
    except MemoryError as error:
        assert "frames" in str(error), error
    else:
        raise SystemExit("sent")
a.send(b"alive")
assert b.recv() == b"alive"
context.destroy(0)
"""
    )
    run_child(script).ok()


def test_trackers_of_trackers_to_any_depth(run_child: RunChild) -> None:
    script = """
import asyncio, zmq, zmq.asyncio
chain = frame = zmq.Frame(bytearray(100), copy=False, track=True)
for _ in range(200_000):
    chain = zmq.MessageTracker(chain)
assert not chain.done
try:
    chain.wait(0)
except zmq.NotDone:
    pass
else:
    raise SystemExit("done")

async def waits():
    waiting = asyncio.ensure_future(asyncio.wait_for(chain, 20))
    await asyncio.sleep(0)
    global frame
    frame.tracker
    del frame
    await waiting

first = chain
while type(first) is zmq.MessageTracker and first.peers:
    (first,) = first.peers
asyncio.run(waits())
assert chain.done
chain.wait(0)
ring = zmq.MessageTracker()
ring.peers.add(ring)
assert ring.done
ring.wait(0)
"""
    run_child(script).ok()


@pytest.mark.parametrize("outer", ["", "timeout=20"])
def test_a_handler_gives_up_terminating_what_its_thread_terminates(run_child: RunChild, outer: str) -> None:
    script = (
        PAIR
        + f"""
calls = []
def handler(*_):
    calls.append(1)
    try:
        context.term(timeout=0.05)
    except zmq.ZMQError as error:
        assert error.errno == zmq.ETIMEDOUT, error
    if len(calls) >= 3:
        a.close(0); b.close(0)
        signal.setitimer(signal.ITIMER_REAL, 0)

signal.signal(signal.SIGALRM, handler)
signal.setitimer(signal.ITIMER_REAL, 0.1, 0.1)
context.term({outer})
assert context.closed and len(calls) >= 3, calls
"""
    )
    for _ in range(5):
        run_child(script).ok()


def test_a_message_given_back_while_a_finalizer_receives(run_child: RunChild) -> None:
    """The frame of what is taken from the stash is made while Python code may run, which takes the next one."""
    script = (
        PAIR
        + """
import asyncio, zmq.asyncio

class Receives:
    def __del__(self):
        got.append(a.recv(zmq.DONTWAIT))

def leave_garbage():
    one = Receives()
    one.itself = one

async def give_back():
    awaited = zmq.asyncio.Socket.shadow(a)
    receives = [awaited.recv() for _ in range(3)]
    for receive in receives:
        assert receive.cancel()

for number in range(4):
    b.send(b"%d" % number)
got = []
asyncio.run(give_back())
gc.collect()
leave_garbage()
gc.set_threshold(1, 1, 1)
frame = a.recv(copy=False)
gc.set_threshold(700, 10, 10)
gc.collect()
got.append(frame.bytes)
while a.poll(0):
    got.append(a.recv())
assert sorted(got) == [b"0", b"1", b"2", b"3"], got
context.destroy(0)
"""
    )
    run_child(script).ok()


def test_parts_that_are_changed_while_an_event_loop_is_told_of_the_call(run_child: RunChild) -> None:
    script = (
        PAIR
        + """
import asyncio, zmq.asyncio

def changes(*_):
    if parts:
        parts.clear()
        gc.collect()
        junk.extend(bytearray(60) for _ in range(1000))

async def main():
    waiting = zmq.asyncio.Socket.shadow(a).recv()
    sys.settrace(changes)
    try:
        a.send_multipart(parts)
    finally:
        sys.settrace(None)
    waiting.cancel()

junk = []
parts = [bytes([65 + number]) * 30 for number in range(6)]
whole = list(b"%c" % (65 + number) * 30 for number in range(6))
asyncio.run(main())
assert not parts and b.recv_multipart() == whole
context.destroy(0)
"""
    )
    run_child(script).ok()


def test_a_handler_awaits_the_socket_that_its_thread_is_blocked_in(run_child: RunChild) -> None:
    """It stays that thread's, and closing it leaves nothing behind that could be used."""
    script = (
        PAIR
        + """
import asyncio, zmq.asyncio

def other():
    try:
        outcome.append(a.poll(0))
    except zmq.ThreadError as error:
        outcome.append(type(error))

def handler(*_):
    waiting.append(awaited.recv())
    a.get(zmq.EVENTS)
    thread = threading.Thread(target=other)
    thread.start(); thread.join()

async def main():
    global awaited
    awaited = zmq.asyncio.Socket.shadow(a)
    asyncio.get_running_loop().slow_callback_duration = 60  # in asyncio's debug mode
    signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.1)
    threading.Timer(0.5, b.send_many, ([b"first", b"second"],)).start()
    first = a.recv()
    assert (first, await asyncio.wait_for(waiting[0], 20)) == (b"first", b"second")

outcome, waiting = [], []
asyncio.run(main())
assert outcome == [zmq.ThreadError], outcome
context.destroy(0)
"""
    )
    run_child(script).ok()


def test_a_frame_that_cannot_be_made_keeps_no_buffer() -> None:
    import zmq

    class Raises:
        def __bool__(self) -> bool:
            raise ZeroDivisionError

        __index__ = __bool__

    buffer = bytearray(100)
    for arguments in ({"copy": Raises()}, {"copy_threshold": Raises()}):
        with pytest.raises(ZeroDivisionError):
            zmq.Frame(buffer, **arguments)  # type: ignore[arg-type]
        buffer.append(0)  # a BufferError while it is held


def test_unbinding_without_a_descriptor_is_an_error(run_child: RunChild) -> None:
    script = (
        PAIR
        + """
server = context.socket(zmq.DEALER)
server.bind("tcp://127.0.0.1:*")
address = server.last_endpoint
limit = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (0, limit[1]))
for call in (server.unbind, server.disconnect):
    try:
        call(address)
    except zmq.ZMQError as error:
        assert error.errno == 24 and "ulimit" in str(error), error
    else:
        raise SystemExit("no error")
resource.setrlimit(resource.RLIMIT_NOFILE, limit)
server.unbind(address)
context.destroy(0)
"""
    )
    run_child(script).ok()


def test_a_message_of_several_frames_without_memory_is_received_later(run_child: RunChild) -> None:
    pytest.importorskip("_testcapi")
    script = (
        PAIR
        + """
import _testcapi
gc.disable()
whole = [b"1" * 50, b"2" * 5000, b"3" * 50]
failed = 0
for copy in (True, False):
    for number in range(1, 25):
        b.send_multipart(whole)
        received = None
        _testcapi.set_nomemory(number, number + 1)
        try:
            received = a.recv_multipart(copy=copy)
        except MemoryError:
            failed += 1
        finally:
            _testcapi.remove_mem_hooks()
        if received is None:
            received = a.recv_multipart(zmq.DONTWAIT)
        assert [bytes(part) for part in received] == whole, number
assert failed
context.destroy(0)
"""
    )
    run_child(script).ok()


@pytest.mark.parametrize("peer", ["DEALER", "PAIR"])
def test_a_stream_socket_has_no_peer_within_the_process(run_child: RunChild, peer: str) -> None:
    """libzmq would abort when a message of several frames came."""
    script = (
        PAIR
        + f"""
stream, peer = context.socket(zmq.STREAM), context.socket(zmq.{peer})
stream.linger = peer.linger = 0
peer.connect("inproc://stream")
for call in (stream.bind, stream.connect):
    try:
        call("inproc://stream")
    except zmq.ZMQError as error:
        assert error.errno == zmq.ENOCOMPATPROTO, error
    else:
        try:
            peer.send_multipart([b"1", b"2"], zmq.DONTWAIT)
        except zmq.Again:
            pass
        stream.poll(500)
context.destroy(0)
"""
    )
    run_child(script).ok()


def test_destroying_a_context_at_the_limit_of_recursion(run_child: RunChild) -> None:
    script = (
        PAIR
        + """
def deeper():
    try:
        deeper()
    except RecursionError:
        try:
            context.destroy(0)
        except RecursionError:
            outcome.append("refused")
        raise

outcome = []
try:
    deeper()
except RecursionError:
    pass
assert "refused" in outcome
context.destroy(0)
"""
    )
    run_child(script).ok()
