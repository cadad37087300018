"""Text, JSON, pickles, own serialisers, and multipart framing above send and recv."""

from __future__ import annotations

import json
import pickle
from typing import Any

import pytest
import zmq

from helpers import MakePair


@pytest.mark.parametrize(("sender", "receiver"), [("send_string", "recv_string"), ("send_unicode", "recv_unicode")])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "latin-1"])
def test_text(pair: MakePair, sender: str, receiver: str, encoding: str) -> None:
    a, b = pair()
    getattr(a, sender)("çπ§"[0] + "plain", encoding=encoding)
    assert getattr(b, receiver)(encoding=encoding) == "çplain"


def test_default_encoding_is_utf8(pair: MakePair) -> None:
    a, b = pair()
    a.send_string("çπ§")
    assert b.recv() == "çπ§".encode()


def test_text_wants_text(pair: MakePair) -> None:
    a, b = pair()
    with pytest.raises(TypeError):
        a.send_string(b"bytes")  # type: ignore[arg-type]
    a.send(b"next")
    assert b.recv() == b"next"


def test_text_takes_flags_and_keywords(pair: MakePair) -> None:
    a, b = pair()
    a.send_string("1", zmq.SNDMORE)
    a.send_string("2", copy=False)
    assert b.recv_multipart() == [b"1", b"2"]


def test_undecodable_text_is_a_unicodeerror(pair: MakePair) -> None:
    a, b = pair()
    a.send(b"\xff\xfe\xff")
    with pytest.raises(UnicodeDecodeError):
        b.recv_string()


@pytest.mark.parametrize("value", [None, 5, "ü", [1, 2.5], {"a": {"b": [True, None]}}])
def test_json(pair: MakePair, value: Any) -> None:
    a, b = pair()
    a.send_json(value)
    assert b.recv_json() == value


def test_json_keywords_go_to_the_json_module(pair: MakePair) -> None:
    a, b = pair()
    a.send_json({"b": 1, "a": 2}, sort_keys=True, separators=(",", ":"))
    assert b.recv() == b'{"a":2,"b":1}'
    a.send_json(1.5)
    assert b.recv_json(parse_float=str) == "1.5"


def test_json_is_utf8(pair: MakePair) -> None:
    a, b = pair()
    a.send_json("ü", ensure_ascii=False)
    assert b.recv() == '"ü"'.encode()


def test_unserialisable_json_sends_nothing(pair: MakePair) -> None:
    a, b = pair()
    with pytest.raises(TypeError):
        a.send_json(object())
    a.send(b"next")
    assert b.recv() == b"next"


def test_invalid_json_is_a_decode_error(pair: MakePair) -> None:
    a, b = pair()
    a.send(b"{")
    with pytest.raises(json.JSONDecodeError):
        b.recv_json()


@pytest.mark.parametrize("value", [None, 5, {"a": (1, 2)}, Exception, [b"x" * 100_000]])
@pytest.mark.parametrize("arguments", [{}, {"protocol": 2}, {"copy": False}])
def test_pickles(pair: MakePair, value: Any, arguments: dict[str, Any]) -> None:
    a, b = pair()
    a.send_pyobj(value, **arguments)
    assert b.recv_pyobj() == value


def test_default_pickle_protocol(pair: MakePair) -> None:
    a, b = pair()
    a.send_pyobj([1])
    assert b.recv() == pickle.dumps([1], pickle.DEFAULT_PROTOCOL)


def test_pickle_track_returns_a_tracker(pair: MakePair) -> None:
    a, b = pair()
    tracker = a.send_pyobj(bytes(200_000), copy=False, track=True)
    assert isinstance(tracker, zmq.MessageTracker)
    b.recv_pyobj()
    tracker.wait(30)


def split(message: dict[str, int]) -> list[bytes]:
    return [f"{key}={value}".encode() for key, value in message.items()]


def join(frames: list[bytes]) -> dict[str, int]:
    pairs = (bytes(frame).decode().split("=") for frame in frames)
    return {key: int(value) for key, value in pairs}


@pytest.mark.parametrize("copy", [True, False])
def test_own_serialiser(pair: MakePair, copy: bool) -> None:
    a, b = pair()
    message = {"a": 1, "b": 2, "c": 3}
    a.send_serialized(message, split, copy=copy)
    assert b.recv_serialized(join, copy=copy) == message


def test_deserialiser_gets_frames_without_copy(pair: MakePair) -> None:
    a, b = pair()
    a.send_multipart([b"1", b"2"])
    kinds = b.recv_serialized(lambda frames: [type(one) for one in frames], copy=False)
    assert kinds == [zmq.Frame, zmq.Frame]


def test_deserialiser_errors_propagate(pair: MakePair) -> None:
    a, b = pair()
    a.send(b"x")
    with pytest.raises(TypeError, match="mine"):
        b.recv_serialized(raise_typeerror)


def raise_typeerror(_: object) -> Any:
    raise TypeError("mine")


def test_serialiser_errors_send_nothing(pair: MakePair) -> None:
    a, b = pair()
    with pytest.raises(TypeError, match="mine"):
        a.send_serialized(5, raise_typeerror)
    a.send(b"next")
    assert b.recv() == b"next"


@pytest.mark.parametrize("receive", ["recv_string", "recv_unicode", "recv_json", "recv_pyobj"])
def test_flags_reach_recv(pair: MakePair, receive: str) -> None:
    _, b = pair()
    with pytest.raises(zmq.Again):
        getattr(b, receive)(zmq.DONTWAIT)


def test_deserialize_is_the_hook(ctx: zmq.SyncContext, pair: MakePair) -> None:
    class Hooked(zmq.Socket[bytes]):
        def _deserialize(self, recvd: Any, load: Any) -> Any:
            return ("hooked", load(recvd))

    a, b = pair()
    with Hooked(b) as hooked:
        a.send_json(5)
        assert hooked.recv_json() == ("hooked", 5)
