"""How messages look outside of ZeroMQ: lines, JSON, envelopes, raw bytes, frames with their length.

A form reads messages from a stream of bytes, and gives the bytes to write for one. A message is a list of frames.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import struct
from collections.abc import Iterator, Sequence
from typing import BinaryIO, Protocol

from . import CommandError, CommandFailed

DEFAULT_SEPARATOR = b"\t"
_BLOCK = 1 << 16
#: Refuse a length before making room for it: a stream of another form must not look like a frame of exabytes.
_LONGEST = 1 << 40


class Form(Protocol):
    """One way to write messages down."""

    def read(self, stream: BinaryIO) -> Iterator[list[bytes]]:
        """The messages of a stream, each as soon as it is there; CommandError for what is none."""

    def parse(self, data: bytes) -> list[bytes]:
        """One message given as a whole."""

    def render(self, frames: Sequence[bytes], terminal: bool) -> Sequence[bytes]:
        """The bytes to write, in pieces; on a terminal nothing that could control it."""


class Lines:
    """A message is a line; its frames are separated by a byte or more."""

    def __init__(self, delimiter: bytes = b"\n", separator: bytes | None = None) -> None:
        self.delimiter = delimiter
        self.separator = separator

    def read(self, stream: BinaryIO) -> Iterator[list[bytes]]:
        for line in split(stream, self.delimiter):
            yield self.parse(line)

    def parse(self, data: bytes) -> list[bytes]:
        return [data] if self.separator is None else data.split(self.separator)

    def render(self, frames: Sequence[bytes], terminal: bool) -> Sequence[bytes]:
        if terminal:
            frames = [visible(frame) for frame in frames]
        separator = DEFAULT_SEPARATOR if self.separator is None else self.separator
        return [separator.join(frames), self.delimiter]


class Json:
    """A line is a JSON value; a message's last frame is one, the frames before it (a topic) are text."""

    def __init__(self, delimiter: bytes = b"\n", separator: bytes | None = None) -> None:
        self.lines = Lines(delimiter, separator)
        self.number = 0

    def read(self, stream: BinaryIO) -> Iterator[list[bytes]]:
        for line in split(stream, self.lines.delimiter):
            self.number += 1
            if line.strip():
                yield self._checked(line, f"message {self.number} of the input")

    def parse(self, data: bytes) -> list[bytes]:
        return self._checked(data, "the message")

    def _checked(self, data: bytes, what: str) -> list[bytes]:
        try:
            load_json(data)
        except ValueError as error:
            raise CommandError(f"{what} is not JSON ({error}): {shortened(data)}; leave out --json to send any text") from None
        return [data.strip()]

    def render(self, frames: Sequence[bytes], terminal: bool) -> Sequence[bytes]:
        *before, data = frames
        self.number += 1
        try:
            value = load_json(data)
        except ValueError as error:
            raise CommandFailed(
                f"message {self.number} is not JSON ({error}): {shortened(data)}; --envelope shows any message"
            ) from None
        # the sender's own text keeps every digit of its numbers
        if terminal or b"\n" in data or b"\r" in data or self.lines.delimiter in data:
            data = json.dumps(value, ensure_ascii=terminal).encode("utf-8", "surrogatepass")
        return self.lines.render([*before, data], terminal)


class Envelope:
    """A line is a JSON array of frames, text as strings and other bytes as {"base64": "..."}: nothing is lost."""

    def __init__(self, delimiter: bytes = b"\n") -> None:
        self.delimiter = delimiter
        self.number = 0

    def read(self, stream: BinaryIO) -> Iterator[list[bytes]]:
        for line in split(stream, self.delimiter):
            self.number += 1
            if line.strip():
                yield self.parse(line)

    def parse(self, data: bytes) -> list[bytes]:
        try:
            value = load_json(data)
            frames = [self._frame(one) for one in (value if isinstance(value, list) else [value])]
            if not frames:
                raise ValueError("a message has at least one frame")
        except ValueError as error:
            where = f"message {self.number} of the input" if self.number else "the message"
            raise CommandError(
                f'{where} is no envelope ({error}): {shortened(data)}; write ["text", {{"base64": "..."}}]'
            ) from None
        return frames

    @staticmethod
    def _frame(value: object) -> bytes:
        if isinstance(value, str):
            return value.encode("utf-8")
        if isinstance(value, dict) and list(value) == ["base64"] and isinstance(value["base64"], str):
            return base64.b64decode(value["base64"], validate=True)
        raise ValueError('a frame is a string or {"base64": "..."}')

    def render(self, frames: Sequence[bytes], terminal: bool) -> Sequence[bytes]:
        values: list[object] = []
        for frame in frames:
            try:
                values.append(frame.decode("utf-8"))
            except UnicodeDecodeError:
                values.append({"base64": binascii.b2a_base64(frame, newline=False).decode("ascii")})
        return [json.dumps(values, ensure_ascii=terminal).encode("utf-8"), self.delimiter]


class Raw:
    """Bytes as they are: all input is one message, or pieces of one size; frames are written with nothing between."""

    def __init__(self, chunk: int | None = None) -> None:
        self.chunk = chunk

    def read(self, stream: BinaryIO) -> Iterator[list[bytes]]:
        if self.chunk is None:
            yield [stream.read()]
            return
        while data := stream.read(self.chunk):
            yield [data]

    def parse(self, data: bytes) -> list[bytes]:
        return [data]

    def render(self, frames: Sequence[bytes], terminal: bool) -> Sequence[bytes]:
        return [visible(frame, keep="\t\n") for frame in frames] if terminal else frames


class Framed:
    """Each frame has ZMTP's head before it: a byte of flags (1: more follow, 2: long), and its length in 1 byte or in 8."""

    def read(self, stream: BinaryIO) -> Iterator[list[bytes]]:
        frames: list[bytes] = []
        while head := stream.read(1):
            if head[0] > 3:
                raise CommandError(f"the input is not framed: flags of {head[0]}, where RFC 37 has 0 to 3 for a message's frame")
            length = int.from_bytes(self._exactly(stream, 8 if head[0] & 2 else 1), "big")
            if length > _LONGEST:
                raise CommandError(f"the input is not framed: no frame has {length} bytes")
            frames.append(self._exactly(stream, length))
            if not head[0] & 1:
                yield frames
                frames = []
        if frames:
            raise CommandError("the input ends in the middle of a message: its last frame has the flag that more follow")

    @staticmethod
    def _exactly(stream: BinaryIO, length: int) -> bytes:
        data = stream.read(length)
        if len(data) < length:
            raise CommandError(f"the input ends in the middle of a frame: {len(data)} of {length} bytes")
        return data

    def parse(self, data: bytes) -> list[bytes]:
        return [data]

    def render(self, frames: Sequence[bytes], terminal: bool) -> Sequence[bytes]:
        if terminal:
            raise CommandError("--framed writes bytes that no terminal shows: send them to a file or a pipe")
        pieces = []
        for index, frame in enumerate(frames, 1):
            more = index < len(frames)
            pieces += [
                struct.pack(">BB", more, len(frame)) if len(frame) < 256 else struct.pack(">BQ", 2 | more, len(frame)),
                frame,
            ]
        return pieces


def form_of(args: object) -> Form:
    """The form that the arguments of arguments.add_forms() ask for."""
    form, delimiter, separator = (getattr(args, name) for name in ("form", "delimiter", "multipart"))
    chunk = getattr(args, "chunk", None)
    if chunk is not None and form != "raw":
        raise CommandError("--chunk cuts the input of --raw: give both")
    if form in ("raw", "framed") and (delimiter is not None or separator is not None):
        raise CommandError(f"--{form} has neither lines nor separators: leave out --delimiter and --multipart")
    if form == "envelope" and separator is not None:
        raise CommandError("--envelope has an array for the frames: leave out --multipart")
    if form == "raw":
        return Raw(chunk)
    if form == "framed":
        return Framed()
    delimiter = b"\n" if delimiter is None else delimiter
    if form == "envelope":
        return Envelope(delimiter)
    return Json(delimiter, separator) if form == "json" else Lines(delimiter, separator)


def split(stream: BinaryIO, delimiter: bytes) -> Iterator[bytes]:
    """The pieces of a stream that end with `delimiter`, each as soon as it is there; the last one may lack it."""
    if delimiter == b"\n":
        for line in iter(stream.readline, b""):
            yield line.removesuffix(b"\n")
        return
    read = getattr(stream, "read1", stream.read)
    rest = bytearray()
    while block := read(_BLOCK):
        # what was looked through already has no delimiter, except that one may have begun at its end
        start = max(0, len(rest) - len(delimiter) + 1)
        rest += block
        begin = 0
        while (end := rest.find(delimiter, start)) >= 0:
            yield bytes(rest[begin:end])
            begin = start = end + len(delimiter)
        del rest[:begin]
    if rest:
        yield bytes(rest)


def load_json(data: bytes) -> object:
    """The value of a JSON text in UTF-8; ValueError for anything else, however deep it is nested."""
    try:
        return json.loads(data.decode("utf-8"), parse_constant=_no_number)
    except RecursionError:
        raise ValueError("nested too deep") from None


def _no_number(name: str) -> object:
    raise ValueError(f"{name} is no JSON number")


def visible(data: bytes, keep: str = "\t") -> bytes:
    r"""Text as it is, and what is no text or could control a terminal as \x1b and the like."""
    text = data.decode("utf-8", "backslashreplace")
    if not text.isprintable():
        text = "".join(one if one.isprintable() or one in keep else one.encode("unicode_escape").decode() for one in text)
    return text.encode("utf-8")


def shortened(data: bytes) -> str:
    """The beginning of some bytes, for an error."""
    text = visible(data[:60]).decode("utf-8")
    return text + "..." if len(data) > 60 else text


def content_of(path: str, stdin: BinaryIO) -> bytes:
    """What @PATH stands for."""
    if path == "-":
        return stdin.read()
    try:
        with open(os.path.expanduser(path), "rb") as file:
            return file.read()
    except OSError as error:
        raise CommandError(f"cannot read {path}: {error.strerror}") from None
