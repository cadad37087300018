"""zmq.constants: every name, number and type that existing programs rely on, on every Python."""

from __future__ import annotations

import enum
import errno
import pickle
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from zmq import constants


class Row(NamedTuple):
    name: str
    member: str
    number: str
    kind: str = ""

    @property
    def expected(self) -> object:
        owner, _, member = self.member.partition(".")
        return getattr(constants, owner)[member]


LIST = Path(__file__).with_name("constants.txt").read_text(encoding="utf-8").splitlines()
ROWS = [Row(*line.split()) for line in LIST if not line.startswith("#")]
ENUMS = [
    value
    for value in vars(constants).values()
    if isinstance(value, enum.EnumMeta) and value.__module__ == constants.__name__
]
PUBLIC = [kind for kind in ENUMS if not kind.__name__.startswith("_")]
BASES = {"Flag": enum.IntFlag, "PollEvent": enum.IntFlag, "Event": enum.IntFlag}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_global_is_the_member(row: Row) -> None:
    value = getattr(constants, row.name)
    assert value is row.expected
    assert type(value).__name__ == row.member.split(".")[0]
    if row.number != "-":
        assert value == int(row.number)
    if row.kind:
        assert value._opt_type is constants._OptType[row.kind]


def test_all_is_the_globals_and_the_enums() -> None:
    names = {row.name for row in ROWS} | {kind.__name__ for kind in PUBLIC}
    assert set(constants.__all__) == names | {"Enum", "IntEnum", "IntFlag"}
    assert len(constants.__all__) == len(set(constants.__all__))


def test_thirteen_enums() -> None:
    assert len(PUBLIC) == 13


@pytest.mark.parametrize("kind", PUBLIC, ids=lambda kind: kind.__name__)
class TestEnum:
    def test_is_what_the_enum_module_makes(self, kind: type[enum.IntEnum]) -> None:
        base: Any = BASES.get(kind.__name__, enum.IntEnum)
        plain = base(kind.__name__, {name: m.value for name, m in kind.__members__.items()})
        assert kind.__mro__[1:] == plain.__mro__[1:]
        assert [repr(member) for member in kind] == [repr(member) for member in plain]
        assert list(kind.__members__) == list(plain.__members__)
        for name, member in kind.__members__.items():
            twin = plain[name]
            assert (repr(member), str(member), f"{member}") == (repr(twin), str(twin), f"{twin}")
            assert (member.name, member.value, hash(member)) == (twin.name, twin.value, hash(twin))

    def test_members_are_found_by_name_and_number(self, kind: type[enum.IntEnum]) -> None:
        for name, member in kind.__members__.items():
            assert kind[name] is member
            assert kind(member.value) is member
            assert getattr(kind, name) is member
            assert member.name in repr(member)

    def test_pickles(self, kind: type[enum.IntEnum]) -> None:
        for member in kind:
            assert pickle.loads(pickle.dumps(member)) is member

    def test_has_a_sentence(self, kind: type[enum.IntEnum]) -> None:
        assert (kind.__doc__ or "").endswith(".")


def test_an_unknown_number_is_no_member() -> None:
    with pytest.raises(ValueError, match="99 is not a valid SocketType"):
        constants.SocketType(99)


def test_members_cannot_be_replaced() -> None:
    with pytest.raises(AttributeError):
        constants.SocketType.PUB = 3  # type: ignore[misc]


def test_flags_combine_and_come_apart() -> None:
    both = constants.POLLIN | constants.POLLOUT
    assert isinstance(both, constants.PollEvent)
    assert both == 3
    assert both & ~constants.POLLIN == constants.POLLOUT
    assert constants.POLLIN in both
    assert constants.DONTWAIT | 64 == 65
    assert isinstance(constants.EVENT_ALL & ~constants.EVENT_CLOSED, constants.Event)


def test_errnos_are_those_of_the_c_library() -> None:
    for row in ROWS:
        if row.number == "-" and sys.platform != "win32":
            assert getattr(constants, row.name) == getattr(errno, row.name)
