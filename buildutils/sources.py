"""Where the sources of the bundled libraries come from, each checked before it is used."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import shutil
import sys
import tarfile
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from . import apt
from .cache import sha256, store
from .config import BuildConfig, BuildError
from .locate import say

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

BUNDLED = Path(__file__).resolve().parent.parent / "bundled"
MANIFEST = "tarballs.json"
"""Beside tarballs in bundled/ (of an sdist) or in the cache: their versions, hashes and origins."""

T = TypeVar("T")

CONNECT_TIMEOUT = 10.0
DOWNLOAD_TIMEOUT = 120.0


@dataclass(frozen=True)
class Pin:
    """One table of bundled/versions.toml."""

    name: str
    version: str
    file: str
    sha256: str
    urls: tuple[str, ...]
    debian_source: str


@dataclass(frozen=True)
class Source:
    """A tarball or directory to build from."""

    name: str
    version: str
    origin: str
    path: Path
    digest: str


class UnavailableError(BuildError):
    """One way to the sources that did not work; the others are tried."""


def pins() -> tuple[Pin, Pin]:
    """The pinned libzmq and libsodium."""
    with (BUNDLED / "versions.toml").open("rb") as file:
        tables: dict[str, Any] = tomllib.load(file)
    fields = ("version", "file", "sha256", "debian_source")
    libzmq, libsodium = (
        Pin(name=name, urls=tuple(tables[name]["urls"]), **{f: tables[name][f] for f in fields})
        for name in ("libzmq", "libsodium")
    )
    return libzmq, libsodium


def resolve(config: BuildConfig) -> tuple[Source, Source]:
    """The sources of libzmq and libsodium, fetched if need be; one error if there is no way."""
    tried: list[str] = []
    found = [
        _resolve_one(pin, given, url, config, tried)
        for pin, given, url in zip(
            pins(),
            (config.libzmq_source, config.libsodium_source),
            (config.libzmq_url, config.libsodium_url),
            strict=True,
        )
    ]
    missing = [pin for pin, source in zip(pins(), found, strict=True) if source is None]
    if missing:
        fetched = _attempt(tried, lambda: _from_distribution(missing, config))
        found = [
            source or (fetched or {}).get(pin.name)
            for pin, source in zip(pins(), found, strict=True)
        ]
    libzmq, libsodium = found
    if libzmq is None or libsodium is None:
        raise BuildError(_no_way(config, tried))
    return libzmq, libsodium


def unpack(source: Source, target: Path) -> Path:
    """Lay the sources out below target, so that nothing is ever written into the given ones."""
    if source.path.is_dir():
        shutil.copytree(source.path, target, symlinks=True,
                        ignore=shutil.ignore_patterns(".git"))  # fmt: skip
        return target
    target.mkdir(parents=True)
    try:
        with tarfile.open(source.path) as archive:
            if hasattr(tarfile, "data_filter"):
                archive.extractall(target, filter="data")
            else:  # Python 3.10 and 3.11 before their security releases
                archive.extractall(target)
    except (tarfile.TarError, OSError, EOFError) as error:
        raise BuildError(f"{source.path} cannot be unpacked: {error}") from error
    inside = [path for path in target.iterdir() if path.is_dir()]
    return inside[0] if len(inside) == 1 else target


def cached_tarballs(config: BuildConfig) -> dict[str, Source]:
    """Verified tarballs that a build would use without any network, by library name."""
    found = {}
    for pin in pins():
        source = _at_hand(pin, config)
        if source is not None:
            found[pin.name] = source
    return found


def _resolve_one(
    pin: Pin, given: Path | None, url: str | None, config: BuildConfig, tried: list[str]
) -> Source | None:
    if given is not None:
        return _given(pin, given)
    at_hand = _at_hand(pin, config)
    # An explicit URL serves the pinned file, so another version at hand is no substitute.
    if at_hand is not None and (url is None or at_hand.digest == pin.sha256):
        return at_hand
    urls = (url,) if url else pin.urls
    for address in urls:
        source = _attempt(tried, functools.partial(_download, pin, address, config))
        if source is not None:
            return source
    if url:
        raise BuildError(_no_way(config, tried))
    return None


def _given(pin: Pin, path: Path) -> Source:
    say(f"taking {pin.name} from {path}: the environment names it")
    digest = _tree_digest(path) if path.is_dir() else sha256(path)
    return Source(pin.name, "given", f"{path}", path, digest)


def _at_hand(pin: Pin, config: BuildConfig) -> Source | None:
    """A pinned tarball in bundled/ or the cache, else one that an earlier build had verified."""
    places = (BUNDLED, config.cache / "downloads")
    for place in places:
        path = place / pin.file
        if path.is_file():
            _require_hash(path, pin.sha256, remove=place != BUNDLED)
            return Source(pin.name, pin.version, f"upstream {pin.file}", path, pin.sha256)
    for place in places:
        record = _read_manifest(place).get(pin.name)
        if record and (place / record["file"]).is_file():
            path = place / record["file"]
            _require_hash(path, record["sha256"], remove=place != BUNDLED)
            return Source(pin.name, record["version"], record["origin"], path, record["sha256"])
    return None


def _download(pin: Pin, url: str, config: BuildConfig) -> Source:
    say(f"fetching {url}")
    with tempfile.TemporaryDirectory(prefix="pyzmq-fetch-") as work:
        path = Path(work) / pin.file
        try:
            _fetch(url, path)
        except (OSError, ValueError) as error:
            reason = getattr(error, "reason", None) or error
            raise UnavailableError(f"{url}: {reason}") from error
        _require_hash(path, pin.sha256, origin=url)
        stored = store(path, config.cache / "downloads" / pin.file)
    return Source(pin.name, pin.version, f"upstream {pin.file}", stored, pin.sha256)


def _fetch(url: str, path: Path) -> None:
    deadline = time.monotonic() + DOWNLOAD_TIMEOUT
    with urllib.request.urlopen(url, timeout=CONNECT_TIMEOUT) as reply, path.open("wb") as file:
        while chunk := reply.read(1 << 16):
            file.write(chunk)
            if time.monotonic() > deadline:
                raise TimeoutError(f"not complete after {DOWNLOAD_TIMEOUT:.0f} s")


def _from_distribution(missing: list[Pin], config: BuildConfig) -> dict[str, Source]:
    """Upstream's tarballs as Debian's and Ubuntu's source packages carry them."""
    if not apt.available():
        raise UnavailableError("source packages of the distribution: there is no apt-get")
    names = [pin.debian_source for pin in missing]
    say(f"fetching the distribution's source packages {', '.join(names)}")
    place = config.cache / "downloads"
    result = {}
    with tempfile.TemporaryDirectory(prefix="pyzmq-apt-") as work:
        try:
            fetched = apt.PrivateApt(Path(work)).source(*names)
        except BuildError as error:
            raise UnavailableError(f"source packages of the distribution: {error}") from error
        for pin in missing:
            path, package_version = fetched[pin.debian_source]
            stored = store(path, place / path.name)
            result[pin.name] = Source(
                pin.name,
                package_version.rpartition("-")[0].rpartition(":")[2],
                f"source package {pin.debian_source} {package_version}",
                stored,
                sha256(stored),
            )
    write_manifest(place, result)
    return result


def write_manifest(place: Path, sources: dict[str, Source]) -> None:
    """Record beside the tarballs what they are."""
    records = _read_manifest(place)
    for name, source in sources.items():
        records[name] = {
            "file": source.path.name,
            "version": source.version,
            "sha256": source.digest,
            "origin": source.origin,
        }
    partial = place / f".{MANIFEST}-{os.getpid()}"
    partial.write_text(json.dumps(records, indent=2, sort_keys=True) + "\n", "utf-8")
    partial.replace(place / MANIFEST)


def _read_manifest(place: Path) -> dict[str, dict[str, str]]:
    try:
        records: dict[str, dict[str, str]] = json.loads((place / MANIFEST).read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise BuildError(f"{place / MANIFEST} is damaged: delete it ({error})") from error
    return records


def _require_hash(path: Path, expected: str, *, origin: str = "", remove: bool = False) -> None:
    actual = sha256(path)
    if actual == expected:
        return
    if remove:
        path.unlink()
    raise BuildError(
        f"{origin or path} has the wrong content: sha256 {actual}, expected {expected}. "
        "Somebody changed it or the transfer broke; nothing was built from it"
    )


def _tree_digest(directory: Path) -> str:
    """Changes whenever a file below the directory does (by size or time, not by content)."""
    digest = hashlib.sha256(str(directory).encode())
    for folder, subfolders, files in os.walk(directory):
        subfolders[:] = sorted(name for name in subfolders if name != ".git")
        for name in sorted(files):
            status = os.lstat(os.path.join(folder, name))
            digest.update(f"{folder}/{name} {status.st_size} {status.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _attempt(tried: list[str], way: Callable[[], T]) -> T | None:
    try:
        return way()
    except UnavailableError as error:
        tried.append(str(error))
        say(f"  did not work: {error}")
        return None


def _no_way(config: BuildConfig, tried: list[str]) -> str:
    libzmq, libsodium = pins()
    attempts = "\n".join(f"  - {line}" for line in tried)
    return (
        "no libzmq was found on this machine and the sources of the bundled one cannot be had.\n"
        f"Tried:\n{attempts}\n"
        "Ways out, any one will do:\n"
        "  1. install libzmq with its headers (Debian, Ubuntu: libzmq3-dev; Fedora: zeromq-devel;\n"
        "     macOS: brew install zeromq pkg-config), or set ZMQ_PREFIX to where it is;\n"
        f"  2. set ZMQ_BUNDLED_SOURCE and LIBSODIUM_BUNDLED_SOURCE to copies of {libzmq.file}\n"
        f"     and {libsodium.file} (or to unpacked sources);\n"
        "  3. let this machine reach the addresses above, or set ZMQ_BUNDLED_URL and\n"
        "     LIBSODIUM_BUNDLED_URL to a mirror that it reaches."
    )
