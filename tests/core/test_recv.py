"""recv and recv_multipart: bytes, frames, flags, timeouts, order."""

from __future__ import annotations

import time

import pytest
import zmq

from helpers import MakePair, MakeSocket, wait_until


def test_bytes_by_default(pair: MakePair, transport: str) -> None:
    a, b = pair(transport=transport)
    a.send(b"hello")
    got = b.recv()
    assert got == b"hello"
    assert type(got) is bytes


def test_frame_without_copy(pair: MakePair, transport: str) -> None:
    a, b = pair(transport=transport)
    a.send(b"hello")
    frame = b.recv(copy=False)
    assert type(frame) is zmq.Frame
    assert frame.bytes == b"hello"


def test_each_part_says_whether_more_follow(pair: MakePair) -> None:
    a, b = pair()
    a.send_multipart([b"1", b"2", b"3"])
    frames = [b.recv(copy=False) for _ in range(3)]
    assert [frame.more for frame in frames] == [True, True, False]
    assert [frame.get(zmq.MORE) for frame in frames] == [1, 1, 0]


def test_rcvmore_follows_each_receive(pair: MakePair) -> None:
    a, b = pair()
    a.send_multipart([b"1", b"2", b"3"])
    seen = []
    for _ in range(3):
        b.recv()
        assert b.rcvmore == b.getsockopt(zmq.RCVMORE) == b.RCVMORE
        seen.append(b.rcvmore)
    assert seen == [1, 1, 0]


def test_rcvmore_follows_frames_too(pair: MakePair) -> None:
    a, b = pair()
    a.send_multipart([b"1", b"2"])
    b.recv(copy=False)
    assert b.rcvmore == 1
    b.recv(copy=False)
    assert b.rcvmore == 0


def test_track_gives_the_finished_tracker(pair: MakePair) -> None:
    a, b = pair()
    a.send(b"x")
    assert b.recv(copy=False, track=True).tracker is zmq._FINISHED_TRACKER
    a.send(b"x")
    assert b.recv(copy=False).tracker is None


@pytest.mark.parametrize("copy", [True, False])
def test_empty_queue_is_again(pair: MakePair, copy: bool) -> None:
    _, b = pair()
    with pytest.raises(zmq.Again):
        b.recv(zmq.DONTWAIT, copy=copy)
    with pytest.raises(zmq.Again):
        b.recv_multipart(zmq.DONTWAIT, copy=copy)


@pytest.mark.parametrize("copy", [True, False])
def test_rcvtimeo_ends_in_again_after_its_time(pair: MakePair, copy: bool) -> None:
    _, b = pair()
    b.rcvtimeo = 50
    start = time.monotonic()
    with pytest.raises(zmq.Again):
        b.recv(copy=copy)
    assert 0.04 < time.monotonic() - start < 20


@pytest.mark.parametrize("copy", [True, False])
def test_wrong_state_is_efsm(socket: MakeSocket, copy: bool) -> None:
    with pytest.raises(zmq.ZMQError) as caught:
        socket(zmq.REQ).recv(copy=copy)
    assert caught.value.errno == zmq.EFSM


@pytest.mark.parametrize("copy", [True, False])
def test_multipart_list(pair: MakePair, transport: str, copy: bool) -> None:
    a, b = pair(transport=transport)
    parts = [b"", b"a", b"b" * 1000, b"c" * 100_000, b""]
    a.send_multipart(parts)
    got = b.recv_multipart(copy=copy)
    assert type(got) is list
    assert [bytes(one) for one in got] == parts
    assert {type(one) for one in got} == {bytes if copy else zmq.Frame}


def test_single_message_is_a_list_of_one(pair: MakePair) -> None:
    a, b = pair()
    a.send(b"x")
    assert b.recv_multipart() == [b"x"]


def test_recv_takes_one_part_and_recv_multipart_the_rest(pair: MakePair) -> None:
    a, b = pair()
    a.send_multipart([b"1", b"2", b"3"])
    assert b.recv() == b"1"
    assert b.recv_multipart() == [b"2", b"3"]


def test_order_is_kept(pair: MakePair, transport: str) -> None:
    a, b = pair(zmq.PUSH, zmq.PULL, transport)
    for number in range(500):
        a.send(b"%d" % number)
    assert [int(b.recv()) for _ in range(500)] == list(range(500))


def test_received_bytes_are_independent(pair: MakePair) -> None:
    a, b = pair()
    a.send(b"x" * 1000)
    first = b.recv()
    a.send(b"y" * 1000)
    b.recv()
    assert first == b"x" * 1000


def test_plain_recv_of_plain_bytes_gives_equal_bytes_of_every_size(pair: MakePair) -> None:
    a, b = pair()
    for size in (0, 1, 29, 30, 33, 34, 4096, 32768, 32769, 65536, 10**6):
        data = bytes(i % 249 for i in range(size))
        a.send(data)
        got = b.recv()
        assert got == data
        assert type(got) is bytes


def test_flags_are_checked_by_type(pair: MakePair) -> None:
    _, b = pair()
    with pytest.raises(TypeError):
        b.recv("now")  # type: ignore[call-overload]


def test_receive_from_several_senders(socket: MakeSocket) -> None:
    pull = socket(zmq.PULL)
    pull.bind("tcp://127.0.0.1:*")
    senders = [socket(zmq.PUSH) for _ in range(5)]
    for number, push in enumerate(senders):
        push.connect(pull.last_endpoint)
        push.send_multipart([b"%d" % number] * 3)
    got = [pull.recv_multipart() for _ in senders]
    assert sorted(got) == [[b"%d" % number] * 3 for number in range(5)]


def test_messages_sent_before_close_arrive(socket: MakeSocket, ctx: zmq.SyncContext) -> None:
    pull = socket(zmq.PULL)
    pull.bind("tcp://127.0.0.1:*")
    with ctx.socket(zmq.PUSH) as push:
        push.connect(pull.last_endpoint)
        for number in range(100):
            push.send(b"%d" % number)
    assert [int(pull.recv()) for _ in range(100)] == list(range(100))


def test_maxmsgsize_disconnects_the_sender(socket: MakeSocket) -> None:
    pull, push = socket(zmq.PULL), socket(zmq.PUSH)
    pull.maxmsgsize = 100
    pull.bind("tcp://127.0.0.1:*")
    monitor = pull.get_monitor_socket(zmq.EVENT_DISCONNECTED)
    push.connect(pull.last_endpoint)
    push.send(bytes(100))
    assert pull.recv() == bytes(100)
    push.send(bytes(101))
    wait_until(lambda: monitor.poll(100), what="disconnect")
    assert pull.poll(0) == 0
    pull.disable_monitor()
    monitor.close()
