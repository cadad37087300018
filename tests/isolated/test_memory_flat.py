"""Each script of this directory in a fresh process, whose memory nothing else has touched."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
LIMIT = 500.0
SCRIPTS = ("auth_and_events_flat.py", "send_recv_flat.py", "sockets_flat.py", "zero_copy_flat.py", "waiting_receives.py")


@pytest.mark.timeout(LIMIT + 30)
@pytest.mark.parametrize("script", SCRIPTS)
def test_memory_is_flat(script: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-W", "error", str(HERE / script)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
