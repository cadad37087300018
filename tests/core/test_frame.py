"""Frame: construction, content, options, properties, copies, representation."""

from __future__ import annotations

import copy
import gc
import pickle
import sys
from collections.abc import Callable
from typing import Any

import pytest
import zmq

from helpers import MakePair, MakeSocket, bind_any, numpy, wait_until, zap_handler

BIG = 200_000

# construction


def test_empty_by_default() -> None:
    frame = zmq.Frame()
    assert frame.bytes == b""
    assert len(frame) == 0
    assert frame.more is False
    assert frame.tracker is None


@pytest.mark.parametrize("size", [0, 1, 33, 100, BIG])
@pytest.mark.parametrize("sharing", [None, True, False])
def test_content_of_any_size(size: int, sharing: bool | None) -> None:
    data = bytes(i % 251 for i in range(size))
    frame = zmq.Frame(data, copy=sharing)
    assert len(frame) == size
    assert frame.bytes == data
    assert bytes(frame) == data


@pytest.mark.parametrize("kind", [bytearray, memoryview, lambda data: numpy.frombuffer(data, "u1"), zmq.Frame])
def test_content_from_any_buffer(kind: Callable[[bytes], Any]) -> None:
    assert zmq.Frame(kind(b"abc")).bytes == b"abc"


@pytest.mark.parametrize("wrong", ["text", 5, object(), [1], 1.5], ids=repr)
def test_no_buffer_is_a_typeerror(wrong: Any) -> None:
    with pytest.raises(TypeError):
        zmq.Frame(wrong)


@pytest.mark.parametrize("sharing", [None, True, False])
def test_strided_view_is_a_buffererror(sharing: bool | None) -> None:
    with pytest.raises(BufferError):
        zmq.Frame(memoryview(bytes(BIG))[::2], copy=sharing)


def test_unknown_keywords_are_accepted() -> None:
    assert zmq.Frame(b"x", unknown=5).bytes == b"x"


def test_small_data_is_copied_and_big_data_shared() -> None:
    small, large = bytearray(b"small"), bytearray(BIG)
    copied, shared = zmq.Frame(small), zmq.Frame(large)
    small[0] = large[0] = 255
    assert copied.bytes[0] != 255
    assert shared.bytes[0] == 255


def test_copy_argument_decides() -> None:
    small, large = bytearray(b"small"), bytearray(BIG)
    shared, copied = zmq.Frame(small, copy=False), zmq.Frame(large, copy=True)
    small[0] = large[0] = 255
    assert shared.bytes[0] == 255
    assert copied.bytes[0] != 255


def test_threshold_argument_decides() -> None:
    data = bytearray(b"12345")
    shared, copied = zmq.Frame(data, copy_threshold=5), zmq.Frame(data, copy_threshold=6)
    data[0] = 255
    assert shared.bytes[0] == 255
    assert copied.bytes[0] != 255


def test_module_threshold_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zmq, "COPY_THRESHOLD", 2)
    data = bytearray(b"12345")
    shared = zmq.Frame(data)
    data[0] = 255
    assert shared.bytes[0] == 255


def test_tracker_only_when_asked() -> None:
    assert zmq.Frame(b"x").tracker is None
    assert zmq.Frame(b"x", track=True).tracker is zmq._FINISHED_TRACKER
    tracker = zmq.Frame(bytearray(BIG), track=True).tracker
    assert isinstance(tracker, zmq.MessageTracker)
    tracker.wait(30)
    frame = zmq.Frame(bytearray(BIG), track=True)
    assert frame.tracker is not None
    assert not frame.tracker.done


def test_message_is_the_same_class() -> None:
    assert type(zmq.Message(b"x")) is zmq.Frame


# content


def test_bytes_are_made_once() -> None:
    frame = zmq.Frame(b"x" * 100)
    assert frame.bytes is frame.bytes


def test_bytes_of_a_received_frame_are_exactly_bytes(pair: MakePair, transport: str) -> None:
    a, b = pair(transport=transport)
    for size in (0, 5, 1000, BIG):
        a.send(bytes(size))
        frame = b.recv(copy=False)
        assert type(frame.bytes) is bytes
        assert frame.bytes is frame.bytes
        assert frame.bytes == bytes(size)


def test_equality_is_identity() -> None:
    one = zmq.Frame(b"x")
    assert one == one
    assert one != zmq.Frame(b"x")
    assert len({one, zmq.Frame(b"x")}) == 2


def test_more_is_writable() -> None:
    frame = zmq.Frame(b"x")
    frame.more = True
    assert frame.more is True


# options and properties


def test_library_options() -> None:
    frame = zmq.Frame(b"x")
    assert frame.get(zmq.MORE) == 0
    assert frame.get(zmq.SHARED) == frame.shared == frame[zmq.SHARED]
    assert frame.get(zmq.SHARED) in (0, 1)


@pytest.mark.parametrize("option", [zmq.SRCFD, 9999])
def test_unknown_library_option_is_einval(option: int) -> None:
    with pytest.raises(zmq.ZMQError) as caught:
        zmq.Frame(b"x").get(option)
    assert caught.value.errno == zmq.EINVAL


def test_no_library_option_can_be_set() -> None:
    with pytest.raises(zmq.ZMQError) as caught:
        zmq.Frame(b"x").set(zmq.MORE, 1)
    assert caught.value.errno == zmq.EINVAL


@pytest.mark.parametrize("key", [None, 1.5, object()])
def test_key_of_another_type_is_a_typeerror(key: Any) -> None:
    with pytest.raises(TypeError):
        zmq.Frame(b"x").get(key)


def test_a_slice_is_a_typeerror() -> None:
    with pytest.raises(TypeError):
        zmq.Frame(b"xyz")[1:2]  # type: ignore[index]


@pytest.mark.parametrize("name", ["foo", "bytess", "PUSH"])
def test_unknown_attribute_is_an_attributeerror(name: str) -> None:
    frame = zmq.Frame(b"x")
    with pytest.raises(AttributeError):
        getattr(frame, name)
    with pytest.raises(AttributeError):
        setattr(frame, name, 1)


@pytest.mark.parametrize("key", ["Peer-Address", b"Peer-Address", "Socket-Type", "User-Id", "x"])
def test_own_and_inproc_frames_have_no_properties(pair: MakePair, key: Any) -> None:
    a, b = pair()
    a.send(b"x")
    for frame in (zmq.Frame(b"x"), b.recv(copy=False)):
        with pytest.raises(zmq.ZMQError) as caught:
            frame.get(key)
        assert caught.value.errno == zmq.EINVAL


def test_properties_of_a_frame_from_tcp(pair: MakePair) -> None:
    dealer, other = pair(zmq.DEALER, zmq.DEALER, "tcp")
    other.send(b"x")
    frame = dealer.recv(copy=False)
    assert frame.get("Peer-Address") == frame["Peer-Address"] == "127.0.0.1"
    assert frame.get(b"Peer-Address") == "127.0.0.1"
    assert frame.get("Socket-Type") == "DEALER"
    with pytest.raises(zmq.ZMQError) as caught:
        frame.get("Absent")
    assert caught.value.errno == zmq.EINVAL


def test_identity_property(socket: MakeSocket) -> None:
    router, dealer = socket(zmq.ROUTER), socket(zmq.DEALER)
    dealer.identity = b"myself"
    dealer.connect(bind_any(router, "tcp"))
    dealer.send(b"x")
    frame = router.recv_multipart(copy=False)[1]
    assert frame["Identity"] == "myself"


def test_properties_from_the_authenticator(ctx: zmq.SyncContext, socket: MakeSocket) -> None:
    metadata = b"\x05Hello" + b"\0\0\0\x05World"
    with zap_handler(ctx, metadata=metadata):
        server, client = socket(zmq.DEALER), socket(zmq.DEALER)
        server.zap_domain = b"global"
        client.connect(bind_any(server, "tcp"))
        client.send(b"x")
        frame = server.recv(copy=False)
    assert frame["User-Id"] == "user"
    assert frame["Hello"] == "World"


def test_group_and_routing_id_need_drafts() -> None:
    if zmq.DRAFT_API:
        pytest.skip("this build has drafts")
    frame = zmq.Frame(b"x")
    for name in ("group", "routing_id"):
        with pytest.raises(RuntimeError):
            getattr(frame, name)
    with pytest.raises(RuntimeError):
        frame.group = "g"
    with pytest.raises(RuntimeError):
        frame.routing_id = 5


def test_get_group_without_drafts_raises(run_child: Any) -> None:
    if zmq.DRAFT_API:
        pytest.skip("this build has drafts")
    run_child(
        """
        import zmq
        for key in ("group", "routing_id"):
            try:
                zmq.Frame(b"x").get(key)
            except (RuntimeError, zmq.ZMQError):
                continue
            raise SystemExit("no error")
        """
    ).ok()


# copies


def test_copy_shares_content_tracker_and_class() -> None:
    class Mine(zmq.Frame):
        pass

    for kind in (zmq.Frame, Mine):
        frame = kind(bytearray(BIG), track=True)
        twin = copy.copy(frame)
        assert type(twin) is kind
        assert twin.bytes == frame.bytes
        assert twin.tracker is frame.tracker


def test_copy_of_a_received_frame(pair: MakePair, transport: str) -> None:
    a, b = pair(transport=transport)
    for size in (3, BIG):
        a.send(bytes(size))
        twin = copy.copy(b.recv(copy=False))
        gc.collect()
        assert twin.bytes == bytes(size)


def test_deepcopy_and_pickle_are_refused() -> None:
    frame = zmq.Frame(b"x")
    with pytest.raises(TypeError):
        copy.deepcopy(frame)
    with pytest.raises(TypeError):
        pickle.dumps(frame)


def test_tracker_waits_for_all_copies() -> None:
    frame = zmq.Frame(bytearray(BIG), track=True)
    tracker = frame.tracker
    assert tracker is not None
    twin = copy.copy(frame)
    del frame
    gc.collect()
    assert not tracker.done
    del twin
    gc.collect()
    tracker.wait(30)


# representation


@pytest.mark.parametrize(
    ("size", "end"),
    [
        (20, "...20B"),
        (999, "...999B"),
        (1000, "...1kB"),
        (1999, "...1kB"),
        (999_999, "...999kB"),
        (2**20, "...1MB"),
        (2_500_000, "...2MB"),
    ],
)
def test_repr_of_long_content_is_short(size: int, end: str) -> None:
    frame = zmq.Frame(b"x" * size)
    assert repr(frame) == str(frame)
    assert repr(frame).startswith("<zmq.Frame(b'xxxxxxxxxxxx'")
    assert end in repr(frame)
    assert len(repr(frame)) < 60


@pytest.mark.parametrize("data", [b"", b"x", b"0123456789abcdef", b"\0\xff"])
def test_repr_of_short_content_shows_it(data: bytes) -> None:
    assert repr(zmq.Frame(data)) == f"<zmq.Frame({data!r})>"


# lifetime


@pytest.mark.skipif(sys.implementation.name != "cpython", reason="counts references")
def test_references_to_the_source_return() -> None:
    data = bytearray(BIG)
    before = sys.getrefcount(data)
    frame = zmq.Frame(data)
    assert sys.getrefcount(data) > before
    twin = copy.copy(frame)
    _ = frame.buffer, twin.buffer
    del frame, twin, _
    gc.collect()
    wait_until(lambda: sys.getrefcount(data) == before, what="reference count")


def test_many_frames_come_and_go(pair: MakePair) -> None:
    a, b = pair()
    for number in range(2000):
        a.send(b"%d" % number)
        frame = b.recv(copy=False)
        assert frame.bytes == b"%d" % number
