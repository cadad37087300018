"""The fixture that looks after every test: it fails when something is left behind."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent.parent
LEAVES = {
    "a socket": "left = zmq.Context().socket(zmq.PAIR)",
    "a buffer": """
        context = zmq.Context()
        a, b = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
        a.bind("inproc://x"); b.connect("inproc://x")
        a.send(bytearray(100_000), copy=False)
        left = b.recv(copy=False)
        context.destroy(0)
    """,
}


@pytest.mark.parametrize("what", LEAVES)
def test_what_is_left_behind_is_an_error(tmp_path: Path, what: str) -> None:
    for name in ("conftest.py", "helpers.py"):
        shutil.copy(TESTS / name, tmp_path)
    body = LEAVES[what] if "\n" in LEAVES[what] else f"\n        {LEAVES[what]}\n"
    code = f"import conftest\nimport zmq\n\nconftest.GRACE = 0.5\n\ndef test_leaves():\n        global left{body}"
    (tmp_path / "test_it.py").write_text(code, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), "test_it.py"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert run.returncode == 1, run.stdout
    assert "1 passed, 1 error" in run.stdout, run.stdout
    assert "back at 0 sockets and 0 buffers" in run.stdout, run.stdout
