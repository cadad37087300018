"""Running `python -m zmq` as a user does: a process of its own, outside the source tree."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from helpers import asleep, repeatedly, wait_until

LIMIT = 60.0


def zmq_command(*arguments: object, directory: Path, limit: float = LIMIT) -> Outcome:
    """Run a command to its end and return what it printed; warnings are errors in it."""
    done = subprocess.run(
        [*PYTHON, "-m", "zmq", *map(str, arguments)],
        cwd=directory,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=limit,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done


def refusal(*arguments: object, directory: Path, status: int = 2) -> str:
    """Run a command that must not succeed, and return its one line of explanation."""
    done = zmq_command(*arguments, directory=directory)
    assert done.returncode == status, done.stdout + done.stderr
    assert done.stdout == ""
    [line] = [line for line in done.stderr.splitlines() if not line.startswith("bound to ")]
    return line


class Running:
    """A command that runs while the test acts on it; its pipes carry bytes."""

    def __init__(self, directory: Path, arguments: tuple[object, ...], stdin: int | IO[bytes] = subprocess.PIPE) -> None:
        self.popen = subprocess.Popen(
            [*PYTHON, "-m", "zmq", *map(str, arguments)],
            cwd=directory,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,  # what readline() leaves is there for finish()
            start_new_session=True,
        )

    def address(self) -> str:
        """Where it says that it is bound."""
        assert self.popen.stderr is not None
        line = self.popen.stderr.readline().decode()
        assert line.startswith("bound to "), line + self.popen.stderr.read().decode()
        return line.split()[-1]

    def write(self, data: bytes) -> None:
        """Write to its standard input, which stays open."""
        assert self.popen.stdin is not None
        view = memoryview(data)
        while view:
            view = view[self.popen.stdin.write(view) :]

    def readline(self) -> bytes:
        """The next line that it prints."""
        assert self.popen.stdout is not None
        return self.popen.stdout.readline()

    def wait_until_asleep(self) -> None:
        """Return once its main thread waits for something."""
        wait_until(repeatedly(lambda: asleep(Path(f"/proc/{self.popen.pid}/stat"))), what="asleep")

    def interrupt(self) -> None:
        """Ctrl-C."""
        self.popen.send_signal(signal.SIGINT)

    def finish(self, stdin: bytes | None = None, status: int = 0, limit: float = LIMIT) -> tuple[bytes, str]:
        """Wait for its end with this status; what it printed, and its notes."""
        out, err = self.popen.communicate(stdin, timeout=limit)
        assert self.popen.returncode == status, (self.popen.returncode, out[-300:], err.decode())
        assert b"Traceback" not in err and b"Warning" not in err, err.decode()
        return out, err.decode()


@contextlib.contextmanager
def running(*arguments: object, directory: Path, stdin: int | IO[bytes] = subprocess.PIPE) -> Iterator[Running]:
    """A command; killed when the block ends."""
    one = Running(directory, arguments, stdin)
    try:
        yield one
    finally:
        if one.popen.poll() is None:
            os.killpg(one.popen.pid, signal.SIGKILL)
        one.popen.wait()
        for stream in (one.popen.stdin, one.popen.stdout, one.popen.stderr):
            if stream is not None:
                stream.close()



PYTHON = (sys.executable, "-X", "faulthandler", "-W", "error")
Outcome = subprocess.CompletedProcess[str]
