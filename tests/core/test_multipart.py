"""send_multipart: every part is checked first, and a message goes whole or not at all."""

from __future__ import annotations

from typing import Any

import pytest
import zmq

from helpers import MakePair, MakeSocket, bind_any, drain, numpy

BIG = 200_000


@pytest.mark.parametrize("container", [list, tuple])
@pytest.mark.parametrize("copy", [True, False])
def test_list_and_tuple(pair: MakePair, transport: str, container: Any, copy: bool) -> None:
    a, b = pair(transport=transport)
    parts = [b"", b"one", bytes(BIG), b"two", b""]
    a.send_multipart(container(parts), copy=copy)
    assert b.recv_multipart() == parts


def test_parts_of_all_kinds(pair: MakePair) -> None:
    a, b = pair()
    a.send_multipart([b"b", bytearray(b"ba"), memoryview(b"mv"), zmq.Frame(b"f"), numpy.ones(2, "u1")])
    assert b.recv_multipart() == [b"b", b"ba", b"mv", b"f", b"\1\1"]


@pytest.mark.parametrize("count", [1, 2, 10, 1000])
def test_any_number_of_parts(pair: MakePair, transport: str, count: int) -> None:
    a, b = pair(transport=transport)
    parts = [b"%d" % number for number in range(count)]
    a.send_multipart(parts)
    assert b.recv_multipart() == parts


def test_frames_may_be_sent_on(pair: MakePair) -> None:
    a, b = pair(transport="tcp")
    c, d = pair()
    parts = [b"1", bytes(BIG), b"3"]
    a.send_multipart(parts)
    frames = b.recv_multipart(copy=False)
    c.send_multipart(frames)
    assert d.recv_multipart() == parts
    assert [frame.bytes for frame in frames] == parts


def test_sndmore_continues_the_message(pair: MakePair) -> None:
    a, b = pair()
    a.send_multipart([b"1", b"2"], zmq.SNDMORE)
    assert b.poll(20) == 0
    a.send_multipart([b"3", b"4"])
    assert b.recv_multipart() == [b"1", b"2", b"3", b"4"]


@pytest.mark.parametrize("position", [0, 1, 2])
@pytest.mark.parametrize("copy", [True, False])
@pytest.mark.parametrize("wrong", ["text", 5, None, object()], ids=repr)
def test_wrong_part_is_named_and_nothing_is_sent(pair: MakePair, wrong: Any, copy: bool, position: int) -> None:
    a, b = pair()
    parts: list[Any] = [b"first", bytes(BIG), b"last"]
    parts[position] = wrong
    with pytest.raises(TypeError) as caught:
        a.send_multipart(parts, copy=copy)
    assert str(position) in str(caught.value)
    a.send(b"next")
    assert b.recv_multipart() == [b"next"]


@pytest.mark.parametrize("position", [0, 1, 2])
@pytest.mark.parametrize("copy", [True, False])
def test_strided_part_sends_nothing(pair: MakePair, copy: bool, position: int) -> None:
    a, b = pair()
    parts: list[Any] = [b"first", bytes(BIG), b"last"]
    parts[position] = memoryview(bytes(BIG))[::2]
    with pytest.raises(BufferError):
        a.send_multipart(parts, copy=copy)
    a.send(b"next")
    assert b.recv_multipart() == [b"next"]


def test_untracked_frame_with_track_sends_nothing(pair: MakePair) -> None:
    a, b = pair()
    with pytest.raises(ValueError):
        a.send_multipart([b"first", zmq.Frame(b"x")], copy=False, track=True)
    a.send(b"next")
    assert b.recv_multipart() == [b"next"]


def test_no_parts_is_an_indexerror(pair: MakePair) -> None:
    a, _ = pair()
    with pytest.raises(IndexError):
        a.send_multipart([])


@pytest.mark.parametrize("wrong", [b"bytes", 5, None])
def test_no_list_is_a_typeerror(pair: MakePair, wrong: Any) -> None:
    a, b = pair()
    with pytest.raises(TypeError):
        a.send_multipart(wrong)
    a.send(b"next")
    assert b.recv_multipart() == [b"next"]


def test_unknown_keywords_are_accepted(pair: MakePair) -> None:
    a, b = pair()
    a.send_multipart([b"1", b"2"], unknown=5)
    assert b.recv_multipart() == [b"1", b"2"]


# all or nothing


@pytest.mark.parametrize("copy", [True, False])
@pytest.mark.parametrize("parts", [2, 5, 20])
def test_dontwait_sends_all_or_nothing_at_the_high_water_mark(socket: MakeSocket, transport: str, parts: int, copy: bool) -> None:
    push, pull = socket(zmq.PUSH), socket(zmq.PULL)
    push.sndhwm = pull.rcvhwm = 1
    push.connect(bind_any(pull, transport))
    push.poll(30_000, zmq.POLLOUT)
    sent = 0
    got: list[list[bytes]] = []
    refused = 0
    size = 100_000 if transport != "inproc" else 10
    while refused < 20 and sent < 2000:
        message = [b"%d" % sent] + [bytes(size)] * (parts - 1)
        try:
            push.send_multipart(message, zmq.DONTWAIT, copy=copy)
            sent += 1
        except zmq.Again:
            refused += 1
            if refused % 4 == 0 and pull.poll(20):
                got.append(pull.recv_multipart())
                push.poll(20, zmq.POLLOUT)
    assert refused
    while len(got) < sent:
        got.append(pull.recv_multipart())
    assert [int(message[0]) for message in got] == list(range(sent))
    assert {len(message) for message in got} <= {parts}
    assert drain(pull) == []


def test_timeout_in_a_full_queue_sends_nothing(socket: MakeSocket) -> None:
    push, pull = socket(zmq.PUSH), socket(zmq.PULL)
    push.sndhwm = pull.rcvhwm = 1
    push.sndtimeo = 20
    push.connect(bind_any(pull, "inproc"))
    sent = 0
    with pytest.raises(zmq.Again):
        for _ in range(100):
            push.send_multipart([b"a", b"b", b"c"])
            sent += 1
    assert [pull.recv_multipart() for _ in range(sent)] == [[b"a", b"b", b"c"]] * sent
    assert drain(pull) == []


def test_refused_message_leaves_the_socket_usable(socket: MakeSocket) -> None:
    dealer = socket(zmq.DEALER)
    router = socket(zmq.ROUTER)
    bind_any(dealer, "inproc")
    for _ in range(3):
        with pytest.raises(zmq.Again):
            dealer.send_multipart([b"a", b"b"], zmq.DONTWAIT)
    dealer.unbind(dealer.last_endpoint)
    router.connect(bind_any(dealer, "inproc"))
    dealer.send_multipart([b"c", b"d"])
    assert router.recv_multipart()[1:] == [b"c", b"d"]


def test_unroutable_message_is_refused_whole(socket: MakeSocket) -> None:
    router, dealer = socket(zmq.ROUTER), socket(zmq.DEALER)
    router.router_mandatory = 1
    dealer.identity = b"known"
    dealer.connect(bind_any(router, "inproc"))
    with pytest.raises(zmq.ZMQError) as caught:
        router.send_multipart([b"unknown", b"1", b"2"])
    assert caught.value.errno == zmq.EHOSTUNREACH
    router.send_multipart([b"known", b"3"])
    assert dealer.recv_multipart() == [b"3"]
