"""What the sdist and the wheel contain, and that the one builds without any network."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from build_tree import BUILD_LIMIT, ROOT, Build, run_setup

from buildutils import sources
from buildutils.config import BuildConfig

pytestmark = [pytest.mark.slow_build, pytest.mark.timeout(1200)]


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


def test_sdist_installs_without_any_network(sdist: tuple[tarfile.TarFile, str], tmp_path: Path) -> None:
    if len(sources.cached_tarballs(BuildConfig.from_environment())) < 2:
        pytest.skip("this machine has no tarballs for an sdist")
    cache = tmp_path / "cache"
    cache.mkdir()
    tools = BuildConfig.from_environment().cache / "tools"
    if tools.is_dir():
        # the autotools, which a distribution's libsodium needs: part of the machine, not of the sources
        (cache / "tools").symlink_to(tools)
    command = [sys.executable, "-m", "pip", "install", "--no-index", "--no-build-isolation", "--no-binary", ":all:", "--no-deps",
               "--find-links", str(Path(str(sdist[0].name)).parent), "--target", str(tmp_path / "installed"), "pyzmq"]  # fmt: skip
    if hasattr(os, "getuid") and os.getuid() == 0 and shutil.which("unshare"):
        command[:0] = ["unshare", "--net"]  # not even localhost
    env = {**os.environ, "ZMQ_PREFIX": "bundled", "ZMQ_BUILD_CACHE": str(cache)}
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=BUILD_LIMIT)
    assert done.returncode == 0, done.stdout + done.stderr
    code = "from zmq._core import _lib; print(_lib.story())"
    story = subprocess.run([sys.executable, "-c", code], cwd=tmp_path / "installed", capture_output=True, text=True, timeout=120)
    assert story.stdout == "('bundled', '', True)\n", story.stderr


def test_wheel_lists_what_is_inside(small_tree: Path, build: Build) -> None:
    build("bdist_wheel", ZMQ_PREFIX="bundled")
    (path,) = (small_tree / "dist").glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/sboms/pyzmq.cdx.json"))
        document = json.loads(archive.read(name))
        assert f"{name},sha256=" in archive.read(name.replace("sboms/pyzmq.cdx.json", "RECORD")).decode()
    assert (document["bomFormat"], document["specVersion"]) == ("CycloneDX", "1.6")
    parts = {part["name"]: part for part in document["components"]}
    assert set(parts) == {"libzmq", "libsodium"}
    for library, part in parts.items():
        assert part["licenses"][0]["license"]
        assert part["purl"] == f"pkg:generic/{library}@{part['version']}"
        assert len(part["hashes"][0]["content"]) == 64
    changes = [patch["diff"]["text"]["content"] for patch in parts["libzmq"]["pedigree"]["patches"]]
    assert all("\n--- a/src/" in change for change in changes)
    assert document["dependencies"][0]["ref"] == document["metadata"]["component"]["purl"]


def test_two_sdists_are_the_same(small_tree: Path, tmp_path: Path) -> None:
    sdists = []
    for number in (1, 2):
        tree = tmp_path / f"somewhere-{number}" / "tree"
        shutil.copytree(small_tree, tree)
        for path in tree.rglob("*"):
            os.utime(path, (number * 1e9, number * 1e9))
            path.chmod(0o755 if path.is_dir() else 0o600 + number * 4)
        run_setup(tree, "sdist", SOURCE_DATE_EPOCH="1700000000")
        sdists += (tree / "dist").glob("*.tar.gz")
    first, second = (path.read_bytes() for path in sdists)
    assert first == second
    with tarfile.open(sdists[0]) as archive:
        assert {(entry.mtime, entry.uname, entry.mode) for entry in archive if entry.isfile()} == {(1700000000, "", 0o644)}


def test_two_builds_give_the_same_wheel(small_tree: Path, tmp_path: Path) -> None:
    wheels = []
    for number, hour in ((1, "03"), (2, "15")):
        tree = tmp_path / f"somewhere-{number}" / "tree"
        shutil.copytree(small_tree, tree)
        for path in tree.rglob("*"):
            os.utime(path, (number * 1e9, number * 1e9))
        run_setup(tree, "bdist_wheel", SOURCE_DATE_EPOCH="1700000000", ZMQ_PREFIX="bundled", TZ=f"XXX-{hour}")
        wheels += (tree / "dist").glob("*.whl")
    first, second = (path.read_bytes() for path in wheels)
    assert first == second


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
