"""`python -m zmq monitor`."""

from __future__ import annotations

import datetime
import json
import re
from pathlib import Path

import zmq

from cli.commands import refusal, running, zmq_command
from helpers import MakeSocket, bind_any


def test_a_connection_comes_and_goes(socket: MakeSocket, tmp_path: Path) -> None:
    router = socket(zmq.ROUTER)
    address = bind_any(router, "tcp")
    with running("monitor", address, directory=tmp_path) as process:
        lines = [process.readline().decode()]
        while "handshake_succeeded" not in lines[-1]:
            lines.append(process.readline().decode())
        router.close(0)
        while "disconnected" not in lines[-1]:
            lines.append(process.readline().decode())
        process.interrupt()
        process.finish(status=130)
    assert all(re.match(r"\d\d:\d\d:\d\d\.\d{6} [a-z_]+ +tcp://127", line) for line in lines)
    assert any(" connected " in line for line in lines)


def test_json_of_a_server(socket: MakeSocket, tmp_path: Path) -> None:
    with running("monitor", "--bind", "tcp://127.0.0.1:*", "--json", "--until", "accepted", directory=tmp_path) as process:
        first = json.loads(process.readline())
        assert first["event"] == "listening" and set(first) == {"time", "event", "endpoint"}
        assert datetime.datetime.fromisoformat(first["time"]).tzinfo is not None
        socket(zmq.DEALER).connect(first["endpoint"])
        out, _ = process.finish()
    assert json.loads(out.splitlines()[-1])["event"] == "accepted"


def test_until_and_timeout(tmp_path: Path) -> None:
    done = zmq_command("monitor", "tcp://127.0.0.1:9", "--until", "handshake_succeeded", "--timeout", 1.5, directory=tmp_path)
    assert done.returncode == 1
    assert "connect_retried" in done.stdout and re.search(r"interval=\d+", done.stdout)
    assert "no handshake_succeeded within 1.5 s" in done.stderr


def test_types_that_do_not_fit(socket: MakeSocket, tmp_path: Path) -> None:
    address = bind_any(socket(zmq.PUB), "tcp")
    done = zmq_command("monitor", address, "--until", "disconnected", "--timeout", 40, directory=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "handshake_succeeded" not in done.stdout


def test_security_that_does_not_fit(socket: MakeSocket, tmp_path: Path) -> None:
    server = socket(zmq.ROUTER)
    server.plain_server = True
    arguments = ("--json", "--until", "handshake_failed_protocol", "--timeout", 40)
    done = zmq_command("monitor", bind_any(server, "tcp"), *arguments, directory=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["error"] == "PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH"


def test_unknown_event(tmp_path: Path) -> None:
    assert "handshake_succeeded" in refusal("monitor", "tcp://127.0.0.1:9", "--until", "never", directory=tmp_path)
