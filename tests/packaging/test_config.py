"""The environment variables of the build: what each value means, and what a wrong one says."""

from __future__ import annotations

import dataclasses
import sys
import sysconfig
from pathlib import Path

import pytest

from buildutils.config import BuildConfig, BuildError


def read(tmp_path: Path, **env: str) -> BuildConfig:
    return BuildConfig.from_environment({"ZMQ_BUILD_CACHE": str(tmp_path / "cache"), **env})


def test_an_empty_environment_asks_for_nothing(tmp_path: Path) -> None:
    config = read(tmp_path)
    assert config.prefix is None
    assert not config.wants_bundled
    assert config.optimise
    assert config.flags == ()


def test_the_record_is_frozen(tmp_path: Path) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        read(tmp_path).draft = True  # type: ignore[misc]


@pytest.mark.parametrize("value", ["1", "on", "Yes", "TRUE"])
def test_switches_that_are_on(tmp_path: Path, value: str) -> None:
    config = read(tmp_path, ZMQ_DRAFT_API=value, ZMQ_BUILD_FAULTS=value)
    assert config.flags == ("draft", "faults")
    assert config.optimise, "neither of them makes a build slower"


@pytest.mark.parametrize("value", ["", "0", "off", "No", "false"])
def test_switches_that_are_off(tmp_path: Path, value: str) -> None:
    assert read(tmp_path, ZMQ_BUILD_DEBUG=value).flags == ()


@pytest.mark.parametrize(
    "name", ["ZMQ_DRAFT_API", "ZMQ_BUILD_DEBUG", "ZMQ_BUILD_COVERAGE", "ZMQ_BUILD_FAULTS"]
)
def test_a_switch_that_is_neither_names_itself(tmp_path: Path, name: str) -> None:
    with pytest.raises(BuildError, match=f"{name}='maybe'"):
        read(tmp_path, **{name: "maybe"})


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ("1", ("address", "undefined")),
        ("thread", ("thread",)),
        ("undefined, address", ("address", "undefined")),
        ("0", ()),
    ],
)
def test_sanitizers(tmp_path: Path, value: str, names: tuple[str, ...]) -> None:
    assert read(tmp_path, ZMQ_BUILD_SANITIZE=value).sanitize == names


@pytest.mark.parametrize("value", ["memory", "address,thread", ","])
def test_sanitizers_that_cannot_be(tmp_path: Path, value: str) -> None:
    with pytest.raises(BuildError, match="ZMQ_BUILD_SANITIZE"):
        read(tmp_path, ZMQ_BUILD_SANITIZE=value)


def test_prefix_is_a_directory_or_the_word(tmp_path: Path) -> None:
    assert read(tmp_path, ZMQ_PREFIX="bundled").wants_bundled
    assert read(tmp_path, ZMQ_PREFIX=str(tmp_path)).prefix == tmp_path.resolve()
    with pytest.raises(BuildError, match="or the word bundled"):
        read(tmp_path, ZMQ_PREFIX=str(tmp_path / "absent"))


def test_sources_have_to_exist(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="ZMQ_BUNDLED_SOURCE"):
        read(tmp_path, ZMQ_BUNDLED_SOURCE=str(tmp_path / "absent.tar.gz"))
    assert read(tmp_path, LIBSODIUM_BUNDLED_SOURCE=str(tmp_path)).wants_bundled


def test_prefix_and_source_contradict_each_other(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="unset one of them"):
        read(tmp_path, ZMQ_PREFIX=str(tmp_path), ZMQ_BUNDLED_SOURCE=str(tmp_path))


def test_a_shared_libzmq_is_one_of_the_builds_own(tmp_path: Path) -> None:
    config = read(tmp_path, ZMQ_BUNDLED_SHARED="1")
    assert config.wants_bundled
    assert config.flags == ("shared",)
    with pytest.raises(BuildError, match="ZMQ_BUNDLED_SHARED"):
        read(tmp_path, ZMQ_PREFIX=str(tmp_path), ZMQ_BUNDLED_SHARED="1")


def interpreter(monkeypatch: pytest.MonkeyPatch, name: str, version: tuple[int, ...], free_threaded: int = 0) -> None:
    """Let the build think that it runs under this one."""
    monkeypatch.setattr(sys.implementation, "name", name)
    monkeypatch.setattr(sys, "version_info", version)
    monkeypatch.setattr(sysconfig, "get_config_var", {"Py_GIL_DISABLED": free_threaded}.get)


@pytest.mark.parametrize("version", [(3, 12), (3, 13), (3, 20)])
def test_the_stable_abi_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: tuple[int, ...]) -> None:
    interpreter(monkeypatch, "cpython", version)
    config = read(tmp_path, ZMQ_ABI3="1")
    assert config.abi3
    assert config.flags == ("abi3",)
    assert not read(tmp_path).abi3


@pytest.mark.parametrize(
    ("name", "version", "free_threaded", "told"),
    [
        ("cpython", (3, 11), 0, "cpython 3.11"),
        ("pypy", (3, 12), 0, "pypy 3.12"),
        ("cpython", (3, 14), 1, r"cpython 3\.14 \(free-threaded\)"),
    ],
)
def test_who_has_no_stable_abi(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, version: tuple[int, ...], free_threaded: int, told: str
) -> None:
    interpreter(monkeypatch, name, version, free_threaded)
    with pytest.raises(BuildError, match=f"ZMQ_ABI3=1 needs CPython 3.12 or newer with its GIL, this is {told}"):
        read(tmp_path, ZMQ_ABI3="1")


def test_lines_are_not_traced_in_the_limited_api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    interpreter(monkeypatch, "cpython", (3, 12))
    with pytest.raises(BuildError, match="ZMQ_BUILD_COVERAGE"):
        read(tmp_path, ZMQ_ABI3="1", ZMQ_BUILD_COVERAGE="1")


def test_patches_are_applied_unless_they_are_switched_off(tmp_path: Path) -> None:
    assert read(tmp_path).patches
    assert not read(tmp_path, ZMQ_BUNDLED_PATCHES="0").patches


def test_a_url_has_a_scheme(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="ZMQ_BUNDLED_URL"):
        read(tmp_path, ZMQ_BUNDLED_URL="zeromq.tar.gz")


def test_the_cache_is_outside_the_tree_by_default(tmp_path: Path) -> None:
    config = BuildConfig.from_environment(
        {
            "HOME": str(tmp_path),
            "XDG_CACHE_HOME": str(tmp_path / "x"),
            "LOCALAPPDATA": str(tmp_path),
        }
    )
    assert tmp_path in config.cache.parents


def test_an_unusable_home_gives_a_temporary_cache(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("no directory can be made below a file")
    config = BuildConfig.from_environment(
        {"HOME": str(blocked), "XDG_CACHE_HOME": str(blocked), "LOCALAPPDATA": str(blocked)}
    )
    assert config.cache.is_dir()
    assert blocked not in config.cache.parents


def test_a_cache_that_was_asked_for_has_to_work(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(BuildError, match="ZMQ_BUILD_CACHE"):
        read(tmp_path)
