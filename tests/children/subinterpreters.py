"""Interpreters of one process, the same way in CPython 3.12 and later."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

from child_support import Running

_interpreters: Any
try:
    import _interpreters
except ImportError:
    import _xxsubinterpreters as _interpreters

PATH = f"""
import sys
sys.path[:] = {sys.path!r}
"""


def create(kind: str = "isolated") -> Any:
    """A new interpreter: "isolated" with a GIL of its own (CPython 3.12), or "legacy"."""
    if sys.version_info >= (3, 13):
        return _interpreters.create(kind)
    return _interpreters.create(isolated=kind == "isolated")


def run(interpreter: Any, code: str) -> None:
    """Run code in it; an exception there is one here."""
    failure = _interpreters.run_string(interpreter, PATH + code)
    if failure is not None:
        raise RuntimeError(failure.errdisplay)


def end(interpreter: Any) -> None:
    _interpreters.destroy(interpreter)


def run_and_end(code: str, kind: str = "isolated") -> None:
    interpreter = create(kind)
    try:
        run(interpreter, code)
    finally:
        end(interpreter)


class InThread(Running):
    """Code in an interpreter of its own, in a thread of its own; finish() raises what it raised."""

    def __init__(self, code: str, kind: str = "isolated") -> None:
        super().__init__(lambda: run_and_end(code, kind))

    def finish(self) -> None:
        self.ended(30)
        if self.error is not None:
            raise self.error


def wait_until(condition: Callable[[], bool], what: str, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(f"still not: {what}")
        time.sleep(0.005)
