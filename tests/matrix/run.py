"""Run the suite under interpreters that this machine does not have, in a Debian sid of its own. Linux, root, debootstrap.

    python tests/matrix/run.py                          all of them
    python tests/matrix/run.py python3.15 pypy3         these
    python tests/matrix/run.py python3.14 -- tests/core -k send     what follows -- goes to pytest instead of the usual selection
    python tests/matrix/run.py free-threaded                        CPython without the GIL, on this machine (free_threaded.py)

The root is made once and kept in the cache (some minutes, 1 GB); ZMQ_ROOTS_CACHE names another place. libzmq is sid's (4.3.5 or
newer), or with --bundled the one that a wheel gets. The tests run from a copy without the package's sources. Not part of .ci/run.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tools")]

import free_threaded  # noqa: E402  the path must be right first
import minimal_root  # noqa: E402
import wheels  # noqa: E402

from buildutils.config import BuildConfig  # noqa: E402

INTERPRETERS = {
    "python3.14": ["python3.14-venv", "python3.14-dev"],
    "python3.15": ["python3.15-venv", "python3.15-dev"],
    "pypy3": ["pypy3-venv", "pypy3-dev"],
}
FREE_THREADED = "free-threaded"
BUILD = ["g++", "make", "cmake", "ninja-build", "autoconf", "automake", "libtool", "pkg-config", "libzmq3-dev", "ca-certificates"]

#: Instead of the extra `test`. PyPy has wheels of few packages: newer hypothesis is built with Rust there, and numpy cannot be had.
TEST_PACKAGES = ["pytest>=8", "pytest-timeout", "psutil", "anyio[trio]>=4.11", "tornado", "gevent"]
FOR_CPYTHON = ["hypothesis", "numpy", "tqdm", "cffi"]
FOR_PYPY = ["hypothesis<6.130"]
#: What has to pass under PyPy. Without what asks for gigabytes, which PyPy copies once more.
PYPY_SUITE = ["tests/core", "tests/pure", "tests/layers", "tests/flavours", "-m", "'not large and not slow_build'"]
LIMIT = 1500.0


def main(argv: Sequence[str]) -> int:
    """Run them one after the other; 1 when any failed."""
    args = _arguments(argv)
    if args.interpreter == [FREE_THREADED]:
        return not passes_without_gil(args)
    packages = BUILD + [package for needed in INTERPRETERS.values() for package in needed]
    _, mirror = minimal_root.configured_mirror()
    root = minimal_root.make("sid", "sid", mirror, packages, old=True)
    failed = [name for name in args.interpreter or INTERPRETERS if not passes(name, root, args)]
    print(f"matrix: {'failed: ' + ' '.join(failed) if failed else 'all passed'}")
    return bool(failed)


def copies(work: Path) -> tuple[Path, Path]:
    """The sources, and a suite without them."""
    tree, suite = work / "tree", work / "suite"
    tree.mkdir()
    suite.mkdir()
    wheels.copy_sources(tree)
    for part in wheels.SUITE_FILES:
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
        copy(tree / part, suite / part)
    return tree, suite


def passes(name: str, root: minimal_root.Root, args: argparse.Namespace) -> bool:
    """Build, install and test under one interpreter."""
    with tempfile.TemporaryDirectory(prefix="zmq-matrix-") as directory:
        work = Path(directory)
        copies(work)
        pypy = name.startswith("pypy")
        wanted = TEST_PACKAGES + (FOR_PYPY if pypy else FOR_CPYTHON)
        selection = args.pytest or (PYPY_SUITE if pypy else wheels.SUITE)
        quoted = " ".join(f"'{package}'" for package in wanted)
        commands = [
            f"{name} -m venv /work/env",
            "/work/env/bin/python -VV",
            f"/work/env/bin/python -m pip install -q /work/tree {quoted}",
            "cd /work/suite && rm -rf /work/tree",
            "/work/env/bin/python -m zmq info",
            f"/work/env/bin/python -m pytest -q -p no:cacheprovider {' '.join(selection)}",
        ]
        # the certificates that this machine's way to the package index may need
        binds = {work: "/work", BuildConfig.from_environment().cache: "/cache", Path("/etc/ssl/certs"): "/etc/ssl/certs"}
        env = {"ZMQ_PREFIX": "bundled" if args.bundled else "", "ZMQ_BUILD_CACHE": "/cache", **_index_settings()}
        try:
            done = root.run(["sh", "-euc", "\n".join(commands)], binds=binds, env=env, timeout=LIMIT)
        except subprocess.TimeoutExpired:
            print(f"matrix: {name}: did not end within {LIMIT:.0f} s")
            return False
    print(f"matrix: {name}: status {done.returncode}", flush=True)
    return done.returncode == 0


def passes_without_gil(args: argparse.Namespace) -> bool:
    """Build the interpreter and the package on this machine, and test."""
    with tempfile.TemporaryDirectory(prefix="zmq-matrix-") as directory:
        work = Path(directory)
        tree, suite = copies(work)
        tests = args.pytest or free_threaded.SUITE
        return free_threaded.passes(tree, suite, tests, {"ZMQ_PREFIX": "bundled" if args.bundled else ""})


def _index_settings() -> dict[str, str]:
    """What lets pip reach the package index from this machine."""
    kept = ("PIP_INDEX_URL", "PIP_CERT", "PIP_DEFAULT_TIMEOUT", "SSL_CERT_FILE")
    return {name: value for name, value in os.environ.items() if name in kept or name.lower().endswith("_proxy")}


def _arguments(argv: Sequence[str]) -> argparse.Namespace:
    own, pytest = list(argv), []
    if "--" in own:
        at = own.index("--")
        own, pytest = own[:at], own[at + 1 :]
    parser = argparse.ArgumentParser(prog="tests/matrix/run.py", description="Run the suite under Debian sid's interpreters.")
    parser.add_argument("interpreter", nargs="*", help=f"of {', '.join(INTERPRETERS)} (default: all); or {FREE_THREADED}")
    parser.add_argument("--bundled", action="store_true", help="build libzmq along instead of using sid's")
    args = parser.parse_args(own)
    for name in args.interpreter:
        if name not in INTERPRETERS and args.interpreter != [FREE_THREADED]:
            parser.error(f"{name} is not one of {', '.join(INTERPRETERS)}")
    args.pytest = pytest
    return args


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
