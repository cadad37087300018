"""A CPython without the GIL, for machines that have none: built from the distribution's newest source package that is within reach.

The distribution has no such interpreter of its own. It is built once (some minutes, 300 MB) and kept beside the roots. Linux with
apt-get, a compiler and the headers of OpenSSL, libffi, zlib and SQLite (Debian: libssl-dev libffi-dev zlib1g-dev libsqlite3-dev).
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import minimal_root  # tools/, which run.py puts on the path

from buildutils import apt
from buildutils.config import BuildError

#: Newest first. An older machine's keys may not vouch for the newest suites.
SUITES = ["sid", "testing", "stable", apt.codename()]
VERSIONS = ["3.15", "3.14", "3.13"]
BUILD_LIMIT = 3000.0
#: What pip cannot do without, and the tests.
MODULES = ["ssl", "zlib", "ctypes", "sqlite3", "bz2", "lzma"]

#: gevent, uvloop and cffi have no wheels for it; newer hypothesis is built with Rust there.
PACKAGES = ["setuptools>=77", "cython==3.3.1", "pytest>=8", "pytest-timeout", "hypothesis<6.130", "psutil", "anyio[trio]>=4.11"]
PACKAGES += ["tornado>=6.1", "numpy", "tqdm", "shtab", "pexpect"]
#: green is gevent; tests/core/test_wait_peers.py has one of its cases.
SUITE = ["tests/core", "tests/pure", "tests/threads", "tests/safety", "tests/flavours", "-k", "'not green and not gevent'"]
SUITE += ["--ignore=tests/flavours/test_green.py", "--ignore=tests/flavours/test_green_patched.py"]
#: Is about docs/, which are not there.
SUITE += ["--ignore=tests/safety/test_page.py"]
#: Counts on memory running out; the allocator there has a gigabyte in reserve.
SUITE += ["--deselect=tests/core/test_batch.py::test_memory_running_out_loses_nothing"]

CHECK = """
import sys, zmq, zmq.asyncio, zmq.anyio, zmq.auth, zmq.devices, zmq.eventloop.zmqstream, zmq.utils.monitor
import anyio, hypothesis, numpy, psutil, pytest, tornado.ioloop
assert not sys._is_gil_enabled(), "a module has switched the GIL on"
"""


def interpreter() -> Path:
    """The interpreter, from the cache or made now."""
    found = sorted(minimal_root.CACHE.glob("free-threaded-*/bin/python3.*t"))
    if found:
        return found[-1]
    minimal_root.CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".free-threaded-", dir=minimal_root.CACHE) as directory:
        work = Path(directory)
        tarball, version = source(work)
        with tarfile.open(tarball) as archive:
            archive.extractall(work / "unpacked", filter="data")
        (tree,) = (work / "unpacked").iterdir()
        # modules find the libraries that they were linked with by this path, so it is built where it will be
        prefix = minimal_root.CACHE / f"free-threaded-{version}"
        commands = [
            ["./configure", "--disable-gil", f"--prefix={prefix}", "--with-ensurepip=install", "CFLAGS=-O2"],
            ["make", f"-j{os.cpu_count() or 1}"],
            ["make", "altinstall"],
        ]
        for command in commands:
            print("+", *command, flush=True)
            subprocess.run(command, cwd=tree, stdout=subprocess.DEVNULL, check=True, timeout=BUILD_LIMIT)
    (program,) = prefix.glob("bin/python3.*t")
    lacking = subprocess.run([program, "-c", f"import {', '.join(MODULES)}"], check=False).returncode
    if lacking:
        shutil.rmtree(prefix)
        raise BuildError("the interpreter lacks a module, named above: install the headers that it needs")
    return program


def source(work: Path) -> tuple[Path, str]:
    """The tarball of the newest source package that can be had, and its upstream version."""
    complaints = []
    for suite in dict.fromkeys(SUITES):
        packages = apt.PrivateApt(work / suite, suite)
        (work / suite).mkdir()
        for version in VERSIONS:
            try:
                tarball, full = packages.source(f"python{version}")[f"python{version}"]
            except BuildError as error:
                complaints.append(f"{suite}: {error}")
                continue
            print(f"matrix: {tarball.name} of {suite}")
            return tarball, full.partition("-")[0]
    raise BuildError("no source package of CPython 3.13 or newer can be had:\n" + "\n".join(complaints))


def passes(tree: Path, suite: Path, selection: list[str], env: dict[str, str]) -> bool:
    """Install the package from a tree without its history into an environment of its own, and run the tests there."""
    program = interpreter()
    env = {**os.environ, **env, "PYTHON_GIL": "0"}
    place = tree.parent / "env"
    python = place / "bin" / "python"
    commands = [
        f"{program} -m venv {place}",
        f"{python} -VV",
        f"{python} -m pip install -q {shlex.join(PACKAGES)}",
        f"{python} -m pip install -q --no-build-isolation {tree}",
        f"cd {suite}",
        f"env -u PYTHON_GIL {python} -c {shlex.quote(CHECK)}",
        f"{python} -m pytest -q -p no:cacheprovider {' '.join(selection)}",
    ]
    done = subprocess.run(["sh", "-euc", "\n".join(commands)], env=env, stdin=subprocess.DEVNULL, check=False, timeout=BUILD_LIMIT)
    print(f"matrix: free-threaded: status {done.returncode}", flush=True)
    return done.returncode == 0


if __name__ == "__main__":
    sys.exit("python tests/matrix/run.py free-threaded")
