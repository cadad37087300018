"""The order in which a libzmq is looked for: ZMQ_PREFIX, pkg-config, bundled."""

from __future__ import annotations

import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from buildutils.config import BuildConfig, BuildError
from buildutils.locate import Library, locate

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="pkg-config is a shell script here")

SHARED = "libzmq.dylib" if sys.platform == "darwin" else "libzmq.so"


def install(prefix: Path, version: str = "4.3.5", library: str | None = SHARED) -> Path:
    """Lay out a libzmq that can be found, though not linked."""
    (prefix / "include").mkdir(parents=True)
    major, minor, patch = version.split(".")
    (prefix / "include" / "zmq.h").write_text(
        f"#define ZMQ_VERSION_MAJOR {major}\n#define ZMQ_VERSION_MINOR {minor}\n"
        f"#define ZMQ_VERSION_PATCH {patch}\n"
    )
    (prefix / "lib").mkdir()
    if library:
        (prefix / "lib" / library).write_bytes(b"")
    return prefix


@pytest.fixture
def pkg_config(tmp_path: Path, clean_env: pytest.MonkeyPatch) -> Path:
    """A pkg-config that knows one libzmq, its version in a file."""
    if shutil.which("sh") is None:
        pytest.skip("needs a shell")
    tool = tmp_path / "pkg-config"
    answer = tmp_path / "version"
    answer.write_text("4.3.5")
    tool.write_text(
        "#!/bin/sh\n"
        f"version=$(cat {answer})\n"
        'case "$1" in\n'
        '  --modversion) echo "$version";;\n'
        '  --atleast-version=4.2) case "$version" in 4.[2-9]*) ;; *) exit 1;; esac;;\n'
        "  --cflags) echo -I/opt/z/include -DZ=1;;\n"
        "  --libs) echo -L/opt/z/lib -lzmq -Wl,-z,now;;\n"
        "  --variable=libdir) echo /opt/z/lib;;\n"
        "esac\n"
    )
    tool.chmod(0o755)
    clean_env.setenv("PKG_CONFIG", str(tool))
    return answer


def found(config: BuildConfig) -> Library:
    library = locate(config)
    assert library is not None
    return library


def test_pkg_config_gives_the_system_library(pkg_config: Path, config: BuildConfig) -> None:
    library = found(config)
    assert (library.origin, library.version) == ("system", "4.3.5")
    assert library.include_dirs == ("/opt/z/include",)
    assert library.compile_args == ("-DZ=1",)
    assert library.libraries == ("zmq",)
    assert library.library_dirs == library.runtime_library_dirs == ("/opt/z/lib",)
    assert library.link_args == ("-Wl,-z,now",)


def test_an_old_libzmq_is_passed_over(
    pkg_config: Path, config: BuildConfig, capsys: pytest.CaptureFixture[str]
) -> None:
    pkg_config.write_text("4.1.8")
    assert locate(config) is None
    assert "4.1.8 is older than 4.2" in capsys.readouterr().out


def test_without_pkg_config_it_is_bundled(
    clean_env: pytest.MonkeyPatch, config: BuildConfig, capsys: pytest.CaptureFixture[str]
) -> None:
    clean_env.setenv("PKG_CONFIG", "/nowhere/pkg-config")
    assert locate(config) is None
    assert "pkg-config is not installed" in capsys.readouterr().out


def test_prefix_goes_before_pkg_config(
    pkg_config: Path, config: BuildConfig, tmp_path: Path
) -> None:
    prefix = install(tmp_path / "prefix", "4.2.1")
    library = found(replace(config, prefix=prefix))
    assert (library.origin, library.version) == ("prefix", "4.2.1")
    assert library.library_dirs == (str(prefix / "lib"),)
    assert library.runtime_library_dirs == library.library_dirs


@pytest.mark.parametrize(
    "change",
    [{"bundled": True}, {"sanitize": ("address",)}, {"draft": True}, {"libzmq_url": "x://y"}],
    ids=lambda change: next(iter(change)),
)
def test_what_only_a_bundled_build_can_do(
    pkg_config: Path, config: BuildConfig, change: dict[str, object]
) -> None:
    assert locate(replace(config, **change)) is None  # type: ignore[arg-type]


def test_a_static_prefix_is_linked_in(config: BuildConfig, tmp_path: Path) -> None:
    prefix = install(tmp_path / "prefix", library="libzmq.a")
    (prefix / "lib" / "libzmq.a").write_bytes(b"sodium_init")
    (prefix / "lib" / "libsodium.a").write_bytes(b"")
    library = found(replace(config, prefix=prefix))
    assert library.static
    assert [Path(name).name for name in library.objects] == ["libzmq.a", "libsodium.a"]


@pytest.mark.parametrize(
    ("layout", "message"),
    [
        ({"version": "4.1.9"}, "older than 4.2"),
        ({"library": None}, "no libzmq in"),
    ],
    ids=["old", "no library"],
)
def test_a_prefix_that_cannot_serve_is_an_error(
    config: BuildConfig, tmp_path: Path, layout: dict[str, str], message: str
) -> None:
    prefix = install(tmp_path / "prefix", **layout)
    with pytest.raises(BuildError, match=message):
        locate(replace(config, prefix=prefix))


def test_a_prefix_without_headers_is_an_error(config: BuildConfig, tmp_path: Path) -> None:
    with pytest.raises(BuildError, match=r"no include/zmq\.h"):
        locate(replace(config, prefix=tmp_path))
