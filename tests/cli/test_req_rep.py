"""`python -m zmq req` and `rep`."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import zmq

from cli.commands import refusal, running
from helpers import MakeSocket, bind_any


def test_echo(tmp_path: Path) -> None:
    with running("rep", "tcp://127.0.0.1:*", "--echo", "-n", 3, directory=tmp_path) as server:
        with running("req", server.address(), "--multipart", ",", directory=tmp_path) as client:
            assert client.finish("a,b\n\nü\n".encode())[0] == "a,b\n\nü\n".encode()
        server.finish()


def test_the_last_reply_arrives(tmp_path: Path) -> None:
    """The server ends right after its last reply, which the client still has to get."""
    (tmp_path / "reply").write_bytes(b"x" * 3_000_000)
    with running(
        "rep", "ipc://*" if zmq.has("ipc") else "tcp://127.0.0.1:*", "-m", "@reply", "-n", 1, directory=tmp_path
    ) as server:
        with running("req", server.address(), "-m", "q", directory=tmp_path) as client:
            assert len(client.finish()[0]) == 3_000_001
        server.finish()


def test_fixed_replies_take_turns(socket: MakeSocket, tmp_path: Path) -> None:
    (tmp_path / "answer").write_bytes(b"from a\nfile")
    with running("rep", "tcp://127.0.0.1:*", "-m", "one", "-m", "@answer", directory=tmp_path) as server:
        req = socket(zmq.REQ)
        req.connect(server.address())
        replies = []
        for _ in range(3):
            req.send(b"?")
            replies.append(req.recv())
        assert replies == [b"one", b"from a\nfile", b"one"]
        server.interrupt()
        server.finish(status=130)


def test_command_for_each_request(socket: MakeSocket, tmp_path: Path) -> None:
    command = f'{sys.executable} -c "import sys; sys.stdout.write(sys.stdin.read().upper())"'
    with running("rep", "tcp://127.0.0.1:*", "--exec", command, "-n", 2, directory=tmp_path) as server:
        with running("req", server.address(), "-m", "abc", "-m", "", directory=tmp_path) as client:
            assert client.finish()[0] == b"ABC\n\n"
        server.finish()


def test_command_that_fails_still_replies(tmp_path: Path) -> None:
    command = f"{sys.executable} -c \"print('half', end=''); raise SystemExit(3)\""
    with running("rep", "tcp://127.0.0.1:*", "--exec", command, "-n", 1, directory=tmp_path) as server:
        with running("req", server.address(), "-m", "abc", directory=tmp_path) as client:
            assert client.finish()[0] == b"half\n"
        assert "--exec: exit status 3" in server.finish()[1]


def test_command_that_takes_too_long(tmp_path: Path) -> None:
    command = f'{sys.executable} -c "import time; time.sleep(60)"'
    with running("rep", "tcp://127.0.0.1:*", "--exec", command, "-n", 1, "--timeout", 2, directory=tmp_path) as server:
        with running("req", server.address(), "-m", "abc", directory=tmp_path) as client:
            assert client.finish()[0] == b"\n"
        assert "--exec: ended after 2 s" in server.finish()[1]


def test_by_hand(tmp_path: Path) -> None:
    with running("rep", "tcp://127.0.0.1:*", directory=tmp_path) as server:
        with running("req", server.address(), "-m", "first", "-m", "second", "--timeout", 5, directory=tmp_path) as client:
            assert server.readline() == b"first\n"
            server.write(b"reply\n")
            assert client.readline() == b"reply\n"
            assert server.readline() == b"second\n"
            server.finish(b"")  # the end of the input ends it
            assert "no reply to request 2" in client.finish(status=1)[1]


def test_json_both_ways(socket: MakeSocket, tmp_path: Path) -> None:
    rep = socket(zmq.REP)
    with running("req", bind_any(rep, "tcp"), "--json", "-m", '{"method": "status"}', directory=tmp_path) as client:
        assert rep.recv_json() == {"method": "status"}
        rep.send_json({"up": True})
        assert client.finish()[0] == b'{"up": true}\n'


def test_no_server(tmp_path: Path) -> None:
    line = refusal("req", "tcp://127.0.0.1:9", "-m", "x", "--timeout", 0.1, directory=tmp_path, status=1)
    assert "no reply to request 1 within 0.1 s" in line


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["--exec", "no-such-program-here"], "there is no such program"),
        (["--exec", "'"], "quot"),
        (["--exec", ""], "there is no such program"),
        (["--echo", "-m", "x"], "not allowed with"),
        (["--json", "-m", "{"], "is not JSON"),
    ],
)
def test_wrong_arguments(arguments: list[str], hint: str, tmp_path: Path) -> None:
    assert hint in refusal("rep", "tcp://127.0.0.1:*", *arguments, directory=tmp_path)
