"""`python -m zmq completion SHELL`: the script that lets a shell complete these commands (made by shtab)."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Sequence

from . import CommandError, Parser
from .commands import COMMANDS

SHELLS = ("bash", "zsh", "tcsh")

_EXAMPLES = """\
examples:
  {program} completion bash > ~/.local/share/bash-completion/completions/zmq
  {program} completion zsh > "${{fpath[1]}}/_zmq"

The script completes the command `zmq`. It needs the package shtab: python -m pip install 'pyzmq[cli]'
"""


def build_parser() -> Parser:
    """The parser of `completion`."""
    parser = Parser("completion", description="Print a completion script.", examples=_EXAMPLES)
    parser.add_argument("shell", choices=SHELLS, metavar="SHELL", help="bash, zsh or tcsh")
    return parser


def main(argv: Sequence[str]) -> int:
    """Print the script."""
    args = build_parser().parse_args(argv)
    try:
        import shtab
    except ImportError:
        raise CommandError("completion needs shtab: python -m pip install 'pyzmq[cli]'") from None
    print(shtab.complete(everything(), shell=args.shell))
    return 0


def everything() -> argparse.ArgumentParser:
    """One parser with all commands below it; the commands themselves never need it."""
    parser = argparse.ArgumentParser(prog="zmq")
    commands = parser.add_subparsers(dest="command", parser_class=argparse.ArgumentParser)
    for name, (module, extra, what) in COMMANDS.items():
        one = importlib.import_module(f"zmq._cli.{module}").build_parser(*extra)
        commands.add_parser(name, parents=[one], add_help=False, help=what)
    return parser
