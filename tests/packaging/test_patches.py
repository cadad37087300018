"""bundled/patches/: each fits the releases that it names, and each repairs what it says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
from dataclasses import replace
from pathlib import Path

import pytest

from buildutils import patches
from buildutils.bundle import build
from buildutils.config import BuildConfig, BuildError
from buildutils.locate import Library
from buildutils.patches import Patch, apply, chosen
from buildutils.tools import Toolchain

PROGRAMS = Path(__file__).resolve().parent / "patches"
PATCHES = sorted((patches.BUNDLED / "patches").glob("*.patch"))

SAMPLE = """What it mends.

Versions: 1.2 1.3
Upstream: https://example.org/1
Until: 1.4

--- a/src/a.cpp
+++ b/src/a.cpp
@@ -2,3 +2,4 @@
 two
-three
+3
+three and a half
 four
@@ -8,2 +9,2 @@
-eight (8);
+8
 nine
"""


def numbered(tmp_path: Path) -> Path:
    tree = tmp_path / "tree"
    (tree / "src").mkdir(parents=True)
    words = "one two three four five six seven eight nine ten".split()
    (tree / "src" / "a.cpp").write_text("\n".join(word if word != "eight" else "eight   (8);" for word in words) + "\n")
    return tree


def sample(tmp_path: Path, text: str = SAMPLE) -> Patch:
    path = tmp_path / "01-sample.patch"
    path.write_text(text)
    return Patch.read(path)


def test_a_patch_is_applied_where_it_fits(tmp_path: Path) -> None:
    tree = numbered(tmp_path)
    assert apply([sample(tmp_path)], tree) == ["01-sample.patch"]
    lines = (tree / "src" / "a.cpp").read_text().splitlines()
    assert lines == ["one", "two", "3", "three and a half", "four", "five", "six", "seven", "8", "nine", "ten"]


def test_lines_that_moved_are_found(tmp_path: Path) -> None:
    tree = numbered(tmp_path)
    path = tree / "src" / "a.cpp"
    path.write_text("new\n" * 50 + path.read_text())
    apply([sample(tmp_path)], tree)
    assert "three and a half" in path.read_text()


@pytest.mark.parametrize("change", ["three", "four", "eight"])
def test_a_patch_that_does_not_fit_is_left_out_and_named(
    tmp_path: Path, change: str, capsys: pytest.CaptureFixture[str]
) -> None:
    tree = numbered(tmp_path)
    path = tree / "src" / "a.cpp"
    other = path.read_text().replace(change, "changed")
    path.write_text(other)
    assert apply([sample(tmp_path)], tree) == []
    assert path.read_text() == other
    assert re.search(r"LEFT OUT 01-sample\.patch.* 1\.2, 1\.3 .* src/a\.cpp", capsys.readouterr().out)


def test_a_patch_of_two_files_is_left_out_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tree = numbered(tmp_path)
    before = (tree / "src" / "a.cpp").read_text()
    two = SAMPLE + "--- a/src/b.cpp\n+++ b/src/b.cpp\n@@ -1,1 +1,1 @@\n-one\n+1\n"
    assert apply([sample(tmp_path, two)], tree) == []
    assert (tree / "src" / "a.cpp").read_text() == before
    assert re.search(r"LEFT OUT 01-sample\.patch.* src/b\.cpp cannot be read", capsys.readouterr().out)


@pytest.mark.parametrize("field", ["Versions", "Upstream", "Until", "--- a/"])
def test_a_patch_says_what_it_is(tmp_path: Path, field: str) -> None:
    with pytest.raises(BuildError, match="a patch has the fields"):
        sample(tmp_path, SAMPLE.replace(field, "Other"))


def test_patches_are_part_of_what_is_built(config: BuildConfig, tmp_path: Path) -> None:
    first = sample(tmp_path)
    assert first.digest != sample(tmp_path, SAMPLE.replace("+3", "+4")).digest
    assert [patch.path.name for patch in chosen(config, tmp_path)] == ["01-sample.patch"]
    assert chosen(replace(config, patches=False), tmp_path) == []


def test_every_patch_is_complete_and_has_its_program() -> None:
    assert PATCHES
    assert [path.stem for path in PATCHES] == sorted(path.stem for path in PROGRAMS.glob("*.c"))
    for path in PATCHES:
        patch = Patch.read(path)
        assert patch.upstream.startswith("https://github.com/zeromq/libzmq/")
        assert set(patch.versions) <= {"4.3.4", "4.3.5"}


def library(patched: bool) -> Library:
    """The static libzmq as the build has it, which the cache may know, or upstream's."""
    config = BuildConfig.from_environment({**_environment(), "ZMQ_BUNDLED_PATCHES": str(int(patched))})
    return build(config, Toolchain.of(["gcc"], ["g++"], sysconfig.get_platform()))


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("ZMQ_") or name == "ZMQ_BUILD_CACHE"}


def outcome(program: Path, libzmq: Library, tmp_path: Path, limit: float) -> int | None:
    """Exit status of a program linked with it; None when it did not end within so many seconds."""
    binary = tmp_path / program.stem
    include = [f"-I{name}" for name in libzmq.include_dirs]
    objects = tmp_path / f"{program.stem}.o"
    compiler = ["gcc", "-O1", "-DZMQ_STATIC", *include]
    subprocess.run([*compiler, "-c", str(program), "-o", str(objects)], check=True, timeout=300)
    libraries = [f"-l{name}" for name in libzmq.libraries]
    # objects that are compiled to the end as well need not be optimised anew for each program
    link_time = ["-fno-lto"] if "-ffat-lto-objects" in libzmq.link_args else libzmq.link_args
    subprocess.run(["g++", *link_time, str(objects), *libzmq.objects, *libraries, "-o", str(binary)], check=True, timeout=300)
    try:
        return subprocess.run([str(binary)], timeout=limit).returncode
    except subprocess.TimeoutExpired:
        return None


@pytest.mark.slow_build
@pytest.mark.timeout(1200)
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="links a program by gcc's options")
@pytest.mark.parametrize("patched", [True, False], ids=["patched", "upstream"])
def test_what_a_patch_repairs(patched: bool, tmp_path: Path) -> None:
    libzmq = library(patched)
    for path in PATCHES:
        broken = not patched and libzmq.version in Patch.read(path).versions
        # without its patch some hang; with it, a busy machine may need long
        status = outcome(PROGRAMS / f"{path.stem}.c", libzmq, tmp_path, 20 if broken else 120)
        assert (status != 0) == broken, f"{path.name}: status {status}"
    listed = {name for component in libzmq.components for name in component.patches}
    expected = {path.name for path in PATCHES if libzmq.version in Patch.read(path).versions}
    assert listed == (expected if patched else set())
