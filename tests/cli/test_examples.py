"""Every example runs by itself, ends, and says something."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from cli.commands import LIMIT, PYTHON
from helpers import counts_peers

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.mark.parametrize("name", sorted(path.name for path in EXAMPLES.glob("*.py")))
def test_example_runs(name: str, tmp_path: Path) -> None:
    if name.startswith("wait_") and not counts_peers():
        pytest.skip("an installed libzmq does not count peers")
    done = subprocess.run(
        [*PYTHON, str(EXAMPLES / name)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert done.stdout
