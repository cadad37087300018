"""What a build compiles again: all the first time, then only what a change concerns."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from build_tree import Build

pytestmark = [pytest.mark.slow_build, pytest.mark.timeout(1200)]


def compiled(output: str) -> tuple[int, int]:
    match = re.search(r"compiled (\d+) of (\d+) modules", output)
    assert match, output
    return int(match[1]), int(match[2])


def imported(tree: Path) -> str:
    code = "from zmq._core import _lib, above; print(_lib.story(), above.facts())"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tree, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_only_what_changed_is_built_again(small_tree: Path, build: Build) -> None:
    core = small_tree / "zmq" / "_core"
    assert compiled(build()) == (2, 2)
    assert compiled(build()) == (0, 2)

    os.utime(core / "above.pyx")
    assert compiled(build()) == (0, 2), "a new date is no change"

    with (core / "above.pyx").open("a") as file:
        file.write("def more():\n    return 1\n")
    assert compiled(build()) == (1, 2)

    (core / "number.h").write_text("#define NUMBER 7\n")
    assert compiled(build()) == (1, 2), "a header concerns the module that includes it"
    assert imported(small_tree).endswith(", 7)\n")

    (core / "_lib.pxd").write_text("cdef long major() noexcept nogil\n")
    lib = core / "_lib.pyx"
    lib.write_text(lib.read_text().replace("cdef int major()", "cdef long major()"))
    assert compiled(build()) == (2, 2), "a changed declaration concerns its users too"

    assert compiled(build(ZMQ_BUILD_FAULTS="1")) == (2, 2)
    assert "'faults'" in imported(small_tree)
    assert compiled(build()) == (0, 2), "each configuration keeps its objects ..."
    assert "'faults'" not in imported(small_tree), "... and the right ones are put in place"


def test_two_builds_at_once_do_not_disturb_each_other(small_tree: Path, build: Build) -> None:
    with ThreadPoolExecutor(2) as pool:
        counts = sorted(compiled(output) for output in pool.map(lambda _: build(), range(2)))
    assert counts == [(0, 2), (2, 2)], "the second one finds the work of the first"
    assert "True)" in imported(small_tree)


def test_build_leaves_the_tree_clean(small_tree: Path, build: Build) -> None:
    before = {path for path in small_tree.rglob("*") if path.is_file()}
    build()
    after = {path for path in small_tree.rglob("*") if path.is_file()}
    new = {path.relative_to(small_tree).as_posix() for path in after - before}
    outside = {name for name in new if not name.startswith("build/") and "__pycache__" not in name}
    assert all(re.fullmatch(r"zmq/_core/\w+(\.[\w-]+)?\.(so|pyd|pyi)", name) for name in outside)
    assert "zmq/_core/above.pyi" in outside, "the stub belongs beside its module"


def test_curve_is_in_every_build(small_tree: Path, build: Build) -> None:
    build()
    assert imported(small_tree).startswith("('"), "the build's story is readable"
    assert "True)" in imported(small_tree)


def test_a_missing_prefix_fails_with_one_line(small_tree: Path, build: Build) -> None:
    with pytest.raises(AssertionError, match=r"error: ZMQ_PREFIX=.* is no directory") as failure:
        build(ZMQ_PREFIX="/nowhere")
    assert "Traceback" not in str(failure.value)
