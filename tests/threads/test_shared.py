"""What several threads have at once: sockets, contexts, frames, buffers, trackers, pollers, loops. No crash, no hang, nothing torn.

Written for builds without the GIL, where two threads are in one line at once; elsewhere they are fine as well. The number of steps
is fixed, so that a slow machine only takes longer.
"""

from __future__ import annotations

import pytest

from helpers import RunChild

PRELUDE = """
import errno, gc, random, sys, threading, zmq
from child_support import Running
if hasattr(sys, "setswitchinterval"):
    sys.setswitchinterval(1e-5)
context = zmq.Context()
context.max_sockets = 4000

# what a socket answers that another thread uses, has closed, or has neither filled nor emptied
ALLOWED = {zmq.ENOTSOCK, zmq.ENOTSUP, zmq.ETERM, zmq.EAGAIN, errno.EMFILE}

def make_pair(ctx=None, timeout=10, **options):
    a, b = (ctx or context).socket(zmq.PAIR), (ctx or context).socket(zmq.PAIR)
    name = f"inproc://{random.random()}"
    for one in (a, b):
        one.linger = 0
        one.rcvtimeo = one.sndtimeo = timeout
        for key, value in options.items():
            setattr(one, key, value)
    a.bind(name); b.connect(name)
    return a, b

def together(*functions):
    # all at once; what one of them raises is raised here
    barrier = threading.Barrier(len(functions))
    def begin(function):
        barrier.wait()
        return function()
    threads = [Running(lambda function=function: begin(function)) for function in functions]
    for thread in threads:
        thread.ended(60)
    for thread in threads:
        if thread.error is not None:
            raise thread.error
    return [thread.value for thread in threads]

def tried(function, *args):
    # its result; None when another thread was in the way
    try:
        return function(*args)
    except zmq.ThreadError:
        pass
    except zmq.ZMQError as error:
        if error.errno not in ALLOWED:
            raise
"""


def test_messages_are_not_torn_between_threads(run_child: RunChild) -> None:
    """More frames than one look into libzmq takes: the rest belongs to the thread that has the beginning."""
    script = (
        PRELUDE
        + """
PARTS = 70  # of several looks, also of recv_many
a, b = make_pair(timeout=50, hwm=0)
bad, taken = [], []

def look(message):
    if [bytes(part) for part in message] != [b"%d" % i for i in range(PARTS)]:
        bad.append(len(message))
    taken.append(1)

def receive(number):
    for _ in range(150):
        if number % 2:
            for message in tried(lambda: b.recv_many(3, zmq.DONTWAIT, multipart=True)) or ():
                look(message)
        else:
            message = tried(lambda: b.recv_multipart(copy=number % 4 == 0))
            if message is not None:
                look(message)

def send():
    for _ in range(400):
        a.send_multipart([b"%d" % i for i in range(PARTS)])

together(send, *(lambda number=number: receive(number) for number in range(4)))
while b.poll(0):
    look(b.recv_multipart())
assert not bad, bad
assert len(taken) == 400, len(taken)
context.destroy(0)
"""
    )
    run_child(script, timeout=90).ok()


def test_a_poller_sees_what_comes_while_others_knock(run_child: RunChild) -> None:
    """Another thread's call takes news off the descriptor: what the Poller knew of the socket is true no more."""
    script = (
        PRELUDE
        + """
for _ in range(15):
    a, b = make_pair(timeout=0)
    over = threading.Event()
    def knock():
        while not over.is_set():
            tried(b.get, zmq.EVENTS)
            tried(b.send, b"x", zmq.DONTWAIT)
            tried(a.recv, zmq.DONTWAIT)
    def watch():
        poller = zmq.Poller()
        poller.register(b, zmq.POLLIN)
        try:
            for _ in range(100):
                tried(poller.poll, 0)
        finally:
            over.set()
    together(watch, knock, knock)
    poller = zmq.Poller()
    poller.register(b, zmq.POLLIN)
    a.send(b"news")
    assert poller.poll(30_000), "news unseen"
    assert b.recv() == b"news"
    a.close(); b.close()
context.destroy(0)
"""
    )
    run_child(script, timeout=90).ok()


def test_one_handle_for_one_socket(run_child: RunChild) -> None:
    """Its address stays what it is while threads are in and out, so that a shadow shares the rule of one thread at a time."""
    script = (
        PRELUDE
        + """
a, b = make_pair(timeout=0)
address = a.underlying
over = threading.Event()

def use():
    while not over.is_set():
        tried(a.get, zmq.EVENTS)

def shadow():
    try:
        for _ in range(1500):
            assert a.underlying == address, a.underlying
            other = zmq.Socket.shadow(address)
            assert other._handle is a._handle
            # handles that come and go are in the same list
            context.socket(zmq.PAIR).close()
    finally:
        over.set()

together(use, use, shadow)
a.close()
assert a.underlying == 0
context.destroy(0)
"""
    )
    run_child(script, timeout=90).ok()


@pytest.mark.parametrize("wait", ["recv()", "poll(1)", "send_multipart([b'x', b'y'])", "recv_many(3)"])
def test_closed_under_a_thread_that_comes_and_goes(run_child: RunChild, wait: str) -> None:
    """Into and out of the wait at the moment of close(): ENOTSOCK, never ThreadError, which would blame the one user."""
    script = (
        PRELUDE
        + f"""
for _ in range(150):
    a, b = make_pair(timeout=1, hwm=2)
    def use():
        while True:
            try:
                a.{wait}
            except zmq.Again:
                pass
            except zmq.ThreadError:
                raise
            except zmq.ZMQError as error:
                assert error.errno in (zmq.ENOTSOCK, zmq.ENOTSUP), error
                return
    def close():
        for _ in range(random.randrange(40)):
            tried(b.send, b"", zmq.DONTWAIT)
            tried(b.recv, zmq.DONTWAIT)
        a.close()
    together(use, close, a.__repr__)
    assert a.closed
    b.close()
context.destroy(0)
"""
    )
    run_child(script, timeout=90).ok()


def test_closed_by_many(run_child: RunChild) -> None:
    script = (
        PRELUDE
        + """
for _ in range(200):
    a, b = make_pair(timeout=1)
    together(a.close, a.close, lambda: a.close(linger=0), b.close, lambda: tried(a.poll, 1), lambda: tried(a.send, b"x"))
    assert a.closed and b.closed
assert zmq._core.handle.live_sockets() == 0
context.term()
"""
    )
    run_child(script, timeout=90).ok()


def test_frames_are_copied_and_sent_by_many(run_child: RunChild) -> None:
    script = (
        PRELUDE
        + """
import copy
size = 100_000
for memory in (bytes(size), bytearray(size)):
    frame = zmq.Frame(memory, copy=False, track=True)
    def work(number):
        a, b = make_pair(timeout=20_000)
        for step in range(60):
            a.send(frame, copy=False)
            twin = copy.copy(frame)
            a.send_multipart([twin, b"end"], copy=bool(step % 2))
            got = b.recv(copy=False)
            assert len(got) == size and got.bytes == frame.bytes
            last = b.recv_multipart(copy=bool(step % 3))
            assert len(last[0]) == size
            assert frame.buffer.nbytes == size and len(frame) == size
            frame.get(zmq.SHARED), repr(frame), frame.more
            # attributes of everybody's
            frame.tracker = twin.tracker
            frame.tracker_event = twin.tracker_event
            frame.tracker.done
        a.close(); b.close()
    together(*(lambda number=number: work(number) for number in range(8)))
    tracker = frame.tracker
    del frame
    gc.collect()
    tracker.wait(30)
    assert zmq._core.release.live_buffers() == 0
context.destroy(0)
"""
    )
    run_child(script, timeout=90).ok()


@pytest.mark.parametrize(
    "source", ["bytearray(size)", "memoryview(bytearray(size))", "array.array('b', bytes(size))", "mmap.mmap(-1, size)"]
)
def test_one_buffer_is_lent_and_filled_by_many(run_child: RunChild, source: str) -> None:
    """Each export is counted, so that the memory can be resized or closed in the end, and not before."""
    script = (
        PRELUDE
        + f"""
import array, mmap
size = 100_000
memory = {source}
def lend(number):
    a, b = make_pair(timeout=20_000)
    for step in range(150):
        a.send(memory, copy=False)
        if step % 2:
            assert b.recv_into(memory) == size
        else:
            b.recv(copy=False)
    a.close(); b.close()
together(*(lambda number=number: lend(number) for number in range(6)))
tracker = zmq.Frame(memory, copy=False, track=True).tracker
tracker.wait(30)
context.destroy(0)
gc.collect()
while zmq._core.release.live_buffers():
    pass
if isinstance(memory, bytearray):
    memory.clear()
elif isinstance(memory, memoryview):
    memory.release()
elif isinstance(memory, array.array):
    memory.extend(memory)
else:
    memory.close()
"""
    )
    run_child(script, timeout=90).ok()


def test_trackers_are_waited_for_by_many(run_child: RunChild) -> None:
    script = (
        PRELUDE
        + """
for _ in range(60):
    a, b = make_pair(timeout=20_000)
    tracker = a.send_multipart([bytearray(100_000), bytearray(100_000)], copy=False, track=True)
    outer = zmq.MessageTracker(tracker)
    def receive():
        b.recv_multipart(copy=False)
    together(receive, *[lambda: (tracker.wait(30), tracker.done)] * 3, *[lambda: (outer.wait(30), outer.done)] * 3)
    assert tracker.done and outer.done
    a.close(); b.close()
context.destroy(0)
"""
    )
    run_child(script, timeout=90).ok()


def test_pollers_are_changed_by_many(run_child: RunChild) -> None:
    script = (
        PRELUDE
        + """
poller = zmq.Poller()
def change(number):
    rng = random.Random(number)
    mine = make_pair()
    for _ in range(150):
        for one in mine:
            poller.register(one, rng.choice([zmq.POLLIN, zmq.POLLOUT, zmq.POLLIN | zmq.POLLOUT]))
        tried(poller.poll, 0)
        assert mine[0] in poller
        for one in rng.sample(mine, 2):
            poller.unregister(one)
    for one in mine:
        one.close()
together(*(lambda number=number: change(number) for number in range(8)))
assert not poller.sockets, poller.sockets
context.destroy(0)
"""
    )
    run_child(script, timeout=90).ok()


def test_contexts_of_many(run_child: RunChild) -> None:
    """The first socket, instance(), shadows, options and destroy(), all at once."""
    script = (
        PRELUDE
        + """
for _ in range(40):
    mine = zmq.Context()
    mine.max_sockets = 300
    def use():
        for _ in range(5):
            one = tried(mine.socket, zmq.PAIR)
            if one is not None:
                tried(one.bind, f"inproc://{random.random()}")
                tried(lambda: zmq.Context.shadow(mine.underlying))
                tried(lambda: repr(mine))
                try:
                    assert mine.max_sockets == 300
                except RuntimeError:
                    pass  # closed
        assert zmq.Context.instance() is zmq.Context.instance()
    together(*[use] * 6)
    def late():
        # made after destroy() has looked, it is this thread's to close
        one = tried(mine.socket, zmq.PAIR)
        if one is not None:
            one.close(0)
    together(*[lambda: mine.destroy(linger=0)] * 2, *[late] * 4)
    assert mine.closed
zmq.Context.instance().term()
context.term()
"""
    )
    run_child(script, timeout=90).ok()


def test_monitors_of_many(run_child: RunChild) -> None:
    script = (
        PRELUDE
        + """
for _ in range(40):
    a, b = context.socket(zmq.PULL), context.socket(zmq.PUSH)
    a.linger = b.linger = 0
    port = a.bind_to_random_port("tcp://127.0.0.1")
    def monitor():
        for _ in range(3):
            one = tried(a.get_monitor_socket)
            if one is not None:
                tried(one.recv_multipart, zmq.DONTWAIT)
            tried(a.disable_monitor)
    def connect():
        b.connect(f"tcp://127.0.0.1:{port}")
        b.disconnect(f"tcp://127.0.0.1:{port}")
    together(monitor, monitor, connect, monitor, a.close)
    b.close()
context.destroy(0)
"""
    )
    run_child(script, timeout=90).ok()


def test_event_loops_in_many_threads(run_child: RunChild) -> None:
    """Each with sockets of its own, from one context, that others call as well: a shadow closes them in the end."""
    script = (
        PRELUDE
        + """
import asyncio, zmq.asyncio
shared = zmq.asyncio.Context.shadow(context)

async def echo(number):
    a, b = make_pair(shared, timeout=-1)
    for step in range(150):
        await a.send_multipart([b"%d" % number, b"%d" % step])
        assert await b.recv_multipart() == [b"%d" % number, b"%d" % step]
        waiting = asyncio.ensure_future(b.recv_string())
        await asyncio.sleep(0)
        await a.send_string("later")
        assert await waiting == "later"
    # somebody else sends, and closes what is waited for
    sender = zmq.Socket.shadow(a)
    background = Running(lambda: [sender.send(b"%d" % step) for step in range(200)])
    for step in range(200):
        assert await b.recv() == b"%d" % step
    background.ended()
    waiting = asyncio.ensure_future(b.recv())
    await asyncio.sleep(0)
    closer = Running(b.close)
    try:
        await waiting
    except zmq.ZMQError as error:
        assert error.errno == zmq.ENOTSOCK, error
    else:
        raise AssertionError("received from a closed socket")
    closer.ended()
    a.close()

together(*(lambda number=number: asyncio.run(echo(number)) for number in range(6)))
context.destroy(0)
"""
    )
    run_child(script, timeout=90).ok()


def test_collected_by_many(run_child: RunChild) -> None:
    """Sockets, frames and contexts that lose their last name in one thread while others make theirs and collect."""
    script = (
        PRELUDE
        + """
import warnings
warnings.simplefilter("ignore", ResourceWarning)
def make():
    for step in range(40):
        ctx = zmq.Context()
        a, b = make_pair(ctx)
        a.send(bytearray(100_000), copy=False)
        frame = b.recv(copy=False)
        cycle = [a, b, frame, ctx]
        cycle.append(cycle)
        view = frame.buffer
        del ctx, a, b, frame, cycle
        assert view.nbytes == 100_000
        view.release()
        if step % 8 == 0:
            gc.collect()
together(*[make] * 8)
gc.collect()
context.term()
"""
    )
    run_child(script, timeout=90).ok()
