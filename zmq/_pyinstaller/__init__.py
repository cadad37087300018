"""Tells PyInstaller where its hook for this package is (entry point `pyinstaller40`, `hook-dirs`)."""

from __future__ import annotations

import os


def get_hook_dirs() -> list[str]:
    """Return the directory that holds ``hook-zmq.py``."""
    return [os.path.dirname(__file__)]
