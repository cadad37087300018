"""The build's own code is not installed: it is imported from the checkout."""

from __future__ import annotations

import functools
import os
import sys
from pathlib import Path

import pytest

pytest.importorskip("setuptools", minversion="77", reason="the test extra installs it")

HERE = Path(__file__).resolve().parent
sys.path += [str(HERE), str(HERE.parents[1])]

from build_tree import Build, make_small_tree, run_setup  # noqa: E402  the path must be right first

from buildutils.config import BuildConfig  # noqa: E402


@pytest.fixture
def clean_env(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """No build variable is set, and the cache is an empty directory."""
    for name in list(os.environ):
        if name.startswith(("ZMQ_", "LIBSODIUM_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("ZMQ_BUILD_CACHE", str(tmp_path / "cache"))
    return monkeypatch


@pytest.fixture
def config(clean_env: pytest.MonkeyPatch) -> BuildConfig:
    """What an environment that asks for nothing gives."""
    return BuildConfig.from_environment()


@pytest.fixture
def small_tree(tmp_path: Path) -> Path:
    """A project with this build and two small modules."""
    return make_small_tree(tmp_path / "tree")


@pytest.fixture
def build(small_tree: Path) -> Build:
    """Runs setup.py in the small tree and returns what it printed."""
    pytest.importorskip("Cython", reason="the test extra installs it")
    return functools.partial(run_setup, small_tree)
