"""The demo's worker processes as their parent sees them: started, counted, dismissed, ended."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass

import zmq

# How long a worker may take to leave before it is ended.
LEAVE_SECONDS = 5.0


@dataclass
class Worker:
    """A worker process and what it has done."""

    name: str
    process: subprocess.Popen[bytes]
    ready: bool = False
    state: str = "running"
    files: int = 0
    nbytes: int = 0
    seconds: float = 0.0

    @property
    def here(self) -> bool:
        """Whether it may still be given work."""
        return self.state == "running"


class Pool:
    """Every worker that a run has had, in the order of their start.

    Args:
        members: A bound XPUB, on which workers subscribe to their own name.
        endpoints: Where workers find tasks, results and members.
        warn: Told about workers that do not behave.
    """

    def __init__(
        self, members: zmq.SyncSocket, endpoints: list[str], warn: Callable[[str], None]
    ) -> None:
        self.workers: list[Worker] = []
        self.members = members
        self._endpoints = endpoints
        self._warn = warn

    @property
    def here(self) -> list[Worker]:
        """The workers that have not ended and were not dismissed."""
        return [worker for worker in self.workers if worker.here]

    @property
    def ready(self) -> list[Worker]:
        """Those of them that have connected."""
        return [worker for worker in self.here if worker.ready]

    def grow_to(self, count: int) -> None:
        """Start workers until there have been `count`."""
        while len(self.workers) < count:
            # Of one length, because a subscription matches every name that begins with it.
            name = f"worker-{len(self.workers) + 1:03}"
            process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "zmq._cli.demo_worker", name),
                    *(*self._endpoints, str(os.getpid())),
                ],
                stdin=subprocess.DEVNULL,
                # Ctrl-C goes to this process alone, which then ends its workers.
                start_new_session=True,
            )
            self.workers.append(Worker(name, process))

    def note_arrivals(self) -> bool:
        """Read who has come; XPUB passes on each subscription as a byte 1 and the name."""
        someone = False
        while True:
            try:
                change = self.members.recv(zmq.DONTWAIT)
            except zmq.Again:
                return someone
            for worker in self.workers:
                if change == b"\x01" + worker.name.encode():
                    worker.ready = someone = True

    def note_losses(self) -> bool:
        """Find workers that ended without having been asked to."""
        lost = [worker for worker in self.here if worker.process.poll() is not None]
        for worker in lost:
            worker.state = f"ended by itself, exit status {worker.process.returncode}"
            self._warn(f"{worker.name} {worker.state}")
        return bool(lost)

    def dismiss(self, worker: Worker, state: str) -> None:
        """Ask a worker to leave and wait until it has."""
        worker.state = state
        if not worker.ready:
            # It could not hear, and has nothing yet.
            worker.process.kill()
            worker.process.wait()
            return
        self.members.send(worker.name.encode())
        try:
            worker.process.wait(LEAVE_SECONDS)
        except subprocess.TimeoutExpired:
            self._warn(f"{worker.name} did not leave; it is ended")
            worker.process.kill()
            worker.process.wait()

    def end(self) -> None:
        """End every process that still runs, whatever happened."""
        running = [worker for worker in self.workers if worker.process.poll() is None]
        for worker in running:
            worker.process.kill()
        for worker in running:
            worker.process.wait()
