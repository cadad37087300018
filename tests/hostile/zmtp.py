"""ZMTP on the wire: the bytes of all three versions, streams recorded from real peers, and ways to spoil them."""

from __future__ import annotations

import random
import select
import socket
import struct
import time
from collections.abc import Sequence
from typing import Any

import zmq

#: A stream is what one peer says, cut where it would wait for an answer.
Stream = list[bytes]

LARGEST = 200_000  # bytes of a spoilt stream

KINDS = ("PAIR", "PUB", "SUB", "REQ", "REP", "DEALER", "ROUTER", "PULL", "PUSH", "XPUB", "XSUB")

# what connects to a bound socket of a kind
PARTNER = {
    "PAIR": zmq.PAIR, "PUB": zmq.SUB, "SUB": zmq.PUB, "REP": zmq.REQ, "DEALER": zmq.ROUTER, "ROUTER": zmq.DEALER, "PULL": zmq.PUSH,
    "PUSH": zmq.PULL, "XPUB": zmq.XSUB, "XSUB": zmq.XPUB, "REQ": zmq.REP,
}  # fmt: skip


# ---------------------------------------------------------------- by hand


def greeting(mechanism: bytes = b"NULL", version: int = 3, minor: int = 0, server: int = 0) -> bytes:
    return b"\xff" + bytes(8) + b"\x7f" + bytes([version, minor]) + mechanism.ljust(20, b"\0")[:20] + bytes([server]) + bytes(31)


def frame(body: bytes, flags: int = 0, length: int | None = None) -> bytes:
    """A frame of ZMTP 2 and 3; ``length`` may lie."""
    size = len(body) if length is None else length
    if size > 255 or flags & 2:
        return struct.pack(">BQ", flags | 2, size & (2**64 - 1)) + body
    return struct.pack(">BB", flags, size) + body


def frame_1(body: bytes, more: int = 0, length: int | None = None) -> bytes:
    """A frame of ZMTP 1, whose length counts the flags."""
    size = len(body) + 1 if length is None else length
    head = bytes([size]) if size < 255 else b"\xff" + struct.pack(">Q", size & (2**64 - 1))
    return head + bytes([more]) + body


def command(name: bytes, body: bytes = b"") -> bytes:
    return frame(bytes([len(name)]) + name + body, 4)


def metadata(**properties: bytes) -> bytes:
    text = b""
    for name, value in properties.items():
        key = name.replace("_", "-").encode()
        text += bytes([len(key)]) + key + struct.pack(">I", len(value)) + value
    return text


def null_stream(kind: str, *frames: bytes) -> Stream:
    return [greeting(), command(b"READY", metadata(Socket_Type=kind.encode(), Identity=b"")), *frames]


def plain_stream(kind: str, user: bytes, password: bytes, *frames: bytes) -> Stream:
    hello = bytes([len(user) & 255]) + user + bytes([len(password) & 255]) + password
    ready = metadata(Socket_Type=kind.encode(), Identity=b"peer")
    return [greeting(b"PLAIN"), command(b"HELLO", hello), command(b"INITIATE", ready), *frames]


def old_streams(kind: str) -> list[Stream]:
    number = KINDS.index(kind)
    body = b"old peer"
    return [
        [frame_1(b""), frame_1(body, 1), frame_1(body)],
        [frame_1(b"identity"), frame_1(b"\1topic")],
        [b"\xff" + struct.pack(">Q", 1) + b"\x7f", b"\1" + bytes([number]), frame(b""), frame(body, 1), frame(body)],
        [b"\xff" + struct.pack(">Q", 9) + b"\x7f", b"\1" + bytes([number]), frame(b"identity"), frame(b"\1", 0)],
    ]


def crafted(kind: str) -> list[Stream]:
    """Streams that aim at a parser."""
    hand = [
        frame(b"", 1) + frame(b"question"),
        frame(b"\1topic"),
        frame(b"\0topic"),
        command(b"SUBSCRIBE", b"topic"),
        command(b"CANCEL", b"never subscribed"),
        command(b"PING", b"\0\1context"),
        command(b"PING"),
        command(b"PING", b"\xff\xff" + b"c" * 200),
        command(b"PONG", b"nobody asked"),
        command(b"ERROR", b"\xff"),
        command(b"JOIN", b"g" * 300),
        command(b"", b""),
        frame(b"\xff", 4),
        frame(b"", 4),
        frame(b"body", 0xFF),
        frame(b"", 2, 2**63),
        frame(b"", 2, 2**64 - 1),
        frame(b"", 2, 2**31),
        frame(b"x" * 100_000),
        b"".join(frame(b"", 1) for _ in range(3000)),
    ]
    streams = [null_stream(kind, one) for one in hand]
    ready = metadata(Socket_Type=kind.encode())
    streams += [
        [greeting(), command(b"READY", bad)]
        for bad in (
            b"", b"\xff", ready[:-1], ready + b"\0", ready * 50, ready + struct.pack(">BcI", 1, b"x", 2**32 - 1),
            metadata(Socket_Type=b"x" * 5000), metadata(Socket_Type=b"NONE"), metadata(Identity=b"i" * 256),
            metadata(**{f"X{i}": b"v" * 50 for i in range(500)}),
        )
    ]  # fmt: skip
    streams += [
        [greeting(mechanism, version, minor, server), command(b"READY", ready)]
        for mechanism in (b"NULL", b"PLAIN", b"CURVE", b"GSSAPI", b"", b"\xff" * 20)
        for version, minor, server in ((3, 0, 0), (3, 1, 1), (0, 0, 0), (255, 255, 255))
    ]
    streams += [
        plain_stream(kind, b"u" * 255, b"p" * 255),
        plain_stream(kind, b"", b""),
        [greeting(b"PLAIN"), command(b"HELLO", b"\xffuser")],
        [greeting(b"PLAIN"), command(b"HELLO", b"\4user\xff")],
        [greeting(b"PLAIN"), command(b"INITIATE", ready)],
        [greeting(b"CURVE"), command(b"HELLO", b"\1\0" + bytes(192))],
        [greeting(b"CURVE"), command(b"HELLO", bytes(10))],
        [greeting(b"CURVE"), command(b"INITIATE", bytes(500))],
        [greeting(b"CURVE"), command(b"MESSAGE", bytes(100))],
        [b""], [b"\xff"], [b"\xff" * 64], [bytes(64)], [b"GET / HTTP/1.1\r\n\r\n"],
    ]  # fmt: skip
    return streams + old_streams(kind)


# ---------------------------------------------------------------- from real peers


def record(kind: str, port: int, prepare: Any) -> Stream:
    """What a real peer says to the socket of ``kind`` on ``port``: it talks through a relay that takes notes."""
    said: Stream = []
    context: zmq.SyncContext = zmq.Context()
    with socket.create_server(("127.0.0.1", 0)) as listener, context, context.socket(PARTNER[kind]) as peer:
        peer.linger = 0
        prepare(peer)
        if kind in ("PUB", "XPUB"):
            peer.send(b"\1") if kind == "XPUB" else peer.subscribe(b"")
        peer.connect(f"tcp://127.0.0.1:{listener.getsockname()[1]}")
        here, _ = listener.accept()
        end = time.monotonic() + 0.5
        with here, socket.create_connection(("127.0.0.1", port)) as there:
            talked = False
            while not said or time.monotonic() < end:
                for one in select.select([here, there], [], [], 0.05)[0]:
                    data = one.recv(65536)
                    if not data:
                        return said
                    (there if one is here else here).sendall(data)
                    if one is here:
                        said.append(data)
                if not talked and peer.type not in (zmq.SUB, zmq.PULL, zmq.ROUTER, zmq.REP) and peer.poll(0, zmq.POLLOUT):
                    peer.send_multipart([b"", b"recorded", b"x" * 300] if kind == "ROUTER" else [b"recorded"])
                    talked = True
    return said


# ---------------------------------------------------------------- spoiling

LENGTHS = [
    b"\0",
    b"\xff",
    b"\x7f",
    b"\x80",
    struct.pack(">Q", 2**63 - 1),
    struct.pack(">Q", 2**64 - 1),
    struct.pack(">I", 2**32 - 1),
    struct.pack(">Q", 65537),
]


def spoil(stream: Sequence[bytes], others: Sequence[Stream], chance: random.Random) -> Stream:
    """A mutation of a stream."""
    spoilt = list(stream)
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        if not spoilt:
            break
        at = chance.randrange(len(spoilt))
        data = bytearray(spoilt[at])
        how = chance.randrange(10)
        where = chance.randrange(len(data) + 1)
        if how == 0 and data:
            data[where % len(data)] ^= 1 << chance.randrange(8)
        elif how == 1 and data:
            data[where % len(data)] = chance.randrange(256)
        elif how == 2:
            del data[where:]
        elif how == 3:
            data[where:where] = chance.randbytes(chance.choice((1, 2, 8, 300)))
        elif how == 4:
            lie = chance.choice(LENGTHS)
            data[where : where + len(lie)] = lie
        elif how == 5:
            spoilt.insert(at, bytes(data))
        elif how == 6:
            del spoilt[at]
            continue
        elif how == 7:
            other = chance.choice(others)
            spoilt[at + 1 :] = other[chance.randrange(len(other) + 1) :]
        elif how == 8:
            spoilt.append(
                command(
                    chance.choice((b"PING", b"READY", b"ERROR", b"SUBSCRIBE", b"MESSAGE", b"X" * 200)),
                    chance.randbytes(chance.randrange(40)),
                )
            )
        else:
            spoilt += [frame(chance.randbytes(chance.randrange(600)), chance.randrange(8)) for _ in range(chance.randrange(5))]
            continue
        if at < len(spoilt):
            spoilt[at] = bytes(data)
    size = 0
    for i, part in enumerate(spoilt):
        size += len(part)
        if size > LARGEST:
            return spoilt[:i]
    return spoilt
