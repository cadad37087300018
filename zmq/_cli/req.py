"""`python -m zmq req`: requests, and the reply to each."""

from __future__ import annotations

from collections.abc import Sequence

import zmq

from . import CommandFailed, Parser
from .arguments import add_addresses, add_ends, add_forms, add_input, add_output, add_socket
from .formats import form_of
from .sockets import opened
from .transfer import Output, messages_to_send

_EXAMPLES = """\
examples:
  {program} req tcp://localhost:5557 -m 'what time is it?' --timeout 2
  seq 10 | {program} req tcp://localhost:5557          ten requests, ten lines
  {program} req tcp://localhost:5557 --json -m '{{"method": "status"}}' | jq .
  {program} req tcp://localhost:5557 -m ping --repeat --interval 1
  {program} req tcp://localhost:5560 -m STATISTICS --envelope   ask a proxy's --control
"""


def build_parser() -> Parser:
    """The parser of `req`."""
    parser = Parser("req", description="Send requests, one after the other, and print the reply to each.", examples=_EXAMPLES)
    add_addresses(parser, "connect to it; with several, they take turns")
    add_input(parser)
    parser.add_argument("--repeat", action="store_true", help="send the messages of --message again and again, up to --count")
    add_output(parser)
    add_forms(parser)
    add_ends(parser, "fail when a reply takes longer", "requests", sends=False)
    add_socket(parser)
    return parser


def main(argv: Sequence[str]) -> int:
    """Ask everything; 0 when every request had its reply."""
    args = build_parser().parse_args(argv)
    form = form_of(args)
    messages = messages_to_send(args, form, args.count)
    with opened(args, zmq.REQ) as socket, Output(args.output, form) as output:
        for number, frames in enumerate(messages, 1):
            try:
                socket.send_multipart(frames)
                reply = socket.recv_multipart()
            except zmq.Again:
                raise CommandFailed(f"no reply to request {number} within {args.timeout:g} s: is a server there?") from None
            output.write(reply[-1:] if args.payload else reply)
    return 0
