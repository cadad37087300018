"""The package inside other packages: a program frozen by PyInstaller, an archive that cannot hold it, its metadata."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import subprocess
import sys
import zipapp
from pathlib import Path

import pytest
import zmq

PROGRAM = Path(__file__).resolve().parent / "frozen_program.py"


@pytest.mark.slow_build
@pytest.mark.timeout(1200)
@pytest.mark.skipif(sys.implementation.name != "cpython", reason="PyInstaller freezes CPython programs")
def test_a_frozen_program_works(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "PyInstaller", "--noconfirm", "--clean", "--log-level", "WARN", str(PROGRAM)]
    env = {**os.environ, "PYINSTALLER_CONFIG_DIR": str(tmp_path / "config")}
    built = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=900)
    assert built.returncode == 0, built.stderr
    moved = tmp_path / "moved"
    shutil.move(tmp_path / "dist" / PROGRAM.stem, moved)
    frozen = moved / (PROGRAM.stem + (".exe" if sys.platform == "win32" else ""))
    kept = {name: value for name, value in os.environ.items() if name in ("SYSTEMROOT", "TEMP", "TMP")}
    done = subprocess.run([str(frozen)], cwd=tmp_path, env=kept, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["awaited", "encrypted", "ZMQError", "[1] True", f"True {zmq.zmq_version()}"]


def test_an_import_from_a_zip_tells_what_to_do(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    shutil.copytree(Path(zmq.__file__).parent, tree / "zmq", ignore=shutil.ignore_patterns("__pycache__"))
    (tree / "__main__.py").write_text("import zmq\n")
    zipapp.create_archive(tree, tmp_path / "program.pyz")
    # -I -S: no other zmq is to be found, neither installed nor in the current directory
    command = [sys.executable, "-I", "-S", str(tmp_path / "program.pyz")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("ImportError: zmq's compiled modules cannot be loaded from the archive")
    assert "program.pyz" in last
    assert "shiv" in last


def test_metadata_is_complete() -> None:
    metadata = importlib.metadata.metadata("pyzmq")
    assert metadata["Version"] == zmq.__version__
    assert metadata["License-Expression"] == "BSD-3-Clause"
    licences = {name.rpartition("/")[2] for name in metadata.get_all("License-File", [])}
    assert {"LICENSE", "libzmq-MPL-2.0.txt", "libsodium-ISC.txt"} <= licences
    assert {"numpy", "test", "docs", "lint"} <= set(metadata.get_all("Provides-Extra", []))
    hooks = [entry for entry in importlib.metadata.distribution("pyzmq").entry_points if entry.group == "pyinstaller40"]
    assert [entry.name for entry in hooks] == ["hook-dirs"]
    (directory,) = hooks[0].load()()
    assert Path(directory, "hook-zmq.py").is_file()
