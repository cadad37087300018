"""recv_into: where the bytes go, what is returned, what is refused."""

from __future__ import annotations

import array
import ctypes
import mmap
from collections.abc import Callable
from typing import Any

import pytest
import zmq

from helpers import MakePair, numpy


def test_fills_the_buffer_and_returns_the_length(pair: MakePair, transport: str) -> None:
    a, b = pair(transport=transport)
    buffer = bytearray(10)
    a.send(b"hello")
    assert b.recv_into(buffer) == 5
    assert buffer == b"hello\0\0\0\0\0"


def test_exact_fit(pair: MakePair) -> None:
    a, b = pair()
    buffer = bytearray(5)
    a.send(b"hello")
    assert b.recv_into(buffer) == 5
    assert buffer == b"hello"


def test_excess_is_dropped_and_the_true_length_returned(pair: MakePair) -> None:
    a, b = pair()
    buffer = bytearray(3)
    a.send(b"hello")
    assert b.recv_into(buffer) == 5
    assert buffer == b"hel"
    a.send(b"next")
    assert b.recv() == b"next"


def test_nbytes_limits_what_is_written(pair: MakePair) -> None:
    a, b = pair()
    buffer = bytearray(b"..........")
    a.send(b"hello")
    assert b.recv_into(buffer, nbytes=2) == 5
    assert buffer == b"he........"


def test_nbytes_zero_is_the_whole_buffer(pair: MakePair) -> None:
    a, b = pair()
    buffer = bytearray(5)
    a.send(b"hello")
    assert b.recv_into(buffer, nbytes=0) == 5
    assert buffer == b"hello"


def test_empty_buffer_discards_the_message(pair: MakePair) -> None:
    a, b = pair()
    a.send(b"hello")
    a.send(b"next")
    assert b.recv_into(bytearray()) == 5
    assert b.recv() == b"next"


def test_empty_message(pair: MakePair) -> None:
    a, b = pair()
    buffer = bytearray(b"abc")
    a.send(b"")
    assert b.recv_into(buffer) == 0
    assert buffer == b"abc"


@pytest.mark.parametrize("size", [1000, 32768, 100_000, 10**6])
def test_large_messages(pair: MakePair, transport: str, size: int) -> None:
    a, b = pair(transport=transport)
    data = bytes(i % 251 for i in range(size))
    buffer = bytearray(size)
    a.send(data)
    assert b.recv_into(buffer) == size
    assert buffer == data


@pytest.mark.parametrize(
    "make",
    [
        lambda: array.array("Q", [0] * 4),
        lambda: numpy.zeros((2, 2), dtype="u8"),
        lambda: memoryview(bytearray(32)),
        lambda: memoryview(bytearray(48))[8:40],
        lambda: (ctypes.c_uint64 * 4)(),
        lambda: mmap.mmap(-1, 32),
    ],
    ids=["array", "numpy", "memoryview", "slice", "ctypes", "mmap"],
)
def test_any_writable_contiguous_buffer(pair: MakePair, make: Callable[[], Any]) -> None:
    a, b = pair()
    buffer = make()
    data = bytes(range(32))
    a.send(data)
    assert b.recv_into(buffer) == 32
    assert memoryview(buffer).tobytes() == data


def test_one_part_at_a_time(pair: MakePair) -> None:
    a, b = pair()
    buffer = bytearray(5)
    a.send_multipart([b"first", b"other"])
    assert b.recv_into(buffer) == 5
    assert b.rcvmore == 1
    assert b.recv_into(buffer) == 5
    assert b.rcvmore == 0
    assert buffer == b"other"


def test_dontwait_on_an_empty_queue(pair: MakePair) -> None:
    _, b = pair()
    buffer = bytearray(b"untouched")
    with pytest.raises(zmq.Again):
        b.recv_into(buffer, flags=zmq.DONTWAIT)
    assert buffer == b"untouched"


def test_rcvtimeo_counts(pair: MakePair) -> None:
    _, b = pair()
    b.rcvtimeo = 10
    with pytest.raises(zmq.Again):
        b.recv_into(bytearray(5))


REFUSED: dict[str, tuple[Any, dict[str, int], type[Exception]]] = {
    "negative": (bytearray(5), {"nbytes": -1}, ValueError),
    "too-many": (bytearray(5), {"nbytes": 6}, ValueError),
    "bytes": (b"const", {}, BufferError),
    "read-only-view": (memoryview(b"const"), {}, BufferError),
    "strided": (memoryview(bytearray(10))[::2], {}, BufferError),
    "text": ("text", {}, TypeError),
    "int": (5, {}, TypeError),
    "none": (None, {}, TypeError),
}


@pytest.mark.parametrize(("buffer", "arguments", "error"), REFUSED.values(), ids=REFUSED)
def test_refused_before_anything_is_received(
    pair: MakePair, buffer: Any, arguments: dict[str, int], error: type[Exception]
) -> None:
    a, b = pair()
    a.send(b"kept")
    with pytest.raises(error):
        b.recv_into(buffer, **arguments)
    assert b.recv() == b"kept"


def test_numpy_views_that_do_not_fit_are_refused(pair: MakePair) -> None:
    a, b = pair()
    a.send(b"kept")
    locked = numpy.zeros(5)
    locked.flags.writeable = False
    for buffer in (numpy.zeros((5, 5))[:, ::2], locked):
        with pytest.raises((BufferError, ValueError)):
            b.recv_into(buffer)
    assert b.recv() == b"kept"


def test_arguments_after_the_buffer_are_keywords(pair: MakePair) -> None:
    _, b = pair()
    with pytest.raises(TypeError):
        b.recv_into(bytearray(5), 5)  # type: ignore[call-arg]


def test_buffer_is_released_afterwards(pair: MakePair) -> None:
    a, b = pair()
    buffer = bytearray(5)
    a.send(b"hello")
    b.recv_into(buffer)
    buffer.append(1)
    with pytest.raises(zmq.Again):
        b.recv_into(buffer, flags=zmq.DONTWAIT)
    buffer.append(1)
