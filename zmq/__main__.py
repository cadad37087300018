"""`python -m zmq COMMAND`, also installed as the script `zmq`: the command-line tools of this package."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence

from zmq._cli import CommandError, CommandFailed, Parser, program
from zmq._cli.commands import COMMANDS
from zmq.error import ZMQError

_AFTER = """\
exit status:
  0 done    1 time ran out, or a peer, the network or a check failed    2 wrong arguments or input
  130 interrupted by Ctrl-C    141 whoever read the output has enough

examples:
  {program} recv 'tcp://*:5555'                      # here
  echo hello | {program} send tcp://localhost:5555   # there

{program} COMMAND --help shows the options and examples of one command.
"""


def build_parser() -> Parser:
    """The parser of the first word."""
    width = max(map(len, COMMANDS))
    commands = "\n".join(f"  {name:{width}} {what}" for name, (_, _, what) in COMMANDS.items())
    parser = Parser(description=f"commands:\n{commands}", examples=_AFTER, usage="%(prog)s COMMAND ...")
    parser.add_argument("--version", action="store_true", help="print the versions of this package and of libzmq")
    parser.add_argument("command", nargs="?", choices=COMMANDS, metavar="COMMAND", help="one of the above")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        # only the first word is read here: what follows is the command's
        args = build_parser().parse_args(words[:1])
        if args.version:
            return _print_versions()
        if args.command is None:
            build_parser().error("give a command")
        return _run(args.command, words[1:])
    except KeyboardInterrupt:
        _say("interrupted")
        return 130
    except BrokenPipeError:
        # whoever read the output has enough: `python -m zmq info | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 141


def _run(command: str, words: list[str]) -> int:
    name, extra, _ = COMMANDS[command]
    try:
        status: int = importlib.import_module(f"zmq._cli.{name}").main(words, *extra)
        if sys.stdout is not None:
            sys.stdout.flush()
    except CommandError as error:
        _say(f"{program()} {command}: {error}")
        return 2
    except (CommandFailed, ZMQError) as error:
        _say(f"{program()} {command}: {error}")
        return 1
    return status


def _print_versions() -> int:
    import zmq

    print(f"pyzmq {zmq.pyzmq_version()}, libzmq {zmq.zmq_version()}", flush=True)
    return 0


def _say(text: str) -> None:
    if sys.stderr is not None:
        print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
