"""MessageTracker: done never before every buffer of the message was let go."""

from __future__ import annotations

import gc
import itertools
import threading
from collections.abc import Callable
from typing import Any

import pytest
import zmq

from helpers import Background, MakePair, MakeSocket, bind_any, fresh_inproc, let_go, wait_until

BIG = 200_000


def big() -> bytearray:
    return bytearray(bytes(range(250)) * (BIG // 250))


# the class by itself


def test_tracker_of_nothing_is_done() -> None:
    tracker = zmq.MessageTracker()
    assert tracker.done
    tracker.wait()
    tracker.wait(0)


def test_finished_tracker_is_done() -> None:
    assert zmq._FINISHED_TRACKER.done
    assert isinstance(zmq._FINISHED_TRACKER, zmq.MessageTracker)


def test_tracker_watches_events() -> None:
    one, two = threading.Event(), threading.Event()
    tracker = zmq.MessageTracker(one, two)
    assert not tracker.done
    one.set()
    assert not tracker.done
    two.set()
    assert tracker.done


def test_tracker_watches_trackers() -> None:
    event = threading.Event()
    inner = zmq.MessageTracker(event)
    outer = zmq.MessageTracker(inner, zmq.MessageTracker())
    assert not outer.done
    event.set()
    assert outer.done


def test_tracker_watches_frames() -> None:
    frame = zmq.Frame(big(), track=True, copy=False)
    tracker = zmq.MessageTracker(frame)
    assert not tracker.done
    del frame
    gc.collect()
    let_go()
    tracker.wait(30)


def test_events_and_peers_are_listed() -> None:
    event, peer = threading.Event(), zmq.MessageTracker()
    tracker = zmq.MessageTracker(event, peer)
    assert event in tracker.events
    assert peer in tracker.peers


def test_untracked_frame_is_a_valueerror() -> None:
    with pytest.raises(ValueError):
        zmq.MessageTracker(zmq.Frame(b"x"))


@pytest.mark.parametrize("wrong", [5, "text", b"bytes", None, object()])
def test_something_else_is_a_typeerror(wrong: Any) -> None:
    with pytest.raises(TypeError):
        zmq.MessageTracker(wrong)


def test_wait_raises_notdone_after_its_timeout() -> None:
    tracker = zmq.MessageTracker(threading.Event())
    for timeout in (0, 0.01):
        with pytest.raises(zmq.NotDone):
            tracker.wait(timeout)


def test_wait_budget_is_shared_over_all_watched() -> None:
    tracker = zmq.MessageTracker(*[threading.Event() for _ in range(20)])
    waiting = Background(tracker.wait, 0.05)
    with pytest.raises(zmq.NotDone):
        waiting.result(0.8)


@pytest.mark.parametrize("timeout", [-1, 10, False, None])
def test_wait_returns_when_done(timeout: Any) -> None:
    event = threading.Event()
    tracker = zmq.MessageTracker(event)
    arguments = () if timeout is None else (timeout,)
    waiting = Background(tracker.wait, *arguments)
    event.set()
    assert waiting.result() is None


# messages in flight


def test_single_message(pair: MakePair) -> None:
    a, b = pair()
    tracker = a.send(big(), copy=False, track=True)
    assert isinstance(tracker, zmq.MessageTracker)
    assert not tracker.done
    with pytest.raises(zmq.NotDone):
        tracker.wait(0.01)
    b.recv()
    tracker.wait(30)
    assert tracker.done


def test_waiting_thread_wakes_when_the_message_is_gone(pair: MakePair) -> None:
    a, b = pair()
    tracker = a.send(big(), copy=False, track=True)
    assert isinstance(tracker, zmq.MessageTracker)
    waiting = Background(tracker.wait, 10)
    assert waiting.is_alive()
    b.recv()
    assert waiting.result() is None


def test_not_done_while_the_receiver_holds_the_frame(pair: MakePair) -> None:
    a, b = pair()
    tracker = a.send(big(), copy=False, track=True)
    assert isinstance(tracker, zmq.MessageTracker)
    frame = b.recv(copy=False)
    assert not tracker.done
    del frame
    let_go()
    tracker.wait(30)


def test_frame_counts_all_its_uses_and_itself(pair: MakePair) -> None:
    a, b = pair()
    frame = zmq.Frame(big(), track=True)
    tracker = frame.tracker
    assert tracker is not None
    a.send(frame)
    a.send(frame)
    b.recv()
    assert not tracker.done
    b.recv()
    assert not tracker.done
    del frame
    gc.collect()
    let_go()
    tracker.wait(30)


MAKERS: dict[str, Callable[[], Any]] = {
    "big": big,
    "small": lambda: b"small",
    "empty": lambda: b"",
    "frame": lambda: zmq.Frame(big(), track=True, copy=False),
    "small-frame": lambda: zmq.Frame(b"small", track=True),
}


MIXES = [
    *itertools.product(MAKERS, repeat=2),
    ("big", "small", "big", "small"),
    ("small", "small", "big", "small"),
    ("frame", "small", "big"),
    ("big", "frame", "small-frame", "empty"),
    ("big", "big", "big"),
]


@pytest.mark.parametrize("mix", MIXES, ids="-".join)
def test_multipart_tracker_covers_every_part(pair: MakePair, mix: tuple[str, ...]) -> None:
    a, b = pair()
    parts = [MAKERS[kind]() for kind in mix]
    sizes = [len(one) for one in parts]
    shared = any(kind in ("big", "frame") for kind in mix)
    tracker = a.send_multipart(parts, copy=False, track=True)
    assert isinstance(tracker, zmq.MessageTracker)
    del parts
    gc.collect()
    let_go()
    assert tracker.done is (not shared)
    assert [len(one) for one in b.recv_multipart()] == sizes
    let_go()
    tracker.wait(30)
    assert tracker.done


def test_multipart_is_not_done_until_the_last_frame_is_dropped(pair: MakePair) -> None:
    a, b = pair()
    tracker = a.send_multipart([big(), big(), b"small"], copy=False, track=True)
    assert isinstance(tracker, zmq.MessageTracker)
    frames = b.recv_multipart(copy=False)
    for _ in range(2):
        assert not tracker.done
        del frames[0]
        gc.collect()
        let_go()
    tracker.wait(30)


@pytest.mark.parametrize("subscribers", [0, 1, 2])
def test_publication(socket: MakeSocket, subscribers: int) -> None:
    pub = socket(zmq.XPUB)
    pub.xpub_verbose = 1
    endpoint = bind_any(pub, "inproc")
    subs = [socket(zmq.SUB) for _ in range(subscribers)]
    for sub in subs:
        sub.connect(endpoint)
        sub.subscribe(b"")
        assert pub.recv() == b"\1"
    tracker = pub.send_multipart([big(), b"small"], copy=False, track=True)
    assert isinstance(tracker, zmq.MessageTracker)
    for sub in subs:
        assert not tracker.done
        sub.recv_multipart()
    tracker.wait(30)


def test_publication_dropped_at_the_high_water_mark(socket: MakeSocket) -> None:
    pub, sub = socket(zmq.XPUB), socket(zmq.SUB)
    pub.sndhwm = sub.rcvhwm = 1
    sub.connect(bind_any(pub, "inproc"))
    sub.subscribe(b"")
    assert pub.recv() == b"\1"
    trackers = [pub.send(big(), copy=False, track=True) for _ in range(10)]
    wait_until(lambda: any(one.done for one in trackers), what="dropped messages done")
    assert not all(one.done for one in trackers)
    while sub.poll(0):
        sub.recv()
    for tracker in trackers:
        tracker.wait(30)


@pytest.mark.parametrize("ending", ["close", "destroy", "term"])
def test_undelivered_message_is_done_when_dropped(ctx: zmq.SyncContext, ending: str) -> None:
    push = ctx.socket(zmq.PUSH)
    push.connect("tcp://127.0.0.1:9")
    push.setsockopt(zmq.LINGER, 0)
    tracker = push.send_multipart([big(), b"small"], copy=False, track=True)
    assert isinstance(tracker, zmq.MessageTracker)
    assert not tracker.done
    if ending == "destroy":
        ctx.destroy(linger=0)
    else:
        push.close()
        if ending == "term":
            ctx.term()
    tracker.wait(30)
    ctx.term()


def test_lingering_message_is_not_done(socket: MakeSocket) -> None:
    pull = socket(zmq.PULL)
    push = socket(zmq.PUSH)
    name = fresh_inproc()
    push.connect(name)
    tracker = push.send(big(), copy=False, track=True)
    assert isinstance(tracker, zmq.MessageTracker)
    assert not tracker.done
    pull.bind(name)
    pull.recv()
    tracker.wait(30)


def test_failed_send_leaves_nothing_tracked(socket: MakeSocket) -> None:
    push = socket(zmq.PUSH)
    bind_any(push, "inproc")
    data = big()
    with pytest.raises(zmq.Again):
        push.send_multipart([data, data], zmq.DONTWAIT, copy=False, track=True)
    let_go()
    data.append(1)


def test_mutation_after_done_never_shows(pair: MakePair, transport: str) -> None:
    a, b = pair(zmq.PUSH, zmq.PULL, transport)
    data = big()
    for number in range(50):
        data[:] = bytes([number]) * len(data)
        tracker = a.send_multipart([data, b"small"], copy=False, track=True)
        assert isinstance(tracker, zmq.MessageTracker)
        if transport == "inproc":
            assert not tracker.done
        received = b.recv_multipart()[0]
        assert received == bytes([number]) * len(data)
        tracker.wait(30)


def test_tracker_says_done_while_others_wait_in_threads(pair: MakePair) -> None:
    a, b = pair()
    trackers = [a.send(big(), copy=False, track=True) for _ in range(8)]
    waiting = [Background(tracker.wait, 10) for tracker in trackers if tracker]
    for _ in trackers:
        b.recv()
    for one in waiting:
        one.result()
    assert all(tracker is not None and tracker.done for tracker in trackers)
