"""Socket options: get, set, attributes, text forms, high-water marks, subscriptions."""

from __future__ import annotations

from typing import Any

import pytest
import zmq

from helpers import MakePair, MakeSocket, bind_any, fresh_inproc

# get and set


@pytest.mark.parametrize(
    ("option", "value"),
    [
        (zmq.LINGER, 0), (zmq.LINGER, -1), (zmq.LINGER, 250), (zmq.SNDHWM, 7), (zmq.RCVHWM, 0),
        (zmq.RCVTIMEO, 10), (zmq.SNDTIMEO, -1), (zmq.AFFINITY, 3), (zmq.MAXMSGSIZE, 2**40),
        (zmq.MAXMSGSIZE, -1), (zmq.IPV6, 1), (zmq.IMMEDIATE, 1), (zmq.RECONNECT_IVL, 33),
        (zmq.RECONNECT_IVL_MAX, 44), (zmq.BACKLOG, 12), (zmq.TCP_KEEPALIVE, 1), (zmq.TOS, 0),
        (zmq.HEARTBEAT_IVL, 100), (zmq.HANDSHAKE_IVL, 1000), (zmq.SNDBUF, 5000),
        (zmq.ROUTING_ID, b"me"), (zmq.ROUTING_ID, b"me\0\0"), (zmq.ROUTING_ID, bytes(range(1, 256))),
        (zmq.SOCKS_PROXY, b"127.0.0.1:1080"),
    ],
    ids=lambda value: str(value)[:20],
)  # fmt: skip
def test_round_trip(socket: MakeSocket, option: int, value: Any) -> None:
    made = socket(zmq.DEALER)
    made.set(option, value)
    got = made.get(option)
    assert got == value
    assert type(got) is type(value)


def test_old_and_new_method_names_agree(socket: MakeSocket) -> None:
    made = socket(zmq.DEALER)
    made.setsockopt(zmq.LINGER, 5)
    assert made.get(zmq.LINGER) == made.getsockopt(zmq.LINGER) == 5


def test_values_are_plain_ints(socket: MakeSocket) -> None:
    made = socket(zmq.DEALER)
    for option in (zmq.TYPE, zmq.EVENTS, zmq.MECHANISM, zmq.RCVMORE, zmq.FD):
        assert type(made.get(option)) is int


def test_bool_is_an_int(socket: MakeSocket) -> None:
    made = socket(zmq.DEALER)
    made.set(zmq.IMMEDIATE, True)
    assert made.get(zmq.IMMEDIATE) == 1


@pytest.mark.parametrize("option", [zmq.LINGER, zmq.ROUTING_ID, zmq.AFFINITY, 9999])
def test_text_value_is_a_typeerror(socket: MakeSocket, option: int) -> None:
    text: Any = "text"
    with pytest.raises(TypeError):
        socket(zmq.DEALER).set(option, text)


@pytest.mark.parametrize("value", [b"5", 1.5, None, [5]])
@pytest.mark.parametrize("option", [zmq.LINGER, zmq.AFFINITY])
def test_int_option_wants_an_int(socket: MakeSocket, option: int, value: Any) -> None:
    with pytest.raises(TypeError):
        socket(zmq.DEALER).set(option, value)


@pytest.mark.parametrize("value", [5, None, bytearray(b"x"), memoryview(b"x")])
def test_bytes_option_wants_exactly_bytes(socket: MakeSocket, value: Any) -> None:
    with pytest.raises(TypeError):
        socket(zmq.DEALER).set(zmq.ROUTING_ID, value)


@pytest.mark.parametrize("value", [2**31, -(2**31) - 1, 2**100])
def test_int_option_out_of_range_is_an_overflowerror(socket: MakeSocket, value: int) -> None:
    with pytest.raises(OverflowError):
        socket(zmq.DEALER).set(zmq.LINGER, value)


def test_unknown_option(socket: MakeSocket) -> None:
    made = socket(zmq.DEALER)
    with pytest.raises(zmq.ZMQError) as caught:
        made.set(9999, 1)
    assert caught.value.errno == zmq.EINVAL
    with pytest.raises(zmq.ZMQError) as caught:
        made.get(9999)
    assert caught.value.errno == zmq.EINVAL
    with pytest.raises(TypeError):
        made.set(9999, b"1")


def test_option_must_be_a_number(socket: MakeSocket) -> None:
    made = socket(zmq.DEALER)
    with pytest.raises(TypeError):
        made.get("linger")  # type: ignore[call-overload]
    with pytest.raises(TypeError):
        made.set("linger", 5)  # type: ignore[arg-type]


def test_read_only_option_is_einval(socket: MakeSocket) -> None:
    with pytest.raises(zmq.ZMQError) as caught:
        socket(zmq.DEALER).set(zmq.EVENTS, 1)
    assert caught.value.errno == zmq.EINVAL


def test_write_only_option_is_einval(socket: MakeSocket) -> None:
    with pytest.raises(zmq.ZMQError) as caught:
        socket(zmq.SUB).get(zmq.SUBSCRIBE)
    assert caught.value.errno == zmq.EINVAL


def test_empty_identity_is_einval(socket: MakeSocket) -> None:
    with pytest.raises(zmq.ZMQError) as caught:
        socket(zmq.DEALER).identity = b""
    assert caught.value.errno == zmq.EINVAL


def test_every_readable_int_option_has_a_sane_value(socket: MakeSocket) -> None:
    made = socket(zmq.PUB)
    for option in zmq.SocketOption:
        if option._opt_type.name not in ("int", "fd"):
            continue
        try:
            value = made.get(option)
        except zmq.ZMQError:
            continue  # not readable here
        assert isinstance(value, int)
        assert value <= 2**31


def test_last_endpoint_has_no_trailing_nul(socket: MakeSocket) -> None:
    made = socket(zmq.PULL)
    endpoint = bind_any(made, "tcp")
    assert made.get(zmq.LAST_ENDPOINT) == endpoint.encode()
    assert not endpoint.endswith("\0")


# text forms


@pytest.mark.parametrize(
    ("setter", "getter"),
    [
        ("set_string", "get_string"),
        ("setsockopt_string", "getsockopt_string"),
        ("setsockopt_unicode", "getsockopt_unicode"),
    ],
)
def test_text_round_trip(socket: MakeSocket, setter: str, getter: str) -> None:
    made = socket(zmq.DEALER)
    getattr(made, setter)(zmq.ROUTING_ID, "tëxt")
    assert getattr(made, getter)(zmq.ROUTING_ID) == "tëxt"
    assert made.get(zmq.ROUTING_ID) == "tëxt".encode()
    getattr(made, setter)(zmq.ROUTING_ID, "tëxt", encoding="latin-1")
    assert made.get(zmq.ROUTING_ID) == "tëxt".encode("latin-1")
    assert getattr(made, getter)(zmq.ROUTING_ID, "latin-1") == "tëxt"


def test_text_form_wants_text(socket: MakeSocket) -> None:
    with pytest.raises(TypeError):
        socket(zmq.DEALER).set_string(zmq.ROUTING_ID, b"bytes")  # type: ignore[arg-type]


def test_text_form_of_an_int_option_is_a_typeerror(socket: MakeSocket) -> None:
    with pytest.raises(TypeError):
        socket(zmq.DEALER).get_string(zmq.AFFINITY)


def test_text_form_of_an_unknown_option_is_a_valueerror(socket: MakeSocket) -> None:
    with pytest.raises(ValueError):
        socket(zmq.DEALER).get_string(9999)


def test_text_form_of_a_write_only_option_is_einval(socket: MakeSocket) -> None:
    with pytest.raises(zmq.ZMQError) as caught:
        socket(zmq.SUB).get_string(zmq.SUBSCRIBE)
    assert caught.value.errno == zmq.EINVAL


# attributes


def test_options_are_attributes_in_both_cases(socket: MakeSocket) -> None:
    made = socket(zmq.DEALER)
    made.linger = 5
    assert made.linger == made.LINGER == made.get(zmq.LINGER) == 5
    made.LINGER = 6
    assert made.linger == 6
    made.identity = b"me"
    assert made.IDENTITY == made.routing_id == b"me"


@pytest.mark.parametrize("name", ["lingr", "nonsense", "recv_string_", "NOTHING"])
def test_a_typo_is_an_attributeerror(socket: MakeSocket, name: str) -> None:
    made = socket(zmq.DEALER)
    with pytest.raises(AttributeError):
        getattr(made, name)
    with pytest.raises(AttributeError):
        setattr(made, name, 1)


def test_reading_a_write_only_option_is_an_attributeerror(socket: MakeSocket) -> None:
    made = socket(zmq.DEALER)
    with pytest.raises(AttributeError):
        _ = made.connect_routing_id
    assert not hasattr(made, "CONNECT_ROUTING_ID")


def test_constants_that_are_no_options_are_no_attributes(socket: MakeSocket) -> None:
    assert not hasattr(socket(zmq.DEALER), "dealer")


def test_attributes_check_their_values(socket: MakeSocket) -> None:
    made = socket(zmq.DEALER)
    with pytest.raises(TypeError):
        made.linger = "soon"  # type: ignore[assignment]
    with pytest.raises(zmq.ZMQError):
        made.rcvhwm = -5
    assert made.rcvhwm == 1000


# high-water marks


def test_hwm_is_both_marks(socket: MakeSocket) -> None:
    made = socket(zmq.DEALER)
    assert made.hwm == made.get_hwm() == 1000
    made.hwm = 7
    assert made.get(zmq.SNDHWM) == made.get(zmq.RCVHWM) == made.hwm == 7
    made.set_hwm(8)
    assert made.get(zmq.SNDHWM) == made.get(zmq.RCVHWM) == 8


# subscriptions


@pytest.mark.parametrize("topic", ["c", b"c"], ids=["str", "bytes"])
@pytest.mark.parametrize("form", ["method", "attribute", "upper", "option"])
def test_subscription_forms(pair: MakePair, form: str, topic: Any) -> None:
    xpub, sub = pair(zmq.XPUB, zmq.SUB)
    raw = topic if isinstance(topic, bytes) else topic.encode()
    for off in (False, True):
        name = "unsubscribe" if off else "subscribe"
        if form == "method":
            getattr(sub, name)(topic)
        elif form == "attribute":
            setattr(sub, name, topic)
        elif form == "upper":
            setattr(sub, name.upper(), topic)
        else:
            sub.set(getattr(zmq, name.upper()), raw)
        assert xpub.recv() == (b"\0" if off else b"\1") + raw


def test_subscribing_on_another_type_is_einval(socket: MakeSocket) -> None:
    made = socket(zmq.PULL)
    for action in (made.subscribe, made.unsubscribe):
        with pytest.raises(zmq.ZMQError) as caught:
            action("topic")
        assert caught.value.errno == zmq.EINVAL


# events and the descriptor


def test_fileno_is_the_fd_option_and_stays(socket: MakeSocket) -> None:
    made = socket(zmq.PULL)
    assert made.fileno() == made.FD == made.fd == made.get(zmq.FD)
    bind_any(made, "inproc")
    assert made.fileno() == made.get(zmq.FD)


def test_events_of_an_idle_publisher(socket: MakeSocket) -> None:
    assert socket(zmq.PUB).events == zmq.POLLOUT


def test_events_follow_the_queue(pair: MakePair) -> None:
    push, pull = pair(zmq.PUSH, zmq.PULL)
    assert pull.events == 0
    push.send(b"x")
    assert pull.poll(30_000) == zmq.POLLIN
    assert pull.get(zmq.EVENTS) == zmq.POLLIN
    pull.recv()
    assert pull.events == 0


def test_conflate_keeps_the_newest(socket: MakeSocket) -> None:
    pull, push = socket(zmq.PULL), socket(zmq.PUSH)
    pull.conflate = push.conflate = 1
    name = fresh_inproc()
    pull.bind(name)
    push.connect(name)
    for number in range(10):
        push.send(b"%d" % number)
    assert pull.recv() == b"9"
    assert pull.poll(0) == 0


def test_router_mandatory_reports_unknown_peers(socket: MakeSocket) -> None:
    router = socket(zmq.ROUTER)
    bind_any(router, "inproc")
    router.router_mandatory = 1
    with pytest.raises(zmq.ZMQError) as caught:
        router.send_multipart([b"nobody", b"x"])
    assert caught.value.errno == zmq.EHOSTUNREACH
