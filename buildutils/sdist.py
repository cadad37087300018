"""setuptools' sdist, with the bundled libraries' tarballs inside when they are at hand."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

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
