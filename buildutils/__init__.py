"""Finds or builds libzmq and compiles the package's modules; used by setup.py alone."""

from __future__ import annotations

import contextlib
import io
import sys

from .config import BuildConfig, BuildError
from .locate import locate
from .tools import cmake_requirements


def build_requirements() -> list[str]:
    """What this machine's build needs from the index beyond pyproject.toml: cmake and ninja, or
    nothing where libzmq is installed or the machine has them.

    setuptools reports these to the installer (PEP 517); a direct run of setup.py gets none, as
    setuptools would put the packages into the source tree.
    """
    if "setuptools.build_meta" not in sys.modules:
        return []
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            library = locate(BuildConfig.from_environment())
    except BuildError as error:
        raise SystemExit(f"error: {error}") from None
    return [] if library else cmake_requirements()
