"""Versions and paths of the package."""

from __future__ import annotations

import os

from ._core._lib import zmq_version_info
from ._version import __version__

__revision__ = ""

VERSION_MAJOR, VERSION_MINOR, VERSION_PATCH = (int(part) for part in __version__.split("."))
VERSION_EXTRA = ""
version_info: tuple[int, int, int] | tuple[int, int, int, float] = (VERSION_MAJOR, VERSION_MINOR, VERSION_PATCH)


def pyzmq_version() -> str:
    """Return the version of this package."""
    return f"{__version__}+{__revision__[:6]}" if __revision__ else __version__


def pyzmq_version_info() -> tuple[int, int, int] | tuple[int, int, int, float]:
    """Return the version of this package as a tuple; a development version has a fourth item, infinity."""
    return version_info


def zmq_version() -> str:
    """Return the version of the libzmq in use (zmq_version(3))."""
    return ".".join(map(str, zmq_version_info()))


def get_includes() -> list[str]:
    """Return the directories of headers and .pxd files, for a program that compiles against this package."""
    package = os.path.dirname(__file__)
    candidates = [os.path.dirname(package), os.path.join(package, "utils"), os.path.join(package, "include")]
    return [path for path in candidates if os.path.isdir(path)]


def get_library_dirs() -> list[str]:
    """Return the directories where a libzmq shipped with this package may be."""
    return [os.path.dirname(__file__)]
