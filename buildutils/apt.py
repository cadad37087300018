"""Debian and Ubuntu packages without root: apt with a sources list and state of its own.

The machine's proxy, certificates and keys stay in force, and so does apt's signature check: nothing
here may be fetched from a suite that the machine's own keys do not vouch for.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from .config import BuildError

_ROLLING = {"stable", "oldstable", "oldoldstable", "testing", "unstable", "sid", "devel"}
_POCKETS = ("", "-updates", "-security", "/updates", "-backports", "-proposed-updates")
_COMPONENTS = {
    "main", "contrib", "non-free", "non-free-firmware", "universe", "restricted", "multiverse",
}  # fmt: skip
_KEPT_FIELDS = {"uris", "suites", "components", "signed-by", "architectures"}
"""Everything else is dropped, above all what would switch the signature check off (Trusted ...)."""


class AptError(BuildError):
    """apt-get failed; carries what it printed."""

    def __init__(self, message: str, output: str) -> None:
        super().__init__(message)
        self.output = output


@dataclass(frozen=True)
class Entry:
    """One stanza of a sources list."""

    types: tuple[str, ...]
    uris: tuple[str, ...]
    suites: tuple[str, ...]
    components: tuple[str, ...]
    signed_by: str = ""
    architectures: tuple[str, ...] = ()


def available() -> bool:
    """True on a machine with apt."""
    return sys.platform.startswith("linux") and shutil.which("apt-get") is not None


def read_one_line(text: str) -> Iterator[Entry]:
    """The entries of a sources.list file."""
    for row in text.splitlines():
        line = row.partition("#")[0].strip()
        match = re.match(r"(deb|deb-src)\s+(?:\[([^\]]*)\]\s*)?(\S+)\s+(\S+)\s*(.*)$", line)
        if not match:
            continue
        options = dict(
            item.lower().split("=", 1) if "signed-by" not in item.lower() else
            ["signed-by", item.split("=", 1)[1]]
            for item in (match[2] or "").split()
            if "=" in item
        )  # fmt: skip
        yield Entry(
            types=(match[1],),
            uris=(match[3],),
            suites=(match[4],),
            components=tuple(match[5].split()),
            signed_by=options.get("signed-by", "").replace(",", " "),
            architectures=tuple(filter(None, options.get("arch", "").split(","))),
        )


def read_deb822(text: str) -> Iterator[Entry]:
    """The entries of a .sources file."""
    for stanza in re.split(r"\n[ \t]*\n", text):
        fields: dict[str, str] = {}
        name = ""
        for line in stanza.splitlines():
            if line.startswith("#"):
                continue
            if line[:1] in (" ", "\t"):
                fields[name] = fields.get(name, "") + "\n" + line
            elif ":" in line:
                name, _, value = line.partition(":")
                name = name.strip().lower()
                fields[name] = value.strip()
        if "types" not in fields or fields.get("enabled", "yes").lower() in ("no", "false", "0"):
            continue
        yield Entry(
            types=tuple(fields["types"].split()),
            uris=tuple(fields.get("uris", "").split()),
            suites=tuple(fields.get("suites", "").split()),
            components=tuple(fields.get("components", "").split()),
            signed_by=fields.get("signed-by", ""),
            architectures=tuple(fields.get("architectures", "").split()),
        )


def configured_entries(root: Path = Path("/etc/apt")) -> list[Entry]:
    """What the machine's sources lists say, in both formats."""
    entries: list[Entry] = []
    parts = sorted((root / "sources.list.d").glob("*"))
    for path in [root / "sources.list", *parts]:
        reader = {".list": read_one_line, ".sources": read_deb822}.get(path.suffix)
        if reader is not None and path.is_file():
            entries += reader(path.read_text("utf-8", "replace"))
    return entries


def distribution_entries(entries: list[Entry], codename: str) -> list[Entry]:
    """The entries that are the distribution's own suites; others' packages are not ours to use."""
    known = {base + pocket for base in (codename, *_ROLLING) if base for pocket in _POCKETS}
    kept = []
    for entry in entries:
        suites = tuple(suite for suite in entry.suites if suite in known)
        own_key = (
            not entry.signed_by
            or "\n" in entry.signed_by
            or re.search(r"archive[-_]keyring|-archive-", entry.signed_by) is not None
        )
        if suites and entry.components and _COMPONENTS.issuperset(entry.components) and own_key:
            kept.append(
                Entry(entry.types, entry.uris, suites, entry.components, entry.signed_by,
                      entry.architectures)
            )  # fmt: skip
    return kept


def as_sources(entries: list[Entry]) -> str:
    """The entries as deb822 text, each for binary and source packages."""
    stanzas = []
    seen = set()
    for entry in entries:
        lines = [
            "Types: deb deb-src",
            f"URIs: {' '.join(entry.uris)}",
            f"Suites: {' '.join(entry.suites)}",
            f"Components: {' '.join(entry.components)}",
        ]
        if entry.architectures:
            lines.append(f"Architectures: {' '.join(entry.architectures)}")
        if entry.signed_by:
            lines.append(f"Signed-By: {entry.signed_by}")
        text = "\n".join(lines) + "\n"
        if text not in seen:
            seen.add(text)
            stanzas.append(text)
    return "\n".join(stanzas)


def codename(path: Path = Path("/etc/os-release")) -> str:
    """The distribution's release name, such as bookworm or noble; empty where it has none."""
    try:
        text = path.read_text("utf-8", "replace")
    except OSError:
        return ""
    fields = dict(re.findall(r'^([A-Z_]+)="?([^"\n]*)"?$', text, re.M))
    return fields.get("UBUNTU_CODENAME") or fields.get("VERSION_CODENAME") or ""


class PrivateApt:
    """apt-get working in a directory of its own; the package lists are read at the first use."""

    def __init__(self, work: Path, suite: str = "") -> None:
        # another suite than the machine's own, from the same servers and with the same keys
        self._suite = suite
        self._work = work
        self._ready = False
        self._update_complaints: list[str] = []

    def source(self, *packages: str) -> dict[str, tuple[Path, str]]:
        """Fetch source packages; give each one's upstream tarball, checked, and its version."""
        self._prepare()
        target = self._work / "source"
        target.mkdir(exist_ok=True)
        self._run("source", "--download-only", *packages, cwd=target)
        return {name: _upstream_tarball(target, name) for name in packages}

    def unpack(self, target: Path, *packages: str) -> None:
        """Unpack packages, with those that they need and the machine lacks, below target."""
        self._prepare()
        archives = self._work / "archives"
        # No lock and no root: nothing is installed, and the downloads go to a private directory.
        self._run("install", "--download-only", "--yes", "--no-install-recommends", "--reinstall",
                  *packages, cwd=self._work)  # fmt: skip
        debs = sorted(archives.glob("*.deb"))
        if not debs:
            raise BuildError(f"apt-get downloaded none of {', '.join(packages)}")
        for deb in debs:
            _check_call(["dpkg-deb", "-x", str(deb), str(target)], self._work, os.environ, 120)

    def _prepare(self) -> None:
        if self._ready:
            return
        entries = distribution_entries(configured_entries(), codename())
        if not entries:
            raise BuildError("the machine's apt sources name no suite of its own distribution")
        if self._suite:
            first = next((entry for entry in entries if codename() in entry.suites), entries[0])
            entries = [replace(first, suites=(self._suite,))]
        for name in ("lists/partial", "archives/partial", "state", "log"):
            (self._work / name).mkdir(parents=True, exist_ok=True)
        (self._work / "own.sources").write_text(as_sources(entries))
        (self._work / "apt.conf").write_text(_configuration(self._work))
        try:
            output = self._run("update", cwd=self._work)
        except AptError as error:
            # One suite out of several may be broken and another have what is wanted.
            output = error.output
        self._update_complaints = _complaints(output)
        self._ready = True

    def _run(self, *arguments: str, cwd: Path) -> str:
        # -c is read after the machine's own configuration, APT_CONFIG before it: only the former
        # can take back the hooks that the machine runs after each update.
        command = ["apt-get", "-c", str(self._work / "apt.conf"), "-q", *arguments]
        env = {**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
        try:
            return _check_call(command, cwd, env, 300)
        except AptError as error:
            if not self._update_complaints:
                raise
            # apt-get update succeeds when a server is out of reach; the reason is in its warnings.
            raise AptError(f"{error}; {self._update_complaints[0]}", error.output) from error


def _configuration(work: Path) -> str:
    hooks = ("APT::Update::Pre-Invoke", "APT::Update::Post-Invoke",
             "APT::Update::Post-Invoke-Success", "DPkg::Pre-Invoke", "DPkg::Post-Invoke",
             "DPkg::Pre-Install-Pkgs")  # fmt: skip
    settings = {
        "Dir::State": work / "state",
        "Dir::State::lists": work / "lists",
        "Dir::State::status": "/var/lib/dpkg/status",
        "Dir::Cache": work,
        "Dir::Cache::archives": work / "archives",
        "Dir::Cache::pkgcache": "",
        "Dir::Cache::srcpkgcache": "",
        "Dir::Log": work / "log",
        "Dir::Etc::SourceList": work / "own.sources",
        "Dir::Etc::SourceParts": "/dev/null",
        # As root apt would drop to a user who may not enter our directory.
        "APT::Sandbox::User": "root",
        "APT::Get::AllowUnauthenticated": "false",
        "Acquire::AllowInsecureRepositories": "false",
        "Acquire::AllowDowngradeToInsecureRepositories": "false",
        "Acquire::Languages": "none",
        "Acquire::Retries": "2",
        "Acquire::http::Timeout": "20",
        "Acquire::https::Timeout": "20",
        "Debug::NoLocking": "true",
    }
    lines = [f"#clear {name};" for name in hooks]
    lines += [f'{name} "{value}";' for name, value in settings.items()]
    return "\n".join(lines) + "\n"


def _upstream_tarball(directory: Path, package: str) -> tuple[Path, str]:
    """The .orig tarball of a fetched source package, held against the .dsc that apt vouched for."""
    found = sorted(directory.glob(f"{package}_*.dsc"))
    if len(found) != 1:
        raise BuildError(f"apt-get source {package} left {len(found)} .dsc files instead of one")
    text = found[0].read_text("utf-8", "replace")
    version = re.search(r"^Version: (\S+)", text, re.M)
    sums = re.search(r"^Checksums-Sha256:[ \t]*\n((?: .*\n)+)", text, re.M)
    for line in sums[1].splitlines() if sums else ():
        digest, size, name = line.split()
        if re.search(r"\.orig\.tar\.\w+$", name):
            data = (directory / name).read_bytes()
            if len(data) != int(size) or hashlib.sha256(data).hexdigest() != digest:
                raise BuildError(f"{name} is not the file that {found[0].name} lists")
            return directory / name, version[1] if version else "unknown"
    raise BuildError(f"{found[0].name} lists no .orig tarball")


def _check_call(
    command: list[str], cwd: Path, env: os._Environ[str] | dict[str, str], timeout: float
) -> str:
    try:
        done = subprocess.run(command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, timeout=timeout,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              errors="replace")  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise AptError(f"{command[0]} {_verb(command)} failed: {error}", "") from error
    if done.returncode:
        errors = _complaints(done.stdout) or done.stdout.strip().splitlines()[-2:]
        reason = "; ".join(errors[:2]) or "no message"
        raise AptError(f"{command[0]} {_verb(command)} failed: {reason}", done.stdout)
    return done.stdout


def _complaints(output: str) -> list[str]:
    """The error lines of apt-get and dpkg-deb, else its warnings."""
    lines = output.splitlines()
    errors = [line for line in lines if line.startswith(("E:", "dpkg-deb:"))]
    return errors or [line for line in lines if line.startswith("W:")]


def _verb(command: list[str]) -> str:
    return next((word for word in command[1:] if word in ("update", "source", "install")), "")
