"""Which libzmq to build against: ZMQ_PREFIX, pkg-config, or the bundled one."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from .config import BuildConfig, BuildError

MINIMUM = (4, 2)
"""Oldest libzmq whose API the core is written for."""

_DEFAULT_LIBRARY_DIRS = ("/usr/lib", "/usr/lib64", "/usr/local/lib", "/lib", "/lib64")


@dataclass(frozen=True)
class Component:
    """A bundled library, as the wheel's bill of materials names it."""

    name: str
    version: str
    origin: str
    sha256: str
    """Of the tarball; empty for a directory of sources."""
    url: str
    """Where that very tarball can be had; empty when it is not the pinned one."""
    patches: tuple[str, ...] = ()
    """File names in bundled/patches/ of those applied."""


@dataclass(frozen=True)
class Library:
    """A libzmq to compile and link against."""

    origin: str
    """"prefix", "system" or "bundled"."""
    detail: str
    """Where it is, or which sources it was made from, for build_info() and people."""
    version: str
    include_dirs: tuple[str, ...] = ()
    library_dirs: tuple[str, ...] = ()
    runtime_library_dirs: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()
    objects: tuple[str, ...] = ()
    """Static archives, in link order."""
    compile_args: tuple[str, ...] = ()
    link_args: tuple[str, ...] = ()
    components: tuple[Component, ...] = ()
    """What ends up in the wheel; nothing for an installed libzmq."""

    @property
    def static(self) -> bool:
        """True when libzmq itself, which is C++, ends up inside the module."""
        return bool(self.objects)


def locate(config: BuildConfig) -> Library | None:
    """The installed libzmq to use, or None where the bundled one is to be built; says why."""
    if config.prefix:
        library = from_prefix(config.prefix)
        say(f"using libzmq {library.version} in {config.prefix}: ZMQ_PREFIX names it")
        return library
    if config.wants_bundled:
        say("building the bundled libzmq: the environment asks for it")
        return None
    if config.sanitize:
        say("building the bundled libzmq: it has to carry the sanitizers too")
        return None
    if config.draft:
        say("building the bundled libzmq: ZMQ_DRAFT_API asks for drafts (ZMQ_PREFIX overrides)")
        return None
    found = from_pkg_config()
    if isinstance(found, Library):
        say(f"using libzmq {found.version}: {found.detail}")
        return found
    say(f"building the bundled libzmq: {found}")
    return None


def from_prefix(prefix: Path) -> Library:
    """The libzmq installed under a prefix; an absent header or library is an error."""
    include = prefix / "include"
    header = include / "zmq.h"
    if not header.is_file():
        raise BuildError(f"ZMQ_PREFIX={prefix}: no include/zmq.h there (install libzmq's headers)")
    version = header_version(header)
    _check_version(version, f"ZMQ_PREFIX={prefix}")
    directories = _library_dirs(prefix)
    for directory in directories:
        for name in sorted(p.name for p in directory.glob("*zmq*")):
            linked = _shared_name(name)
            if linked:
                return Library(
                    origin="prefix",
                    detail=str(prefix),
                    version=version,
                    include_dirs=(str(include),),
                    library_dirs=(str(directory),),
                    runtime_library_dirs=_rpath(directory),
                    libraries=(linked,),
                )
    for directory in directories:
        archive = directory / "libzmq.a"
        if archive.is_file():
            return _static_library(prefix, version, archive)
    looked = ", ".join(str(d) for d in directories) or f"{prefix}/lib"
    raise BuildError(f"ZMQ_PREFIX={prefix}: has zmq.h, but no libzmq in {looked}")


def _static_library(prefix: Path, version: str, archive: Path) -> Library:
    sodium = archive.with_name("libsodium.a")
    needs_sodium = b"sodium_init" in archive.read_bytes()
    beside = needs_sodium and sodium.is_file()
    return Library(
        origin="prefix",
        detail=f"{prefix} (static)",
        version=version,
        include_dirs=(str(prefix / "include"),),
        library_dirs=(str(archive.parent),),
        libraries=(*(("sodium",) if needs_sodium and not beside else ()), *system_libraries()),
        objects=(str(archive), *((str(sodium),) if beside else ())),
    )


def from_pkg_config() -> Library | str:
    """The libzmq that pkg-config knows, or the reason why there is none."""
    tool = shutil.which(os.environ.get("PKG_CONFIG", "pkg-config"))
    if tool is None:
        return "pkg-config is not installed"

    def ask(*options: str) -> list[str] | None:
        try:
            done = subprocess.run(
                [tool, *options, "libzmq"], capture_output=True, text=True, timeout=30
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        return shlex.split(done.stdout) if done.returncode == 0 else None

    version = ask("--modversion")
    if not version:
        return "pkg-config knows no libzmq"
    minimum = ".".join(map(str, MINIMUM))
    if ask(f"--atleast-version={minimum}") is None:
        return f"the installed libzmq {version[0]} is older than {minimum}"
    cflags, libs = ask("--cflags"), ask("--libs")
    if cflags is None or libs is None:
        return "pkg-config cannot resolve what libzmq requires"
    directory = (ask("--variable=libdir") or ["the default place"])[0]
    library_dirs = tuple(flag[2:] for flag in libs if flag.startswith("-L"))
    return Library(
        origin="system",
        detail=f"pkg-config, {directory}",
        version=version[0],
        include_dirs=tuple(flag[2:] for flag in cflags if flag.startswith("-I")),
        library_dirs=library_dirs,
        runtime_library_dirs=tuple(d for path in library_dirs for d in _rpath(Path(path))),
        libraries=tuple(flag[2:] for flag in libs if flag.startswith("-l")),
        compile_args=tuple(flag for flag in cflags if not flag.startswith("-I")),
        link_args=tuple(flag for flag in libs if not flag.startswith(("-l", "-L"))),
    )


def header_version(header: Path) -> str:
    """The version that a zmq.h states."""
    text = header.read_text("utf-8", "replace")
    parts = [
        re.search(rf"^#define\s+ZMQ_VERSION_{part}\s+(\d+)", text, re.M)
        for part in ("MAJOR", "MINOR", "PATCH")
    ]
    if None in parts:
        raise BuildError(f"{header} does not state a ZMQ_VERSION: is it libzmq's header?")
    return ".".join(match[1] for match in parts if match)


def system_libraries() -> tuple[str, ...]:
    """What a static libzmq needs from the operating system."""
    if sys.platform == "win32":
        return ("ws2_32", "rpcrt4", "iphlpapi", "advapi32")
    if sys.platform.startswith("linux"):
        return ("pthread", "rt")
    return ()


def say(text: str) -> None:
    """Print a line of the build's own story."""
    print(f"pyzmq build: {text}", flush=True)


def _check_version(version: str, where: str) -> None:
    if tuple(int(part) for part in version.split(".")[:2]) < MINIMUM:
        raise BuildError(
            f"{where}: libzmq {version} is older than {'.'.join(map(str, MINIMUM))}; "
            "install a newer one or set ZMQ_PREFIX=bundled"
        )


def _library_dirs(prefix: Path) -> list[Path]:
    multiarch = sysconfig.get_config_var("MULTIARCH")
    names = ["lib", "lib64"] + ([f"lib/{multiarch}"] if multiarch else [])
    return [prefix / name for name in names if (prefix / name).is_dir()]


def _shared_name(file: str) -> str | None:
    """What to pass to the linker for a shared libzmq with this file name, else None."""
    if sys.platform == "win32":
        # Upstream's static libraries carry -mt-s in their name.
        stem, dot, end = file.rpartition(".")
        return stem if dot and end.lower() == "lib" and "-mt-s" not in stem else None
    return "zmq" if file in ("libzmq.so", "libzmq.dylib") else None


def _rpath(directory: Path) -> tuple[str, ...]:
    multiarch = sysconfig.get_config_var("MULTIARCH")
    default = {*_DEFAULT_LIBRARY_DIRS, *(f"{d}/{multiarch}" for d in _DEFAULT_LIBRARY_DIRS)}
    return () if sys.platform == "win32" or str(directory) in default else (str(directory),)
