"""`python -m zmq COMMAND`: the command-line tools of this package."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

from zmq._cli import CommandError

# A command is a module of this name in zmq/_cli with a `main(argv) -> int`. It is imported only
# when it is asked for.
COMMANDS = {
    "demo": "hash a tree of files over worker processes",
    "info": "print versions, paths and features, for a bug report",
    "bench": "measure this build, beside another one and beside C",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status; 2 means that it could not begin."""
    parser = argparse.ArgumentParser(
        prog="python -m zmq",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="commands:\n" + "\n".join(f"  {name:8} {what}" for name, what in COMMANDS.items()),
    )
    parser.add_argument("command", choices=COMMANDS, metavar="COMMAND")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, metavar="...")
    args = parser.parse_args(argv)
    command = importlib.import_module(f"zmq._cli.{args.command}")
    try:
        status: int = command.main(args.arguments)
        sys.stdout.flush()
    except CommandError as error:
        print(f"python -m zmq {args.command}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # whoever read the output has enough: `python -m zmq info | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    return status


if __name__ == "__main__":
    sys.exit(main())
