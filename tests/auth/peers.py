"""Servers and clients with and without credentials, and how their handshakes end."""

from __future__ import annotations

import socket as _socket
from pathlib import Path
from typing import Any

import pytest
import zmq
import zmq.auth
from zmq.utils.monitor import recv_monitor_message

from helpers import PATIENCE

NEEDS_CURVE = pytest.mark.skipif(not zmq.has("curve"), reason="libzmq without CURVE")

HANDSHAKE = (
    zmq.EVENT_HANDSHAKE_SUCCEEDED
    | zmq.EVENT_HANDSHAKE_FAILED_AUTH
    | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
    | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
    | zmq.EVENT_DISCONNECTED
)


def has_ipv6() -> bool:
    if not _socket.has_ipv6:
        return False
    with _socket.socket(_socket.AF_INET6, _socket.SOCK_STREAM) as probe:
        try:
            probe.bind(("::1", 0))
        except OSError:
            return False
    return True


ADDRESSES = [
    pytest.param("tcp://127.0.0.1:*", id="ipv4"),
    pytest.param("tcp://[::1]:*", id="ipv6", marks=pytest.mark.skipif(not has_ipv6(), reason="no IPv6 loopback")),
]


class Keys:
    """Certificates of a server and two clients, of which the directory `known` has the first one's public key."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.known = directory / "known"
        self.known.mkdir()
        self.server = zmq.curve_keypair()
        self.client = zmq.curve_keypair()
        self.stranger = zmq.curve_keypair()
        zmq.auth.certs._write_key_file(self.known / "client.key", "# {0}\n", self.client[0])


class Peers:
    """Pairs of sockets of one context: a DEALER that checks and one that is checked."""

    def __init__(self, context: Any) -> None:
        self.context = context
        self.made: list[Any] = []

    def socket(self, kind: int = zmq.DEALER, **options: Any) -> Any:
        one = self.context.socket(kind, socket_class=zmq.Socket)
        self.made.append(one)
        one.linger, one.rcvtimeo, one.sndtimeo, one.ipv6 = 0, PATIENCE, PATIENCE, 1
        one.reconnect_ivl = 50
        for name, value in options.items():
            setattr(one, name, value)
        return one

    def outcome(
        self, server: Any, client: Any, address: str = "tcp://127.0.0.1:*", server_binds: bool = True, host: str = ""
    ) -> bool:
        """Connect them; whether the client is let in, and messages then get through in both directions."""
        bound, connected = (server, client) if server_binds else (client, server)
        monitor = client.get_monitor_socket(HANDSHAKE)
        try:
            bound.bind(address)
            endpoint = bound.last_endpoint.decode()
            connected.connect(f"tcp://{host}:{endpoint.rpartition(':')[2]}" if host else endpoint)
            assert monitor.poll(PATIENCE), "the handshake does not end"
            event = recv_monitor_message(monitor)["event"]
        finally:
            client.disable_monitor()
            monitor.close()
        if event != zmq.EVENT_HANDSHAKE_SUCCEEDED:
            assert not server.poll(0)
            return False
        client.send(b"question")
        assert server.recv() == b"question"
        server.send(b"answer")
        assert client.recv() == b"answer"
        return True

    def curve_server(self, keys: Keys, **options: Any) -> Any:
        return self.socket(curve_server=1, curve_secretkey=keys.server[1], **options)

    def curve_client(self, keys: Keys, own: tuple[bytes, bytes]) -> Any:
        return self.socket(curve_serverkey=keys.server[0], curve_publickey=own[0], curve_secretkey=own[1])

    def plain_client(self, user: str, password: str) -> Any:
        return self.socket(plain_username=user.encode(), plain_password=password.encode())

    def close(self) -> None:
        for one in self.made:
            one.close(0)
