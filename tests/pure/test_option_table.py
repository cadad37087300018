"""zmq.options: the table agrees with itself and with the enums made from it."""

from __future__ import annotations

import pytest
from zmq.constants import ContextOption, SocketOption, SocketType
from zmq.options import ALIASES, CONTEXT_OPTIONS, SOCKET_OPTIONS, Option

ROWS = SOCKET_OPTIONS + CONTEXT_OPTIONS


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_row(row: Option) -> None:
    assert row.name.isupper()
    assert row.kind in ("int", "int64", "bytes", "fd")
    assert row.meaning.endswith(".")
    assert len(row.meaning) <= 100
    assert row.since >= (4, 2, 0)
    assert not row.draft or row.since >= (4, 3, 0)
    for name in row.sockets:
        assert name in SocketType.__members__
    assert repr(row).startswith(f"Option('{row.name}'")


def test_socket_options_are_the_enum() -> None:
    numbers = {row.name: row.number for row in SOCKET_OPTIONS}
    numbers |= {alias: numbers[name] for alias, name in ALIASES.items()}
    assert numbers == {name: m.value for name, m in SocketOption.__members__.items()}
    for row in SOCKET_OPTIONS:
        assert SocketOption[row.name]._opt_type.name == row.kind


def test_context_options_are_the_enum() -> None:
    numbers = {row.name: row.number for row in CONTEXT_OPTIONS}
    assert numbers == {name: m.value for name, m in ContextOption.__members__.items()}


def test_numbers_rise() -> None:
    numbers = [row.number for row in SOCKET_OPTIONS]
    assert numbers == sorted(set(numbers))


@pytest.mark.parametrize(
    ("name", "readable", "writable"),
    [
        ("LINGER", True, True),
        ("EVENTS", True, False),
        ("SUBSCRIBE", False, True),
        ("ROUTER_MANDATORY", False, True),
        ("HWM", False, False),
    ],
)
def test_access(name: str, readable: bool, writable: bool) -> None:
    row = next(row for row in SOCKET_OPTIONS if row.name == name)
    assert (row.readable, row.writable) == (readable, writable)
