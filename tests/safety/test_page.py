"""docs/safety.md names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
PAGE = TESTS.parent / "docs" / "safety.md"


def test_named_tests_exist() -> None:
    named = re.findall(r"`([a-z_]+/test_[a-z_]+\.py)(?:::(\w+))?`", PAGE.read_text(encoding="utf-8"))
    assert len(named) > 40
    missing = [
        f"{file}::{test}"
        for file, test in named
        if not (TESTS / file).exists() or f"def {test}" not in (TESTS / file).read_text(encoding="utf-8")
    ]
    assert missing == []
