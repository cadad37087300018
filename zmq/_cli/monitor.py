"""`python -m zmq monitor`: the events of a connection as they happen (zmq_socket_monitor(3))."""

from __future__ import annotations

import datetime
import json
import os
import time
from collections.abc import Sequence

import zmq
from zmq.utils.monitor import recv_monitor_message

from . import CommandFailed, Parser
from .arguments import add_addresses, add_ends, add_socket, kind
from .sockets import addresses, attach, authenticating, configure, context_of, milliseconds

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
_PROTOCOL_ERRORS = {
    int(event): name.removeprefix("PROTOCOL_ERROR_").lower()
    for name, event in zmq.Event.__members__.items()
    if name.startswith("PROTOCOL_")
}


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
        events = socket.get_monitor_socket()
        try:
            attach(socket, binds, connects, quiet=True)
            shown = 0
            began = time.monotonic()
            while args.count is None or shown < args.count:
                left = args.timeout
                if left is not None and args.until is not None:
                    left = max(0.0, began + left - time.monotonic())
                if not events.poll(None if left is None else milliseconds(left)):
                    raise CommandFailed(f"no {args.until or 'event'} within {args.timeout:g} s")
                message = recv_monitor_message(events)
                show(message["event"], int(message["value"]), os.fsdecode(message["endpoint"]), as_json=args.json)
                shown += 1
                if _NAMES.get(message["event"]) == args.until is not None:
                    break
        finally:
            socket.disable_monitor()
    return 0


def show(event: zmq.Event, value: int, endpoint: str, as_json: bool) -> None:
    """Print one event."""
    now = datetime.datetime.now().astimezone()
    name = _NAMES.get(event, str(int(event)))
    field, meaning = described(event, value)
    if as_json:
        facts: dict[str, object] = {"time": now.isoformat(timespec="microseconds"), "event": name, "endpoint": endpoint}
        if field:
            facts[field] = meaning
        print(json.dumps(facts), flush=True)
        return
    detail = "" if field in ("", "fd") else f" {field}: {meaning}"
    print(f"{now:%H:%M:%S.%f} {name:<24} {endpoint}{detail}".rstrip(), flush=True)


def described(event: zmq.Event, value: int) -> tuple[str, object]:
    """What an event's value is, and what it means (zmq_socket_monitor(3)); an empty name where it is nothing."""
    if event == zmq.EVENT_CONNECT_RETRIED:
        return "retry_ms", value
    if event in (zmq.EVENT_BIND_FAILED, zmq.EVENT_ACCEPT_FAILED, zmq.EVENT_CLOSE_FAILED, zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL):
        return "error", os.strerror(value) if value else "the peer closed the connection"
    if event == zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL:
        return "error", _PROTOCOL_ERRORS.get(value, hex(value))
    if event == zmq.EVENT_HANDSHAKE_FAILED_AUTH:
        return "zap_status", value
    if event in (zmq.EVENT_CONNECTED, zmq.EVENT_LISTENING, zmq.EVENT_ACCEPTED, zmq.EVENT_CLOSED, zmq.EVENT_DISCONNECTED):
        return "fd", value
    return "", None
