"""The commands of `python -m zmq`, one module each with a `main(argv) -> int`."""

from __future__ import annotations


class CommandError(Exception):
    """A command cannot do what it was asked; the text says why and what to do instead."""
