"""Bindings of other languages as peers: every pattern, both directions of bind and connect, tcp and ipc, all kinds of security."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import zmq

from helpers import TRANSPORTS, MakeSocket, bind_any, wait_until, zap_handler
from interop.peers import PROGRAMS, Peer, command_of, running_peer

pytestmark = [pytest.mark.interop, pytest.mark.skipif("ZMQ_INTEROP" not in os.environ, reason="see tests/interop/install.py")]

#: Empty, every byte, and more than any small-message or batch limit.
FRAMES = [b"", bytes(range(256)), b"x" * 100_000, "grüß".encode(), b""]
USER, PASSWORD = "ann", "s3cret"

Talk = Callable[[zmq.SyncSocket, Peer], None]


def we_push(ours: zmq.SyncSocket, theirs: Peer) -> None:
    ours.send_multipart(FRAMES)
    for number in range(50):
        ours.send(b"%d" % number)
    assert theirs.recv() == FRAMES
    assert [theirs.recv() for _ in range(50)] == [[b"%d" % number] for number in range(50)]


def they_push(ours: zmq.SyncSocket, theirs: Peer) -> None:
    theirs.send(*FRAMES)
    for number in range(50):
        theirs.send(b"%d" % number)
    assert ours.recv_multipart() == FRAMES
    assert [ours.recv() for _ in range(50)] == [b"%d" % number for number in range(50)]


def we_publish(ours: zmq.SyncSocket, theirs: Peer) -> None:
    theirs.subscribe(b"wanted")
    theirs.tell("recv")

    def arrived() -> bool:
        ours.send_multipart([b"other", b"no"])
        ours.send_multipart([b"wanted.probe", b""])
        return theirs.answered()

    wait_until(arrived, deadline=15, what="subscription")
    assert theirs.received() == [b"wanted.probe", b""]
    ours.send_multipart([b"other", b"no"])
    ours.send_multipart([b"wanted", *FRAMES])
    while (message := theirs.recv()) == [b"wanted.probe", b""]:
        pass
    assert message == [b"wanted", *FRAMES]


def they_publish(ours: zmq.SyncSocket, theirs: Peer) -> None:
    ours.subscribe(b"wanted")

    def arrived() -> bool:
        theirs.send(b"other", b"no")
        theirs.send(b"wanted.probe", b"")
        return bool(ours.poll(5))

    wait_until(arrived, deadline=15, what="subscription")
    theirs.send(b"other", b"no")
    theirs.send(b"wanted", *FRAMES)
    while (message := ours.recv_multipart()) == [b"wanted.probe", b""]:
        pass
    assert message == [b"wanted", *FRAMES]


def we_ask(ours: zmq.SyncSocket, theirs: Peer) -> None:
    for question in (FRAMES, [b"again"]):
        ours.send_multipart(question)
        assert theirs.recv() == question
        theirs.send(b"answer", *question)
        assert ours.recv_multipart() == [b"answer", *question]


def they_ask(ours: zmq.SyncSocket, theirs: Peer) -> None:
    for question in (FRAMES, [b"again"]):
        theirs.send(*question)
        assert ours.recv_multipart() == question
        ours.send_multipart([b"answer", *question])
        assert theirs.recv() == [b"answer", *question]


def we_route(ours: zmq.SyncSocket, theirs: Peer) -> None:
    theirs.send(*FRAMES)
    peer, *message = ours.recv_multipart()
    assert message == FRAMES
    for number in range(3):
        ours.send_multipart([peer, b"%d" % number, *FRAMES])
    assert [theirs.recv() for _ in range(3)] == [[b"%d" % number, *FRAMES] for number in range(3)]


def they_route(ours: zmq.SyncSocket, theirs: Peer) -> None:
    ours.send_multipart(FRAMES)
    peer, *message = theirs.recv()
    assert message == FRAMES
    for number in range(3):
        theirs.send(peer, b"%d" % number, *FRAMES)
    assert [ours.recv_multipart() for _ in range(3)] == [[b"%d" % number, *FRAMES] for number in range(3)]


#: Our type, theirs, and what they say to each other.
CASES: dict[str, tuple[str, str, Talk]] = {
    "push-pull": ("push", "pull", we_push),
    "pull-push": ("pull", "push", they_push),
    "pub-sub": ("pub", "sub", we_publish),
    "sub-pub": ("sub", "pub", they_publish),
    "req-rep": ("req", "rep", we_ask),
    "rep-req": ("rep", "req", they_ask),
    "router-dealer": ("router", "dealer", we_route),
    "dealer-router": ("dealer", "router", they_route),
}


@dataclass(frozen=True)
class Security:
    """What each side has to be told."""

    ours: dict[str, bytes | int]
    theirs: list[str]
    server: bool


def security(kind: str, we_serve: bool) -> Security:
    if kind == "null":
        return Security({}, ["null"], False)
    if kind == "plain":
        theirs = ["plain-client" if we_serve else "plain-server", USER, PASSWORD]
        ours: dict[str, bytes | int] = {"plain_username": USER.encode(), "plain_password": PASSWORD.encode()}
        return Security({"plain_server": 1} if we_serve else ours, theirs, we_serve)
    (server_public, server_secret), (public, secret) = zmq.curve_keypair(), zmq.curve_keypair()
    if we_serve:
        theirs = ["curve-client", *(key.decode() for key in (server_public, public, secret))]
        return Security({"curve_server": 1, "curve_secretkey": server_secret}, theirs, True)
    ours = {"curve_serverkey": server_public, "curve_publickey": public, "curve_secretkey": secret}
    return Security(ours, ["curve-server", server_secret.decode()], False)


@contextlib.contextmanager
def answering(ctx: zmq.SyncContext, kind: str, serve: bool) -> Iterator[None]:
    """Our ZAP handler, where we are a server."""
    if not serve:
        yield
        return
    allowed = [USER.encode(), PASSWORD.encode()]
    with zap_handler(ctx, lambda credentials: kind == "curve" or credentials == allowed) as seen:
        yield
    assert seen


@pytest.mark.parametrize("language", PROGRAMS)
@pytest.mark.parametrize("kind", ["null", "plain", "curve"])
@pytest.mark.parametrize("transport", [name for name in TRANSPORTS if name != "inproc"])
@pytest.mark.parametrize("binder", ["we-bind", "they-bind"])
@pytest.mark.parametrize("case", CASES)
def test_exchange(
    language: str, kind: str, transport: str, binder: str, case: str, ctx: zmq.SyncContext, socket: MakeSocket, tmp_path: Path
) -> None:
    command = command_of(language)
    if command is None:
        pytest.skip(f"install.py could not install {language}")
    if kind == "curve" and not zmq.has("curve"):
        pytest.skip("this libzmq has no CURVE")
    our_type, their_type, talk = CASES[case]
    we_bind = binder == "we-bind"
    # the one that binds is the server, but for REQ: libzmq loses the replies to a REQ that asks a ZAP handler about its peers
    rules = security(kind, they_ask is talk if "req" in (our_type, their_type) else we_bind)
    with answering(ctx, kind, rules.server):
        ours = socket(zmq.SocketType[our_type.upper()])
        for option, value in rules.ours.items():
            setattr(ours, option, value)
        if we_bind:
            how, address = "connect", bind_any(ours, transport)
        else:
            how, address = "bind", "tcp://127.0.0.1:*" if transport == "tcp" else f"ipc://{tmp_path}/s"
        with running_peer(command, their_type, how, address, *rules.theirs) as theirs:
            if not we_bind:
                ours.connect(theirs.address)
            talk(ours, theirs)


@pytest.mark.parametrize("language", PROGRAMS)
@pytest.mark.parametrize("kind", ["plain", "curve"])
def test_strangers_stay_outside(language: str, kind: str, socket: MakeSocket) -> None:
    """Their server does not let in one of us without credentials."""
    command = command_of(language)
    if command is None:
        pytest.skip(f"install.py could not install {language}")
    if kind == "curve" and not zmq.has("curve"):
        pytest.skip("this libzmq has no CURVE")
    with running_peer(command, "rep", "bind", "tcp://127.0.0.1:*", *security(kind, False).theirs) as theirs:
        stranger = socket(zmq.DEALER)
        monitor = stranger.get_monitor_socket(zmq.EVENT_HANDSHAKE_SUCCEEDED)
        stranger.connect(theirs.address)
        try:
            assert not monitor.poll(300)
        finally:
            stranger.disable_monitor()
            monitor.close()
