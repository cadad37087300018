"""`python -m zmq proxy`."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
import zmq

from cli.commands import Running, refusal, running
from helpers import MakeSocket, bind_any, join_subscription

ANY = "tcp://127.0.0.1:*"


def control(process: Running, socket: MakeSocket, address: str, command: bytes) -> list[bytes]:
    req = socket(zmq.REQ)
    req.connect(address)
    req.send(command)
    return req.recv_multipart()


def test_queue_with_control(socket: MakeSocket, tmp_path: Path) -> None:
    with running("proxy", "queue", ANY, ANY, "--control", ANY, directory=tmp_path) as proxy:
        front, back, steering = proxy.address(), proxy.address(), proxy.address()
        req, rep = socket(zmq.REQ), socket(zmq.REP)
        req.connect(front)
        rep.connect(back)
        req.send(b"question")
        assert rep.recv() == b"question"
        rep.send(b"answer")
        assert req.recv() == b"answer"
        figures = [struct.unpack("=Q", frame)[0] for frame in control(proxy, socket, steering, b"STATISTICS")]
        assert len(figures) == 8 and figures[0] > 0
        assert control(proxy, socket, steering, b"PAUSE") == [b""]
        req.send(b"held")
        assert not rep.poll(200)
        assert control(proxy, socket, steering, b"RESUME") == [b""]
        assert rep.recv() == b"held"
        control(proxy, socket, steering, b"TERMINATE")
        assert proxy.finish()[1] == "terminated\n"


def test_the_control_by_req(tmp_path: Path) -> None:
    with running("proxy", "streamer", ANY, ANY, "--control", ANY, directory=tmp_path) as proxy:
        steering = [proxy.address() for _ in range(3)][2]
        with running("req", steering, "-m", "TERMINATE", directory=tmp_path) as client:
            client.finish()
        proxy.finish()


def test_forwarder(socket: MakeSocket, tmp_path: Path) -> None:
    with running("proxy", "forwarder", ANY, ANY, directory=tmp_path) as proxy:
        pub, sub = socket(zmq.PUB), socket(zmq.SUB)
        pub.connect(proxy.address())
        sub.connect(proxy.address())
        join_subscription(pub, sub, b"topic")
        pub.send_multipart([b"topic", b"x"])
        assert sub.recv_multipart() == [b"topic", b"x"]
        proxy.interrupt()
        proxy.finish(status=130)


def test_any_types_several_addresses_and_capture(socket: MakeSocket, tmp_path: Path) -> None:
    workers = [socket(zmq.PULL) for _ in range(2)]
    seen = socket(zmq.PULL)
    arguments = [part for worker in workers for part in ("--backend-connect", bind_any(worker, "tcp"))]
    with running(
        "proxy", "pull:push", "--frontend-bind", ANY, *arguments, "--capture", ANY, "--capture-type", "push", "--hwm", 10,
        "--frontend-option", "tcp_keepalive=1", directory=tmp_path,
    ) as proxy:  # fmt: skip
        push = socket(zmq.PUSH)
        front, capture = proxy.address(), proxy.address()
        seen.connect(capture)
        push.connect(front)
        for number in range(4):
            push.send_string(str(number))
        assert sorted(worker.recv_string() for worker in workers for _ in range(2)) == ["0", "1", "2", "3"]
        assert [seen.recv_string() for _ in range(4)] == ["0", "1", "2", "3"]


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["forwrder", ANY, ANY], "queue, forwarder, streamer"),
        (["router:nothing", ANY, ANY], "no kind of proxy"),
        (["queue", ANY], "the backend has no address"),
        (["queue", "--backend-bind", ANY], "the frontend has no address"),
    ],
)
def test_wrong_arguments(arguments: list[str], hint: str, tmp_path: Path) -> None:
    assert hint in refusal("proxy", *arguments, directory=tmp_path)
