"""Context options, and the default socket options that a context hands on."""

from __future__ import annotations

from typing import Any

import pytest
import zmq


def test_set_and_get(ctx: zmq.SyncContext) -> None:
    ctx.set(zmq.MAX_SOCKETS, 17)
    assert ctx.get(zmq.MAX_SOCKETS) == 17


def test_context_option_as_attribute_in_any_case(ctx: zmq.SyncContext) -> None:
    ctx.max_sockets = 19
    assert ctx.max_sockets == 19
    assert ctx.MAX_SOCKETS == 19
    ctx.MAX_SOCKETS = 23
    assert ctx.get(zmq.MAX_SOCKETS) == 23


def test_default_number_of_sockets(ctx: zmq.SyncContext) -> None:
    assert ctx.get(zmq.MAX_SOCKETS) >= 1023


@pytest.mark.parametrize("value", ["5", 1.5, b"5", None])
def test_value_must_be_an_int(ctx: zmq.SyncContext, value: Any) -> None:
    with pytest.raises(TypeError):
        ctx.set(zmq.MAX_SOCKETS, value)


def test_unknown_option_is_einval(ctx: zmq.SyncContext) -> None:
    for action in (lambda: ctx.set(9999, 1), lambda: ctx.get(9999)):
        with pytest.raises(zmq.ZMQError) as caught:
            action()
        assert caught.value.errno == zmq.EINVAL


def test_closed_context_has_no_options(ctx: zmq.SyncContext) -> None:
    ctx.term()
    with pytest.raises(RuntimeError):
        ctx.set(zmq.MAX_SOCKETS, 5)
    with pytest.raises(RuntimeError):
        ctx.get(zmq.MAX_SOCKETS)


def test_default_socket_option_reaches_later_sockets(ctx: zmq.SyncContext) -> None:
    with ctx.socket(zmq.REQ) as before:
        ctx.linger = 5
        assert before.linger != 5
    with ctx.socket(zmq.REQ) as after:
        assert after.linger == 5


def test_default_socket_option_by_number(ctx: zmq.SyncContext) -> None:
    ctx.setsockopt(zmq.SNDHWM, 11)
    assert ctx.getsockopt(zmq.SNDHWM) == 11
    assert ctx.sndhwm == 11
    with ctx.socket(zmq.PUSH) as made:
        assert made.getsockopt(zmq.SNDHWM) == 11


def test_getsockopt_of_an_unset_default_is_a_keyerror(ctx: zmq.SyncContext) -> None:
    with pytest.raises(KeyError):
        ctx.getsockopt(zmq.LINGER)


def test_reading_an_unset_default_is_an_attributeerror(ctx: zmq.SyncContext) -> None:
    with pytest.raises(AttributeError):
        _ = ctx.linger


def test_deleting_a_default(ctx: zmq.SyncContext) -> None:
    ctx.linger = 5
    del ctx.linger
    with pytest.raises(AttributeError):
        _ = ctx.linger
    with pytest.raises(AttributeError):
        del ctx.linger


def test_deleting_what_is_no_option(ctx: zmq.SyncContext) -> None:
    with pytest.raises(AttributeError):
        delattr(ctx, "nonsense")


@pytest.mark.parametrize("name", ["nonsense", "push", "PUSH", "pollin"])
def test_other_names_cannot_be_set(ctx: zmq.SyncContext, name: str) -> None:
    with pytest.raises(AttributeError):
        setattr(ctx, name, 5)


def test_default_that_does_not_fit_a_type_is_skipped(ctx: zmq.SyncContext) -> None:
    ctx.setsockopt(zmq.SUBSCRIBE, b"topic")
    with ctx.socket(zmq.REQ) as made:
        assert made.type == zmq.REQ


def test_default_of_a_wrong_type_is_a_typeerror(ctx: zmq.SyncContext) -> None:
    ctx.setsockopt(zmq.LINGER, "soon")
    with pytest.raises(TypeError):
        ctx.socket(zmq.REQ)


def test_blocky_attribute_is_a_default_for_sockets(ctx: zmq.SyncContext) -> None:
    setattr(ctx, "blocky", False)  # noqa: B010  typed contexts do not list it
    assert ctx.sockopts[zmq.BLOCKY] is False


def test_blocky_by_number_asks_the_library(ctx: zmq.SyncContext) -> None:
    assert ctx.get(zmq.BLOCKY) in (0, 1)
    ctx.set(zmq.BLOCKY, 0)
    assert ctx.get(zmq.BLOCKY) == 0


def test_ipv6_default_reaches_sockets(ctx: zmq.SyncContext) -> None:
    ctx.set(zmq.IPV6, 1)
    with ctx.socket(zmq.PAIR) as made:
        assert made.getsockopt(zmq.IPV6) == 1
