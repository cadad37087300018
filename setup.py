"""Metadata is in pyproject.toml, the build in buildutils/, its description in docs/building.md."""

import sys
from pathlib import Path

from setuptools import setup

# A PEP 517 build does not put the project's directory on the path.
sys.path.insert(0, str(Path(__file__).resolve().parent))

from buildutils import build_requirements
from buildutils.bdist_wheel import bdist_wheel
from buildutils.build_ext import build_ext
from buildutils.extensions import modules
from buildutils.sdist import sdist

if __name__ == "__main__":  # Cython's worker processes may import this file
    setup(
        ext_modules=modules(),
        cmdclass={"build_ext": build_ext, "bdist_wheel": bdist_wheel, "sdist": sdist},
        setup_requires=build_requirements(),
    )
