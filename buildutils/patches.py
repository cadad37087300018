"""The changes to libzmq's sources in bundled/patches/, applied to the unpacked sources before they are built.

A patch is a text file: what it mends, some fields, and a unified diff. The fields are

    Versions: 4.3.4 4.3.5           the releases that it is made for; others are left alone
    Upstream: https://...           where the defect or its repair is discussed
    Until: libzmq 4.3.6             the version that makes it unnecessary

Not patch(1) or git: neither need be on a machine that has a compiler, and both guess when a place is not where it should be.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .config import BuildConfig, BuildError
from .locate import say
from .sources import BUNDLED

_FIELD = re.compile(r"^(Versions|Upstream|Until): +(.+)$", re.M)
_HUNK = re.compile(r"@@ -(\d+)(?:,\d+)? \+\d+(?:,\d+)? @@")


@dataclass(frozen=True)
class Patch:
    """One file of bundled/patches/."""

    path: Path
    text: str
    versions: tuple[str, ...]
    upstream: str
    until: str

    @classmethod
    def read(cls, path: Path) -> Patch:
        """Parse a file; BuildError when a field or the diff is missing."""
        text = path.read_text("utf-8")
        fields: dict[str, str] = dict(_FIELD.findall(text.partition("\n--- ")[0]))
        if len(fields) != 3 or "\n--- a/" not in text:
            raise BuildError(f"{path}: a patch has the fields Versions, Upstream and Until, and a unified diff")
        return cls(path, text, tuple(fields["Versions"].split()), fields["Upstream"], fields["Until"])

    @property
    def digest(self) -> str:
        """Changes with what the patch says."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def chosen(config: BuildConfig, directory: Path | None = None) -> list[Patch]:
    """Every patch, in the order of their names, or none where ZMQ_BUNDLED_PATCHES=0 asks for upstream's sources."""
    if not config.patches:
        return []
    return [Patch.read(path) for path in sorted((directory or BUNDLED / "patches").glob("*.patch"))]


def apply(patches: list[Patch], tree: Path) -> list[str]:
    """Change the sources, and return the names of the patches; one that does not fit is left out whole, and named."""
    applied = []
    for patch in patches:
        try:
            changed = dict(_patched(tree, name, hunks) for name, hunks in _files(patch))
        except _Misfit as reason:
            say(f"  LEFT OUT {patch.path.name}, which is for {', '.join(patch.versions)} as released: {reason}")
            continue
        for path, text in changed.items():
            path.write_text(text, "utf-8")
        say(f"  applied {patch.path.name}")
        applied.append(patch.path.name)
    return applied


class _Misfit(Exception):
    """These are not the sources that a patch was made for."""


def _patched(tree: Path, name: str, hunks: list[tuple[int, list[str]]]) -> tuple[Path, str]:
    path = tree / name
    try:
        lines = path.read_text("utf-8").splitlines()
    except OSError as error:
        raise _Misfit(f"{name} cannot be read: {error}") from error
    for number, hunk in hunks:
        lines = _changed(lines, number, hunk, name)
    return path, "\n".join(lines) + "\n"


def _files(patch: Patch) -> Iterator[tuple[str, list[tuple[int, list[str]]]]]:
    """The diff's files, each with its hunks: the line where one begins, and its lines."""
    name = ""
    hunks: list[tuple[int, list[str]]] = []
    for line in patch.text[patch.text.index("\n--- a/") + 1 :].splitlines():
        started = _HUNK.match(line)
        if line.startswith("--- a/"):
            if name:
                yield name, hunks
            name, hunks = line[6:].split("\t")[0], []
        elif started:
            hunks.append((int(started[1]) - 1, []))
        elif hunks and line[:1] in (" ", "+", "-", ""):
            hunks[-1][1].append(line or " ")
        elif not line.startswith("+++ b/"):
            raise BuildError(f"{patch.path}: no line of a unified diff: {line!r}")
    yield name, hunks


def _changed(lines: list[str], number: int, hunk: list[str], name: str) -> list[str]:
    old = [_words(line[1:]) for line in hunk if line[0] != "+"]
    present = [_words(line) for line in lines]
    places = [at for at in range(len(lines) - len(old) + 1) if present[at : at + len(old)] == old]
    if not places:
        raise _Misfit(f"{name} has nowhere what the patch expects near line {number + 1}")
    at = min(places, key=lambda place: abs(place - number))
    result = lines[:at]
    for line in hunk:
        if line[0] == "+":
            result.append(line[1:])
        else:
            if line[0] == " ":
                result.append(lines[at])
            at += 1
    return result + lines[at:]


def _words(line: str) -> str:
    """A line without regard to how its blanks are set."""
    return " ".join(line.split())
