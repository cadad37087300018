"""Frame as a buffer: every field, honest writability, lifetime of views."""

from __future__ import annotations

import ctypes
import gc
import weakref
from collections.abc import Callable
from typing import Any

import pytest
import zmq

from helpers import MakePair, MakeSocket, RunChild, bind_any, numpy

DATA = bytes(range(256)) * 400  # over the copy threshold


def own_small(pair: MakePair) -> zmq.Frame:
    return zmq.Frame(DATA[:100])


def own_shared(pair: MakePair) -> zmq.Frame:
    return zmq.Frame(DATA)


def own_copied(pair: MakePair) -> zmq.Frame:
    return zmq.Frame(DATA, copy=True)


def from_inproc(pair: MakePair) -> zmq.Frame:
    a, b = pair()
    a.send(DATA, copy=False)
    return b.recv(copy=False)


def from_tcp(pair: MakePair) -> zmq.Frame:
    a, b = pair(transport="tcp")
    a.send(DATA)
    return b.recv(copy=False)


Source = Callable[[MakePair], zmq.Frame]
SOURCES: list[Source] = [own_small, own_shared, own_copied, from_inproc, from_tcp]


each_source = pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.__name__)


@each_source
def test_every_field_of_the_buffer(pair: MakePair, source: Source) -> None:
    frame = source(pair)
    view = memoryview(frame)
    size = len(frame)
    assert view.format == "B"
    assert view.itemsize == 1
    assert view.ndim == 1
    assert view.shape == (size,)
    assert view.strides == (1,)
    assert view.suboffsets == ()
    assert view.nbytes == len(view) == size
    assert view.contiguous
    assert view.c_contiguous
    assert view.f_contiguous
    assert view.obj is frame
    assert view.tobytes() == DATA[:size]


@each_source
def test_buffer_attribute_is_such_a_view(pair: MakePair, source: Source) -> None:
    frame = source(pair)
    view = frame.buffer
    assert isinstance(view, memoryview)
    assert (view.format, view.itemsize, view.ndim) == ("B", 1, 1)
    assert view.shape == (len(frame),)
    assert view == DATA[: len(frame)]
    assert view.readonly == memoryview(frame).readonly


@each_source
def test_buffer_attribute_is_one_object_while_held(pair: MakePair, source: Source) -> None:
    frame = source(pair)
    view = frame.buffer
    assert frame.buffer is view
    reference = weakref.ref(view)
    del view
    gc.collect()
    assert reference() is None
    assert frame.buffer == DATA[: len(frame)]


@each_source
def test_numpy_reads_it(pair: MakePair, source: Source) -> None:
    frame = source(pair)
    array = numpy.frombuffer(frame, dtype="u1")
    assert array.tobytes() == DATA[: len(frame)]
    words = numpy.frombuffer(frame, dtype="<u4")
    assert words[0] == 0x03020100


def test_view_keeps_the_memory_alive(pair: MakePair, transport: str) -> None:
    a, b = pair(transport=transport)
    views = []
    for number in range(20):
        a.send(bytes([number]) * 10_000)
        views.append(memoryview(b.recv(copy=False)))
    gc.collect()
    for _ in range(20):
        a.send(bytes([255]) * 10_000)
        b.recv(copy=False)
    assert all(view == bytes([number]) * 10_000 for number, view in enumerate(views))


def test_view_outlives_socket_and_context(ctx: zmq.SyncContext, pair: MakePair) -> None:
    a, b = pair()
    a.send(DATA, copy=False)
    array = numpy.frombuffer(b.recv(copy=False), dtype="u1")
    a.close()
    b.close()
    ctx.term()
    gc.collect()
    assert array.tobytes() == DATA


def test_empty_frame_has_an_empty_buffer() -> None:
    view = memoryview(zmq.Frame())
    assert view.nbytes == 0
    assert view.shape == (0,)
    assert zmq.Frame().buffer.tobytes() == b""


def test_frame_compares_through_its_buffer() -> None:
    buffer: Any = zmq.Frame(b"abc").buffer
    assert buffer == b"abc"
    assert b"".join([zmq.Frame(b"a"), zmq.Frame(b"b")]) == b"ab"


# writability


@pytest.mark.parametrize("size", [10, 1000, 200_000])
def test_frame_from_the_network_is_writable(pair: MakePair, size: int) -> None:
    a, b = pair(transport="tcp")
    a.send(bytes(size))
    frame = b.recv(copy=False)
    view = memoryview(frame)
    assert not view.readonly
    view[0] = 255
    array = numpy.frombuffer(frame, dtype="u1")
    assert array.flags.writeable
    assert array[0] == 255
    array[1] = 254
    assert frame.buffer[1] == 254


def test_frame_over_inproc_is_read_only(run_child: RunChild) -> None:
    run_child(
        """
        import zmq
        context = zmq.Context()
        a, b = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
        a.bind("inproc://x"); b.connect("inproc://x")
        for data in (bytes(100_000), bytes(10), bytearray(100_000)):
            for copy in (True, False):
                a.send(data, copy=copy)
                frame = b.recv(copy=False)
                assert memoryview(frame).readonly, (len(data), copy)
                assert frame.buffer.readonly
        context.destroy(linger=0)
        """
    ).ok()


def test_one_publication_to_two_subscribers_is_read_only(socket: MakeSocket) -> None:
    pub = socket(zmq.XPUB)
    pub.xpub_verbose = 1
    endpoint = bind_any(pub, "inproc")
    subs = [socket(zmq.SUB) for _ in range(2)]
    for sub in subs:
        sub.connect(endpoint)
        sub.subscribe(b"")
        assert pub.recv() == b"\1"
    pub.send(DATA)
    frames = [sub.recv(copy=False) for sub in subs]
    assert all(memoryview(frame).readonly for frame in frames)
    assert [frame.bytes for frame in frames] == [DATA, DATA]


def test_frame_from_tcp_sent_on_is_read_only_while_shared(pair: MakePair) -> None:
    a, b = pair(transport="tcp")
    c, d = pair()
    a.send(DATA)
    frame = b.recv(copy=False)
    c.send(frame)
    assert memoryview(frame).readonly
    assert memoryview(d.recv(copy=False)).readonly


def test_frame_over_immutable_bytes_is_read_only() -> None:
    assert memoryview(zmq.Frame(DATA)).readonly


def test_sender_bytes_never_change(pair: MakePair) -> None:
    a, b = pair()
    data = bytes(100_000)
    for copy in (True, False):
        a.send(data, copy=copy)
        view = memoryview(b.recv(copy=False))
        if not view.readonly:
            view[0] = 255
        assert data[0] == 0


def test_writable_request_on_a_read_only_frame_is_a_buffererror(pair: MakePair) -> None:
    a, b = pair()
    a.send(DATA, copy=False)
    frame = b.recv(copy=False)
    with pytest.raises((BufferError, TypeError)):
        (ctypes.c_char * 10).from_buffer(frame)


def test_recv_into_a_frame_from_the_network(pair: MakePair) -> None:
    a, b = pair(transport="tcp")
    a.send(bytes(100))
    frame = b.recv(copy=False)
    a.send(b"over")
    assert b.recv_into(frame) == 4
    assert frame.buffer[:4].tobytes() == b"over"
