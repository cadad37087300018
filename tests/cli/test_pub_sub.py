"""`python -m zmq pub` and `sub`."""

from __future__ import annotations

from pathlib import Path

import pytest
import zmq

from cli.commands import refusal, running
from helpers import MakeSocket, bind_any, drain


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:*", "ipc://*"])
def test_a_publisher_waits_for_its_subscriber(address: str, tmp_path: Path) -> None:
    if address.startswith("ipc") and not zmq.has("ipc"):
        pytest.skip("this libzmq has no ipc")
    with running("pub", address, "--topic", "weather", directory=tmp_path) as publisher:
        # of two topics only one is wanted
        with running("sub", publisher.address(), "--topic", "weather", "-n", 2, directory=tmp_path) as subscriber:
            publisher.finish("sunny\nrün\n".encode())
            assert subscriber.finish()[0] == "weather\tsunny\nweather\trün\n".encode()


def test_subscribers_for_other_topics_do_not_count(tmp_path: Path) -> None:
    with running("pub", "tcp://127.0.0.1:*", "--topic", "news", "-m", "x", directory=tmp_path) as publisher:
        address = publisher.address()
        with running("sub", address, "--topic", "sports", directory=tmp_path) as other:
            other.wait_until_asleep()
            assert publisher.popen.poll() is None
            with running("sub", address, "--topic", "ne", "--payload", "-n", 1, directory=tmp_path) as right:
                assert right.finish()[0] == b"x\n"
            publisher.finish()
            assert other.popen.poll() is None


def test_two_subscribers(tmp_path: Path) -> None:
    with running("pub", "tcp://127.0.0.1:*", "--subscribers", 2, "-m", "both", directory=tmp_path) as publisher:
        address = publisher.address()
        with running("sub", address, "-n", 1, directory=tmp_path) as one:
            one.wait_until_asleep()
            assert publisher.popen.poll() is None
            with running("sub", address, "-n", 1, directory=tmp_path) as two:
                assert one.finish()[0] == two.finish()[0] == b"both\n"
                publisher.finish()


def test_without_subscribers(tmp_path: Path) -> None:
    line = refusal("pub", "tcp://127.0.0.1:*", "-m", "x", "--timeout", 0.1, directory=tmp_path, status=1)
    assert "0 of 1 subscribers within 0.1 s" in line
    with running("pub", "tcp://127.0.0.1:*", "--subscribers", 0, "-m", "x", directory=tmp_path) as publisher:
        publisher.finish()


def test_nothing_is_lost_at_the_high_water_mark(socket: MakeSocket, tmp_path: Path) -> None:
    with running(
        "pub", "tcp://127.0.0.1:*", "--hwm", 5, "--repeat", "-m", "x" * 10_000, "-n", 3000, directory=tmp_path
    ) as publisher:
        sub = socket(zmq.SUB)
        sub.rcvhwm = 5
        sub.subscribe("")
        sub.connect(publisher.address())
        publisher.wait_until_asleep()
        for _ in range(3000):
            assert len(sub.recv()) == 10_000
        publisher.finish()


def test_a_slow_subscriber_loses_messages_on_request(socket: MakeSocket, tmp_path: Path) -> None:
    arguments = ("--hwm", 5, "--drop", "--linger", 0, "--repeat", "-m", "x" * 10_000, "-n", 3000)
    with running("pub", "tcp://127.0.0.1:*", *arguments, directory=tmp_path) as publisher:
        sub = socket(zmq.SUB)
        sub.rcvhwm = 5
        sub.rcvtimeo = 30_000
        sub.subscribe("")
        sub.connect(publisher.address())
        # it does not wait for the reader, who gets what was on its way
        publisher.finish()
        assert 0 <= len(drain(sub)) < 3000


def test_several_topics_and_binary_ones(socket: MakeSocket, tmp_path: Path) -> None:
    pub = socket(zmq.XPUB)
    pub.xpub_verbose = True
    with running(
        "sub", bind_any(pub, "tcp"), "--topic", "a", "--topic", r"\x00\xff", "-n", 2, "--envelope", directory=tmp_path
    ) as process:
        assert {pub.recv(), pub.recv()} == {b"\x01a", b"\x01\x00\xff"}
        for topic in (b"b", b"\x00\xff!", b"abc"):
            pub.send_multipart([topic, b"1"])
        assert process.finish()[0] == b'[{"base64": "AP8h"}, "1"]\n["abc", "1"]\n'


def test_sub_as_the_server(socket: MakeSocket, tmp_path: Path) -> None:
    with running("sub", "--bind", "tcp://127.0.0.1:*", "-n", 1, directory=tmp_path) as subscriber:
        with running("pub", "--connect", subscriber.address(), "-m", "x", directory=tmp_path) as publisher:
            publisher.finish()
        assert subscriber.finish()[0] == b"x\n"


def test_xsub_and_xpub(tmp_path: Path) -> None:
    with running("recv", "--type", "xpub", "--bind", "tcp://127.0.0.1:*", "-n", 1, "--envelope", directory=tmp_path) as publisher:
        with running("recv", "--type", "xsub", publisher.address(), "--topic", "x", directory=tmp_path):
            assert publisher.finish()[0] == b'["\\u0001x"]\n'


def test_newest_only(socket: MakeSocket, tmp_path: Path) -> None:
    pub = socket(zmq.XPUB)
    with running("sub", bind_any(pub, "tcp"), "--conflate", "-n", 1, directory=tmp_path) as process:
        assert pub.recv() == b"\x01"
        pub.send(b"x")
        assert process.finish()[0] == b"x\n"
