"""The commands of `python -m zmq`, each in a module with a `main(argv, ...) -> int` and a `build_parser(...)`."""

from __future__ import annotations

import argparse
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn


class CommandError(Exception):
    """A command cannot do what it was asked; the text says why and what to do instead. Exit status 2."""


class CommandFailed(Exception):
    """A command began, and time ran out or a peer or the network failed; the text says which. Exit status 1."""


KEY_LENGTH = 40  # of a CURVE key in Z85


class Parser(argparse.ArgumentParser):
    """A parser that keeps the lines of its examples ({program} in them is replaced), and whose errors are one line."""

    def __init__(self, command: str = "", description: str | None = None, examples: str = "", usage: str | None = None) -> None:
        super().__init__(
            prog=f"{program()} {command}".strip(),
            usage=usage,
            description=description,
            epilog=examples.format(program=program()),
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As argparse's, but a CURVE key that begins with a dash is taken for the value that it is."""
        words: list[str] = []
        for word in sys.argv[1:] if args is None else args:
            if len(word) == KEY_LENGTH and word.startswith("-") and words and words[-1].startswith("--") and "=" not in words[-1]:
                words[-1] += f"={word}"
            else:
                words.append(word)
        return super().parse_args(words, namespace)

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message} (--help shows how)\n")


def program() -> str:
    """How this program was started, for its messages."""
    name = os.path.splitext(os.path.basename(sys.argv[0]))[0]
    return "zmq" if name == "zmq" else "python -m zmq"


def note(text: str) -> None:
    """Tell something that is no part of the output."""
    print(text, file=sys.stderr, flush=True)
