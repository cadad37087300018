"""Programs in other languages that hold one socket, and do what lines on their standard input say.

A peer is started as `PROGRAM TYPE bind|connect ADDRESS SECURITY [KEY...]` and says `ready ADDRESS`. Then it answers `send FRAME...`
with `sent`, `subscribe TOPIC` with `subscribed`, and `recv` with `got FRAME...`; frames are in hexadecimal, an empty one is `-`. It
ends with its input. SECURITY is `null`, `curve-server SECRET`, `curve-client SERVER-KEY PUBLIC SECRET`, `plain-server NAME
PASSWORD` or `plain-client NAME PASSWORD`; a server has a ZAP handler of its own.
"""

from __future__ import annotations

import contextlib
import os
import queue
import subprocess
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

PATIENCE = 60.0

#: How to start each peer from the directory of install.py; the first word exists when it is installed.
PROGRAMS = {"node": ("node/peer.js", ["node", "node/peer.js"]), "czmq": ("czmq/peer", ["czmq/peer"])}


def installed() -> Path | None:
    """The directory of install.py, if there is one."""
    return Path(os.environ["ZMQ_INTEROP"]) if "ZMQ_INTEROP" in os.environ else None


def command_of(name: str) -> list[str] | None:
    """The command of a peer, None if it is not installed."""
    directory = installed()
    if directory is None or not (directory / PROGRAMS[name][0]).exists():
        return None
    return [str(directory / word) if "/" in word else word for word in PROGRAMS[name][1]]


class Peer:
    """A running peer."""

    def __init__(self, command: Sequence[str], arguments: Sequence[str]) -> None:
        self._process = subprocess.Popen(
            [*command, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self._answers: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.address = self.answer("ready")[0]

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._answers.put(line)

    def tell(self, *words: str) -> None:
        """Give it an order without waiting for the answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(" ".join(words) + "\n")
        self._process.stdin.flush()

    def answered(self) -> bool:
        """Whether an answer waits."""
        return not self._answers.empty()

    def answer(self, wanted: str) -> list[str]:
        """The rest of the next answer, which begins with this word."""
        try:
            line = self._answers.get(timeout=PATIENCE)
        except queue.Empty:
            self._process.kill()
            raise AssertionError(f"no {wanted!r} from the peer: {self._process.communicate()[1]}") from None
        first, *rest = line.split()
        assert first == wanted, line
        return rest

    def send(self, *frames: bytes) -> None:
        """Let it send a message."""
        self.tell("send", *(frame.hex() or "-" for frame in frames))
        self.answer("sent")

    def subscribe(self, topic: bytes) -> None:
        """Let it subscribe."""
        self.tell("subscribe", topic.hex() or "-")
        self.answer("subscribed")

    def received(self) -> list[bytes]:
        """What the order `recv` of before brought."""
        return [bytes.fromhex(word.replace("-", "")) for word in self.answer("got")]

    def recv(self) -> list[bytes]:
        """Let it receive a message."""
        self.tell("recv")
        return self.received()

    def end(self) -> None:
        """Close its input, and wait."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            status = self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            status = None
        self.kill()
        assert status == 0, status

    def kill(self) -> None:
        """Leave nothing behind."""
        self._process.kill()
        self._process.wait()
        self._reader.join(PATIENCE)
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()


@contextlib.contextmanager
def running_peer(command: Sequence[str], *arguments: str) -> Iterator[Peer]:
    """A peer, which ends with the block."""
    peer = Peer(command, arguments)
    try:
        yield peer
        peer.end()
    finally:
        peer.kill()
