"""PLAIN with a hand-written ZAP handler and CURVE without any, end to end over tcp."""

from __future__ import annotations

import pytest
import zmq

from helpers import MakeSocket, bind_any, zap_handler

NEEDS_CURVE = pytest.mark.skipif(not zmq.has("curve"), reason="libzmq without CURVE")


@pytest.mark.parametrize(
    ("option", "value", "mechanism"),
    [
        ("plain_server", 1, zmq.PLAIN),
        ("plain_username", b"me", zmq.PLAIN),
        pytest.param("curve_server", 1, zmq.CURVE, marks=NEEDS_CURVE),
    ],
)
def test_option_selects_the_mechanism(socket: MakeSocket, option: str, value: object, mechanism: int) -> None:
    made = socket(zmq.DEALER)
    assert made.mechanism == zmq.NULL
    setattr(made, option, value)
    assert made.mechanism == mechanism


@NEEDS_CURVE
def test_server_key_selects_curve(socket: MakeSocket) -> None:
    made = socket(zmq.DEALER)
    made.curve_serverkey = zmq.curve_keypair()[0]
    assert made.mechanism == zmq.CURVE


def test_unset_plain_credentials_read_as_empty(socket: MakeSocket) -> None:
    made = socket(zmq.DEALER)
    assert made.plain_username == b""
    assert made.plain_password == b""
    made.plain_username, made.plain_password = b"me", b"secret"
    assert (made.plain_username, made.plain_password) == (b"me", b"secret")


def test_zap_domain_round_trip(socket: MakeSocket) -> None:
    made = socket(zmq.DEALER)
    assert made.zap_domain == b""
    made.zap_domain = b"global"
    assert made.zap_domain == b"global"


@NEEDS_CURVE
@pytest.mark.parametrize("length", [0, 1, 31, 33, 39, 42, 64])
def test_curve_key_of_another_length_is_einval(socket: MakeSocket, length: int) -> None:
    made = socket(zmq.DEALER)
    with pytest.raises(zmq.ZMQError) as caught:
        made.curve_publickey = b"a" * length
    assert caught.value.errno == zmq.EINVAL


@NEEDS_CURVE
def test_curve_keys_as_raw_bytes_or_z85(socket: MakeSocket) -> None:
    public, secret = zmq.curve_keypair()
    made = socket(zmq.DEALER)
    made.curve_publickey, made.curve_secretkey = public, secret
    made.curve_publickey = bytes(32)
    made.curve_publickey = public + b"\0"


def test_plain_end_to_end(ctx: zmq.SyncContext, socket: MakeSocket) -> None:
    with zap_handler(ctx) as requests:
        server, client = socket(zmq.REP), socket(zmq.REQ)
        server.plain_server = 1
        client.plain_username, client.plain_password = b"me", b"secret"
        client.connect(bind_any(server, "tcp"))
        client.send(b"question")
        assert server.recv() == b"question"
        server.send(b"answer")
        assert client.recv() == b"answer"
    assert requests[0][5:] == [b"PLAIN", b"me", b"secret"]


def test_plain_refused_by_the_handler(ctx: zmq.SyncContext, socket: MakeSocket) -> None:
    with zap_handler(ctx, allow=lambda credentials: credentials == [b"me", b"right"]):
        server, client = socket(zmq.DEALER), socket(zmq.DEALER)
        server.plain_server = 1
        client.plain_username, client.plain_password = b"me", b"wrong"
        outcome = handshake_outcome(client, bind_any(server, "tcp"))
        assert outcome != zmq.EVENT_HANDSHAKE_SUCCEEDED


@NEEDS_CURVE
@pytest.mark.parametrize("size", [0, 10, 100_000])
def test_curve_end_to_end(socket: MakeSocket, size: int) -> None:
    server_public, server_secret = zmq.curve_keypair()
    client_public, client_secret = zmq.curve_keypair()
    server, client = socket(zmq.DEALER), socket(zmq.DEALER)
    server.curve_server = 1
    server.curve_secretkey = server_secret
    client.curve_serverkey = server_public
    client.curve_publickey, client.curve_secretkey = client_public, client_secret
    client.connect(bind_any(server, "tcp"))
    payload = bytes(i % 251 for i in range(size))
    client.send_multipart([payload, b"tail"])
    assert server.recv_multipart() == [payload, b"tail"]
    server.send(payload)
    assert client.recv() == payload


def handshake_outcome(client: zmq.SyncSocket, endpoint: str) -> zmq.Event:
    """Connect and return how the first handshake ended."""
    from zmq.utils.monitor import recv_monitor_message

    wanted = (
        zmq.EVENT_HANDSHAKE_SUCCEEDED
        | zmq.EVENT_HANDSHAKE_FAILED_AUTH
        | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
        | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
        | zmq.EVENT_DISCONNECTED
    )
    monitor = client.get_monitor_socket(wanted)
    try:
        client.connect(endpoint)
        assert monitor.poll(30_000)
        event = recv_monitor_message(monitor)["event"]
        assert isinstance(event, zmq.Event)
        return event
    finally:
        client.disable_monitor()
        monitor.close()


@NEEDS_CURVE
def test_curve_refuses_a_client_with_the_wrong_server_key(socket: MakeSocket) -> None:
    server, client = socket(zmq.DEALER), socket(zmq.DEALER)
    server.curve_server = 1
    server.curve_secretkey = zmq.curve_keypair()[1]
    client.curve_serverkey = zmq.curve_keypair()[0]
    client.curve_publickey, client.curve_secretkey = zmq.curve_keypair()
    outcome = handshake_outcome(client, bind_any(server, "tcp"))
    assert outcome != zmq.EVENT_HANDSHAKE_SUCCEEDED


@NEEDS_CURVE
def test_curve_server_refuses_a_client_without_curve(socket: MakeSocket) -> None:
    server, client = socket(zmq.DEALER), socket(zmq.DEALER)
    server.curve_server = 1
    server.curve_secretkey = zmq.curve_keypair()[1]
    outcome = handshake_outcome(client, bind_any(server, "tcp"))
    assert outcome != zmq.EVENT_HANDSHAKE_SUCCEEDED


@NEEDS_CURVE
@pytest.mark.skipif(zmq.zmq_version_info() < (4, 3), reason="this libzmq reports no handshakes")
def test_curve_monitor_reports_success(socket: MakeSocket) -> None:
    public, secret = zmq.curve_keypair()
    server, client = socket(zmq.DEALER), socket(zmq.DEALER)
    server.curve_server, server.curve_secretkey = 1, secret
    client.curve_serverkey = public
    client.curve_publickey, client.curve_secretkey = zmq.curve_keypair()
    outcome = handshake_outcome(client, bind_any(server, "tcp"))
    assert outcome == zmq.EVENT_HANDSHAKE_SUCCEEDED
