"""A small project with this build, to be built again and again."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

BUILD_LIMIT = 1000.0
"""Seconds for a build in a child; the first one on a machine compiles libzmq."""

Build = Callable[..., str]


def make_small_tree(tree: Path) -> Path:
    """Lay out two small modules, one of them linked with libzmq, below this checkout's build."""
    core = tree / "zmq" / "_core"
    core.mkdir(parents=True)
    for name in ("buildutils", "bundled"):
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.py", "pyproject.toml", "MANIFEST.in", "LICENSE"):
        shutil.copy(ROOT / name, tree / name)
    (tree / "README.md").write_text("A small tree.\n")
    shutil.copy(ROOT / "zmq" / "_version.py", tree / "zmq")
    (tree / "zmq" / "__init__.py").write_text("")
    (core / "__init__.py").write_text("")
    (core / "_lib.pxd").write_text("cdef int major() noexcept nogil\n")
    (core / "_lib.pyx").write_text(
        'cdef extern from "zmq.h" nogil:\n'
        "    void zmq_version(int*, int*, int*)\n"
        "    int zmq_has(const char*)\n"
        "cdef extern from *:\n"
        "    const char* ZMQ_BUILD_ORIGIN\n"
        "    const char* ZMQ_BUILD_FLAGS\n"
        "cdef int major() noexcept nogil:\n"
        "    cdef int a = 0, b = 0, c = 0\n"
        "    zmq_version(&a, &b, &c)\n"
        "    return a\n"
        "def story():\n"
        '    return ZMQ_BUILD_ORIGIN.decode(), ZMQ_BUILD_FLAGS.decode(), bool(zmq_has(b"curve"))\n'
    )
    for name in ("abi.h", "atomics.h", "module_state.h"):
        shutil.copy(ROOT / "zmq" / "_core" / name, core)
    (core / "number.h").write_text("#define NUMBER 1\n")
    (core / "above.pyx").write_text(
        "from zmq._core._lib cimport major\n"
        'cdef extern from "number.h":\n'
        "    int NUMBER\n"
        "def facts():\n"
        "    return major(), NUMBER\n"
    )
    stubs = tree / "stubs" / "_core"
    stubs.mkdir(parents=True)
    (stubs / "above.pyi").write_text("def facts() -> tuple[int, int]: ...\n")
    return tree


def run_setup(tree: Path, *arguments: str, **env: str) -> str:
    """Run setup.py, build_ext --inplace if nothing else is asked, and give what it printed."""
    done = subprocess.run(
        [sys.executable, "setup.py", *(arguments or ("build_ext", "--inplace"))],
        cwd=tree,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=BUILD_LIMIT,
    )
    output = done.stdout + done.stderr
    assert done.returncode == 0, output
    return output
