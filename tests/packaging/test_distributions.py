"""What the sdist and the wheel contain, and that the one builds without any network."""

from __future__ import annotations

import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from build_tree import ROOT, Build

from buildutils import sources
from buildutils.config import BuildConfig

pytestmark = [pytest.mark.slow_build, pytest.mark.timeout(600)]


@pytest.fixture
def sdist(small_tree: Path, build: Build) -> tuple[tarfile.TarFile, str]:
    output = build("sdist")
    (path,) = (small_tree / "dist").glob("*.tar.gz")
    return tarfile.open(path), output


def test_sdist_has_what_a_build_needs(sdist: tuple[tarfile.TarFile, str]) -> None:
    archive, _ = sdist
    names = {name.partition("/")[2] for name in archive.getnames()}
    assert {
        "pyproject.toml", "setup.py", "LICENSE", "bundled/versions.toml", "buildutils/bundle.py",
        "zmq/_core/_lib.pyx", "zmq/_core/_lib.pxd", "zmq/_core/number.h", "stubs/_core/above.pyi",
        "bundled/licenses/libsodium-ISC.txt",
    } <= names  # fmt: skip
    assert not [name for name in names if name.endswith((".so", ".pyd")) or "/build/" in name]


def test_sdist_contains_the_tarballs_at_hand_and_says_so(
    sdist: tuple[tarfile.TarFile, str], tmp_path: Path
) -> None:
    archive, output = sdist
    at_hand = sources.cached_tarballs(BuildConfig.from_environment())
    names = {Path(name).name for name in archive.getnames()}
    for pin in sources.pins():
        source = at_hand.get(pin.name)
        if source is None:
            assert f"the sdist does not contain {pin.name}" in output
        else:
            assert f"the sdist contains {source.path.name}" in output
            assert source.path.name in names
    if len(at_hand) < 2:
        return
    archive.extractall(
        tmp_path / "out", **({"filter": "data"} if sys.version_info >= (3, 12) else {})
    )
    (tree,) = (tmp_path / "out").iterdir()
    assert {
        name: source.digest for name, source in tarballs(tree / "bundled", tmp_path).items()
    } == {name: source.digest for name, source in at_hand.items()}


def tarballs(bundled: Path, tmp_path: Path) -> dict[str, sources.Source]:
    """What a build from this directory would take, with nothing in its cache."""
    config = BuildConfig.from_environment({"ZMQ_BUILD_CACHE": str(tmp_path / "empty")})
    patch = pytest.MonkeyPatch()
    with patch.context() as context:
        context.setattr(sources, "BUNDLED", bundled)
        return sources.cached_tarballs(config)


def test_wheel_has_modules_stubs_and_licences(small_tree: Path, build: Build) -> None:
    build("bdist_wheel")
    (path,) = (small_tree / "dist").glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        assert "zmq/_core/above.pyi" in names
        assert "zmq/_core/_lib.pxd" in names
        assert any(
            name.startswith("zmq/_core/_lib.") and name.endswith((".so", ".pyd")) for name in names
        )
        assert not [name for name in names if name.endswith((".pyx", ".c"))]
        assert not [name for name in names if name.startswith(("buildutils", "tests", "bundled"))]
        licences = {name.rpartition("/")[2] for name in names if "/licenses/" in name}
    shipped = {path.name for path in (ROOT / "bundled" / "licenses").iterdir()}
    assert licences == shipped | {"LICENSE"}
