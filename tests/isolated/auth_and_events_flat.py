"""Authenticators and typed events, begun and ended a thousand times, leave memory, descriptors and threads as they were."""

from __future__ import annotations

import time

import psutil
import zmq
from flat import expect_flat

PROCESS = psutil.Process()


def held() -> tuple[int, int]:
    """Descriptors (where the system counts them) and threads."""
    return (PROCESS.num_fds() if hasattr(PROCESS, "num_fds") else 0, PROCESS.num_threads())


with zmq.Context() as context:

    def work(count: int) -> None:
        for _ in range(count):
            with context.auth(passwords={"me": "secret"}):
                pass
            with context.socket(zmq.REP) as server:
                events = server.monitor_events()
                server.bind("tcp://127.0.0.1:*")
            assert [event.event for event in events][-1] == zmq.EVENT_MONITOR_STOPPED

    work(50)
    before = held()
    expect_flat(work, 1000)
    # libzmq's own thread frees the sockets, and may be behind
    deadline = time.monotonic() + 30
    while not all(now <= then for now, then in zip(held(), before, strict=True)):
        assert time.monotonic() < deadline, (before, held())
        time.sleep(0.01)
