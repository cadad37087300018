"""The flags and places of a build on systems other than this one."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from setuptools import Extension

from buildutils import config as config_module
from buildutils import extensions
from buildutils.config import BuildConfig
from buildutils.locate import Library


def built(
    monkeypatch: pytest.MonkeyPatch,
    platform: str,
    tmp_path: Path,
    implementation: str = "cpython",
    version: tuple[int, int] = (3, 11),
    **env: str,
) -> Extension:
    """_lib as it would be compiled there, with libzmq inside."""
    there = SimpleNamespace(platform=platform, implementation=SimpleNamespace(name=implementation), version_info=version)
    monkeypatch.setattr(extensions, "sys", there)
    config = BuildConfig.from_environment({"ZMQ_BUILD_CACHE": str(tmp_path / "cache"), **env})
    library = Library("bundled", "", "4.3.5", objects=("libzmq.a",))
    ext = Extension(extensions.LINKED, ["_lib.c"])
    extensions.apply_flags(ext, config, library, (), tmp_path)
    return ext


def test_windows_has_other_options(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert built(monkeypatch, "win32", tmp_path).extra_compile_args == ["/O2"]
    assert built(monkeypatch, "win32", tmp_path, ZMQ_BUILD_DEBUG="1").extra_compile_args == ["/Od", "/Zi"]
    assert built(monkeypatch, "win32", tmp_path).extra_link_args == []


def test_macos_links_otherwise(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    arguments = built(monkeypatch, "darwin", tmp_path).extra_link_args
    assert "-Wl,-dead_strip" in arguments
    assert "-Wl,-exported_symbol,_PyInit__lib" in arguments
    assert not any("version-script" in argument or "gc-sections" in argument for argument in arguments)


def test_linux_hides_libzmq(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    arguments = built(monkeypatch, "linux", tmp_path).extra_link_args
    assert "-Wl,--exclude-libs,ALL" in arguments
    assert (tmp_path / "exported.map").read_text() == "{ global: PyInit__lib; local: *; };\n"


@pytest.mark.parametrize(
    ("platform", "options"), [("linux", ["-include", "abi.h"]), ("darwin", ["-include", "abi.h"]), ("win32", ["/FIabi.h"])]
)
def test_pypy_gets_what_its_api_lacks(monkeypatch: pytest.MonkeyPatch, platform: str, options: list[str], tmp_path: Path) -> None:
    assert built(monkeypatch, platform, tmp_path, "pypy").extra_compile_args[-len(options) :] == options
    assert options[-1] not in built(monkeypatch, platform, tmp_path).extra_compile_args


@pytest.mark.parametrize(
    ("implementation", "version", "states"), [("cpython", (3, 12), True), ("cpython", (3, 11), False), ("pypy", (3, 12), False)]
)
def test_a_state_for_each_interpreter_where_it_may_have_a_gil_of_its_own(
    monkeypatch: pytest.MonkeyPatch, implementation: str, version: tuple[int, int], states: bool, tmp_path: Path
) -> None:
    ext = built(monkeypatch, "linux", tmp_path, implementation, version)
    assert (("CYTHON_USE_MODULE_STATE", "1") in ext.define_macros) is states


@pytest.mark.parametrize(
    ("platform", "place"),
    [("linux", "home/.cache/pyzmq"), ("darwin", "home/Library/Caches/pyzmq"), ("win32", "local/pyzmq/Cache")],
)
def test_the_cache_is_where_the_system_keeps_such_things(
    monkeypatch: pytest.MonkeyPatch, platform: str, place: str, tmp_path: Path
) -> None:
    monkeypatch.setattr(config_module, "sys", SimpleNamespace(platform=platform))
    env = {"HOME": str(tmp_path / "home"), "LOCALAPPDATA": str(tmp_path / "local")}
    assert config_module._user_cache(env) == tmp_path / place
