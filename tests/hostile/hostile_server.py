"""Runs in a child process: a listening socket of each type, its well-behaved peers, and a ZAP handler.

Prints the ports as JSON, serves until its standard input closes, then prints how well the peers were served.
"""

from __future__ import annotations

import json
import select
import socket
import sys
import threading
import time
from typing import Any

import zmq

USER, PASSWORD = b"user", b"secret"
LIMIT = 65536  # MAXMSGSIZE
#: How often each peer is served at least, after a short attack as well.
OFTEN = 20
QUEUE = 50

SERVED = {
    "PULL": zmq.PUSH,
    "REP": zmq.REQ,
    "ROUTER": zmq.DEALER,
    "DEALER": zmq.DEALER,
    "PAIR": zmq.PAIR,
    "SUB": zmq.PUB,
    "XSUB": zmq.XPUB,
    "PUB": zmq.SUB,
    "XPUB": zmq.XSUB,
    "PUSH": zmq.PULL,
}


def from_z85(text: bytes) -> bytes:
    """RFC 32: four bytes of each five characters."""
    digits = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"
    result = b""
    for i in range(0, len(text), 5):
        number = 0
        for character in text[i : i + 5]:
            number = number * 85 + digits.index(character)
        result += number.to_bytes(4, "big")
    return result


def answer_zap(context: Any, key: bytes, stop: threading.Event) -> None:
    """RFC 27, with the one user and the one key."""
    with context.socket(zmq.REP) as handler:
        handler.linger = 0
        handler.bind("inproc://zeromq.zap.01")
        while not stop.is_set():
            if not handler.poll(20):
                continue
            request = handler.recv_multipart()
            version, number, _domain, _address, _identity, mechanism, *credentials = request
            good = mechanism == b"NULL" or credentials in ([USER, PASSWORD], [key])
            status = [b"200", b"OK", b"somebody", b""] if good else [b"400", b"No", b"", b""]
            handler.send_multipart([version, number, *status])


class Served:
    """A listening socket and one peer of it."""

    def __init__(self, context: Any, kind: str, mechanism: str, keys: dict[str, bytes]) -> None:
        self.kind = kind
        self.number = self.done = 0
        self.last = time.monotonic()
        self.longest = 0.0
        self.server = context.socket(getattr(zmq, kind))
        self.server.maxmsgsize = LIMIT
        self.server.linger, self.server.rcvhwm, self.server.sndhwm = 0, QUEUE, QUEUE
        if mechanism == "null-zap":
            self.server.zap_domain = b"test"
        elif mechanism == "plain":
            self.server.plain_server = True
        elif mechanism == "curve":
            self.server.curve_server = True
            self.server.curve_secretkey = keys["server_secret"]
        if kind == "SUB":
            self.server.subscribe(b"")
        if kind == "ROUTER":
            self.server.router_handover = False
        self.server.bind("tcp://127.0.0.1:*")
        self.address = self.server.last_endpoint.decode()
        self.port = int(self.address.rpartition(":")[2])
        self.peer = context.socket(SERVED[kind])
        self.peer.linger = 0
        secure(self.peer, mechanism, keys)
        if kind == "PUB":
            self.peer.subscribe(b"ping")
        self.peer.connect(self.address)
        if kind == "XPUB":
            self.peer.send(b"\1ping")
        if kind == "XSUB":
            self.server.send(b"\1")
        self.asking = False

    def step(self) -> None:
        """Move on by as much as goes without waiting; count an exchange when it is complete."""
        text = b"ping %d" % self.number
        if self.kind in ("PUB", "XPUB", "PUSH"):
            if self.kind == "XPUB":
                drain(self.server)
            send(self.server, [text])
            self.complete(any(message[0].startswith(b"ping") for message in drain(self.peer)))
            return
        if self.kind in ("REP", "ROUTER"):
            if not self.asking:
                self.asking = send(self.peer, [text] if self.kind == "REP" else [b"", text])
            for message in drain(self.server, answer=True):
                assert message
            answers = drain(self.peer)
            self.asking = self.asking and not answers
            self.complete(any(message[-1] == text for message in answers))
            return
        if not self.asking:
            self.asking = send(self.peer, [text])
        if any(message == [text] for message in drain(self.server)):
            self.asking = False
            self.complete(True)
        elif self.kind in ("SUB", "XSUB"):
            self.asking = False  # may have been published before the subscription

    def complete(self, done: bool) -> None:
        now = time.monotonic()
        if done:
            self.done += 1
            self.number += 1
            self.longest = max(self.longest, now - self.last)
            self.last = now


def secure(peer: Any, mechanism: str, keys: dict[str, bytes]) -> None:
    """Make a socket one that is let in."""
    if mechanism == "plain":
        peer.plain_username, peer.plain_password = USER, PASSWORD
    elif mechanism == "curve":
        peer.curve_serverkey = keys["server_public"]
        peer.curve_publickey, peer.curve_secretkey = keys["client_public"], keys["client_secret"]


def send(one: Any, message: list[bytes]) -> bool:
    try:
        one.send_multipart(message, zmq.DONTWAIT)
    except zmq.ZMQError as error:
        if error.errno in (zmq.EAGAIN, zmq.EFSM, zmq.EHOSTUNREACH):
            return False
        raise
    return True


def drain(one: Any, answer: bool = False) -> list[list[bytes]]:
    got: list[list[bytes]] = []
    for _ in range(200):
        try:
            got.append(one.recv_multipart(zmq.DONTWAIT))
        except zmq.ZMQError as error:
            if error.errno in (zmq.EAGAIN, zmq.EFSM):  # a REQ that has asked nothing
                break
            raise
        if answer:
            send(one, got[-1])
    return got


class Stream:
    """A STREAM socket, whose well-behaved peer is plain TCP."""

    kind = "STREAM"

    def __init__(self, context: Any) -> None:
        self.server = context.socket(zmq.STREAM)
        self.server.linger, self.server.maxmsgsize = 0, LIMIT
        self.server.bind("tcp://127.0.0.1:*")
        self.port = int(self.server.last_endpoint.decode().rpartition(":")[2])
        self.peer = socket.create_connection(("127.0.0.1", self.port))
        self.peer.settimeout(30)
        self.done = 0
        self.last = time.monotonic()
        self.longest = 0.0
        self.peer.sendall(b"ping")

    def step(self) -> None:
        for identity, data in drain(self.server):
            if data == b"ping":
                send(self.server, [identity, data])
        if select.select([self.peer], [], [], 0)[0] and self.peer.recv(100):
            now = time.monotonic()
            self.longest, self.last = max(self.longest, now - self.last), now
            self.done += 1
            self.peer.sendall(b"ping")


def main(mechanism: str) -> None:
    context: Any = zmq.Context()
    keys: dict[str, bytes] = {}
    if mechanism == "curve":
        for owner in ("server", "client"):
            keys[f"{owner}_public"], keys[f"{owner}_secret"] = zmq.curve_keypair()
    stop = threading.Event()
    handler = threading.Thread(target=answer_zap, args=(context, from_z85(keys.get("client_public", b"")), stop))
    handler.start()
    served: list[Any] = [Served(context, kind, mechanism, keys) for kind in SERVED]
    if mechanism == "null":
        served.append(Stream(context))
    end = time.monotonic() + 60
    while any(one.done == 0 for one in served):
        for one in served:
            one.step()
        if time.monotonic() > end:
            raise SystemExit(f"never served: {[one.kind for one in served if not one.done]}")
    for one in served:
        one.longest, one.last = 0.0, time.monotonic()
    print(
        json.dumps({"ports": {one.kind: one.port for one in served}, "keys": {k: v.decode() for k, v in keys.items()}}), flush=True
    )
    ended = False
    while not ended or (any(one.done <= OFTEN for one in served) and time.monotonic() < end):
        for one in served:
            one.step()
        if not ended and select.select([sys.stdin], [], [], 0)[0]:
            ended = True
            end = time.monotonic() + 30
    for one in served:
        one.longest = max(one.longest, time.monotonic() - one.last)
    report = {one.kind: (one.done, round(one.longest, 2)) for one in served}
    stop.set()
    handler.join()
    for one in served:
        one.peer.close()
    context.destroy(linger=0)
    print(json.dumps(report), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
