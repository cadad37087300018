"""The forms of messages: what is written can be read again."""

from __future__ import annotations

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from zmq._cli import CommandError
from zmq._cli.arguments import escaped, size
from zmq._cli.formats import Envelope, Form, Framed, Json, Lines, Raw, split, visible

MESSAGES = st.lists(st.lists(st.binary(max_size=300), min_size=1, max_size=4), max_size=5)


def written(form: Form, messages: list[list[bytes]]) -> io.BytesIO:
    return io.BytesIO(b"".join(piece for message in messages for piece in form.render(message, terminal=False)))


@given(MESSAGES)
def test_framed(messages: list[list[bytes]]) -> None:
    assert list(Framed().read(written(Framed(), messages))) == messages


@given(MESSAGES)
def test_envelope(messages: list[list[bytes]]) -> None:
    assert list(Envelope().read(written(Envelope(), messages))) == messages


@given(
    st.lists(
        st.lists(st.binary(max_size=50).map(lambda data: data.replace(b"\n", b"").replace(b"\t", b"")), min_size=1), max_size=5
    )
)
def test_lines(messages: list[list[bytes]]) -> None:
    form = Lines(separator=b"\t")
    assert list(form.read(written(form, messages))) == messages


@given(
    st.lists(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
        )
    )
)
def test_json(values: list[object]) -> None:
    messages = [[json.dumps(value).encode()] for value in values]
    assert list(Json().read(written(Json(), messages))) == messages


@given(st.binary(max_size=2000), st.binary(min_size=1, max_size=3))
def test_split(data: bytes, delimiter: bytes) -> None:
    pieces = data.split(delimiter)
    if not pieces[-1]:
        pieces.pop()
    assert list(split(io.BytesIO(data), delimiter)) == pieces


@given(st.binary(max_size=500), st.integers(1, 100))
def test_raw_in_pieces(data: bytes, chunk: int) -> None:
    messages = list(Raw(chunk).read(io.BytesIO(data)))
    assert b"".join(frame for [frame] in messages) == data
    assert all(len(frame) <= chunk for [frame] in messages)


@given(st.binary(max_size=200))
def test_anything_is_visible(data: bytes) -> None:
    text = visible(data).decode("utf-8")
    assert all(one.isprintable() or one == "\t" for one in text)


@pytest.mark.parametrize(
    ("text", "data"),
    [(r"\n\r\t\0\\", b"\n\r\t\0\\"), (r"\xff\x00x", b"\xff\x00x"), ("ä", "ä".encode()), ("\udcff", b"\xff"), ("", b"")],
)
def test_escapes(text: str, data: bytes) -> None:
    assert escaped(text) == data


@pytest.mark.parametrize("text", [r"\q", "\\", r"\x1", r"\u00e4"])
def test_unknown_escapes(text: str) -> None:
    with pytest.raises(Exception, match="unknown escape"):
        escaped(text)


def test_sizes() -> None:
    assert [size(text) for text in ("1", "64K", "1M", "2GiB", "3kB")] == [1, 65536, 1 << 20, 2 << 30, 3072]


def test_a_terminal_gets_no_frames() -> None:
    with pytest.raises(CommandError, match="to a file or a pipe"):
        Framed().render([b"x"], terminal=True)
