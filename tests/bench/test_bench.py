"""`python -m zmq bench` runs and reports; how fast anything is, no test says."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import zmq
from zmq._cli import workloads

pytest.importorskip("numpy")

LIMIT = 400.0


def bench(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "zmq", "bench", *arguments],
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )


def report_of(directory: Path, *arguments: str) -> dict[str, Any]:
    done = bench(directory, *arguments, "--json", "report.json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "written to report.json" in done.stdout
    report = json.loads((directory / "report.json").read_text("utf-8"))
    assert isinstance(report, dict)
    return report


def listed(directory: Path) -> list[str]:
    done = bench(directory, "--list")
    assert done.returncode == 0, done.stderr
    return [line.split()[0] for line in done.stdout.splitlines()]


@pytest.mark.timeout(LIMIT + 50)
def test_every_workload_runs_and_is_reported(tmp_path: Path) -> None:
    report = report_of(tmp_path, "--quick")
    assert sorted(report["workloads"]) == sorted(listed(tmp_path))
    assert report["about"]["ours"]["libzmq"] == zmq.zmq_version()
    assert report["machine"]["cpus"] == os.cpu_count()
    c_runs = "libzmq" in report["about"]["c"]
    assert c_runs or report["about"]["c"]["missing"]
    for name, result in report["workloads"].items():
        assert result["failures"] == {}, name
        assert result["unit"] and result["measures"] and "higher_is_better" in result
        for who in ("ours", "c"):
            if who in result:
                assert len(result[who]["samples"]) == 1
                assert 0 < result[who]["min"] <= result[who]["median"] <= result[who]["max"]
        assert "ours" in result
        assert (result["ratio_to_c"] is not None) == ("c" in result)
        assert result["ratio_to_rival"] is None
    if c_runs:
        assert "c" in report["workloads"]["tcp_push_pull_1k"]


@pytest.mark.skipif(os.name != "posix", reason="the rival here is a shell script")
def test_against_another_installation(tmp_path: Path) -> None:
    """This package under another path is a rival as good as any."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "zmq").symlink_to(Path(zmq.__file__).parent)
    rival = tmp_path / "rival"
    rival.write_text(
        f"#!/bin/sh\nPYTHONPATH={tmp_path / 'elsewhere'}\nexport PYTHONPATH\n"
        f'exec {sys.executable} "$@"\n'
    )
    rival.chmod(0o755)
    report = report_of(
        tmp_path, "option_linger", "tcp_push_pull_16", "tcp_reqrep_16", "--quick", "--pairs", "2", "--against", str(rival)
    )
    assert sorted(report["workloads"]) == ["option_linger", "tcp_push_pull_16", "tcp_reqrep_16"]
    assert report["about"]["rival"]["path"].startswith(str(tmp_path / "elsewhere" / "zmq"))
    for result in report["workloads"].values():
        assert len(result["rival"]["samples"]) == 2
        ratio = result["ours"]["median"] / result["rival"]["median"]
        assert result["ratio_to_rival"] == pytest.approx(ratio)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nonsense",), "no workload 'nonsense'"),
        (("--pairs", "2"), "--pairs 2 is too few"),
        (("--against", "/nowhere/python"), "no such interpreter"),
        (("--against", sys.executable), "imports the same zmq"),
        (("--libzmq", "/nowhere"), "no zmq.h with a libzmq under /nowhere"),
    ],
)
def test_impossible_requests(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    done = bench(tmp_path, *arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_workloads_stand_alone() -> None:
    """They run under a rival, which has nothing else of this package."""
    allowed = {*sys.stdlib_module_names, "zmq", "numpy", "uvloop", "gevent", "awaited"}
    here = Path(workloads.__file__)
    for node in ast.walk(ast.parse(here.read_text("utf-8") + here.with_name("awaited.py").read_text("utf-8"))):
        if isinstance(node, ast.Import):
            assert {alias.name.split(".")[0] for alias in node.names} <= allowed
        elif isinstance(node, ast.ImportFrom) and node.names[0].name != "awaited":
            assert node.level == 0 and node.module and node.module.split(".")[0] in allowed
