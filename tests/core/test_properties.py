"""Properties over generated input: multipart shapes, buffer strides, options, codecs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import zmq
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import fresh_inproc, numpy

SETTINGS = settings(max_examples=150, deadline=None)

SIZES = st.one_of(st.integers(0, 40), st.sampled_from([255, 256, 4096, 32767, 32768, 32769, 65535, 65536, 65537]))
PARTS = st.lists(st.tuples(SIZES, st.integers(0, 255)), min_size=1, max_size=12)


@pytest.fixture(scope="module")
def ends() -> Iterator[tuple[zmq.SyncSocket, zmq.SyncSocket]]:
    """One connected pair for all examples; each example must leave it empty."""
    context: zmq.SyncContext = zmq.Context()
    a, b = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
    name = fresh_inproc()
    a.bind(name)
    b.connect(name)
    for one in (a, b):
        one.setsockopt(zmq.RCVTIMEO, 30_000)
        one.setsockopt(zmq.SNDTIMEO, 30_000)
    yield a, b
    assert b.poll(0) == 0
    context.destroy(linger=0)


@SETTINGS
@given(parts=PARTS, copy=st.booleans(), copy_back=st.booleans())
def test_any_multipart_shape_arrives_unchanged(ends: Any, parts: list[tuple[int, int]], copy: bool, copy_back: bool) -> None:
    a, b = ends
    message = [bytes([value]) * size for size, value in parts]
    a.send_multipart(message, copy=copy)
    assert [bytes(one) for one in b.recv_multipart(copy=copy_back)] == message


@SETTINGS
@given(messages=st.lists(PARTS, min_size=1, max_size=8))
def test_messages_never_run_into_each_other(ends: Any, messages: list[list[tuple[int, int]]]) -> None:
    a, b = ends
    expected = [[bytes([value]) * size for size, value in parts] for parts in messages]
    for message in expected:
        a.send_multipart(message, copy=False)
    assert [b.recv_multipart() for _ in expected] == expected


@SETTINGS
@given(
    parts=st.lists(st.sampled_from([b"x", bytearray(70_000), 5, "text", None]), min_size=1),
    copy=st.booleans(),
)
def test_a_bad_part_anywhere_sends_nothing(ends: Any, parts: list[Any], copy: bool) -> None:
    a, b = ends
    good = all(isinstance(one, (bytes, bytearray)) for one in parts)
    if good:
        a.send_multipart(parts, copy=copy)
        assert [len(one) for one in b.recv_multipart()] == [len(one) for one in parts]
    else:
        with pytest.raises(TypeError):
            a.send_multipart(parts, copy=copy)
        assert b.poll(0) == 0


SHAPES = st.lists(st.integers(1, 5), min_size=1, max_size=4)


@SETTINGS
@given(data=st.data(), shape=SHAPES, kind=st.sampled_from(["u1", "<i4", "<f8", "S3"]))
def test_an_array_goes_if_and_only_if_it_is_contiguous(ends: Any, data: st.DataObject, shape: list[int], kind: str) -> None:
    a, b = ends
    whole = numpy.zeros(shape, dtype=kind)
    steps = [data.draw(st.sampled_from([1, 1, 2, -1])) for _ in shape]
    view = whole[tuple(slice(None, None, step) for step in steps)]
    copy = data.draw(st.booleans())
    if view.flags.c_contiguous:
        a.send(view, copy=copy)
        assert b.recv() == view.tobytes()
    elif not view.flags.f_contiguous:
        with pytest.raises(BufferError):
            a.send(view, copy=copy)
        assert b.poll(0) == 0


@SETTINGS
@given(content=st.binary(max_size=300), room=st.integers(0, 300), nbytes=st.integers(-5, 310))
def test_recv_into_touches_only_what_it_may(ends: Any, content: bytes, room: int, nbytes: int) -> None:
    a, b = ends
    buffer = bytearray(b"\xaa" * room)
    a.send(content)
    if nbytes < 0 or nbytes > room:
        with pytest.raises(ValueError):
            b.recv_into(buffer, nbytes=nbytes)
        assert b.recv() == content
        assert buffer == b"\xaa" * room
        return
    assert b.recv_into(buffer, nbytes=nbytes) == len(content)
    written = min(nbytes or room, len(content))
    assert buffer[:written] == content[:written]
    assert buffer[written:] == b"\xaa" * (room - written)


@SETTINGS
@given(text=st.text(max_size=200))
def test_any_text_arrives(ends: Any, text: str) -> None:
    a, b = ends
    try:
        text.encode()
    except UnicodeEncodeError:
        with pytest.raises(UnicodeEncodeError):
            a.send_string(text)
        return
    a.send_string(text)
    assert b.recv_string() == text


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@SETTINGS
@given(value=JSON)
def test_any_json_arrives(ends: Any, value: Any) -> None:
    a, b = ends
    a.send_json(value)
    assert b.recv_json() == value


@SETTINGS
@given(number=st.integers(-(2**70), 2**70))
def test_an_int_option_takes_c_ints_only(ends: Any, number: int) -> None:
    a, _ = ends
    try:
        a.set(zmq.SNDBUF, number)
    except OverflowError:
        assert not -(2**31) <= number < 2**31
    except zmq.ZMQError as error:
        assert error.errno == zmq.EINVAL
        assert number < 0
    else:
        assert a.get(zmq.SNDBUF) == number


@SETTINGS
@given(identity=st.binary(min_size=1, max_size=255))
def test_any_identity_round_trips(ends: Any, identity: bytes) -> None:
    a, _ = ends
    if identity[0] == 0:
        return  # libzmq keeps these for itself
    a.set(zmq.ROUTING_ID, identity)
    assert a.get(zmq.ROUTING_ID) == identity


@SETTINGS
@given(secret=st.binary(max_size=60))
def test_curve_public_never_crashes(secret: bytes) -> None:
    try:
        assert len(zmq.curve_public(secret)) == 40
    except ValueError:
        assert len(secret) != 40
    except zmq.ZMQError as error:
        assert error.errno == zmq.EINVAL
