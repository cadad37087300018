"""Compiles `limit.c`, which shows what libzmq itself can do on this machine.

The libzmq bundled in this package is hidden inside one extension module, so the C program links
another copy: the one named by the user, the bundled library in the build cache (the same code), or
the system's.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import zmq

SOURCE = Path(__file__).with_name("limit.c")
COMPILE_TIMEOUT = 120
RUN_TIMEOUT = 120


class NoLimit(Exception):
    """The C program cannot be had here; the text says why."""


@dataclass(frozen=True)
class Library:
    """A libzmq to link: where it was found, and the compiler's arguments for it."""

    origin: str
    compile: tuple[str, ...]
    link: tuple[str, ...]


@dataclass(frozen=True)
class Limit:
    """The compiled program."""

    program: Path
    origin: str
    version: str

    def run(self, workload: str, seconds: float) -> float:
        """Operations per second of one workload."""
        return float(_output([str(self.program), "run", workload, str(seconds)]))


def build(directory: Path, prefix: Path | None = None) -> Limit:
    """Compile the program into `directory` against the first libzmq that links and runs.

    Args:
        directory: Where the program goes.
        prefix: A prefix to take libzmq from; nothing else is tried then.

    Raises:
        NoLimit: No compiler, no libzmq with its header, or none that links.
    """
    compiler = _compiler()
    tried: list[str] = []
    for library in _libraries(prefix):
        program = directory / "limit"
        command = [*compiler, "-O3", *library.compile, str(SOURCE), "-o", str(program)]
        try:
            _output([*command, *library.link], timeout=COMPILE_TIMEOUT)
            version = _output([str(program), "about"]).strip()
        except NoLimit as error:
            tried.append(f"{library.origin}: {error}")
        else:
            return Limit(program, library.origin, version)
    if tried:
        raise NoLimit("; ".join(tried))
    raise NoLimit(
        f"no zmq.h with a libzmq under {prefix}"
        if prefix
        else "no zmq.h with a libzmq in the build cache or known to pkg-config;"
        " install libzmq's headers (libzmq3-dev) or give --libzmq PREFIX"
    )


def _compiler() -> list[str]:
    """The C compiler's command, from CC, the interpreter's own build, or the usual names."""
    if sys.platform == "win32":
        raise NoLimit("the C program needs POSIX")
    for command in (os.environ.get("CC"), sysconfig.get_config_var("CC"), "cc", "gcc", "clang"):
        words = shlex.split(command or "")
        if words and shutil.which(words[0]):
            return words
    raise NoLimit("no C compiler; install one or name it in CC")


def _libraries(prefix: Path | None) -> Iterator[Library]:
    """Every libzmq at hand, the most comparable first."""
    if prefix is not None:
        yield from _in_prefix(prefix, f"--libzmq {prefix}")
        return
    for root in _cached():
        yield from _in_prefix(root, f"build cache ({root})")
    if shutil.which("pkg-config"):
        try:
            flags = shlex.split(_output(["pkg-config", "--cflags", "libzmq"]))
            libs = shlex.split(_output(["pkg-config", "--libs", "libzmq"]))
        except NoLimit:
            return
        yield Library("pkg-config", tuple(flags), tuple(libs))


def _cached() -> list[Path]:
    """Prefixes of libzmq in the build cache with this package's version, the best first.

    An optimised one before one for debugging, then the newest.
    """
    found = [
        header.parent.parent
        for cache in _caches()
        for header in cache.glob("libraries/*/include/zmq.h")
    ]
    same = [prefix for prefix in found if _header_version(prefix) == zmq.zmq_version()]
    return sorted(
        same, key=lambda prefix: (bool(_lto_flags(prefix)), prefix.stat().st_mtime), reverse=True
    )


def _caches() -> list[Path]:
    """Where the build of this package may keep the libraries that it made."""
    asked, xdg = os.environ.get("ZMQ_BUILD_CACHE"), os.environ.get("XDG_CACHE_HOME")
    usual = "Library/Caches" if sys.platform == "darwin" else ".cache"
    user = Path(xdg) if xdg else Path.home() / usual
    return [Path(asked)] if asked else [user / "pyzmq"]


def _header_version(prefix: Path) -> str:
    text = (prefix / "include" / "zmq.h").read_text(encoding="utf-8", errors="replace")
    numbers = dict(re.findall(r"#define ZMQ_VERSION_(MAJOR|MINOR|PATCH)\s+(\d+)", text))
    return ".".join(numbers.get(part, "?") for part in ("MAJOR", "MINOR", "PATCH"))


def _in_prefix(prefix: Path, origin: str) -> Iterator[Library]:
    """The library in a prefix: the static one if it comes with its parts, else the shared one."""
    include = prefix / "include"
    if not (include / "zmq.h").is_file():
        return
    for directory in _library_directories(prefix):
        static, sodium = directory / "libzmq.a", directory / "libsodium.a"
        if any(directory.glob("libzmq.so*")) or any(directory.glob("libzmq*.dylib")):
            # The old kind of run path also serves the libraries that libzmq itself needs.
            tags = ("-Wl,--disable-new-dtags",) if sys.platform == "linux" else ()
            link = (f"-L{directory}", "-lzmq", f"-Wl,-rpath,{directory}", *tags)
            yield Library(origin, (f"-I{include}",), link)
        elif static.is_file():
            parts = tuple(str(path) for path in (static, sodium) if path.is_file())
            runtime = "-lc++" if sys.platform == "darwin" else "-lstdc++"
            link = (*parts, runtime, "-lpthread", "-lm")
            # As C programs use a library, calling it and not merged with it, if the archive has
            # code for that and not only the compiler's intermediate form.
            yield Library(origin, (f"-I{include}",), link)
            yield Library(origin, (f"-I{include}",), (*_lto_flags(prefix), *link))


def _lto_flags(prefix: Path) -> tuple[str, ...]:
    """The flags of link-time optimisation with which archives in the build cache were made."""
    try:
        record = json.loads((prefix / "record.json").read_text(encoding="utf-8"))
    except OSError:
        return ()
    return tuple(record["lto"])


def _library_directories(prefix: Path) -> list[Path]:
    lib = prefix / "lib"
    multiarch = sysconfig.get_config_var("MULTIARCH")
    return [lib, prefix / "lib64", *([lib / multiarch] if multiarch else [])]


def _output(command: list[str], timeout: float = RUN_TIMEOUT) -> str:
    """The output of a command; its failure as `NoLimit` with the last words that it said."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoLimit(str(error)) from error
    if done.returncode:
        words = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        raise NoLimit(f"{Path(command[0]).name}: {words[-1]}")
    return done.stdout
