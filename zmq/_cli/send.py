"""`python -m zmq send` and `pub`: messages from arguments, files and standard input."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from errno import EHOSTUNREACH

import zmq

from . import CommandError, CommandFailed, Parser
from .arguments import add_addresses, add_ends, add_forms, add_input, add_socket, kind, number, some_bytes
from .formats import form_of
from .sockets import opened
from .transfer import messages_to_send, sending_progress

TYPES = ("push", "pub", "pair", "dealer", "router", "stream", "xpub", "xsub")

_EXAMPLES = """\
examples:
  {program} send tcp://localhost:5555 -m hello          one message
  ls | {program} send tcp://localhost:5555              each line a message
  {program} send tcp://localhost:5555 -m @picture.png   a file, as one message
  {program} send tcp://localhost:5555 --raw --chunk 1M < disk.img
  {program} pub 'tcp://*:5556' --topic weather -m sunny   waits for a subscriber first
  {program} send tcp://server:5555 --curve-server-key server.key -m secret
  {program} send 'tcp://*:5555' --bind tcp://127.0.0.1:5556 --type push --hwm 10
"""


def build_parser(default: str = "push") -> Parser:
    """The parser of `send`, or of `pub`, which is the same with another type."""
    command = "pub" if default == "pub" else "send"
    parser = Parser(command, description="Send messages.", examples=_EXAMPLES)
    add_addresses(parser, "connect to it (pub, xpub and router: bind to it)")
    parser.add_argument("-t", "--type", choices=TYPES, default=default, help="the type of the socket (default %(default)s)")
    add_input(parser)
    parser.add_argument("--repeat", action="store_true", help="send the messages of --message again and again, up to --count")
    parser.add_argument(
        "--topic", type=some_bytes, metavar="TEXT", help="pub: the first frame of each message, which subscribers choose by"
    )
    parser.add_argument(
        "--subscribers", type=number, default=1, metavar="N", help="pub: begin when there are so many for the topic (default 1)"
    )
    parser.add_argument(
        "--drop", action="store_true", help="pub: a subscriber that is too slow loses messages, and holds up nobody"
    )
    parser.add_argument("--to", type=some_bytes, metavar="IDENTITY", help="router: the peer, waited for until it is there")
    add_forms(parser)
    add_ends(parser, "fail when a message cannot be sent for so long", "messages")
    add_socket(parser)
    return parser


def main(argv: Sequence[str], default: str = "push") -> int:
    """Send everything; 0 when peers have taken it."""
    args = build_parser(default).parse_args(argv)
    _check(args)
    form = form_of(args)
    messages = messages_to_send(args, form, args.count)
    # a PUB that tells about its subscribers is an XPUB
    chosen = kind("xpub" if args.type == "pub" else args.type)
    with opened(args, chosen) as socket, sending_progress(args) as progress:
        if args.type == "pub":
            if not args.drop:
                socket.xpub_nodrop = True
            wait_for_subscribers(socket, args.subscribers, args.topic, args.timeout)
        sender = Sender(socket, args)
        for frames in messages:
            sender.send(frames)
            progress.add(frames)
    return 0


def _check(args: argparse.Namespace) -> None:
    if args.type != "pub" and (args.topic is not None or args.drop):
        raise CommandError("--topic and --drop are for publishers: add --type pub, or use the command pub")
    if args.to is not None and args.type not in ("router", "stream"):
        raise CommandError("--to is for --type router: other types choose the peer themselves")


class Sender:
    """Sends messages with what their type wants in front; CommandFailed when time runs out."""

    def __init__(self, socket: zmq.SyncSocket, args: argparse.Namespace) -> None:
        self._socket = socket
        self._timeout: float | None = args.timeout
        self._stream = args.type == "stream"
        self._line_end = (args.delimiter or b"\n") if args.form in (None, "json", "envelope") else b""
        self._before = [value for value in (getattr(args, "topic", None), args.to) if value is not None]
        if args.type == "router":
            socket.router_mandatory = True

    def send(self, frames: list[bytes]) -> None:
        """Send one message, waiting for a peer and for room in its queue."""
        message = [*self._before, *frames]
        if self._stream:
            message = self._for_stream(frames)
        end = None if self._timeout is None else time.monotonic() + self._timeout
        while True:
            try:
                self._socket.send_multipart(message)
                return
            except zmq.Again:
                raise CommandFailed(
                    f"nothing could be sent for {self._timeout:g} s: is a peer there that receives, and of the right type?"
                ) from None
            except zmq.ZMQError as error:
                if error.errno != EHOSTUNREACH:
                    raise
                if end is not None and time.monotonic() > end:
                    raise CommandFailed(f"no peer has the identity {message[0]!r}: --to and the first frame name one") from None
                # libzmq tells nobody when a peer with a name has come
                time.sleep(0.01)

    def _for_stream(self, frames: list[bytes]) -> list[bytes]:
        """TCP has no messages: a line gets its end back."""
        peer = self._before[0] if self._before else self._stream_peer()
        return [peer, b"".join(frames) + self._line_end]

    def _stream_peer(self) -> bytes:
        """The first that connected, or that we are connected to: an empty message tells of it."""
        try:
            peer, _ = self._socket.recv_multipart()
        except zmq.Again:
            raise CommandFailed(f"nobody was connected within {self._timeout:g} s") from None
        self._before = [peer]
        return peer


def wait_for_subscribers(socket: zmq.SyncSocket, wanted: int, topic: bytes | None, timeout: float | None) -> None:
    """Read subscriptions of an XPUB socket until so many cover the topic."""
    if not wanted:
        return
    socket.xpub_verboser = True  # each subscriber's, not only the first
    end = None if timeout is None else time.monotonic() + timeout
    there = 0
    while there < wanted:
        if not socket.poll(None if end is None else max(0, end - time.monotonic()) * 1000):
            raise CommandFailed(f"{there} of {wanted} subscribers within {timeout:g} s (--subscribers 0 waits for none)")
        message = socket.recv()
        if message[:1] in (b"\0", b"\1") and (topic is None or topic.startswith(message[1:])):
            there += 1 if message[0] else -1
    socket.xpub_verboser = False
