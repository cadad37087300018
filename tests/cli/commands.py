"""Running `python -m zmq` as a user does: a process of its own, outside the source tree."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

LIMIT = 60.0


def zmq_command(*arguments: object, directory: Path, limit: float = LIMIT) -> Outcome:
    """Run a command to its end and return what it printed; warnings are errors in it."""
    done = subprocess.run(
        [*PYTHON, "-m", "zmq", *map(str, arguments)],
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=limit,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done


PYTHON = (sys.executable, "-X", "faulthandler", "-W", "error")
Outcome = subprocess.CompletedProcess[str]
