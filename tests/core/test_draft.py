"""Draft sockets: thread-safe types, groups and routing ids."""

from __future__ import annotations

import contextlib
import socket as system_socket
import warnings
from collections.abc import Iterator

import pytest
import zmq

from helpers import Background, MakePair, MakeSocket, bind_any, wait_until, wildcard

pytestmark = pytest.mark.skipif(not zmq.DRAFT_API, reason="needs a build with the draft API")


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", zmq.DraftFDWarning)
        yield


def test_server_answers_by_routing_id(pair: MakePair) -> None:
    server, client = pair(zmq.SERVER, zmq.CLIENT, "tcp")
    client.send(b"request")
    frame = server.recv(copy=False)
    assert frame.routing_id
    assert frame.get("routing_id") == frame.routing_id
    server.send(b"reply", routing_id=frame.routing_id)
    assert client.recv() == b"reply"


def test_server_sends_the_frame_back(pair: MakePair) -> None:
    server, client = pair(zmq.SERVER, zmq.CLIENT, "tcp")
    client.send(b"request")
    server.send(server.recv(copy=False))
    assert client.recv() == b"request"


def test_routing_id_of_own_frames() -> None:
    frame = zmq.Frame(b"x")
    frame.routing_id = 7
    assert frame.routing_id == 7
    frame.set("routing_id", 8)
    assert frame.routing_id == 8


@pytest.mark.parametrize("group", ["news", b"news"])
def test_radio_reaches_its_group(socket: MakeSocket, group: str | bytes) -> None:
    radio, dish = socket(zmq.RADIO), socket(zmq.DISH)
    dish.join(group)
    dish.connect(bind_any(radio, "tcp"))

    def arrived() -> bool:
        radio.send(b"for others", group="other")
        radio.send(b"for us", group="news")
        try:
            frame = dish.recv(zmq.DONTWAIT, copy=False)
        except zmq.Again:
            return False
        assert frame.bytes == b"for us"
        assert frame.group == "news"
        return True

    wait_until(arrived, what="message of the group")


def test_group_of_own_frames() -> None:
    frame = zmq.Frame(b"x")
    frame.group = "news"
    assert frame.group == "news"
    frame.set("group", b"sport")
    assert frame.get("group") == "sport"


def test_overlong_group_is_an_error() -> None:
    with pytest.raises((ValueError, zmq.ZMQError)):
        zmq.Frame(b"x").group = "g" * 300


def test_leaving_a_group(socket: MakeSocket) -> None:
    dish = socket(zmq.DISH)
    dish.join("news")
    dish.leave("news")
    with pytest.raises(zmq.ZMQError):
        dish.leave("news")


def test_joining_twice_is_einval(socket: MakeSocket) -> None:
    dish = socket(zmq.DISH)
    dish.join("news")
    with pytest.raises(zmq.ZMQError) as caught:
        dish.join("news")
    assert caught.value.errno == zmq.EINVAL


def test_scatter_gather(pair: MakePair) -> None:
    gather, scatter = pair(zmq.GATHER, zmq.SCATTER, "tcp")
    scatter.send(b"x")
    assert gather.recv() == b"x"


def test_channel(pair: MakePair) -> None:
    a, b = pair(zmq.CHANNEL, zmq.CHANNEL, "tcp")
    a.send(b"there")
    assert b.recv() == b"there"
    b.send(b"back")
    assert a.recv() == b"back"


def test_peer_waits_for_an_address_of_its_own(pair: MakePair) -> None:
    a, b = pair(zmq.PEER, zmq.PEER, "tcp")
    assert a.type == b.type == zmq.PEER
    with pytest.raises(zmq.ZMQError):
        b.send(b"to nobody", zmq.DONTWAIT)


def test_peer_sends_to_whom_it_connected(socket: MakeSocket) -> None:
    one, two = socket(zmq.PEER), socket(zmq.PEER)
    port = two.bind_to_random_port("tcp://127.0.0.1")
    routing_id = one.connect_peer(f"tcp://127.0.0.1:{port}")
    one.send(b"question", routing_id=routing_id)
    question = two.recv(copy=False)
    assert question.bytes == b"question"
    two.send(b"answer", routing_id=question.routing_id)
    assert one.recv() == b"answer"


def test_connect_peer_is_for_peers(socket: MakeSocket) -> None:
    with pytest.raises(zmq.ZMQError):
        socket(zmq.PAIR).connect_peer("tcp://127.0.0.1:9")


def test_dgram_to_and_fro(socket: MakeSocket) -> None:
    # libzmq does not say which udp port it took: reserve two with plain sockets
    with contextlib.ExitStack() as stack:
        ports = []
        for _ in range(2):
            plain = stack.enter_context(system_socket.socket(type=system_socket.SOCK_DGRAM))
            plain.bind(("127.0.0.1", 0))
            ports.append(plain.getsockname()[1])
    one, two = socket(zmq.DGRAM), socket(zmq.DGRAM)
    one.bind(f"udp://127.0.0.1:{ports[0]}")
    two.bind(f"udp://127.0.0.1:{ports[1]}")

    def arrived(sender: zmq.SyncSocket, receiver: zmq.SyncSocket, address: bytes) -> list[bytes]:
        sender.send_multipart([address, b"hello"])
        return receiver.recv_multipart() if receiver.poll(50) else []

    there = wait_until(lambda: arrived(one, two, b"127.0.0.1:%d" % ports[1]), what="datagram")
    assert there[1] == b"hello"
    assert wait_until(lambda: arrived(two, one, there[0]), what="datagram back")[1] == b"hello"


def test_two_threads_may_use_a_thread_safe_socket(pair: MakePair) -> None:
    server, client = pair(zmq.SERVER, zmq.CLIENT, "tcp")
    rounds = 200

    def send() -> None:
        for _ in range(rounds):
            client.send(b"x")

    senders = [Background(send) for _ in range(3)]
    waiting = Background(client.recv)
    got = [server.recv(copy=False) for _ in range(3 * rounds)]
    for sender in senders:
        sender.result()
    server.send(b"answer", routing_id=got[0].routing_id)
    assert waiting.result() == b"answer"


def test_polling(pair: MakePair) -> None:
    server, client = pair(zmq.SERVER, zmq.CLIENT, "tcp")
    assert server.poll(0) == 0
    client.send(b"x")
    assert server.poll(30_000) == zmq.POLLIN


def test_thread_safe_sockets_refuse_multipart(pair: MakePair) -> None:
    _, client = pair(zmq.SERVER, zmq.CLIENT, "tcp")
    with pytest.raises(zmq.ZMQError):
        client.send_multipart([b"1", b"2"])


def test_descriptor_is_stable_and_warned_about(socket: MakeSocket) -> None:
    client = socket(zmq.CLIENT)
    with warnings.catch_warnings():
        warnings.simplefilter("error", zmq.DraftFDWarning)
        with pytest.raises(zmq.DraftFDWarning):
            client.fileno()
    descriptor = client.fileno()
    assert descriptor == client.fileno() >= 0


def test_large_messages_are_shared(pair: MakePair) -> None:
    server, client = pair(zmq.SERVER, zmq.CLIENT, "tcp")
    tracker = client.send(bytes(200_000), copy=False, track=True)
    assert server.recv() == bytes(200_000)
    assert isinstance(tracker, zmq.MessageTracker)
    tracker.wait(30)


def test_types_without_multipart_on_a_wildcard(socket: MakeSocket) -> None:
    for kind in (zmq.SERVER, zmq.CLIENT, zmq.GATHER, zmq.SCATTER, zmq.CHANNEL):
        socket(kind).bind(wildcard("tcp"))
