"""Input and output of the commands that move messages: where messages come from and go to, and the progress of both."""

from __future__ import annotations

import argparse
import contextlib
import itertools
import os
import stat
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

from . import CommandError
from .formats import Form, content_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing_extensions import Self


def standard_input() -> BinaryIO:
    """Standard input as bytes."""
    if sys.stdin is None:
        raise CommandError("standard input is closed: give messages with --message")
    return sys.stdin.buffer


def given(args: argparse.Namespace, form: Form) -> list[list[bytes]]:
    """The messages of --message, all of them checked before the first is sent."""
    messages = []
    for text in args.message:
        if text.startswith("@") and not text.startswith("@@"):
            data = content_of(text[1:], standard_input() if text == "@-" else _NOTHING)
        else:
            data = os.fsencode(text.removeprefix("@") if text.startswith("@@") else text)
        messages.append(form.parse(data))
    return messages


def messages_to_send(
    args: argparse.Namespace, form: Form, limit: int | None, stream: BinaryIO | None = None
) -> Iterator[list[bytes]]:
    """What --message or the stream (default: standard input) has, at most `limit`, with --interval between two."""
    messages: Iterator[list[bytes]]
    if args.message:
        found = given(args, form)
        messages = itertools.cycle(found) if args.repeat else iter(found)
    elif args.repeat:
        raise CommandError("--repeat sends what --message has again and again: give both")
    else:
        messages = form.read(stream or standard_input())
    return _paced(itertools.islice(messages, limit), args.interval)


def _paced(messages: Iterator[list[bytes]], interval: float) -> Iterator[list[bytes]]:
    for number, frames in enumerate(messages):
        if number and interval:
            time.sleep(interval)
        yield frames


class Output:
    """Where messages are written, each one flushed."""

    def __init__(self, path: str | None, form: Form) -> None:
        self._form = form
        if path is not None:
            try:
                # closed by __exit__: --output is a file of the whole run
                self._stream: BinaryIO = open(path, "wb")  # noqa: SIM115
            except OSError as error:
                raise CommandError(f"cannot write {path}: {error.strerror}") from None
        elif sys.stdout is None:
            raise CommandError("standard output is closed: give --output FILE")
        else:
            self._stream = sys.stdout.buffer
        self._close = path is not None
        self.terminal = self._stream.isatty()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *args: object) -> None:
        if self._close:
            self._stream.close()

    def write(self, frames: Sequence[bytes]) -> None:
        """Write one message."""
        self._stream.writelines(self._form.render(frames, self.terminal))
        self._stream.flush()


class Progress:
    """Bytes and messages so far, on a terminal that has nothing else to show; silent without tqdm."""

    def __init__(self, quiet: bool, what: str, wanted: bool, total: int | None = None) -> None:
        self._bar: Any = None
        if quiet or not wanted or sys.stderr is None or not sys.stderr.isatty():
            return
        with contextlib.suppress(ImportError):  # it is a comfort only
            from tqdm import tqdm  # type: ignore[import-untyped,unused-ignore] # has no types

            self._bar = tqdm(total=total, desc=what, unit="B", unit_scale=True, leave=False, delay=0.5)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *args: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def add(self, frames: Sequence[bytes]) -> None:
        """Count one message."""
        if self._bar is not None:
            self._bar.update(sum(map(len, frames)))


def sending_progress(args: argparse.Namespace) -> Progress:
    """A bar when standard input is no terminal; with an end when it is a file."""
    stream = None if args.message or sys.stdin is None else sys.stdin
    if stream is None:
        return Progress(args.quiet, "sending", wanted=False)
    status = os.fstat(stream.fileno())
    total = status.st_size if stat.S_ISREG(status.st_mode) else None
    return Progress(args.quiet, "sending", wanted=not stream.isatty(), total=total)


def receiving_progress(args: argparse.Namespace, output: Output) -> Progress:
    """A bar when the messages themselves are not shown."""
    return Progress(args.quiet, "receiving", wanted=not output.terminal and (args.output is not None or sys.stdout is None))


_NOTHING: Any = None
