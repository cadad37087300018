"""What several commands understand alike: addresses, security, socket options, ends, and the form of messages."""

from __future__ import annotations

import argparse
import math
import os
import re

import zmq

from . import Parser

TRANSPORTS = ("tcp", "ipc", "ws", "wss", "pgm", "epgm", "norm", "tipc", "vmci", "vsock", "udp")

#: The type of a socket decides what an address without --bind or --connect means; the rule is czmq's, but for STREAM.
BINDS = frozenset({"pull", "pub", "xpub", "rep", "router", "gather", "server"})


def address(text: str) -> str:
    """An address that another process can reach; libzmq checks the rest."""
    transport, separator, rest = text.partition("://")
    if not separator:
        raise argparse.ArgumentTypeError(f"{text!r} has no transport: write tcp://{text} or ipc://PATH")
    if transport == "inproc":
        raise argparse.ArgumentTypeError("inproc:// reaches nobody outside of this process: use ipc:// or tcp://")
    if transport not in TRANSPORTS:
        raise argparse.ArgumentTypeError(f"{transport!r} is no transport of libzmq: use one of {', '.join(TRANSPORTS)}")
    if not rest:
        raise argparse.ArgumentTypeError(f"{text!r} says no more than the transport")
    if transport == "tcp":
        port = rest.rpartition(":")[2] if ":" in rest else ""
        if not re.fullmatch(r"\d+|\*|!", port):
            raise argparse.ArgumentTypeError(f"{text!r} has no port: write {text}:PORT")
        if port.isdigit() and int(port) > 65535:
            raise argparse.ArgumentTypeError(f"{text!r}: ports end at 65535")
    return text


def seconds(text: str) -> float:
    """A length of time."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 2_000_000:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds from 0 to 2000000")
    return value


def count(text: str) -> int:
    """A number from 1 on."""
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1 on")
    return int(text)


def number(text: str) -> int:
    """A number from 0 on."""
    return 0 if text == "0" else count(text)


def size(text: str) -> int:
    """A number of bytes, also as 64K, 10M or 1G (powers of 1024)."""
    found = re.fullmatch(r"(\d+)([KMG]?)i?B?", text, re.ASCII | re.IGNORECASE)
    value = int(found[1]) << {"": 0, "K": 10, "M": 20, "G": 30}[found[2].upper()] if found else 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of bytes: write 65536, 64K, 10M or 1G")
    return value


def escaped(text: str) -> bytes:
    r"""Bytes as an argument can have them: \n, \r, \t, \0, \xff and \\ are understood."""

    def replaced(found: re.Match[bytes]) -> bytes:
        if found[1][:1] == b"x" and len(found[1]) == 3:
            return bytes([int(found[1][1:], 16)])
        if found[1] not in _ESCAPES:
            raise argparse.ArgumentTypeError(f"{text!r} has an unknown escape: use \\n, \\r, \\t, \\0, \\xff or \\\\")
        return _ESCAPES[found[1]]

    return re.sub(rb"\\(x[0-9a-fA-F]{2}|.|$)", replaced, os.fsencode(text), flags=re.DOTALL)


_ESCAPES = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"0": b"\0", b"\\": b"\\"}


def some_bytes(text: str) -> bytes:
    """Like escaped(), and not empty."""
    value = escaped(text)
    if not value:
        raise argparse.ArgumentTypeError("give one byte or more")
    return value


def option(text: str) -> tuple[int, int | bytes]:
    """NAME=VALUE of a socket option, checked against the table of options."""
    from zmq.options import SOCKET_OPTIONS

    name, equals, value = text.partition("=")
    rows = {row.name: row for row in SOCKET_OPTIONS}
    row = rows.get(name.upper().removeprefix("ZMQ_"))
    if row is None or not row.writable or not equals:
        raise argparse.ArgumentTypeError(f"{text!r}: write NAME=VALUE, with a NAME that can be set (zmq_setsockopt(3))")
    if row.kind == "bytes":
        return row.number, escaped(value)
    try:
        return row.number, int(value, 0)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{name} takes a whole number, not {value!r}") from None


def add_addresses(parser: Parser, positional: str) -> None:
    """ADDRESS..., --bind and --connect; `positional` says what is done with the first kind."""
    parser.add_argument("addresses", nargs="*", type=address, metavar="ADDRESS", help=positional)
    group = parser.add_argument_group("addresses")
    group.add_argument("-b", "--bind", type=address, action="append", default=[], metavar="ADDRESS", help="bind to it; repeatable")
    group.add_argument(
        "-c", "--connect", type=address, action="append", default=[], metavar="ADDRESS", help="connect to it; repeatable"
    )


def add_socket(parser: Parser) -> None:
    """Options of the socket that programs often need, and --option for the others."""
    group = parser.add_argument_group("socket")
    group.add_argument("--hwm", type=number, metavar="N", help="queue so many messages for each peer; 0: no limit")
    group.add_argument("--identity", type=some_bytes, metavar="TEXT", help="the name that a ROUTER knows this socket by")
    group.add_argument("--conflate", action="store_true", help="keep only the newest message (one frame)")
    group.add_argument("-6", "--ipv6", action="store_true", help="use IPv6 as well")
    group.add_argument(
        "-O",
        "--option",
        type=option,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="any option of zmq_setsockopt(3), such as tcp_keepalive=1",
    )
    add_security(parser)


def add_security(parser: Parser) -> None:
    """CURVE (RFC 26) and PLAIN (RFC 24), for either side."""
    group = parser.add_argument_group("security")
    group.add_argument("--curve-server-key", metavar="KEY|FILE", help="CURVE: the public key that the server must have")
    group.add_argument(
        "--curve-key", metavar="FILE", help="CURVE: our own certificate, NAME.key_secret; clients without one make a pair"
    )
    group.add_argument("--curve-secret-key", metavar="KEY", help="CURVE: our own key; others on this machine can see it")
    group.add_argument("--curve-server", action="store_true", help="CURVE: be the server")
    group.add_argument(
        "--curve-allow",
        action="append",
        default=[],
        metavar="KEY|FILE|DIRECTORY",
        help="CURVE server: let in these clients only; repeatable",
    )
    group.add_argument("-u", "--user", metavar="NAME:PASSWORD", help="PLAIN: who we are")
    group.add_argument(
        "--plain-allow", action="append", default=[], metavar="NAME:PASSWORD", help="PLAIN: be the server for these; repeatable"
    )


def add_ends(parser: Parser, timeout: str, what: str, sends: bool = True) -> None:
    """--count, --timeout, --linger where something is sent, and --quiet."""
    group = parser.add_argument_group("ends")
    group.add_argument("-n", "--count", type=count, metavar="N", help=f"end after N {what}")
    group.add_argument("-w", "--timeout", type=seconds, metavar="SECONDS", help=timeout)
    if sends:
        text = "at the end, give peers so long to take what was sent (default: --timeout, else for ever)"
        group.add_argument("--linger", type=seconds, metavar="SECONDS", help=text)
    else:
        # a subscription to a publisher that has gone would be waited for
        parser.set_defaults(linger=0.0)
    group.add_argument("-q", "--quiet", action="store_true", help="no progress bar and no notes on standard error")


def add_forms(parser: Parser) -> None:
    """How a message looks in a file or on a line."""
    group = parser.add_argument_group(
        "form of messages", "A message is a line, unless one of these says otherwise; docs/command-line.md has them all."
    )
    form = group.add_mutually_exclusive_group()
    form.add_argument("--json", dest="form", action="store_const", const="json", help="its last frame is one JSON value, checked")
    form.add_argument(
        "--envelope",
        dest="form",
        action="store_const",
        const="envelope",
        help='a JSON array of frames, each text or {"base64": "..."}',
    )
    form.add_argument("--raw", dest="form", action="store_const", const="raw", help="bytes as they are: all input is one message")
    form.add_argument(
        "--framed",
        dest="form",
        action="store_const",
        const="framed",
        help="frames as ZMTP has them, flags and length first (RFC 37)",
    )
    group.add_argument(
        "-d", "--delimiter", type=some_bytes, metavar="BYTES", help=r"what ends a message instead of \n, such as '\0'"
    )
    group.add_argument(
        "--multipart",
        type=some_bytes,
        metavar="SEPARATOR",
        help=r"what separates the frames of a line (default: input is not split, output has \t)",
    )


def add_input(parser: Parser) -> None:
    """What is sent: -m and the standard input."""
    group = parser.add_argument_group("input", "Without -m, messages are read from standard input.")
    group.add_argument(
        "-m",
        "--message",
        action="append",
        default=[],
        metavar="TEXT",
        help="send this; @FILE: a file's content, @-: all input, @@: a real @; repeatable",
    )
    group.add_argument("--chunk", type=size, metavar="BYTES", help="with --raw: send pieces of this size (64K, 1M)")
    group.add_argument("--interval", type=seconds, default=0.0, metavar="SECONDS", help="wait between two messages")


def add_output(parser: Parser) -> None:
    """Where received messages go."""
    group = parser.add_argument_group("output")
    group.add_argument("-o", "--output", metavar="FILE", help="write to this file instead of standard output")
    group.add_argument("--payload", action="store_true", help="the last frame only: neither topic nor identity")


def kind(name: str) -> zmq.SocketType:
    """The number of a type that --type names."""
    return zmq.SocketType[name.upper()]
