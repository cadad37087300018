"""`python -m zmq cat`: both directions at once."""

from __future__ import annotations

import os
import pty
import socket as plain
import subprocess
from pathlib import Path

import pytest
import zmq

from cli.commands import PYTHON, refusal, running
from helpers import Background, MakeSocket, bind_any


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:*", "ipc://*"])
def test_two_talk(address: str, tmp_path: Path) -> None:
    if address.startswith("ipc") and not zmq.has("ipc"):
        pytest.skip("this libzmq has no ipc")
    with running("cat", "--bind", address, directory=tmp_path) as one:
        with running("cat", one.address(), directory=tmp_path) as two:
            two.write(b"hello\n")
            assert one.readline() == b"hello\n"
            one.write("wie geht's?\nübrigens\n".encode())
            assert two.readline() == b"wie geht's?\n"
            assert two.readline() == "übrigens\n".encode()
            for process in (one, two):
                process.interrupt()
                process.finish(status=130)


def test_the_end_of_the_input(socket: MakeSocket, tmp_path: Path) -> None:
    router = socket(zmq.ROUTER)
    with running("cat", "--type", "dealer", bind_any(router, "tcp"), "--timeout", 2, directory=tmp_path) as process:
        assert process.popen.stdin is not None
        process.write(b"1\n2")
        process.popen.stdin.close()
        process.popen.stdin = None
        for number in (b"1", b"2"):
            peer, question = router.recv_multipart()
            assert question == number
            router.send_multipart([peer, b"answer", number])
        assert process.finish()[0] == b"answer\t1\nanswer\t2\n"


def test_count_ends_it(socket: MakeSocket, tmp_path: Path) -> None:
    peer = socket(zmq.PAIR)
    with running("cat", bind_any(peer, "tcp"), "-n", 1, directory=tmp_path) as process:
        peer.send(b"x")
        # its input is still open
        assert process.popen.wait(30) == 0
        assert process.finish()[0] == b"x\n"


def test_a_router_answers_whoever_spoke_last(socket: MakeSocket, tmp_path: Path) -> None:
    with running("cat", "--type", "router", "--bind", "tcp://127.0.0.1:*", directory=tmp_path) as process:
        process.write(b"early\n")  # waits for somebody to answer
        address = process.address()
        for name in (b"ann", b"bob"):
            dealer = socket(zmq.DEALER)
            dealer.routing_id = name
            dealer.connect(address)
            dealer.send(b"hi")
            assert process.readline() == name + b"\thi\n"
            if name == b"ann":
                assert dealer.recv() == b"early"
            process.write(b"hello " + name + b"\n")
            assert dealer.recv() == b"hello " + name


def test_many_both_ways(tmp_path: Path) -> None:
    """Neither direction waits for the other at the high water mark."""
    count = 5000
    lines = b"".join(b"%d\n" % number for number in range(count))
    with running("cat", "--bind", "tcp://127.0.0.1:*", "--hwm", 3, "--timeout", 4, directory=tmp_path) as first:
        with running("cat", first.address(), "--hwm", 3, "--timeout", 4, directory=tmp_path) as second:
            feeding = Background(first.finish, lines)
            assert second.finish(lines)[0] == lines
            assert feeding.result(60)[0] == lines


def test_stream_asks_a_plain_server(tmp_path: Path) -> None:
    with plain.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(30)
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        with running("cat", "--type", "stream", "--raw", "--payload", address, "--timeout", 2, directory=tmp_path) as process:
            connection, _ = server.accept()
            with connection:
                connection.settimeout(30)
                assert process.popen.stdin is not None
                process.write(b"GET /\r\n\r\n")
                process.popen.stdin.close()
                process.popen.stdin = None
                got = b""
                while len(got) < 9:
                    got += connection.recv(100)
                assert got == b"GET /\r\n\r\n"
                connection.sendall(b"200 \x00\xff")
                assert process.finish()[0] == b"200 \x00\xff"


def test_ctrl_d_on_a_terminal(socket: MakeSocket, tmp_path: Path) -> None:
    leader, terminal = pty.openpty()
    peer = socket(zmq.PAIR)
    process = subprocess.Popen(
        [*PYTHON, "-m", "zmq", "cat", bind_any(peer, "tcp")],
        cwd=tmp_path,
        stdin=terminal,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        os.write(leader, b"typed\n")
        assert peer.recv() == b"typed"
        os.write(leader, b"\x04")
        assert process.wait(30) == 0
        assert process.communicate() == (b"", b"")
    finally:
        process.kill()
        process.communicate()
        os.close(leader)
        os.close(terminal)


def test_invalid_input_ends_it(socket: MakeSocket, tmp_path: Path) -> None:
    with running("cat", bind_any(socket(zmq.PAIR), "tcp"), "--json", directory=tmp_path) as process:
        process.write(b"{\n")
        assert "is not JSON" in process.finish(status=2)[1]


def test_to_is_for_routers(tmp_path: Path) -> None:
    assert "--type router" in refusal("cat", "tcp://127.0.0.1:9", "--to", "x", directory=tmp_path)
