"""`python -m zmq cat`: both directions at once, as nc does it."""

from __future__ import annotations

import argparse
import io
import sys
import threading
import uuid
from collections.abc import Iterator, Sequence

import zmq

from . import CommandError, Parser
from .arguments import add_addresses, add_ends, add_forms, add_input, add_output, add_socket, kind, some_bytes
from .formats import Form, form_of
from .sockets import milliseconds, opened
from .transfer import Output, messages_to_send

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing_extensions import Self

TYPES = ("pair", "dealer", "router", "stream")
_ANSWERS_PEERS = ("router", "stream")

_EXAMPLES = """\
examples:
  {program} cat --bind 'tcp://*:5558'                  two terminals talk: this one,
  {program} cat tcp://localhost:5558                   and that one
  {program} cat --type dealer tcp://localhost:5559 --timeout 1 < requests.txt
  {program} cat --type router --bind 'tcp://*:5559'    answers whoever spoke last
  printf 'GET / HTTP/1.0\\r\\n\\r\\n' | {program} cat --type stream --raw --payload tcp://localhost:80 --timeout 1
"""


def build_parser() -> Parser:
    """The parser of `cat`."""
    parser = Parser("cat", description="Send what is typed or piped in, and print what arrives meanwhile.", examples=_EXAMPLES)
    add_addresses(parser, "connect to it (router: bind to it)")
    parser.add_argument("-t", "--type", choices=TYPES, default="pair", help="the type of the socket (default %(default)s)")
    parser.add_argument(
        "--to", type=some_bytes, metavar="IDENTITY", help="router: the peer to send to (default: whoever spoke last)"
    )
    parser.add_argument("--repeat", action="store_true", help="send the messages of --message again and again")
    add_input(parser)
    add_output(parser)
    add_forms(parser)
    add_ends(parser, "after the end of the input, end when nothing comes for so long", "received messages")
    add_socket(parser)
    return parser


def main(argv: Sequence[str]) -> int:
    """Move messages both ways; 0 at the end of both."""
    args = build_parser().parse_args(argv)
    if args.to is not None and args.type not in _ANSWERS_PEERS:
        raise CommandError("--to is for --type router: other types choose the peer themselves")
    form = form_of(args)
    with opened(args, kind(args.type)) as socket, Output(args.output, form) as output, Feeder(socket.context, args, form) as feeder:
        Conversation(socket, feeder, args, output).run()
    return 0


class Feeder(threading.Thread):
    """Reads the input, which may block, and hands it over through a PAIR; an empty first frame is the end."""

    def __init__(self, context: zmq.SyncContext, args: argparse.Namespace, form: Form) -> None:
        super().__init__(daemon=True, name="zmq-cat-input")
        self._messages = self._from_input(args, form)
        self.error: BaseException | None = None
        name = f"inproc://input-{uuid.uuid4().hex}"
        self.inbox = context.socket(zmq.PAIR)
        self.inbox.bind(name)
        self._outbox = context.socket(zmq.PAIR)
        self._outbox.connect(name)
        self.interactive = not args.message and sys.stdin is not None and sys.stdin.isatty()

    @staticmethod
    def _from_input(args: argparse.Namespace, form: Form) -> Iterator[list[bytes]]:
        # not sys.stdin: at its end the interpreter closes that one, and would find it held by this thread
        stream = None if sys.stdin is None else io.BufferedReader(io.FileIO(sys.stdin.fileno(), closefd=False))
        return messages_to_send(args, form, None, stream)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *args: object) -> None:
        self.inbox.close(linger=0)

    def run(self) -> None:
        try:
            try:
                for frames in self._messages:
                    self._outbox.send_multipart([b"m", *frames])
            except (CommandError, OSError) as error:
                self.error = error
            self._outbox.send(b"")
            self._outbox.close(linger=0)
        except zmq.ZMQError:
            return  # the command has ended, and closed the socket


class Conversation:
    """A socket and the input, whichever has something first."""

    def __init__(self, socket: zmq.SyncSocket, feeder: Feeder, args: argparse.Namespace, output: Output) -> None:
        self._socket = socket
        self._feeder = feeder
        self._output = output
        self._type: str = args.type
        self._count: int | None = args.count
        self._timeout = None if args.timeout is None else milliseconds(args.timeout)
        self._payload: bool = args.payload
        self._fixed: bytes | None = args.to
        self._peer: bytes | None = args.to
        self._line_end = (args.delimiter or b"\n") if args.form in (None, "json", "envelope") else b""
        self._pending: list[bytes] | None = None
        self._ended = False

    def run(self) -> None:
        """Go on until --count, or until the input has ended and nothing came for --timeout."""
        received = 0
        while self._count is None or received < self._count:
            ready = self._wait()
            if not ready:
                return
            if ready.get(self._socket, 0) & zmq.POLLIN:
                received += self._receive()
            if ready.get(self._socket, 0) & zmq.POLLOUT:
                self._send()
            if self._feeder.inbox in ready and self._take():
                return

    def _wait(self) -> dict[object, int]:
        poller = zmq.Poller()
        can_send = self._pending is not None and (self._type not in _ANSWERS_PEERS or self._peer is not None)
        poller.register(self._socket, zmq.POLLIN | (zmq.POLLOUT if can_send else 0))
        if self._pending is None and not self._ended:
            poller.register(self._feeder.inbox, zmq.POLLIN)
        return dict(poller.poll(self._timeout if self._ended and self._pending is None else None))

    def _take(self) -> bool:
        """Take the next of the input; True when that was its end, and nothing else is to come."""
        first, *frames = self._feeder.inbox.recv_multipart()
        if first:
            self._pending = frames
            return False
        self._ended = True
        if self._feeder.error is not None:
            raise self._feeder.error
        # Ctrl-D
        return self._feeder.interactive

    def _send(self) -> None:
        assert self._pending is not None
        message = self._pending
        if self._type == "stream":
            message = [b"".join(message) + self._line_end]
        if self._peer is not None:
            message = [self._peer, *message]
        self._socket.send_multipart(message)
        self._pending = None

    def _receive(self) -> int:
        frames = self._socket.recv_multipart()
        if self._type in _ANSWERS_PEERS and self._fixed is None:
            self._peer = frames[0]
        if self._type == "stream" and not frames[1]:
            return 0  # a connection that came or went
        self._output.write(frames[-1:] if self._payload else frames)
        return 1
