"""send: what may be sent, what comes back, what is refused."""

from __future__ import annotations

import array
import ctypes
import mmap
from collections.abc import Callable
from typing import Any

import pytest
import zmq

from helpers import MakePair, MakeSocket, RunChild, bind_any, numpy

BIG = 200_000


def mapped(size: int) -> mmap.mmap:
    area = mmap.mmap(-1, size)
    area[:] = bytes(i % 251 for i in range(size))
    return area


def text(size: int) -> bytes:
    return bytes(i % 251 for i in range(size))


MAKERS: dict[str, Callable[[int], Any]] = {
    "bytes": text,
    "bytearray": lambda size: bytearray(text(size)),
    "memoryview": lambda size: memoryview(text(size)),
    "memoryview-slice": lambda size: memoryview(text(size + 10))[5:-5],
    "array": lambda size: array.array("B", text(size)),
    "array-of-doubles": lambda size: array.array("d", range(size // 8 + 1)),
    "ctypes": lambda size: (ctypes.c_char * size)(*[bytes([b]) for b in text(size)]),
    "mmap": lambda size: mapped(max(size, 1)),
    "numpy": lambda size: numpy.arange(size, dtype="u1"),
    "numpy-3d": lambda size: numpy.arange(4 * 5 * (size // 20 + 1)).reshape(4, 5, -1),
    "numpy-readonly": lambda size: numpy.frombuffer(text(size), dtype="u1"),
    "numpy-structured": lambda size: numpy.zeros(size // 12 + 1, dtype=[("a", "i4"), ("b", "f8")]),
    "frame": lambda size: zmq.Frame(text(size)),
}


@pytest.mark.parametrize("copy", [True, False], ids=["copied", "shared"])
@pytest.mark.parametrize("size", [1, 100, BIG])
@pytest.mark.parametrize("maker", MAKERS.values(), ids=MAKERS)
def test_any_contiguous_buffer_arrives_intact(pair: MakePair, maker: Callable[[int], Any], size: int, copy: bool) -> None:
    a, b = pair()
    data = maker(size)
    expected = memoryview(data).tobytes()
    a.send(data, copy=copy)
    assert b.recv() == expected


@pytest.mark.parametrize("copy", [True, False], ids=["copied", "shared"])
@pytest.mark.parametrize("empty", [b"", bytearray(), memoryview(b""), zmq.Frame(), zmq.Frame(b"")])
def test_empty_messages(pair: MakePair, empty: Any, copy: bool) -> None:
    a, b = pair()
    a.send(empty, copy=copy)
    assert b.recv() == b""


def test_zero_dimensional_array_is_its_item(pair: MakePair) -> None:
    a, b = pair()
    a.send(numpy.array(7, dtype="<i8"))
    assert b.recv() == (7).to_bytes(8, "little")


@pytest.mark.parametrize("size", [0, 1, 29, 30, 33, 34, 255, 256, 8192, 65535, 65536, 65537, 10**6])
@pytest.mark.parametrize("copy", [True, False], ids=["copied", "shared"])
def test_sizes_at_the_edges(pair: MakePair, transport: str, size: int, copy: bool) -> None:
    a, b = pair(zmq.PUSH, zmq.PULL, transport)
    a.send(text(size), copy=copy)
    assert b.recv() == text(size)


@pytest.mark.parametrize("copy", [True, False], ids=["copied", "shared"])
@pytest.mark.parametrize("wrong", ["text", 5, None, 1.5, ["list"], object()], ids=repr)
def test_no_buffer_is_a_typeerror_and_nothing_is_sent(pair: MakePair, wrong: Any, copy: bool) -> None:
    a, b = pair()
    with pytest.raises(TypeError):
        a.send(wrong, copy=copy)
    a.send(b"next")
    assert b.recv() == b"next"


@pytest.mark.parametrize("copy", [True, False], ids=["copied", "shared"])
@pytest.mark.parametrize(
    "strided",
    [
        lambda: memoryview(bytes(BIG))[::2],
        lambda: memoryview(bytes(10))[::-1],
        lambda: numpy.zeros((500, 500))[:, ::2],
        lambda: numpy.zeros((500, 500))[:, 1:],
    ],
    ids=["half", "reversed", "columns", "tail"],
)
def test_non_contiguous_is_a_buffererror(pair: MakePair, strided: Callable[[], Any], copy: bool) -> None:
    a, b = pair()
    with pytest.raises(BufferError):
        a.send(strided(), copy=copy)
    a.send(b"next")
    assert b.recv() == b"next"


# what comes back


@pytest.mark.parametrize("size", [0, 10, BIG])
@pytest.mark.parametrize("track", [False, True])
def test_copying_send_returns_none(pair: MakePair, size: int, track: bool) -> None:
    a, b = pair()
    assert a.send(bytearray(size), copy=True, track=track) is None


@pytest.mark.parametrize("track", [False, True])
def test_small_shared_send_returns_the_finished_tracker(pair: MakePair, track: bool) -> None:
    a, b = pair()
    assert a.send(b"small", copy=False, track=track) is zmq._FINISHED_TRACKER


def test_big_shared_send_returns_a_tracker_only_when_asked(pair: MakePair) -> None:
    a, b = pair()
    assert a.send(bytes(BIG), copy=False) is None
    tracker = a.send(bytes(BIG), copy=False, track=True)
    assert isinstance(tracker, zmq.MessageTracker)
    assert not tracker.done


def test_copy_threshold_decides_what_is_big(pair: MakePair) -> None:
    a, b = pair()
    a.copy_threshold = 10
    assert a.send(b"123456789", copy=False, track=True) is zmq._FINISHED_TRACKER
    assert a.send(b"1234567890", copy=False, track=True) is not zmq._FINISHED_TRACKER
    a.copy_threshold = 0
    assert a.send(b"1", copy=False, track=True) is not zmq._FINISHED_TRACKER


@pytest.mark.parametrize("copy", [True, False])
def test_frame_returns_its_own_tracker(pair: MakePair, copy: bool) -> None:
    a, b = pair()
    untracked = zmq.Frame(bytes(BIG))
    assert a.send(untracked, copy=copy) is None
    tracked = zmq.Frame(bytes(BIG), track=True)
    assert a.send(tracked, copy=copy) is tracked.tracker


def test_tracking_an_untracked_frame_is_a_valueerror(pair: MakePair) -> None:
    a, b = pair()
    with pytest.raises(ValueError):
        a.send(zmq.Frame(b"x"), copy=False, track=True)
    a.send(b"next")
    assert b.recv() == b"next"


def test_one_frame_on_several_sockets_several_times(pair: MakePair) -> None:
    frame = zmq.Frame(text(BIG))
    pairs = [pair(zmq.PUSH, zmq.PULL) for _ in range(3)]
    for push, _ in pairs:
        push.send(frame)
        push.send(frame, copy=False)
    for _, pull in pairs:
        assert pull.recv() == pull.recv() == text(BIG)
    assert frame.bytes == text(BIG)


def test_received_frame_can_be_sent_on(pair: MakePair, transport: str) -> None:
    a, b = pair(transport=transport)
    c, d = pair(transport=transport)
    a.send(text(1000))
    frame = b.recv(copy=False)
    c.send(frame)
    assert d.recv() == text(1000)
    assert frame.bytes == text(1000)


# waiting


def test_full_queue_is_again_with_dontwait(socket: MakeSocket) -> None:
    push = socket(zmq.PUSH)
    bind_any(push, "inproc")
    with pytest.raises(zmq.Again):
        push.send(b"x", zmq.DONTWAIT)


def test_full_queue_is_again_after_the_timeout(socket: MakeSocket) -> None:
    push = socket(zmq.PUSH)
    bind_any(push, "inproc")
    push.sndtimeo = 20
    for copy in (True, False):
        with pytest.raises(zmq.Again):
            push.send(bytes(BIG), copy=copy)


def test_failed_shared_send_releases_the_buffer(socket: MakeSocket) -> None:
    push = socket(zmq.PUSH)
    bind_any(push, "inproc")
    data = bytearray(BIG)
    for _ in range(10):
        with pytest.raises(zmq.Again):
            push.send(data, zmq.DONTWAIT, copy=False)
    data.append(1)


def test_send_wants_state(socket: MakeSocket) -> None:
    rep = socket(zmq.REP)
    bind_any(rep, "inproc")
    with pytest.raises(zmq.ZMQError) as caught:
        rep.send(b"unasked")
    assert caught.value.errno == zmq.EFSM


def test_routing_id_and_group_need_drafts(socket: MakeSocket) -> None:
    if zmq.DRAFT_API:
        pytest.skip("this build has drafts")
    push = socket(zmq.PUSH)
    with pytest.raises(RuntimeError):
        push.send(b"x", zmq.DONTWAIT, routing_id=5)
    with pytest.raises(RuntimeError):
        push.send(b"x", zmq.DONTWAIT, group="g")


def test_bytes_sent_plainly_are_not_aliased_by_later_changes(pair: MakePair) -> None:
    a, b = pair()
    data = bytearray(text(BIG))
    a.send(data)
    data[:] = bytes(BIG)
    assert b.recv() == text(BIG)


def test_failed_nonblocking_sends_do_not_leak(run_child: RunChild) -> None:
    run_child(
        """
        import resource, zmq
        context = zmq.Context()
        push = context.socket(zmq.PUSH)
        push.bind("inproc://leak")
        data = bytes(100_000)
        def rounds(count):
            for number in range(count):
                try:
                    push.send(data, zmq.DONTWAIT, copy=number % 2 == 0)
                except zmq.Again:
                    pass
        rounds(200)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        rounds(5000)
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        assert grown < 20_000, grown
        context.destroy(linger=0)
        """,
    ).ok()
