"""The build's settings: the environment, read once into a frozen record."""

from __future__ import annotations

import os
import sys
import sysconfig
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from setuptools.errors import BaseError

ABI3_SINCE = (3, 12)
"""The first CPython whose limited API has all that the modules of a ZMQ_ABI3=1 build take."""

SANITIZERS = ("address", "undefined", "thread", "leak")
"""What ZMQ_BUILD_SANITIZE may name."""

_TRUE = {"1", "on", "yes", "true"}
_FALSE = {"", "0", "off", "no", "false"}


class BuildError(BaseError):
    """A build that cannot go on; setuptools prints its text without a traceback."""


@dataclass(frozen=True)
class BuildConfig:
    """What the environment asked for. docs/building.md has the table of variables."""

    prefix: Path | None
    bundled: bool
    libzmq_source: Path | None
    libsodium_source: Path | None
    libzmq_url: str | None
    libsodium_url: str | None
    cache: Path
    draft: bool
    debug: bool
    sanitize: tuple[str, ...]
    coverage: bool
    faults: bool
    shared: bool
    patches: bool
    abi3: bool

    @classmethod
    def from_environment(cls, env: Mapping[str, str] | None = None) -> BuildConfig:
        """Read and check every variable; raise BuildError for a value that makes no sense."""
        env = os.environ if env is None else env
        prefix = env.get("ZMQ_PREFIX", "").strip()
        bundled = prefix == "bundled"
        config = cls(
            prefix=None if bundled or not prefix else _prefix(prefix),
            bundled=bundled,
            libzmq_source=_source(env, "ZMQ_BUNDLED_SOURCE"),
            libsodium_source=_source(env, "LIBSODIUM_BUNDLED_SOURCE"),
            libzmq_url=_url(env, "ZMQ_BUNDLED_URL"),
            libsodium_url=_url(env, "LIBSODIUM_BUNDLED_URL"),
            cache=_cache(env),
            draft=_switch(env, "ZMQ_DRAFT_API"),
            debug=_switch(env, "ZMQ_BUILD_DEBUG"),
            sanitize=_sanitizers(env),
            coverage=_switch(env, "ZMQ_BUILD_COVERAGE"),
            faults=_switch(env, "ZMQ_BUILD_FAULTS"),
            shared=_switch(env, "ZMQ_BUNDLED_SHARED"),
            patches=_switch(env, "ZMQ_BUNDLED_PATCHES", default=True),
            abi3=_switch(env, "ZMQ_ABI3"),
        )
        if config.prefix and (config.libzmq_source or config.libsodium_source):
            raise BuildError(
                "ZMQ_PREFIX names an installed libzmq and ZMQ_BUNDLED_SOURCE/"
                "LIBSODIUM_BUNDLED_SOURCE a source to build: unset one of them, "
                "or set ZMQ_PREFIX=bundled"
            )
        if config.prefix and config.shared:
            raise BuildError(
                "ZMQ_PREFIX names an installed libzmq and ZMQ_BUNDLED_SHARED asks for one of "
                "the build's own: unset one of them, or set ZMQ_PREFIX=bundled"
            )
        if config.abi3:
            _require_stable_abi()
            if config.coverage:
                raise BuildError("ZMQ_ABI3 and ZMQ_BUILD_COVERAGE: Cython cannot trace lines in the limited API; unset one of them")
        return config

    @property
    def wants_bundled(self) -> bool:
        """True when a setting decides for the bundled libzmq, whatever the machine has."""
        return self.bundled or bool(
            self.libzmq_source
            or self.libsodium_source
            or self.libzmq_url
            or self.libsodium_url
            or self.shared
        )

    @property
    def optimise(self) -> bool:
        """True for a release build: -O3, link-time optimisation, stripped."""
        return not (self.debug or self.sanitize or self.coverage)

    @property
    def flags(self) -> tuple[str, ...]:
        """Names of the switches that are on, as build_info() shows them."""
        names = ("draft", "debug", "coverage", "faults", "shared", "abi3")
        on = [name for name in names if getattr(self, name)]
        return (*on, *(f"sanitize-{name}" for name in self.sanitize))


def _require_stable_abi() -> None:
    name, free_threaded = sys.implementation.name, bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
    if name != "cpython" or free_threaded or sys.version_info < ABI3_SINCE:
        this = f"{name} {sys.version_info[0]}.{sys.version_info[1]}{' (free-threaded)' if free_threaded else ''}"
        wanted = ".".join(map(str, ABI3_SINCE))
        raise BuildError(f"ZMQ_ABI3=1 needs CPython {wanted} or newer with its GIL, this is {this}: build with another or unset it")


def _switch(env: Mapping[str, str], name: str, default: bool = False) -> bool:
    value = env.get(name, "").strip().lower()
    if not value:
        return default
    if value in _TRUE:
        return True
    if value in _FALSE:
        return False
    raise BuildError(f"{name}={env[name]!r} is neither on nor off: use 1 or 0")


def _sanitizers(env: Mapping[str, str]) -> tuple[str, ...]:
    value = env.get("ZMQ_BUILD_SANITIZE", "").strip().lower()
    if value in _FALSE:
        return ()
    if value in _TRUE:
        return ("address", "undefined")
    names = tuple(sorted({name.strip() for name in value.split(",") if name.strip()}))
    unknown = [name for name in names if name not in SANITIZERS]
    if unknown or not names:
        raise BuildError(
            f"ZMQ_BUILD_SANITIZE={env['ZMQ_BUILD_SANITIZE']!r}: give 1 (address,undefined) "
            f"or a comma-separated choice of {', '.join(SANITIZERS)}"
        )
    if "thread" in names and ("address" in names or "leak" in names):
        raise BuildError("ZMQ_BUILD_SANITIZE: thread cannot be combined with address or leak")
    return names


def _prefix(value: str) -> Path:
    path = Path(value).expanduser()
    if not path.is_dir():
        raise BuildError(
            f"ZMQ_PREFIX={value!r} is no directory: give the directory that holds "
            "include/zmq.h and the library, or the word bundled"
        )
    return path.resolve()


def _source(env: Mapping[str, str], name: str) -> Path | None:
    value = env.get(name, "").strip()
    if not value:
        return None
    path = Path(value).expanduser()
    if not path.exists():
        raise BuildError(f"{name}={value!r} does not exist: give a source directory or a tarball")
    return path.resolve()


def _url(env: Mapping[str, str], name: str) -> str | None:
    value = env.get(name, "").strip()
    if not value:
        return None
    if "://" not in value:
        raise BuildError(
            f"{name}={value!r} is no URL: a local file is named by the SOURCE variable"
        )
    return value


def _cache(env: Mapping[str, str]) -> Path:
    """Directory for downloads and built libraries: asked for, the user's, or a temporary one."""
    asked = env.get("ZMQ_BUILD_CACHE", "").strip()
    if asked:
        path = Path(asked).expanduser().absolute()
        if not _writable(path):
            raise BuildError(f"ZMQ_BUILD_CACHE={asked!r} cannot be written")
        return path
    for place in (_user_cache(env), Path(tempfile.gettempdir()) / f"pyzmq-build-{_user_id()}"):
        if place is not None and _writable(place):
            return place
    # Neither is usable (another user may own the second name): a fresh directory always is.
    return Path(tempfile.mkdtemp(prefix="pyzmq-build-"))


def _user_cache(env: Mapping[str, str]) -> Path | None:
    if sys.platform == "win32":
        base = env.get("LOCALAPPDATA")
        return Path(base) / "pyzmq" / "Cache" if base else None
    if env.get("XDG_CACHE_HOME"):
        return Path(env["XDG_CACHE_HOME"]) / "pyzmq"
    try:
        home = Path(env["HOME"]) if env.get("HOME") else Path.home()
    except RuntimeError:
        return None
    return home / ("Library/Caches/pyzmq" if sys.platform == "darwin" else ".cache/pyzmq")


def _user_id() -> str:
    return str(os.getuid()) if hasattr(os, "getuid") else "user"


def _writable(path: Path) -> bool:
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError:
        return False
    # A directory of somebody else (in /tmp) could hand us libraries that they built.
    return not hasattr(os, "getuid") or path.stat().st_uid == os.getuid()
