"""Shared buffers in flight: pinned until libzmq lets go, intact on arrival, free afterwards."""

from __future__ import annotations

import array
import gc
import mmap
import sys
import weakref

import pytest
import zmq

from helpers import MakePair, MakeSocket, RunChild, bind_any, join_subscription, numpy, wait_until

SIZE = 200_000
PATTERN = bytes(i % 251 for i in range(SIZE))


# resizing in flight crashes bindings that hold only the object, so these run in children


PINNED = """
    import array, mmap, sys, zmq
    kind, how = sys.argv[1:]
    context = zmq.Context()
    a, b = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
    a.bind("inproc://x"); b.connect("inproc://x")
    pattern = bytes(i % 251 for i in range(200_000))
    if kind == "bytearray":
        data = bytearray(pattern)
        change = data.clear
    elif kind == "array":
        data = array.array("B", pattern)
        change = lambda: data.append(1)
    else:
        data = mmap.mmap(-1, len(pattern)); data[:] = pattern
        change = data.close
    if how == "send":
        tracker = a.send(data, copy=False, track=True)
    elif how == "multipart":
        tracker = a.send_multipart([b"head", data, b"tail"], copy=False, track=True)
    else:
        frame = zmq.Frame(data, copy=False, track=True)
        tracker = frame.tracker
        a.send(frame)
        del frame
    try:
        change()
    except BufferError:
        pass
    else:
        raise SystemExit("changed in flight")
    parts = b.recv_multipart()
    assert pattern in parts, [len(p) for p in parts]
    del parts
    tracker.wait(30)
    change()
    context.destroy(linger=0)
"""


@pytest.mark.parametrize("how", ["send", "multipart", "frame"])
@pytest.mark.parametrize("kind", ["bytearray", "array", "mmap"])
def test_buffer_is_pinned_in_flight_and_free_afterwards(run_child: RunChild, kind: str, how: str) -> None:
    run_child(PINNED, kind, how).ok()


def test_numpy_array_cannot_be_resized_in_flight(run_child: RunChild) -> None:
    run_child(
        """
        import numpy, zmq
        context = zmq.Context()
        a, b = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
        a.bind("inproc://x"); b.connect("inproc://x")
        data = numpy.arange(100_000)
        expected = data.tobytes()
        tracker = a.send(data, copy=False, track=True)
        try:
            data.resize(200_000)
        except ValueError:
            pass
        else:
            raise SystemExit("resized in flight")
        assert b.recv() == expected
        tracker.wait(30)
        context.destroy(linger=0)
        """
    ).ok()


def test_plainly_sent_large_bytes_survive_their_name(pair: MakePair) -> None:
    a, b = pair()
    for _ in range(20):
        a.send(bytes(bytearray(PATTERN)))
    gc.collect()
    assert all(b.recv() == PATTERN for _ in range(20))


def test_source_is_kept_alive_in_flight_and_freed_after(pair: MakePair) -> None:
    a, b = pair()
    data = numpy.arange(SIZE, dtype="u1")
    expected = data.tobytes()
    reference = weakref.ref(data)
    a.send(data, copy=False)
    del data
    gc.collect()
    assert reference() is not None
    assert b.recv() == expected
    wait_until(lambda: reference() is None, what="source freed")


def test_source_is_freed_when_the_receiver_drops_its_frame(pair: MakePair) -> None:
    a, b = pair()
    data = numpy.arange(SIZE, dtype="u1")
    reference = weakref.ref(data)
    a.send(data, copy=False)
    del data
    frame = b.recv(copy=False)
    view = memoryview(frame)
    del frame
    gc.collect()
    assert reference() is not None  # inproc: the view shows the sender's memory
    assert view[:5].tobytes() == b"\0\1\2\3\4"
    view.release()
    wait_until(lambda: reference() is None, what="source freed")


@pytest.mark.parametrize("ending", ["close", "destroy"])
def test_undelivered_source_is_freed_at_the_end(ctx: zmq.SyncContext, ending: str) -> None:
    push = ctx.socket(zmq.PUSH)
    push.connect("tcp://127.0.0.1:9")
    data = numpy.zeros(SIZE, dtype="u1")
    reference = weakref.ref(data)
    tracker = push.send(data, copy=False, track=True)
    assert isinstance(tracker, zmq.MessageTracker)
    del data
    gc.collect()
    assert reference() is not None
    assert not tracker.done
    if ending == "close":
        push.close(linger=0)
    ctx.destroy(linger=0)
    tracker.wait(30)
    wait_until(lambda: reference() is None, what="source freed")


def test_publishing_to_nobody_frees_at_once(socket: MakeSocket) -> None:
    pub = socket(zmq.PUB)
    bind_any(pub, "inproc")
    data = numpy.zeros(SIZE, dtype="u1")
    reference = weakref.ref(data)
    pub.send(data, copy=False)
    del data
    wait_until(lambda: reference() is None, what="source freed")


@pytest.mark.parametrize("subscribers", [1, 2])
def test_publication_is_freed_after_the_last_subscriber(socket: MakeSocket, subscribers: int) -> None:
    pub = socket(zmq.PUB)
    endpoint = bind_any(pub, "inproc")
    subs = [socket(zmq.SUB) for _ in range(subscribers)]
    for number, sub in enumerate(subs):
        sub.connect(endpoint)
        join_subscription(pub, sub, b"warm%d" % number)
        sub.subscribe(b"\0\1")
    data = bytearray(PATTERN)
    probe = bytearray(b"\0\1")

    def all_subscribed() -> bool:
        pub.send(probe)
        return all(sub.poll(20) for sub in subs)

    wait_until(all_subscribed)
    tracker = pub.send(data, copy=False, track=True)
    for left, sub in reversed(list(enumerate(subs))):
        with pytest.raises(BufferError):
            data.append(1)
        assert not tracker.done
        while sub.recv() != PATTERN:
            pass
        assert left == 0 or not tracker.done
    tracker.wait(30)
    data.append(1)


@pytest.mark.skipif(sys.implementation.name != "cpython", reason="counts references")
def test_reference_count_of_the_source_returns(pair: MakePair) -> None:
    a, b = pair()
    data = bytes(SIZE)
    before = sys.getrefcount(data)
    for copy in (True, False):
        a.send(data, copy=copy)
        b.recv()
    wait_until(lambda: sys.getrefcount(data) == before, what="reference count")


def test_over_tcp_the_buffer_is_released_once_written(pair: MakePair) -> None:
    a, b = pair(transport="tcp")
    data = bytearray(PATTERN)
    tracker = a.send(data, copy=False, track=True)
    assert isinstance(tracker, zmq.MessageTracker)
    assert b.recv() == PATTERN
    tracker.wait(30)
    data.clear()


def test_frame_pins_its_source_as_long_as_it_lives() -> None:
    data = bytearray(PATTERN)
    frame = zmq.Frame(data, copy=False)
    with pytest.raises(BufferError):
        data.append(1)
    del frame
    gc.collect()
    wait_until(lambda: not pinned(data), what="buffer released")


def pinned(data: bytearray) -> bool:
    try:
        data.append(0)
    except BufferError:
        return True
    return False


def test_buffers_of_several_kinds_in_one_message(pair: MakePair) -> None:
    a, b = pair()
    area = mmap.mmap(-1, SIZE)
    area[:] = PATTERN
    parts = [PATTERN, bytearray(PATTERN), array.array("B", PATTERN), area, b"", b"small"]
    tracker = a.send_multipart(parts, copy=False, track=True)
    assert b.recv_multipart() == [PATTERN] * 4 + [b"", b"small"]
    tracker.wait(30)
    wait_until(lambda: not pinned(parts[1]), what="buffer released")  # type: ignore[arg-type]
    area.close()


def test_same_buffer_many_times_at_once(pair: MakePair) -> None:
    a, b = pair()
    data = bytearray(PATTERN)
    trackers = [a.send(data, copy=False, track=True) for _ in range(50)]
    assert all(b.recv() == PATTERN for _ in trackers)
    for tracker in trackers:
        assert isinstance(tracker, zmq.MessageTracker)
        tracker.wait(30)
    data.append(1)


def test_a_million_bytes_many_times_keep_memory_flat(run_child: RunChild) -> None:
    run_child(
        """
        import resource, zmq
        context = zmq.Context()
        a, b = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
        a.bind("inproc://x"); b.connect("inproc://x")
        def rounds(count):
            for _ in range(count):
                a.send(bytearray(1_000_000), copy=False)
                b.recv(copy=False)
        rounds(50)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        rounds(1000)
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        assert grown < 60_000, grown
        context.destroy(linger=0)
        """,
    ).ok()
