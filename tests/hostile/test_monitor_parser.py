"""parse_monitor_message takes whatever bytes come."""

from __future__ import annotations

import struct

import pytest
import zmq
from hypothesis import given
from hypothesis import strategies as st
from zmq.monitor import parse_monitor_message


@given(event=st.integers(0, 0xFFFF), value=st.integers(-(2**31), 2**31 - 1), endpoint=st.binary(max_size=300))
def test_every_event_and_value_comes_through(event: int, value: int, endpoint: bytes) -> None:
    parsed = parse_monitor_message([struct.pack("=Hi", event, value), endpoint])
    assert parsed["event"] == event
    assert parsed["value"] == value
    assert isinstance(parsed["event"], zmq.Event)
    assert parsed["endpoint"] == endpoint
    repr(parsed)


@given(frames=st.lists(st.binary(max_size=12), max_size=4))
def test_anything_else_is_a_runtime_error(frames: list[bytes]) -> None:
    if len(frames) == 2 and len(frames[0]) == 6:
        assert parse_monitor_message(frames)["endpoint"] == frames[1]
        return
    with pytest.raises(RuntimeError, match="monitor message"):
        parse_monitor_message(frames)
