"""`python -m zmq monitor`: the events of a connection as they happen (zmq_socket_monitor(3))."""

from __future__ import annotations

import datetime
import json
import time
from collections.abc import Sequence

import zmq
from zmq.monitor import MonitorEvent

from . import CommandFailed, Parser
from .arguments import add_addresses, add_ends, add_socket, kind
from .sockets import addresses, attach, authenticating, configure, context_of

TYPES = ("dealer", "router", "req", "rep", "push", "pull", "pub", "sub", "xpub", "xsub", "pair", "stream")

_EXAMPLES = """\
examples:
  {program} monitor tcp://localhost:5555               is it there, does it speak ZMTP, does it let us in?
  {program} monitor tcp://localhost:5556 --type sub    as a publisher's peer
  {program} monitor tcp://localhost:5555 --curve-server-key server.key
  {program} monitor --bind 'tcp://*:5555' --json       who connects here?
  {program} monitor tcp://localhost:5555 --until handshake_succeeded --timeout 5 && echo up
"""

_NAMES = {event: event.name.lower() for event in zmq.Event if event.name and event.value < 1 << 16 and event.value.bit_count() == 1}


def build_parser() -> Parser:
    """The parser of `monitor`."""
    parser = Parser(
        "monitor",
        description="Connect (or bind) a socket, and print what happens to its connections. It sends nothing.",
        examples=_EXAMPLES,
    )
    add_addresses(parser, "connect to it (pull, pub, xpub, rep, router: bind to it)")
    parser.add_argument(
        "-t",
        "--type",
        choices=TYPES,
        default="dealer",
        help="the type of the socket, which its peers must fit (default %(default)s)",
    )
    parser.add_argument("--json", action="store_true", help="print each event as a JSON object on a line")
    parser.add_argument(
        "--until", choices=sorted(_NAMES.values()), metavar="EVENT", help="end with this event, such as handshake_succeeded"
    )
    add_ends(parser, "fail when no event (with --until: not this one) comes for so long", "events", sends=False)
    add_socket(parser)
    return parser


def main(argv: Sequence[str]) -> int:
    """Print events; 0 after --count of them, or with --until's."""
    args = build_parser().parse_args(argv)
    chosen = kind(args.type)
    binds, connects = addresses(args, chosen)
    with context_of(args) as context, authenticating(context, args):
        socket = context.socket(chosen)
        configure(socket, args)
        with socket.monitor_events() as events:
            attach(socket, binds, connects, quiet=True)
            shown = 0
            began = time.monotonic()
            while args.count is None or shown < args.count:
                left = args.timeout
                if left is not None and args.until is not None:
                    left = max(0.0, began + left - time.monotonic())
                try:
                    event = events.get(None if left is None else left * 1000)
                except zmq.Again:
                    raise CommandFailed(f"no {args.until or 'event'} within {args.timeout:g} s") from None
                if event is None:
                    break
                show(event, as_json=args.json)
                shown += 1
                if _NAMES.get(event.event) == args.until is not None:
                    break
    return 0


def show(event: MonitorEvent, as_json: bool) -> None:
    """Print one event."""
    now = datetime.datetime.now().astimezone()
    name = _NAMES.get(event.event, str(int(event.event)))
    facts = {"peer": event.peer, "errno": event.errno, "error": event.error, "interval": event.interval}
    known = {key: value for key, value in facts.items() if value is not None}
    if as_json:
        print(
            json.dumps({"time": now.isoformat(timespec="microseconds"), "event": name, "endpoint": event.endpoint, **known}),
            flush=True,
        )
        return
    details = "".join(f" {key}={value}" for key, value in known.items() if key not in ("errno",) and value != event.endpoint)
    print(f"{now:%H:%M:%S.%f} {name:<24} {event.endpoint}{details}".rstrip(), flush=True)
