"""The build in CPython's limited API: one wheel for several Pythons, and what it does not take from their internals."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from build_tree import BUILD_LIMIT, ROOT, Build

from buildutils.config import ABI3_SINCE

sys.path.append(str(ROOT / "tools"))
import wheels

pytestmark = [pytest.mark.slow_build, pytest.mark.timeout(1500)]

#: What the newest Python tests in the installed wheel; the parts that neither take long nor need optional packages.
SELECTION = ["core/test_send.py", "core/test_multipart.py", "core/test_batch.py", "core/test_frame.py", "core/test_frame_buffer.py",
             "core/test_tracker.py", "core/test_zero_copy.py", "core/test_poll.py", "core/test_proxy.py", "core/test_options.py",
             "core/test_package.py", "flavours/test_asyncio.py", "flavours/test_asyncio_cancel.py"]  # fmt: skip

ROUND_TRIP = """
import asyncio, zmq.asyncio

async def main():
    with zmq.asyncio.Context() as context, context.socket(zmq.REP) as rep, context.socket(zmq.REQ) as req:
        rep.bind("inproc://here")
        req.connect("inproc://here")
        waiting = asyncio.ensure_future(rep.recv_multipart())
        await req.send(b"question")
        assert await waiting == [b"question"]
        await rep.send(bytearray(b"answer"), copy=False)
        print(await req.recv_multipart())

asyncio.run(main())
"""


def call(*command: str | Path, cwd: Path, timeout: float = BUILD_LIMIT, **env: str) -> str:
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")} | env
    line = [str(part) for part in command]
    done = subprocess.run(line, cwd=cwd, env=environment, capture_output=True, text=True, timeout=timeout)
    assert done.returncode == 0, f"{line}\n{done.stdout[-8000:]}\n{done.stderr[-4000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def pythons() -> list[Path]:
    """The machine's CPythons that have a stable ABI of that version, the oldest first."""
    found = [python.path for python in wheels.find_pythons() if tuple(map(int, python.version.split(".")[:2])) >= ABI3_SINCE]
    if not found:
        pytest.skip(f"the machine has no CPython {'.'.join(map(str, ABI3_SINCE))} or newer")
    return found


@pytest.fixture(scope="module")
def wheel(pythons: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The whole package, built with the oldest of them."""
    work = tmp_path_factory.mktemp("abi3")
    unwanted = shutil.ignore_patterns("build", ".git", "*.so", "*.pyd", "__pycache__", ".*_cache", "*.egg-info")
    shutil.copytree(ROOT, work / "tree", ignore=unwanted)
    switches = {"ZMQ_ABI3": "1", "ZMQ_PREFIX": "bundled"}
    call(pythons[0], "-m", "pip", "wheel", "-q", "--no-deps", "-w", work / "out", work / "tree", cwd=work, **switches)
    (path,) = (work / "out").glob("*.whl")
    return path


def test_the_wheel_is_one_for_all(wheel: Path) -> None:
    assert f"-cp{ABI3_SINCE[0]}{ABI3_SINCE[1]}-abi3-" in wheel.name
    with zipfile.ZipFile(wheel) as archive:
        compiled = [name for name in archive.namelist() if name.endswith((".so", ".pyd"))]
    assert len(compiled) == len(list((ROOT / "zmq" / "_core").glob("*.pyx")))
    assert all(name.endswith((".abi3.so", ".pyd")) and "cpython" not in name for name in compiled)


def test_only_the_stable_abi_is_used(pythons: list[Path], wheel: Path, tmp_path: Path) -> None:
    call(pythons[0], "-m", "venv", tmp_path / "env", cwd=tmp_path)
    programs = tmp_path / "env" / ("Scripts" if sys.platform == "win32" else "bin")
    call(programs / "python", "-m", "pip", "install", "-q", "abi3audit", cwd=tmp_path)
    call(programs / "abi3audit", "--strict", "--verbose", wheel, cwd=tmp_path)


def test_each_python_runs_it(pythons: list[Path], wheel: Path, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "tests", tmp_path / "suite" / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path / "suite")
    for path in pythons:
        place = tmp_path / path.parent.parent.name
        call(path, "-m", "venv", place, cwd=tmp_path)
        python = place / ("Scripts" if sys.platform == "win32" else "bin") / "python"
        newest = path == pythons[-1]
        call(python, "-m", "pip", "install", "-q", f"pyzmq{'[test]' if newest else ''} @ {wheel.as_uri()}", cwd=tmp_path)
        shown = call(python, "-m", "zmq", "info", cwd=tmp_path)
        assert "abi3" in shown, shown
        assert call(python, "-c", ROUND_TRIP, cwd=tmp_path) == "[b'answer']\n"
        if newest:
            run = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
            assert " passed" in call(*run, *(f"tests/{name}" for name in SELECTION), cwd=tmp_path / "suite")
            # programs of others, compiled against the whole API
            assert " passed" in call(*run, "-m", "slow_build", "tests/cimport", cwd=tmp_path / "suite")


def test_a_wheel_has_the_modules_of_one_build_only(small_tree: Path, build: Build) -> None:
    build("bdist_wheel")
    (module,) = (small_tree / "build").glob("lib*/zmq/_core/above.*.[ps][oy]*")
    shutil.copy(module, module.with_name(f"above.abi-of-another{module.suffix}"))
    shutil.rmtree(small_tree / "dist")
    build("bdist_wheel")
    (path,) = (small_tree / "dist").glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        names = [Path(name).name for name in archive.namelist()]
    assert sorted(name for name in names if name.startswith("above.")) == [module.name, "above.pyi"]
