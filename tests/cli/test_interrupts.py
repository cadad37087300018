"""Ctrl-C wherever a command can wait: no traceback, status 130, soon."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from cli.commands import running
from helpers import wait_until

NOWHERE = "tcp://127.0.0.1:9"
ANYWHERE = "tcp://127.0.0.1:*"

#: Arguments, and what is written to the standard input, which stays open.
WAITING: dict[str, tuple[list[str], bytes]] = {
    "send waits for input": (["send", NOWHERE], b""),
    "send waits for input after a message": (["send", NOWHERE], b"x\n"),
    "send waits for a peer": (["send", "--bind", ANYWHERE, "-m", "x"], b""),
    "send waits for room": (["send", NOWHERE, "--hwm", "1", "--repeat", "-m", "x"], b""),
    "send waits for a taker at its end": (["send", NOWHERE, "-m", "x"], b""),
    "send waits between two": (["send", NOWHERE, "--repeat", "-m", "x", "--interval", "100"], b""),
    "send waits for an identity": (["send", "--bind", ANYWHERE, "--type", "router", "--to", "x", "-m", "x"], b""),
    "send waits for a stream": (["send", NOWHERE, "--type", "stream", "-m", "x"], b""),
    "send reads one large message": (["send", NOWHERE, "--raw"], b"x"),
    "pub waits for subscribers": (["pub", ANYWHERE, "-m", "x"], b""),
    "recv": (["recv", ANYWHERE], b""),
    "recv with a timeout": (["recv", ANYWHERE, "--timeout", "1000"], b""),
    "sub": (["sub", NOWHERE], b""),
    "req waits for input": (["req", NOWHERE], b""),
    "req waits for a reply": (["req", NOWHERE, "-m", "x"], b""),
    "rep": (["rep", ANYWHERE, "--echo"], b""),
    "rep by hand": (["rep", ANYWHERE], b""),
    "cat": (["cat", NOWHERE], b""),
    "cat with something to send": (["cat", NOWHERE, "--hwm", "1"], b"x\n" * 10_000),
    "proxy": (["proxy", "queue", ANYWHERE, ANYWHERE, "--control", ANYWHERE], b""),
    "monitor": (["monitor", "--bind", ANYWHERE], b""),
    "monitor of somebody who is not there": (["monitor", NOWHERE], b""),
}


@pytest.mark.parametrize("where", WAITING)
def test_interrupt(where: str, tmp_path: Path) -> None:
    arguments, typed = WAITING[where]
    with running(*arguments, directory=tmp_path) as process:
        process.write(typed)
        # libzmq's threads are there: the command has begun
        threads = Path(f"/proc/{process.popen.pid}/task")
        if threads.exists():
            wait_until(lambda: len(list(threads.iterdir())) >= 3, what="libzmq's threads")
        process.wait_until_asleep()
        began = time.monotonic()
        process.interrupt()
        _, err = process.finish(status=130)
        assert time.monotonic() - began < 30
    assert err.splitlines()[-1] == "interrupted"


def test_interrupted_command_of_rep(tmp_path: Path) -> None:
    with running("rep", ANYWHERE, "--exec", "sleep 100", directory=tmp_path) as server:
        with running("req", server.address(), "-m", "x", directory=tmp_path) as client:
            client.wait_until_asleep()
            server.wait_until_asleep()
            server.interrupt()
            server.finish(status=130)
