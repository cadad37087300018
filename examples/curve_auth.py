"""A server that lets in the clients whose certificates are in a directory, and tells them apart.

    python examples/curve_auth.py
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import zmq
import zmq.auth


def client_of(context: zmq.SyncContext, endpoint: str, server_key: bytes, certificate: str) -> zmq.SyncSocket:
    public, secret = zmq.auth.load_certificate(certificate)
    assert secret is not None
    client = context.socket(zmq.REQ)
    client.linger, client.rcvtimeo = 0, 500
    client.curve_serverkey, client.curve_publickey, client.curve_secretkey = server_key, public, secret
    client.connect(endpoint)
    return client


def main() -> None:
    with tempfile.TemporaryDirectory() as directory, zmq.Context() as context:
        known, elsewhere = Path(directory, "known"), Path(directory, "elsewhere")
        known.mkdir()
        elsewhere.mkdir()
        _, alice = zmq.auth.create_certificates(known, "alice")
        _, mallory = zmq.auth.create_certificates(elsewhere, "mallory")
        server_public, server_secret = zmq.curve_keypair()

        context.auth(allow=known)
        with context.socket(zmq.REP) as server:
            server.curve_server, server.curve_secretkey = 1, server_secret
            server.bind("tcp://127.0.0.1:*")
            endpoint = server.last_endpoint.decode()

            with client_of(context, endpoint, server_public, alice) as client:
                client.send_string("May I come in?")
                print("server:", server.recv_string())
                server.send_string("Welcome.")
                print("alice:", client.recv_string())
            with client_of(context, endpoint, server_public, mallory) as client:
                client.send_string("So do I.")
                print("mallory:", "an answer" if client.poll(300) else "no answer")


if __name__ == "__main__":
    main()
