"""Constants: values, names, aliases, and how they reach sockets."""

from __future__ import annotations

import enum
import errno

import pytest
import zmq
import zmq.constants

from helpers import MakePair, MakeSocket

UNPREFIXED = (
    zmq.SocketType,
    zmq.SocketOption,
    zmq.ContextOption,
    zmq.Flag,
    zmq.PollEvent,
    zmq.MessageOption,
    zmq.SecurityMechanism,
    zmq.DeviceType,
    zmq.Errno,
)
PREFIXED = {
    zmq.RouterNotify: "NOTIFY_",
    zmq.ReconnectStop: "RECONNECT_STOP_",
    zmq.NormMode: "NORM_",
}


@pytest.mark.parametrize("kind", UNPREFIXED, ids=lambda kind: kind.__name__)
def test_globals_are_the_enum_members(kind: type[enum.IntEnum]) -> None:
    for name, member in kind.__members__.items():
        assert getattr(zmq, name) is member
        assert getattr(zmq.constants, name) is member
        assert name in zmq.constants.__all__


@pytest.mark.parametrize("kind", PREFIXED, ids=lambda kind: kind.__name__)
def test_prefixed_globals_are_the_enum_members(kind: type[enum.IntEnum]) -> None:
    for name, member in kind.__members__.items():
        assert getattr(zmq, PREFIXED[kind] + name) is member


def test_event_globals_carry_a_prefix_except_protocol_errors() -> None:
    for name, member in zmq.Event.__members__.items():
        prefix = "" if name.startswith("PROTOCOL_ERROR") else "EVENT_"
        assert getattr(zmq, prefix + name) is member


@pytest.mark.parametrize("name", sorted(zmq.Event.__members__))
def test_event_repr_contains_its_own_name(name: str) -> None:
    member = zmq.Event[name]  # an alias shows the name of its member
    assert str(member.name) in repr(member)


@pytest.mark.parametrize(
    ("name", "value"),
    {
        "PAIR": 0, "PUB": 1, "SUB": 2, "REQ": 3, "REP": 4, "DEALER": 5, "ROUTER": 6, "PULL": 7,
        "PUSH": 8, "XPUB": 9, "XSUB": 10, "STREAM": 11, "SERVER": 12, "CLIENT": 13, "RADIO": 14,
        "DISH": 15, "GATHER": 16, "SCATTER": 17, "DGRAM": 18, "PEER": 19, "CHANNEL": 20,
        "DONTWAIT": 1, "SNDMORE": 2, "POLLIN": 1, "POLLOUT": 2, "POLLERR": 4, "POLLPRI": 8,
        "MORE": 1, "SHARED": 3, "NULL": 0, "PLAIN": 1, "CURVE": 2, "GSSAPI": 3,
        "IO_THREADS": 1, "MAX_SOCKETS": 2, "AFFINITY": 4, "ROUTING_ID": 5, "SUBSCRIBE": 6,
        "LINGER": 17, "SNDHWM": 23, "RCVHWM": 24, "RCVTIMEO": 27, "SNDTIMEO": 28,
        "LAST_ENDPOINT": 32, "CURVE_SERVERKEY": 50, "ZAP_DOMAIN": 55, "HEARTBEAT_IVL": 75,
        "NOTIFY_CONNECT": 1, "RECONNECT_STOP_AFTER_DISCONNECT": 4, "NORM_CCE_ECNONLY": 4,
        "EVENT_CONNECTED": 1, "EVENT_MONITOR_STOPPED": 1024, "EVENT_HANDSHAKE_SUCCEEDED": 4096,
        "EVENT_ALL": 0xFFFF, "EVENT_ALL_V2": 0x1FFFF, "EFSM": 156384763, "ETERM": 156384765,
        "STREAMER": 1, "FORWARDER": 2, "QUEUE": 3,
    }.items(),
)  # fmt: skip
def test_value(name: str, value: int) -> None:
    assert getattr(zmq, name) == value


@pytest.mark.parametrize(
    ("alias", "name"),
    {
        "XREQ": "DEALER", "XREP": "ROUTER", "NOBLOCK": "DONTWAIT", "IDENTITY": "ROUTING_ID",
        "FAIL_UNROUTABLE": "ROUTER_MANDATORY", "ROUTER_BEHAVIOR": "ROUTER_MANDATORY",
        "DELAY_ATTACH_ON_CONNECT": "IMMEDIATE", "CONNECT_RID": "CONNECT_ROUTING_ID",
        "THREAD_PRIORITY": "SOCKET_LIMIT", "EVENT_ALL_V1": "EVENT_ALL",
    }.items(),
)  # fmt: skip
def test_alias(alias: str, name: str) -> None:
    assert getattr(zmq, alias) is getattr(zmq, name)


def test_number_of_members() -> None:
    counts = {kind: len(kind.__members__) for kind in (zmq.SocketOption, zmq.Event, zmq.SocketType)}
    assert counts == {zmq.SocketOption: 119, zmq.Event: 40, zmq.SocketType: 23}


def test_system_errors_have_the_values_of_the_errno_module() -> None:
    for name in ("EAGAIN", "EINVAL", "ENOTSOCK", "EADDRINUSE", "EFAULT", "EHOSTUNREACH"):
        assert getattr(zmq, name) == getattr(errno, name)


@pytest.mark.parametrize(
    ("option", "kind"),
    [
        (zmq.LINGER, "int"),
        (zmq.AFFINITY, "int64"),
        (zmq.MAXMSGSIZE, "int64"),
        (zmq.ROUTING_ID, "bytes"),
        (zmq.SUBSCRIBE, "bytes"),
        (zmq.FD, "fd"),
    ],
    ids=str,
)
def test_options_carry_their_type(option: zmq.SocketOption, kind: str) -> None:
    assert option._opt_type.name == kind


@pytest.mark.parametrize("name", ["PAIR", "PUB", "SUB", "REQ", "REP", "DEALER", "ROUTER", "PULL", "PUSH", "XPUB", "XSUB"])
def test_sockets_of_each_type_say_their_type(socket: MakeSocket, name: str) -> None:
    kind = zmq.SocketType[name]
    made = socket(kind)
    assert made.type is kind
    assert made.getsockopt(zmq.TYPE) == kind


def test_plain_ints_do_as_well_as_members(pair: MakePair) -> None:
    push, pull = pair(8, 7)
    push.send(b"x", 2)
    push.send(b"y", int(zmq.DONTWAIT))
    assert pull.recv_multipart() == [b"x", b"y"]


def test_flags_combine(pair: MakePair) -> None:
    a, b = pair()
    a.send(b"1", zmq.DONTWAIT | zmq.SNDMORE)
    a.send(b"2", zmq.DONTWAIT)
    assert b.recv_multipart() == [b"1", b"2"]


def test_option_numbers_shared_with_other_enums_mean_the_option(socket: MakeSocket) -> None:
    dealer = socket(zmq.DEALER)
    dealer.setsockopt(5, b"me")
    assert dealer.getsockopt(5) == b"me"
