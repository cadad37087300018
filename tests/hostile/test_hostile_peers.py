"""Listening sockets of every type under malformed and mutated ZMTP: the process lives, stays small, and goes on serving.

100,000 streams with ZMQ_TEST_SCALE=1; by default a small share of them.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import random
import select
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zmq
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from zmq._core import _lib

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import zmtp  # noqa: E402  the path must be right first

sys.path.remove(str(HERE))

SCALE = float(os.environ.get("ZMQ_TEST_SCALE", "0.02"))
STREAMS = 100_000
SEED = int(os.environ.get("ZMQ_TEST_SEED", "20261121"))

#: Megabytes that the server may grow by: its queues are short and MAXMSGSIZE is 64 KiB.
GROWTH = 80

#: Seconds that a well-behaved peer may wait for its turn.
PATIENCE = 30.0

MECHANISMS = [
    "null",
    "null-zap",
    "plain",
    pytest.param("curve", marks=pytest.mark.skipif(not zmq.has("curve"), reason="libzmq without CURVE")),
]

pytestmark = pytest.mark.timeout(120 + 1500 * SCALE)


class Server:
    """hostile_server.py in a process of its own."""

    def __init__(self, mechanism: str) -> None:
        self.mechanism = mechanism
        self.popen = subprocess.Popen(
            [sys.executable, "-X", "faulthandler", str(HERE / "hostile_server.py"), mechanism],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self.popen.stdout is not None
        line = self.popen.stdout.readline()
        assert line, self.popen.communicate(timeout=30)[1]
        start = json.loads(line)
        self.ports: dict[str, int] = start["ports"]
        self.keys = {name: key.encode() for name, key in start["keys"].items()}

    @property
    def alive(self) -> bool:
        return self.popen.poll() is None

    def megabytes(self) -> float:
        """Resident memory; 0 where there is no /proc."""
        try:
            status = Path(f"/proc/{self.popen.pid}/statm").read_text()
        except OSError:
            return 0.0
        return int(status.split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6

    def prepare(self, peer: Any) -> None:
        """Make a peer one that is let in."""
        from hostile_server import secure

        secure(peer, self.mechanism, self.keys)

    def finish(self) -> dict[str, tuple[int, float]]:
        """End it in peace; by type, how often its peer was served and how long it had to wait at most."""
        out, err = self.popen.communicate(timeout=90)
        assert self.popen.returncode == 0, f"status {self.popen.returncode}\n{err}"
        assert err == ""
        report: dict[str, tuple[int, float]] = json.loads(out)
        return report


@contextlib.contextmanager
def serving(mechanism: str) -> Iterator[Server]:
    sys.path.insert(0, str(HERE))
    server = Server(mechanism)
    try:
        yield server
    finally:
        sys.path.remove(str(HERE))
        server.popen.kill()
        server.popen.communicate()


class Attack:
    """Many connections at once, each with a stream; what the server answers is thrown away."""

    def __init__(self, width: int = 60) -> None:
        self.width = width
        self.open: dict[int, tuple[socket.socket, bytes, bool, float]] = {}
        self.poll = select.poll()

    def start(self, port: int, stream: zmtp.Stream, abrupt: bool) -> None:
        while len(self.open) >= self.width:
            self.turn()
        one = socket.socket()
        one.setblocking(False)
        # a stream that ends with a reset leaves no port in TIME_WAIT
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        try:
            one.connect(("127.0.0.1", port))
        except BlockingIOError:
            pass
        except OSError as error:
            one.close()
            if error.errno in (errno.EADDRNOTAVAIL, errno.EAGAIN):
                return self.turn(0.05)
            raise
        self.open[one.fileno()] = (one, b"".join(stream), abrupt, time.monotonic())
        self.poll.register(one, select.POLLOUT)
        return None

    def turn(self, wait: float = 0.02) -> None:
        """Write and read what goes; close what has said everything, at once or when the server hangs up or 50 ms later."""
        for number, _ in self.poll.poll(wait * 1000):
            one, rest, abrupt, since = self.open[number]
            try:
                if rest:
                    rest = rest[one.send(rest[:32768]) :]
                    self.open[number] = (one, rest, abrupt, time.monotonic())
                    if rest:
                        continue
                    if abrupt:
                        self.close(number)
                    else:
                        self.poll.modify(one, select.POLLIN)
                elif not one.recv(65536):
                    self.close(number)
            except BlockingIOError:
                continue
            except OSError:
                self.close(number)
        now = time.monotonic()
        for number in [n for n, (_, rest, _, since) in self.open.items() if now - since > (0.05 if not rest else 2)]:
            self.close(number)

    def close(self, number: int) -> None:
        one = self.open.pop(number)[0]
        self.poll.unregister(number)
        one.close()

    def end(self) -> None:
        while self.open:
            self.turn()


def corpus(server: Server, kind: str) -> list[zmtp.Stream]:
    """By hand, and from a real peer that is let in."""
    streams = zmtp.crafted(kind if kind in zmtp.KINDS else "DEALER")
    if kind in zmtp.PARTNER:
        recorded = zmtp.record(kind, server.ports[kind], server.prepare)
        assert recorded, "nothing recorded"
        streams += [recorded] * (len(streams) // 2)
    return [stream for stream in streams if stream]


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_spoilt_streams(mechanism: str, tmp_path: Path) -> None:
    chance = random.Random(f"{SEED} {mechanism}")
    total = max(200, int(STREAMS * SCALE / len(MECHANISMS)))
    with serving(mechanism) as server:
        corpora = {kind: corpus(server, kind) for kind in server.ports}
        everything = [stream for streams in corpora.values() for stream in streams]
        attack = Attack()
        sent: list[tuple[str, zmtp.Stream]] = []
        base = 0.0
        kinds = list(corpora)
        for i in range(total):
            kind = kinds[i % len(kinds)]
            stream = chance.choice(corpora[kind])
            if i >= len(everything) // 8:
                stream = zmtp.spoil(stream, everything, chance)
            sent.append((kind, stream))
            try:
                attack.start(server.ports[kind], stream, chance.random() < 0.5)
            except ConnectionRefusedError:
                assert not server.alive, f"{kind} no longer listens"
            if not server.alive:
                break
            if i == total // 4:
                base = server.megabytes()
        if not server.alive:
            log = tmp_path / "streams.json"
            log.write_text(json.dumps([(kind, [part.hex() for part in stream]) for kind, stream in sent[-300:]]))
            pytest.fail(f"stream {len(sent)} or one before it killed the server ({log}):\n{server.popen.communicate()[1]}")
        attack.end()
        grown = server.megabytes() - base
        report = server.finish()
    if "sanitize" not in _lib.build_info()["flags"]:
        assert grown < GROWTH, f"grew by {grown:.0f} MB"
    for kind, (served, longest) in report.items():
        assert served > 20, f"{kind}: served {served} times"
        assert longest < PATIENCE, f"{kind}: its peer waited for {longest} s"


# ---------------------------------------------------------------- made by hypothesis

FLAGS = st.integers(0, 255)
FRAMES = st.one_of(
    st.builds(zmtp.frame, st.binary(max_size=400), FLAGS, st.none() | st.integers(0, 2**64 - 1)),
    st.builds(zmtp.frame, st.binary(max_size=400), st.integers(0, 1)),
    st.builds(zmtp.command, st.binary(max_size=20), st.binary(max_size=100)),
    st.builds(zmtp.frame_1, st.binary(max_size=300), FLAGS, st.none() | st.integers(0, 2**64 - 1)),
    st.binary(max_size=300),
)
HELLOS: st.SearchStrategy[zmtp.Stream] = st.one_of(
    st.sampled_from(zmtp.KINDS).map(zmtp.null_stream),
    st.builds(zmtp.plain_stream, st.sampled_from(zmtp.KINDS), st.binary(max_size=300), st.binary(max_size=300)),
    st.sampled_from(zmtp.KINDS).flatmap(lambda kind: st.sampled_from(zmtp.old_streams(kind))),
    st.builds(zmtp.greeting, st.binary(max_size=20), st.integers(0, 255), st.integers(0, 255), st.integers(0, 255)).map(
        lambda one: [one]
    ),
    st.just([]),
)


@pytest.fixture(scope="module", params=["null", "plain"])
def lasting_server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with serving(str(request.param)) as server:
        yield server
        report = server.finish()
        assert all(served > 20 for served, _ in report.values())


@settings(max_examples=max(40, int(5000 * SCALE)), deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(hello=HELLOS, frames=st.lists(FRAMES, max_size=8), kind=st.sampled_from(zmtp.KINDS))
def test_generated_streams(lasting_server: Server, hello: zmtp.Stream, frames: list[bytes], kind: str) -> None:
    if kind not in lasting_server.ports:
        kind = "ROUTER"
    attack = Attack()
    attack.start(lasting_server.ports[kind], [*hello, *frames], abrupt=True)
    attack.end()
    assert lasting_server.alive


# ---------------------------------------------------------------- MAXMSGSIZE


def hung_up(one: socket.socket) -> bool:
    """Whether the server has closed the connection; what it says before is skipped."""
    try:
        while True:
            if not one.recv(4096):
                return True
    except (ConnectionResetError, BrokenPipeError):
        return True
    except TimeoutError:
        return False


CLAIMS = {
    "3-long": [*zmtp.null_stream("PUSH"), zmtp.frame(b"", 2, 1001)],
    "3-huge": [*zmtp.null_stream("PUSH"), zmtp.frame(b"", 2, 2**63 - 1)],
    "3-negative": [*zmtp.null_stream("PUSH"), zmtp.frame(b"", 2, 2**64 - 1)],
    "2-huge": [b"\xff" + bytes(7) + b"\1\x7f", b"\1\x08", zmtp.frame(b""), zmtp.frame(b"", 2, 2**62)],
    "1-huge": [zmtp.frame_1(b""), zmtp.frame_1(b"", 0, 2**62)],
    "1-zero": [zmtp.frame_1(b""), b"\0"],
}


@pytest.mark.parametrize("claim", CLAIMS)
def test_claimed_length_over_maxmsgsize_ends_the_connection(socket_limited: zmq.SyncSocket, claim: str) -> None:
    port = int(socket_limited.last_endpoint.decode().rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=30) as one:
        one.sendall(b"".join(CLAIMS[claim]))
        assert hung_up(one)
    assert not socket_limited.poll(0)


def test_maxmsgsize_is_the_last_size_allowed(ctx: zmq.SyncContext, socket_limited: zmq.SyncSocket) -> None:
    """Per frame; one byte more and the message never arrives, while another peer is served."""
    with ctx.socket(zmq.PUSH) as greedy, ctx.socket(zmq.PUSH) as modest:
        for one in (greedy, modest):
            one.linger = 0
            one.connect(socket_limited.last_endpoint.decode())
        modest.send(b"x" * 1000)
        assert len(socket_limited.recv()) == 1000
        greedy.send(b"y" * 1001)
        for _ in range(20):
            modest.send_multipart([b"x" * 1000] * 3)
            assert socket_limited.recv_multipart() == [b"x" * 1000] * 3


@pytest.fixture
def socket_limited(ctx: zmq.SyncContext) -> Iterator[zmq.SyncSocket]:
    with ctx.socket(zmq.PULL) as one:
        one.linger, one.rcvtimeo, one.maxmsgsize = 0, 30_000, 1000
        one.bind("tcp://127.0.0.1:*")
        yield one


def test_slow_handshake_does_not_hold_others_up(ctx: zmq.SyncContext, socket_limited: zmq.SyncSocket) -> None:
    """Two hundred peers that stop in the middle of the greeting."""
    port = int(socket_limited.last_endpoint.decode().rpartition(":")[2])
    with contextlib.ExitStack() as stack:
        for i in range(200):
            one = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            one.sendall(zmtp.greeting()[: i % 64])
        good = stack.enter_context(ctx.socket(zmq.PUSH))
        good.linger = 0
        good.connect(f"tcp://127.0.0.1:{port}")
        good.send(b"served")
        assert socket_limited.recv() == b"served"
