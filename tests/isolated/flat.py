"""Resident memory before and after many operations; shared by the scripts of this directory.

A script warms up, notes the memory, does the whole work, and fails if the memory grew by more than
the noise of an allocator. ZMQ_TEST_SCALE (1 by default) makes the work smaller.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable

ALLOWED_KIB = 4096


def resident_kib() -> int:
    """Resident memory now; its peak so far where the system does not tell (not Linux)."""
    try:
        with open("/proc/self/status", encoding="ascii") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
    except OSError:
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak // 1024 if sys.platform == "darwin" else peak


def expect_flat(work: Callable[[int], None], count: int) -> None:
    """Run `work(count)` after a warm-up of a tenth and exit with an error if memory grew."""
    count = max(10, int(count * float(os.environ.get("ZMQ_TEST_SCALE", "1"))))
    work(count // 10)
    gc.collect()
    before = resident_kib()
    work(count)
    gc.collect()
    grown = resident_kib() - before
    print(f"{count} operations: resident memory {before} KiB, grown by {grown} KiB")
    if grown > ALLOWED_KIB:
        sys.exit(f"resident memory grew by {grown} KiB over {count} operations")
