"""setuptools' sdist, with the bundled libraries' tarballs inside when they are at hand."""

from __future__ import annotations

import functools
import gzip
import os
import shutil
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from setuptools.command.sdist import sdist as _sdist

from .config import BuildConfig
from .locate import say
from .sources import cached_tarballs, pins, write_manifest


class sdist(_sdist):  # noqa: N801  # setuptools' command name
    """Adds the verified tarballs, so that a build from the sdist needs no network."""

    def make_release_tree(self, base_dir: str, files: list[str]) -> None:
        super().make_release_tree(base_dir, files)
        place = Path(base_dir) / "bundled"
        tarballs = cached_tarballs(BuildConfig.from_environment())
        for pin in pins():
            source = tarballs.get(pin.name)
            if source is None:
                say(f"the sdist does not contain {pin.name}: {pin.file} is not at hand "
                    "(a bundled build before the sdist fetches it)")  # fmt: skip
                continue
            shutil.copyfile(source.path, place / source.path.name)
            write_manifest(place, {pin.name: replace(source, path=place / source.path.name)})
            pinned = "" if source.digest == pin.sha256 else f", not the pinned {pin.version}"
            say(f"the sdist contains {source.path.name} ({source.origin}{pinned})")

    def make_archive(self, base_name: str, format: str, *arguments: Any, **options: Any) -> str:  # type: ignore[override]
        """With SOURCE_DATE_EPOCH the archive says nothing of when, where and by whom it was made."""
        epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
        if not epoch or format != "gztar":
            return str(super().make_archive(base_name, format, *arguments, **options))
        tree = Path(options["base_dir"])
        path = f"{base_name}.tar.gz"
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        with (
            open(path, "wb") as file,
            gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=int(epoch)) as zipped,
            tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as archive,
        ):
            for name in sorted([tree, *tree.rglob("*")]):
                archive.add(name, recursive=False, filter=functools.partial(_anonymous, mtime=int(epoch)))
        return path


def _anonymous(entry: tarfile.TarInfo, mtime: int) -> tarfile.TarInfo:
    entry.mtime = mtime
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    entry.mode = 0o755 if entry.isdir() or entry.mode & 0o100 else 0o644
    return entry
