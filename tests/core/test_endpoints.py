"""bind, connect, unbind, disconnect: addresses, errors, context-manager forms."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest
import zmq

from helpers import (
    MakeSocket,
    bind_any,
    drain,
    endpoint_of,
    fresh_inproc,
    wait_until,
    wildcard,
)

NO_IPC = pytest.mark.skipif(not zmq.has("ipc"), reason="libzmq without ipc")


def error_of(action: Any, *arguments: Any) -> zmq.ZMQError:
    with pytest.raises(zmq.ZMQError) as caught:
        action(*arguments)
    return caught.value


def test_wildcard_bind_reads_back_a_usable_endpoint(socket: MakeSocket, transport: str) -> None:
    pull, push = socket(zmq.PULL), socket(zmq.PUSH)
    pull.bind(wildcard(transport))
    endpoint = endpoint_of(pull)
    assert endpoint.startswith(f"{transport}://")
    assert "*" not in endpoint
    push.connect(endpoint)
    push.send(b"here")
    assert pull.recv() == b"here"


@pytest.mark.parametrize("encode", [str, str.encode], ids=["str", "bytes"])
def test_addresses_as_text_and_as_bytes(socket: MakeSocket, encode: Any) -> None:
    a, b = socket(zmq.PAIR), socket(zmq.PAIR)
    name = encode(fresh_inproc())
    a.bind(name)
    b.connect(name)
    b.send(b"x")
    assert a.recv() == b"x"
    b.disconnect(name)
    a.unbind(name)


@pytest.mark.parametrize("address", [5, None, 1.5, ["tcp://127.0.0.1:1"]])
@pytest.mark.parametrize("verb", ["bind", "connect", "unbind", "disconnect"])
@pytest.mark.parametrize("closed", [False, True])
def test_address_of_another_type_is_a_typeerror(socket: MakeSocket, verb: str, address: Any, closed: bool) -> None:
    made = socket(zmq.PAIR)
    if closed:
        made.close()
    with pytest.raises(TypeError) as caught:
        getattr(made, verb)(address)
    assert repr(address) in str(caught.value)


@pytest.mark.parametrize("verb", ["bind", "connect"])
@pytest.mark.parametrize(
    ("address", "number"),
    [
        ("nosuch://x", errno.EPROTONOSUPPORT),
        ("tcp://", errno.EINVAL),
        ("no scheme", errno.EINVAL),
        ("", errno.EINVAL),
    ],
)
def test_bad_address(socket: MakeSocket, verb: str, address: str, number: int) -> None:
    error = error_of(getattr(socket(zmq.PAIR), verb), address)
    assert error.errno == number
    assert address in str(error)
    assert "addr=" in str(error)


def test_bind_to_an_unknown_host_is_enodev(socket: MakeSocket) -> None:
    error = error_of(socket(zmq.PAIR).bind, "tcp://no-such-interface:1")
    assert error.errno == errno.ENODEV
    assert "no-such-interface" in str(error)


def test_connect_to_a_wildcard_is_einval(socket: MakeSocket) -> None:
    assert error_of(socket(zmq.PAIR).connect, "tcp://*:1").errno == errno.EINVAL


def test_taken_port_is_eaddrinuse_and_names_it(socket: MakeSocket) -> None:
    endpoint = bind_any(socket(zmq.PULL), "tcp")
    error = error_of(socket(zmq.PULL).bind, endpoint)
    assert error.errno == errno.EADDRINUSE
    assert endpoint in str(error)


def test_taken_inproc_name_is_eaddrinuse(socket: MakeSocket) -> None:
    endpoint = bind_any(socket(zmq.PULL), "inproc")
    assert error_of(socket(zmq.PULL).bind, endpoint).errno == errno.EADDRINUSE


def test_inproc_may_connect_before_bind(socket: MakeSocket) -> None:
    pull, push = socket(zmq.PULL), socket(zmq.PUSH)
    name = fresh_inproc()
    push.connect(name)
    push.send(b"early")
    pull.bind(name)
    assert pull.recv() == b"early"


@NO_IPC
@pytest.mark.parametrize("verb", ["bind", "connect"])
def test_overlong_ipc_path_names_the_limit(socket: MakeSocket, verb: str) -> None:
    limit = zmq.IPC_PATH_MAX_LEN
    error = error_of(getattr(socket(zmq.PULL), verb), "ipc:///tmp/" + "x" * limit)
    assert error.errno == errno.ENAMETOOLONG
    assert str(limit) in str(error.strerror)
    assert "IPC_PATH_MAX_LEN" in str(error.strerror)


@NO_IPC
def test_missing_ipc_directory_is_enoent_and_names_it(socket: MakeSocket, tmp_path: Path) -> None:
    path = tmp_path / "absent" / "s"
    if len(str(path)) > zmq.IPC_PATH_MAX_LEN:
        pytest.skip("temporary directory too long for ipc")
    error = error_of(socket(zmq.PULL).bind, f"ipc://{path}")
    assert error.errno == errno.ENOENT
    assert "no such file or directory" in str(error).lower()
    assert str(path) in str(error)


def test_unbind_frees_the_address(socket: MakeSocket, transport: str) -> None:
    first, second = socket(zmq.PULL), socket(zmq.PULL)
    endpoint = bind_any(first, transport)
    first.unbind(endpoint)

    def rebound() -> bool:
        try:
            second.bind(endpoint)
        except zmq.ZMQError as error:
            if transport == "ipc" and error.errno == errno.ENOENT:
                return True  # libzmq has made the directory of a wildcard, and has removed it with the socket
            assert error.errno == errno.EADDRINUSE  # the I/O thread has not closed it yet
            return False
        return True

    wait_until(rebound, what="address free again")


@pytest.mark.parametrize("verb", ["unbind", "disconnect"])
@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "inproc://never"])
def test_undoing_what_was_not_done_is_enoent(socket: MakeSocket, verb: str, address: str) -> None:
    assert error_of(getattr(socket(zmq.PULL), verb), address).errno == errno.ENOENT


def test_last_endpoint_bytes_undo_a_wildcard_bind(socket: MakeSocket) -> None:
    made = socket(zmq.PULL)
    made.bind("tcp://127.0.0.1:*")
    made.unbind(made.last_endpoint)
    assert error_of(made.unbind, endpoint_of(made)).errno == errno.ENOENT


def test_disconnect_stops_the_flow(socket: MakeSocket, transport: str) -> None:
    pull, push = socket(zmq.PULL), socket(zmq.PUSH)
    endpoint = bind_any(pull, transport)
    push.connect(endpoint)
    push.send(b"before")
    assert pull.recv() == b"before"
    push.disconnect(endpoint)

    def refused() -> bool:
        try:
            push.send(b"after", zmq.DONTWAIT)
        except zmq.Again:
            return True
        return False

    wait_until(refused, what="no peer left")


@pytest.mark.parametrize("where", ["inproc", "tcp"])
def test_bind_as_a_with_block(socket: MakeSocket, where: str) -> None:
    made = socket(zmq.PULL)
    with made.bind(wildcard(where)) as bound:
        assert bound is made
        endpoint = endpoint_of(made)
    assert error_of(made.unbind, endpoint).errno == errno.ENOENT


def test_connect_as_a_with_block(socket: MakeSocket) -> None:
    pull, push = socket(zmq.PULL), socket(zmq.PUSH)
    endpoint = bind_any(pull, "tcp")
    with push.connect(endpoint) as connected:
        assert connected is push
        push.send(b"x")
        assert pull.recv() == b"x"
    assert error_of(push.disconnect, endpoint).errno == errno.ENOENT


def test_with_block_over_a_socket_closed_inside(socket: MakeSocket) -> None:
    made = socket(zmq.PULL)
    with made.bind("tcp://127.0.0.1:*"):
        made.close()
    assert made.closed


def test_what_bind_and_connect_return_shows_the_address(socket: MakeSocket) -> None:
    made = socket(zmq.ROUTER)
    name = fresh_inproc()
    assert f"bind='{name}'" in repr(made.bind(name))
    other = socket(zmq.DEALER)
    assert f"connect='{name}'" in repr(other.connect(name))


@pytest.mark.parametrize("zero", ["tcp://127.0.0.1:0", "tcp://127.0.0.1:*"])
def test_any_port(socket: MakeSocket, zero: str) -> None:
    made = socket(zmq.PULL)
    made.bind(zero)
    assert int(endpoint_of(made).rpartition(":")[2]) > 0


def test_random_port_is_returned_and_bound(socket: MakeSocket) -> None:
    pull, push = socket(zmq.PULL), socket(zmq.PUSH)
    port = pull.bind_to_random_port("tcp://127.0.0.1")
    assert isinstance(port, int)
    assert endpoint_of(pull) == f"tcp://127.0.0.1:{port}"
    push.connect(f"tcp://127.0.0.1:{port}")
    push.send(b"x")
    assert pull.recv() == b"x"


def test_random_port_within_a_range(socket: MakeSocket) -> None:
    made = socket(zmq.PULL)
    port = made.bind_to_random_port("tcp://127.0.0.1", min_port=40000, max_port=45000)
    assert 40000 <= port < 45000


def test_random_port_when_all_are_taken(socket: MakeSocket) -> None:
    taken = int(bind_any(socket(zmq.PULL), "tcp").rpartition(":")[2])
    with pytest.raises(zmq.ZMQBindError):
        socket(zmq.PULL).bind_to_random_port("tcp://127.0.0.1", min_port=taken, max_port=taken + 1, max_tries=5)


def test_random_port_raises_other_errors_at_once(socket: MakeSocket) -> None:
    for ports in ({}, {"min_port": 40000, "max_port": 45000}):
        error = error_of(lambda ports=ports: socket(zmq.PULL).bind_to_random_port("nosuch://x", **ports))
        assert error.errno == errno.EPROTONOSUPPORT


def test_random_port_on_inproc_is_einval_and_binds_nothing(socket: MakeSocket) -> None:
    name = fresh_inproc()
    error = error_of(socket(zmq.PULL).bind_to_random_port, name)
    assert error.errno == errno.EINVAL
    socket(zmq.PULL).bind(name)
    socket(zmq.PULL).bind(f"{name}:*")


def test_many_addresses_on_one_socket(socket: MakeSocket) -> None:
    pull = socket(zmq.PULL)
    endpoints = [bind_any(pull, where) for where in ("tcp", "inproc", "tcp", "inproc")]
    for number, endpoint in enumerate(endpoints):
        push = socket(zmq.PUSH)
        push.connect(endpoint)
        push.send(b"%d" % number)
    assert sorted(pull.recv() for _ in endpoints) == [b"0", b"1", b"2", b"3"]
    assert drain(pull) == []
