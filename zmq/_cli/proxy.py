"""`python -m zmq proxy`: zmq_proxy_steerable(3) between two sides of any types."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Sequence

import zmq

from . import CommandError, CommandFailed, Parser, note
from .arguments import add_security, address, number, option
from .sockets import attach, authenticating, configure, context_of

#: The three of zmq_device(3), and the sides that they join.
KINDS = {"queue": "router:dealer", "forwarder": "xsub:xpub", "streamer": "pull:push"}

_EXAMPLES = """\
examples:
  {program} proxy queue 'tcp://*:5559' 'tcp://*:5560'          clients (REQ) on the left, workers (REP) on the right
  {program} proxy forwarder 'tcp://*:5561' 'tcp://*:5562'      publishers on the left, subscribers on the right
  {program} proxy streamer 'tcp://*:5563' 'tcp://*:5564' --capture 'tcp://*:5565'
  {program} proxy xsub:xpub --frontend-connect tcp://a:5556 --frontend-connect tcp://b:5556 --backend-bind 'tcp://*:5562'
  {program} proxy queue 'tcp://*:5559' ipc:///tmp/workers --control tcp://127.0.0.1:5566
  {program} req tcp://127.0.0.1:5566 -m PAUSE                  also RESUME, STATISTICS, TERMINATE
  {program} sub tcp://localhost:5565                           see what was captured
"""


def build_parser() -> Parser:
    """The parser of `proxy`."""
    parser = Parser("proxy", description="Pass on messages between two sides, both ways.", examples=_EXAMPLES)
    parser.add_argument(
        "kind",
        metavar="KIND",
        help="queue (router:dealer), forwarder (xsub:xpub), streamer (pull:push), or two types with : between",
    )
    parser.add_argument("frontend", nargs="?", type=address, metavar="FRONTEND", help="bind the frontend to it")
    parser.add_argument("backend", nargs="?", type=address, metavar="BACKEND", help="bind the backend to it")
    for side in ("frontend", "backend"):
        group = parser.add_argument_group(side)
        group.add_argument(f"--{side}-bind", type=address, action="append", default=[], metavar="ADDRESS", help="repeatable")
        group.add_argument(f"--{side}-connect", type=address, action="append", default=[], metavar="ADDRESS", help="repeatable")
        group.add_argument(
            f"--{side}-option", type=option, action="append", default=[], metavar="NAME=VALUE", help="zmq_setsockopt(3); repeatable"
        )
    group = parser.add_argument_group("watching and steering")
    group.add_argument("--capture", type=address, metavar="ADDRESS", help="publish a copy of every message here (bound)")
    group.add_argument(
        "--capture-type", choices=("pub", "push", "pair"), default="pub", help="with another type of socket (default %(default)s)"
    )
    group.add_argument(
        "--control", type=address, metavar="ADDRESS", help="obey PAUSE, RESUME, STATISTICS, TERMINATE that a REQ sends here (bound)"
    )
    group.add_argument(
        "--control-type", choices=("rep", "pair"), default="rep", help="with another type of socket (default %(default)s)"
    )
    group = parser.add_argument_group("socket", "for both sides, capture and control")
    group.add_argument("--hwm", type=number, metavar="N", help="queue so many messages for each peer; 0: no limit")
    group.add_argument("-6", "--ipv6", action="store_true", help="use IPv6 as well")
    parser.add_argument("-q", "--quiet", action="store_true", help="no notes on standard error")
    add_security(parser)
    return parser


def main(argv: Sequence[str]) -> int:
    """Run until TERMINATE (0) or Ctrl-C."""
    args = build_parser().parse_args(argv)
    front, back = types(args.kind)
    args.timeout, args.linger, args.identity, args.conflate, args.option = None, 0.0, None, False, []
    with context_of(args) as context, authenticating(context, args), contextlib.ExitStack() as stack:

        def opened(
            kind: zmq.SocketType, binds: list[str], connects: list[str], options: list[tuple[int, int | bytes]]
        ) -> zmq.SyncSocket:
            socket = stack.enter_context(context.socket(kind))
            configure(socket, argparse.Namespace(**{**vars(args), "option": options}))
            attach(socket, binds, connects, args.quiet)
            return socket

        sides = []
        for side, kind in (("frontend", front), ("backend", back)):
            binds = [*filter(None, [getattr(args, side)]), *getattr(args, f"{side}_bind")]
            connects = getattr(args, f"{side}_connect")
            if not binds and not connects:
                raise CommandError(f"the {side} has no address: give FRONTEND and BACKEND, or --{side}-bind or --{side}-connect")
            sides.append(opened(kind, binds, connects, getattr(args, f"{side}_option")))
        extra = [
            opened(zmq.SocketType[kind.upper()], [where], [], []) if where else None
            for kind, where in ((args.capture_type, args.capture), (args.control_type, args.control))
        ]
        try:
            zmq.proxy_steerable(sides[0], sides[1], *extra)
        except zmq.ZMQError as error:
            raise CommandFailed(f"the proxy ended: {error}") from None
        if not args.quiet:
            note("terminated")
    return 0


def types(text: str) -> tuple[zmq.SocketType, zmq.SocketType]:
    """The types of the two sides."""
    names = KINDS.get(text, text).upper().split(":")
    known = zmq.SocketType.__members__
    if len(names) != 2 or not known.keys() >= set(names):
        raise CommandError(f"{text!r} is no kind of proxy: use {', '.join(KINDS)}, or two types such as router:dealer")
    return known[names[0]], known[names[1]]
