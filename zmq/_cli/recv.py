"""`python -m zmq recv` and `sub`: print what arrives."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import zmq

from . import CommandError, CommandFailed, Parser
from .arguments import add_addresses, add_ends, add_forms, add_output, add_socket, escaped, kind
from .formats import form_of
from .sockets import opened
from .transfer import Output, receiving_progress

TYPES = ("pull", "sub", "pair", "dealer", "router", "stream", "xpub", "xsub")

_EXAMPLES = """\
examples:
  {program} recv 'tcp://*:5555'                        print every message as a line
  {program} recv 'tcp://*:5555' -n 1 --raw -o picture.png
  {program} sub tcp://localhost:5556 --topic weather --payload
  {program} sub tcp://localhost:5556 --json | jq .
  {program} recv --connect tcp://a:5555 --connect tcp://b:5555 --timeout 10
  {program} recv 'tcp://*:5555' --type router --envelope   every frame, binary ones too
  {program} recv 'tcp://*:5555' --curve-server --curve-key server.key_secret --curve-allow clients/
"""


def build_parser(default: str = "pull") -> Parser:
    """The parser of `recv`, or of `sub`, which is the same with another type."""
    command = "sub" if default == "sub" else "recv"
    parser = Parser(command, description="Print messages until Ctrl-C, --count or --timeout.", examples=_EXAMPLES)
    add_addresses(parser, "bind to it (sub, pair, dealer, stream, xsub: connect to it)")
    parser.add_argument("-t", "--type", choices=TYPES, default=default, help="the type of the socket (default %(default)s)")
    parser.add_argument(
        "--topic", type=escaped, action="append", metavar="TEXT", help="sub: messages that begin with it; repeatable (default: all)"
    )
    add_output(parser)
    add_forms(parser)
    add_ends(parser, "fail when nothing comes for so long", "messages", sends=False)
    add_socket(parser)
    return parser


def main(argv: Sequence[str], default: str = "pull") -> int:
    """Print messages; 0 after --count of them."""
    args = build_parser(default).parse_args(argv)
    if args.topic and args.type not in ("sub", "xsub"):
        raise CommandError("--topic is for subscribers: add --type sub, or use the command sub")
    form = form_of(args)
    with opened(args, kind(args.type)) as socket, Output(args.output, form) as output, receiving_progress(args, output) as progress:
        subscribe(socket, args)
        received = 0
        while args.count is None or received < args.count:
            frames = receive(socket, args.timeout)
            if args.type == "stream" and not frames[1]:
                continue  # a connection that came or went
            received += 1
            output.write(frames[-1:] if args.payload else frames)
            progress.add(frames)
    return 0


def subscribe(socket: zmq.SyncSocket, args: argparse.Namespace) -> None:
    """Ask publishers for the topics."""
    for topic in args.topic or [b""]:
        if args.type == "sub":
            socket.subscribe(topic)
        elif args.type == "xsub":
            socket.send(b"\1" + topic)


def receive(socket: zmq.SyncSocket, timeout: float | None) -> list[bytes]:
    """One message; CommandFailed when time runs out."""
    try:
        return socket.recv_multipart()
    except zmq.Again:
        raise CommandFailed(f"no message within {timeout:g} s") from None
