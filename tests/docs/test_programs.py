"""The programs on the pages about security and monitors run as they stand."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from helpers import RunChild, counts_peers

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGES = [DOCS / name for name in ("security.md", "monitors.md")]

pytestmark = pytest.mark.skipif(not DOCS.is_dir(), reason="needs a source tree")


def programs() -> list[tuple[str, str]]:
    found = []
    for page in PAGES:
        blocks = re.findall(r"^```python\n(.*?)^```", page.read_text("utf-8") if page.is_file() else "", re.MULTILINE | re.DOTALL)
        found += [(f"{page.name}-{number}", block) for number, block in enumerate(blocks, 1)]
    return found


@pytest.mark.parametrize(("name", "program"), programs(), ids=[name for name, _ in programs()])
def test_program_runs(run_child: RunChild, name: str, program: str) -> None:
    if "wait_" in program and not counts_peers():
        pytest.skip("an installed libzmq does not count peers")
    run_child(program, options=["-W", "error"]).ok()
