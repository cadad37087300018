"""The checks of check.py as tests, where their tools are installed (extra `lint`)."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest


def _load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


check = _load("check")


def _need_pyright() -> None:
    pytest.importorskip("pyright", reason="pyright comes with the extra lint")
    # the package of that name fetches the program at its first run
    started = subprocess.run(
        [sys.executable, "-m", "pyright", "--version"],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    if started.returncode:
        pytest.skip(f"pyright does not start here: {started.stderr.strip()[-200:]}")


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("name", ["mypy", "stubtest"])
def test_mypy_agrees(name: str) -> None:
    pytest.importorskip("mypy", reason="mypy comes with the extra lint")
    status, output = check.run(name)
    assert status == 0, output


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("name", ["pyright", "verifytypes"])
def test_pyright_agrees(name: str) -> None:
    _need_pyright()
    status, output = check.run(name)
    assert status == 0, output
