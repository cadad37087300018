"""recv_pyobj runs code from whoever can connect: a warning, once, where other machines can."""

from __future__ import annotations

import warnings

import pytest
import zmq

from helpers import MakePair, MakeSocket, RunChild

LOCAL = ["inproc://pickle-local", "ipc://*", "tcp://127.0.0.1:*", "tcp://127.1.2.3:*"]
REMOTE = ["tcp://*:*", "tcp://0.0.0.0:*", b"tcp://0.0.0.0:*"]


def receive_nothing(socket: zmq.SyncSocket) -> None:
    with pytest.raises(zmq.Again):
        socket.recv_pyobj(zmq.DONTWAIT)


@pytest.mark.parametrize("address", LOCAL)
def test_silent_on_addresses_of_this_machine(socket: MakeSocket, address: str) -> None:
    if address.startswith("ipc") and not zmq.has("ipc"):
        pytest.skip("no ipc")
    pull = socket(zmq.PULL)
    pull.bind(address)
    receive_nothing(pull)


@pytest.mark.parametrize("address", REMOTE)
def test_warns_once_on_others(socket: MakeSocket, address: str | bytes) -> None:
    pull = socket(zmq.PULL)
    pull.bind(address)
    with pytest.warns(zmq.PickleWarning) as caught:
        receive_nothing(pull)
    text = str(caught[0].message)
    for word in ("0.0.0.0" if "0" in str(address) else "tcp://*", "recv_json", "CURVE", "filterwarnings", "zmq.PickleWarning"):
        assert word in text
    assert caught[0].filename == __file__
    receive_nothing(pull)  # warnings are errors here


@pytest.mark.parametrize(
    ("address", "local"),
    [
        ("tcp://192.0.2.1:5", False),
        ("tcp://192.0.2.1:0;127.0.0.1:5", True),
        ("tcp://127.0.0.1:0;192.0.2.1:5", False),
        ("tcp://localhost:5", True),
        ("tcp://127.example.org:5", False),
        ("tcp://example.invalid:5", False),
    ],
)
def test_connected_addresses_count_as_well(socket: MakeSocket, address: str, local: bool) -> None:
    pull = socket(zmq.PULL)
    try:
        pull.connect(address)
    except zmq.ZMQError:
        pytest.skip("this libzmq does not take the address")
    if local:
        receive_nothing(pull)
    else:
        with pytest.warns(zmq.PickleWarning):
            receive_nothing(pull)


def test_silent_under_curve(socket: MakeSocket) -> None:
    if not zmq.has("curve"):
        pytest.skip("no curve")
    pull = socket(zmq.PULL)
    pull.curve_publickey, pull.curve_secretkey = zmq.curve_keypair()
    pull.curve_server = 1
    pull.bind("tcp://*:*")
    receive_nothing(pull)


def test_nothing_is_lost_when_the_warning_is_an_error(socket: MakeSocket) -> None:
    pull, push = socket(zmq.PULL), socket(zmq.PUSH)
    port = pull.bind_to_random_port("tcp://*")
    push.connect(f"tcp://127.0.0.1:{port}")
    push.send_pyobj({"kept": 1})
    for _ in range(2):
        with pytest.raises(zmq.PickleWarning):
            pull.recv_pyobj()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=zmq.PickleWarning)
        assert pull.recv_pyobj() == {"kept": 1}


def test_shadows_know_the_addresses(socket: MakeSocket) -> None:
    pull = socket(zmq.PULL)
    zmq.Socket.shadow(pull).bind("tcp://*:*")
    with pytest.warns(zmq.PickleWarning):
        receive_nothing(pull)


def test_other_codecs_never_warn(pair: MakePair, socket: MakeSocket) -> None:
    pull, push = socket(zmq.PULL), socket(zmq.PUSH)
    port = pull.bind_to_random_port("tcp://*")
    push.connect(f"tcp://127.0.0.1:{port}")
    push.send_json([1])
    assert pull.recv_json() == [1]
    push.send_string("x")
    assert pull.recv_string() == "x"


def test_default_filters_show_it(run_child: RunChild) -> None:
    child = run_child(
        """
        import zmq
        with zmq.Context() as context, context.socket(zmq.PULL) as pull:
            pull.bind("tcp://*:*")
            for _ in range(3):
                try:
                    pull.recv_pyobj(zmq.DONTWAIT)  # the place
                except zmq.Again:
                    pass
        """,
    )
    assert child.status == 0
    assert child.err.count("PickleWarning: ") == 1
    assert "# the place" in child.err
