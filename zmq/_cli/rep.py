"""`python -m zmq rep`: answer requests with themselves, a text, a command's output, or what somebody types."""

from __future__ import annotations

import argparse
import itertools
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence

import zmq

from . import CommandError, Parser, note
from .arguments import add_addresses, add_ends, add_forms, add_output, add_socket
from .formats import Form, form_of
from .recv import receive
from .sockets import opened
from .transfer import Output, given, standard_input

Frames = list[bytes]

_EXAMPLES = """\
examples:
  {program} rep 'tcp://*:5557' --echo                  the request itself
  {program} rep 'tcp://*:5557' -m pong                 always this
  {program} rep 'tcp://*:5557' -m @answer.json         a file, read at the start
  {program} rep 'tcp://*:5557' --exec 'tr a-z A-Z'     what the command makes of it
  {program} rep 'tcp://*:5557' --exec "sh -c 'date; uptime'" -n 1
  {program} rep 'tcp://*:5557'                         requests are printed, lines of input are the replies
"""


def build_parser() -> Parser:
    """The parser of `rep`."""
    parser = Parser("rep", description="Answer requests until Ctrl-C, --count or --timeout.", examples=_EXAMPLES)
    add_addresses(parser, "bind to it")
    group = parser.add_argument_group(
        "replies", "Without one of these, each request is printed and the next line of input is its reply."
    )
    way = group.add_mutually_exclusive_group()
    way.add_argument("--echo", action="store_true", help="reply with the request")
    way.add_argument(
        "-e",
        "--exec",
        metavar="COMMAND",
        help="run this for each request: it reads the request, and what it writes is the reply (no shell; --timeout ends it)",
    )
    way.add_argument(
        "-m", "--message", action="append", default=[], metavar="TEXT", help="reply with this, or @FILE; several take turns"
    )
    add_output(parser)
    add_forms(parser)
    add_ends(parser, "fail when no request comes for so long", "replies")
    add_socket(parser)
    return parser


def main(argv: Sequence[str]) -> int:
    """Answer; 0 after --count replies, or when standard input ends."""
    args = build_parser().parse_args(argv)
    form = form_of(args)
    with Output(args.output, form) as output:
        reply_to = answerer(args, form, output)
        with opened(args, zmq.REP) as socket:
            for _ in itertools.count() if args.count is None else range(args.count):
                reply = reply_to(receive(socket, args.timeout))
                if reply is None:
                    return 0
                socket.send_multipart(reply)
    return 0


def answerer(args: argparse.Namespace, form: Form, output: Output) -> Callable[[Frames], Frames | None]:
    """The function from a request to its reply; it gives None when there are no more."""
    if args.echo:
        return lambda request: request
    if args.exec is not None:
        return Command(args.exec, args.timeout)
    if args.message:
        replies = itertools.cycle(given(args, form))
        return lambda request: next(replies)
    return ByHand(form.read(standard_input()), output, payload=args.payload)


class ByHand:
    """Prints a request and takes the reply from the input."""

    def __init__(self, replies: Iterator[Frames], output: Output, payload: bool) -> None:
        self._replies = replies
        self._output = output
        self._payload = payload

    def __call__(self, request: Frames) -> Frames | None:
        self._output.write(request[-1:] if self._payload else request)
        return next(self._replies, None)


class Command:
    """Runs a program for each request."""

    def __init__(self, text: str, timeout: float | None) -> None:
        try:
            self._words = shlex.split(text)
        except ValueError as error:
            raise CommandError(f"--exec {text}: {error}") from None
        if not self._words or shutil.which(self._words[0]) is None:
            raise CommandError(f"--exec {text}: there is no such program (a shell's words need sh -c '...')")
        self._timeout = timeout

    def __call__(self, request: Frames) -> Frames:
        """Its output; when it fails, what there is, because without a reply the client would wait for ever."""
        try:
            process = subprocess.Popen(self._words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        except OSError as error:
            note(f"--exec: {error}")
            return [b""]
        with process:
            try:
                written, _ = process.communicate(b"".join(request), self._timeout)
            except subprocess.TimeoutExpired as late:
                note(f"--exec: ended after {self._timeout:g} s")
                written = late.stdout or b""
            finally:
                # also after Ctrl-C, which may have reached this process only
                process.kill()
                process.wait()
        if process.returncode > 0:
            note(f"--exec: exit status {process.returncode}")
        return [written]
