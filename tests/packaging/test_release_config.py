"""What the wheels are built, tested and published with: the configuration agrees with itself, and pins what it runs."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest
from build_tree import ROOT

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

sys.path.append(str(ROOT / "tools"))
import wheels

from buildutils.config import ABI3_SINCE

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


@pytest.fixture(scope="module")
def pyproject() -> dict[str, Any]:
    with (ROOT / "pyproject.toml").open("rb") as file:
        return tomllib.load(file)


def test_the_local_script_runs_what_cibuildwheel_runs(pyproject: dict[str, Any]) -> None:
    settings = pyproject["tool"]["cibuildwheel"]
    assert settings["test-command"] == f"python -m pytest -q {' '.join(wheels.SUITE)}"
    assert settings["test-sources"] == wheels.SUITE_FILES
    assert settings["environment"] == {"ZMQ_PREFIX": "bundled"}


def test_what_is_tested_exists(pyproject: dict[str, Any]) -> None:
    settings = pyproject["tool"]["cibuildwheel"]
    commands = [settings["test-command"], *(override["test-command"] for override in settings["overrides"])]
    named = [word for command in commands for word in command.split() if word.startswith("tests/")]
    assert [name for name in named if not (ROOT / name).exists()] == []
    assert [name for name in wheels.SUITE_FILES if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_actions_are_pinned_and_nothing_is_permitted_at_large(path: Path) -> None:
    text = path.read_text()
    used = re.findall(r"uses: (\S+)( # v[\d.]+)?", text)
    assert used
    assert [action for action, version in used if not (re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", action) and version)] == []
    assert "\npermissions: {}\n" in text
    assert text.count("actions/checkout@") == text.count("persist-credentials: false")


def test_one_version_of_each_action() -> None:
    pins = {tuple(pin.split("@")) for path in WORKFLOWS for pin in re.findall(r"uses: (\S+)", path.read_text())}
    assert len({action for action, _ in pins}) == len(pins)


def test_wheels_for_versions_without_one_of_their_own() -> None:
    text = (ROOT / ".github" / "workflows" / "wheels.yml").read_text()
    rows = re.findall(r"- \{ name: abi3-.* build: \"(.*)\", abi3: \"1\" \}", text)
    assert len(rows) == 5
    # the first is built with, the others are only tested
    assert {row.split()[0] for row in rows} == {f"cp{ABI3_SINCE[0]}{ABI3_SINCE[1]}-*"}
    assert "ZMQ_ABI3=${{ matrix.abi3 || '0' }}" in text
    assert "abi3audit --strict dist/*-abi3-*.whl" in text


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_the_status_job_waits_for_all_others(path: Path) -> None:
    text = path.read_text().partition("\njobs:\n")[2]
    jobs = set(re.findall(r"^  ([\w-]+):$", text, re.M))
    needed = re.search(r"^  status:\n(?:    .*\n)*?    needs: \[(.*)\]", text, re.M)
    assert needed
    assert jobs - set(needed[1].split(", ")) == {"status"} | ({"publish", "phones"} & jobs)
