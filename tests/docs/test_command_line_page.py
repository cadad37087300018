"""What docs/command-line.md shows in a shell is what happens."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import zmq
from zmq._cli.commands import COMMANDS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "command-line.md"
TEXT = PAGE.read_text("utf-8") if PAGE.is_file() else ""
BLOCKS = re.findall(r"^```console\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)

pytestmark = [
    pytest.mark.skipif(not BLOCKS, reason="needs a source tree"),
    pytest.mark.skipif(shutil.which("bash") is None or not zmq.has("ipc"), reason="the examples use bash and ipc"),
]


@pytest.mark.parametrize("block", BLOCKS)
def test_example(block: str, tmp_path: Path) -> None:
    if "curve" in block and not zmq.has("curve"):
        pytest.skip("this libzmq has no CURVE")
    lines = block.splitlines()
    commands = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
    shown = [line for line in lines if not line.startswith("$ ")]
    script = "\n".join([f'zmq() {{ {sys.executable} -W error -m zmq "$@"; }}', "set -e -o pipefail", *commands])
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout.splitlines(), done.stderr) == (0, shown, "")


def test_every_command_is_named() -> None:
    assert [name for name in COMMANDS if f"`{name}`" not in TEXT] == []
