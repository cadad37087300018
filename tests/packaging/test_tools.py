"""The compiler and the programs that upstream's build files need, where this machine can show them."""

from __future__ import annotations

import sys
import sysconfig
from pathlib import Path

import pytest

from buildutils import bundle, tools
from buildutils.config import BuildError

LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="gcc's options")


@pytest.mark.parametrize(("platform", "name"), [("win-amd64", "x64"), ("win32", "Win32"), ("win-arm64", "ARM64")])
def test_names_of_windows_machines(monkeypatch: pytest.MonkeyPatch, platform: str, name: str) -> None:
    monkeypatch.setattr(sysconfig, "get_platform", lambda: platform)
    assert tools.windows_platform() == name


def test_msbuild_of_the_prompt_goes_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    msbuild = tmp_path / ("msbuild.exe" if sys.platform == "win32" else "msbuild")
    msbuild.write_text("")
    msbuild.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert Path(tools.visual_studio_msbuild()) == msbuild


def test_without_visual_studio_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PROGRAMFILES(X86)", str(tmp_path))
    with pytest.raises(BuildError, match="Visual Studio's build tools"):
        tools.visual_studio_msbuild()


@LINUX
def test_only_known_flags_are_accepted() -> None:
    toolchain = tools.Toolchain.of(["gcc"], ["g++"], "linux")
    assert toolchain.accepts("-ffile-prefix-map=/somewhere/=")
    assert not toolchain.accepts("-fno-such-flag-at-all")


@LINUX
def test_the_runtime_is_linked_in_only_where_there_are_archives_of_it(tmp_path: Path) -> None:
    assert tools.Toolchain.of(["gcc"], ["g++"], "linux").static_runtime() == ("-static-libstdc++", "-static-libgcc")
    without = tmp_path / "g++"
    without.write_text('#!/bin/sh\ncase "$*" in *-static-libstdc++*) exit 1;; esac\nexec g++ "$@"\n')
    without.chmod(0o755)
    assert tools.Toolchain.of(["gcc"], [str(without)], "linux").static_runtime() == ()


@LINUX
def test_flags_and_launchers_are_told_apart() -> None:
    toolchain = tools.Toolchain.of(["gcc", "-pthread", "-O2"], ["g++", "-arch", "one"], "linux")
    assert (toolchain.cc, toolchain.cxx) == (("gcc",), ("g++",))
    assert tools.Toolchain.of(["gcc", "-arch", "b", "-arch", "a"], ["g++"], "macos").archs == ("a", "b")


def test_the_build_knows_both_kinds_of_library(tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    with pytest.raises(BuildError, match="expected one static libzmq"):
        bundle._libzmq_archive(tmp_path)
    (tmp_path / "lib" / "libzmq.a").write_text("")
    assert bundle._libzmq_archive(tmp_path).name == "libzmq.a"
