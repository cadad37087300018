"""The demo's input: which files there are, their bytes as arrays, and their digests."""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import CommandError

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

ALGORITHM = "sha256"
BLOCK = 1 << 20


@dataclass(frozen=True)
class Task:
    """One file to hash; `number` identifies it in every message about it."""

    number: int
    path: Path
    nbytes: int

    def __str__(self) -> str:
        # File names need not be text that a terminal can show.
        return os.fspath(self.path).encode(errors="backslashreplace").decode()


def find(path: Path) -> tuple[list[Task], int]:
    """List the regular files under a path, sorted, and count what is skipped.

    Links to files count as files; links to directories are not followed, so that no loop is.
    Sockets, pipes and devices are skipped.

    Raises:
        CommandError: A path that does not exist or cannot be read, or nothing to send.
    """
    files: list[tuple[Path, int]] = []
    skipped = 0
    for candidate in _walk(path):
        try:
            status = candidate.stat()
        except OSError as error:
            raise unreadable(error) from error
        if stat.S_ISREG(status.st_mode):
            files.append((candidate, status.st_size))
        else:
            skipped += 1
    if not files:
        raise CommandError(f"no files under {path}; give a PATH that has some")
    tasks = [Task(number, file, size) for number, (file, size) in enumerate(sorted(files))]
    return tasks, skipped


def _walk(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]

    def refuse(error: OSError) -> None:
        raise unreadable(error) from error

    found = os.walk(path, onerror=refuse)
    return [Path(folder, name) for folder, _, names in found for name in names]


def unreadable(error: OSError) -> CommandError:
    """What to tell about a file or directory that cannot be read."""
    name = os.fsdecode(error.filename) if error.filename else "a file"
    shown = name.encode(errors="backslashreplace").decode()
    return CommandError(f"cannot read {shown}: {error.strerror}; remove it or give another PATH")


def map_file(path: Path) -> NDArray[numpy.uint8]:
    """Map a file's bytes as an array; the map goes with the last reference to the array."""
    import numpy

    try:
        if path.stat().st_size == 0:
            # An empty file cannot be mapped.
            return numpy.empty(0, numpy.uint8)
        mapped: NDArray[numpy.uint8] = numpy.memmap(path, numpy.uint8, mode="r")
        return mapped
    except OSError as error:
        raise unreadable(error) from error


def digest(data: Any) -> str:
    """The digest of an object with a buffer, read in place."""
    return hashlib.new(ALGORITHM, data).hexdigest()


def digest_of_file(path: Path, nbytes: int) -> str:
    """The digest of the first bytes of a file, read in the ordinary way.

    Only as many as were sent: a log that has grown since is not a mistake of the transport.
    """
    result = hashlib.new(ALGORITHM)
    try:
        with open(path, "rb") as file:
            while nbytes > 0 and (block := file.read(min(nbytes, BLOCK))):
                result.update(block)
                nbytes -= len(block)
    except OSError as error:
        raise unreadable(error) from error
    return result.hexdigest()
