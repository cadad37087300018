"""Socket monitors: events on an inproc PAIR, start, stop, errors."""

from __future__ import annotations

import struct
from typing import Any

import pytest
import zmq
from zmq.utils.monitor import parse_monitor_message, recv_monitor_message

from helpers import MakeSocket, bind_any, fresh_inproc

HANDSHAKES = pytest.mark.skipif(zmq.zmq_version_info() < (4, 3), reason="this libzmq reports no handshakes")
PORTS = pytest.mark.skipif(zmq.zmq_version_info() < (4, 3, 2), reason="this libzmq reports a wildcard for the port it bound")


def events_until(monitor: zmq.SyncSocket, last: zmq.Event) -> list[zmq.Event]:
    """What is reported up to ``last``, which must come."""
    seen: list[zmq.Event] = []
    while not seen or seen[-1] != last:
        assert monitor.poll(30_000), f"{last!r} missing after {seen}"
        seen.append(recv_monitor_message(monitor)["event"])
    return seen


def test_listening_and_accepted(socket: MakeSocket) -> None:
    server, client = socket(zmq.REP), socket(zmq.REQ)
    monitor = server.get_monitor_socket()
    try:
        client.connect(bind_any(server, "tcp"))
        seen = events_until(monitor, zmq.EVENT_ACCEPTED)
        assert seen[0] == zmq.EVENT_LISTENING
    finally:
        server.disable_monitor()
        monitor.close()


@PORTS
def test_message_fields(socket: MakeSocket) -> None:
    server = socket(zmq.REP)
    monitor = server.get_monitor_socket(zmq.EVENT_LISTENING)
    try:
        endpoint = bind_any(server, "tcp")
        message = recv_monitor_message(monitor)
        assert set(message) == {"event", "value", "endpoint"}
        assert message["event"] is zmq.Event.LISTENING
        assert isinstance(message["value"], int)
        assert message["endpoint"] == endpoint.encode()
    finally:
        server.disable_monitor()
        monitor.close()


def test_events_argument_selects(socket: MakeSocket) -> None:
    server, client = socket(zmq.REP), socket(zmq.REQ)
    monitor = client.get_monitor_socket(zmq.EVENT_CONNECTED)
    try:
        client.connect(bind_any(server, "tcp"))
        assert events_until(monitor, zmq.EVENT_CONNECTED) == [zmq.EVENT_CONNECTED]
    finally:
        client.disable_monitor()
        monitor.close()


def test_second_call_gives_the_same_socket(socket: MakeSocket) -> None:
    server = socket(zmq.REP)
    monitor = server.get_monitor_socket()
    assert monitor.type == zmq.PAIR
    assert server.get_monitor_socket() is monitor
    assert server.get_monitor_socket(zmq.EVENT_CONNECTED, fresh_inproc()) is monitor
    server.disable_monitor()
    monitor.close()


def test_new_socket_after_the_first_was_disabled(socket: MakeSocket) -> None:
    server = socket(zmq.REP)
    first = server.get_monitor_socket()
    server.disable_monitor()
    first.close()
    second = server.get_monitor_socket(addr=fresh_inproc())
    assert second is not first
    bind_any(server, "tcp")
    assert events_until(second, zmq.EVENT_LISTENING)
    server.disable_monitor()
    second.close()


def test_own_address(socket: MakeSocket) -> None:
    server = socket(zmq.REP)
    name = fresh_inproc()
    monitor = server.get_monitor_socket(addr=name)
    assert monitor.last_endpoint == name.encode()
    server.disable_monitor()
    monitor.close()


def test_disable_ends_with_monitor_stopped(socket: MakeSocket) -> None:
    server = socket(zmq.REP)
    monitor = server.get_monitor_socket()
    server.disable_monitor()
    assert events_until(monitor, zmq.EVENT_MONITOR_STOPPED)
    assert not monitor.closed
    monitor.close()


def test_closing_the_socket_ends_with_monitor_stopped(socket: MakeSocket) -> None:
    server = socket(zmq.REP)
    monitor = server.get_monitor_socket()
    server.close()
    assert events_until(monitor, zmq.EVENT_MONITOR_STOPPED)
    monitor.close()


def test_plain_monitor_method(socket: MakeSocket) -> None:
    server, reader = socket(zmq.REP), socket(zmq.PAIR)
    name = fresh_inproc()
    server.monitor(name, zmq.EVENT_LISTENING | zmq.EVENT_MONITOR_STOPPED)
    reader.connect(name)
    bind_any(server, "tcp")
    assert recv_monitor_message(reader)["event"] == zmq.EVENT_LISTENING
    server.monitor(None)
    assert events_until(reader, zmq.EVENT_MONITOR_STOPPED)


def test_monitor_address_must_be_inproc(socket: MakeSocket) -> None:
    with pytest.raises(zmq.ZMQError) as caught:
        socket(zmq.REP).monitor("tcp://127.0.0.1:*")
    assert caught.value.errno == zmq.EPROTONOSUPPORT


@HANDSHAKES
def test_connect_and_disconnect_events(socket: MakeSocket) -> None:
    server, client = socket(zmq.REP), socket(zmq.REQ)
    monitor = client.get_monitor_socket()
    try:
        client.connect(bind_any(server, "tcp"))
        assert zmq.EVENT_CONNECTED in events_until(monitor, zmq.EVENT_HANDSHAKE_SUCCEEDED)
        server.close()
        assert events_until(monitor, zmq.EVENT_DISCONNECTED)
    finally:
        client.disable_monitor()
        monitor.close()


def test_flags_reach_the_receive(socket: MakeSocket) -> None:
    server = socket(zmq.REP)
    monitor = server.get_monitor_socket()
    with pytest.raises(zmq.Again):
        recv_monitor_message(monitor, zmq.DONTWAIT)
    server.disable_monitor()
    monitor.close()


def test_parse_a_message() -> None:
    frame = struct.pack("=hi", zmq.EVENT_CONNECTED, 17)
    parsed = parse_monitor_message([frame, b"tcp://x:1"])
    assert parsed == {"event": zmq.EVENT_CONNECTED, "value": 17, "endpoint": b"tcp://x:1"}


@pytest.mark.parametrize("wrong", [[], [b"123456"], [b"12345", b"x"], [b"1234567", b"x"], [b"123456", b"x", b"y"]])
def test_parse_refuses_other_shapes(wrong: Any) -> None:
    with pytest.raises(RuntimeError):
        parse_monitor_message(wrong)
