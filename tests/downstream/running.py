"""How the tests of other people's programs run them."""

from __future__ import annotations

from typing import Protocol

from helpers import Child

#: What every program does first: be sure of whose package it runs on.
PREAMBLE = """
import importlib.metadata, os, sys, warnings
import zmq
assert zmq.__version__ == importlib.metadata.version("pyzmq") == os.environ["EXPECTED_VERSION"], zmq.__version__
assert zmq.__file__ == os.environ["EXPECTED_FILE"], zmq.__file__
"""


class RunProgram(Protocol):
    """The ``program`` fixture: a program in a process of its own, which must end well."""

    def __call__(self, script: str, *args: str, timeout: float = ...) -> Child: ...
