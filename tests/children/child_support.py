"""What the programs in child processes share; on their path through ``run_child``."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


class Running(threading.Thread):
    """A function in a daemon thread; ``ended()`` waits, ``value`` and ``error`` say how."""

    def __init__(self, function: Callable[[], Any], name: str | None = None) -> None:
        super().__init__(daemon=True, name=name)
        self.function = function
        self.value: Any = None
        self.error: BaseException | None = None
        self.start()

    def run(self) -> None:
        try:
            self.value = self.function()
        except BaseException as error:  # kept for the main thread
            self.error = error

    def ended(self, timeout: float = 30.0) -> Running:
        self.join(timeout)
        assert not self.is_alive(), f"{self.name} still blocked after {timeout} s"
        return self


def _asleep(thread: threading.Thread) -> bool:
    if sys.platform != "linux":
        return thread.is_alive()
    try:
        stat = Path(f"/proc/self/task/{thread.native_id}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] == "S"


def blocked(thread: threading.Thread) -> None:
    """Return once ``thread`` was asleep at 25 looks in a row, or has ended."""
    end = time.monotonic() + 30
    seen = 0
    while seen < 25 and thread.is_alive():
        assert time.monotonic() < end, "thread never blocked"
        seen = seen + 1 if _asleep(thread) else 0
        time.sleep(0.001)  # the interval between two looks


@contextmanager
def no_descriptor_left(limit: int) -> Iterator[None]:
    """Allow this process so many descriptors, for good, and hold all that are free until the block ends. Not on Windows."""
    import resource

    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    held = []
    try:
        while True:
            try:
                held.append(os.open(os.devnull, os.O_RDONLY))
            except OSError:
                break
        yield
    finally:
        for one in held:
            os.close(one)
