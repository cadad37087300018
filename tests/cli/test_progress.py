"""Progress bars: on a terminal that shows nothing else, and nowhere else."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import struct
import subprocess
import termios
from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq

from cli.commands import LIMIT, PYTHON
from helpers import Background, MakeSocket, bind_any

pytest.importorskip("tqdm")


@contextlib.contextmanager
def terminal() -> Iterator[tuple[int, Background]]:
    """A terminal to write to, and a thread that reads what was shown there."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))

    def shown() -> bytes:
        data = b""
        # Linux says EIO where others say end of file
        with contextlib.suppress(OSError):
            while block := os.read(leader, 4096):
                data += block
        return data

    reading = Background(shown)
    try:
        yield follower, reading
    finally:
        with contextlib.suppress(OSError):
            os.close(follower)
        reading.finished()
        os.close(leader)


def shown_while_sending(tmp_path: Path, address: str, *arguments: str) -> str:
    """What `send` shows on a terminal while it reads six lines from a file, for more than a second."""
    (tmp_path / "lines").write_bytes(b"12345\n" * 6)
    with terminal() as (follower, reading), (tmp_path / "lines").open("rb") as file:
        command = [*PYTHON, "-m", "zmq", "send", address, "--interval", "0.25", *arguments]
        done = subprocess.run(command, cwd=tmp_path, stdin=file, stdout=subprocess.PIPE, stderr=follower, timeout=LIMIT)
        assert (done.returncode, done.stdout) == (0, b"")
        os.close(follower)
        shown: bytes = reading.result()
    return shown.decode()


def test_bar_of_a_file(socket: MakeSocket, tmp_path: Path) -> None:
    shown = shown_while_sending(tmp_path, bind_any(socket(zmq.PULL), "tcp"))
    assert "sending" in shown and "%" in shown


def test_quiet(socket: MakeSocket, tmp_path: Path) -> None:
    assert shown_while_sending(tmp_path, bind_any(socket(zmq.PULL), "tcp"), "--quiet") == ""
