"""What README.md shows, works: its programs are run, its links lead somewhere, its commands are those that CI runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from helpers import RunChild

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"

pytestmark = pytest.mark.skipif(not README.is_file(), reason="needs a source tree")



def programs() -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", README.read_text("utf-8"), re.MULTILINE | re.DOTALL)


def test_numpy_program(run_child: RunChild) -> None:
    pytest.importorskip("numpy")
    (program,) = (one for one in programs() if "numpy" in one)
    assert len(program.strip().splitlines()) <= 11
    run_child(program, options=("-W", "error")).ok()


def test_asyncio_program(run_child: RunChild) -> None:
    (program,) = (one for one in programs() if "async def" in one)
    assert len(program.strip().splitlines()) <= 10
    child = run_child(program, options=("-W", "error")).ok()
    assert child.out == "[b'hello', b'world']\n"


@pytest.mark.parametrize("extra", ["numpy", "test"])
def test_commands_are_lines_of_their_own(extra: str) -> None:
    lines = README.read_text("utf-8").splitlines()
    assert [line for line in lines if line.startswith(f"python -m pip install '.[{extra}]' && python -m ")]


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", *(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))])
def test_links_lead_somewhere(page: str) -> None:
    path = ROOT / page
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", path.read_text("utf-8"))
    assert [target for target in targets if not (path.parent / target).exists()] == []
