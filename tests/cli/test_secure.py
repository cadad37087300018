"""CURVE and PLAIN between commands."""

from __future__ import annotations

from pathlib import Path

import pytest
import zmq

from cli.commands import refusal, running, zmq_command
from helpers import MakeSocket, bind_any, zap_handler

CURVE = pytest.mark.skipif(not zmq.has("curve"), reason="this libzmq has no CURVE")


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """Certificates of server, alice and mallory; clients/ has the public one of alice."""
    (tmp_path / "clients").mkdir()
    for name in ("server", "mallory"):
        assert zmq_command("keygen", name, directory=tmp_path).returncode == 0
    assert zmq_command("keygen", "alice", "--directory", "clients", directory=tmp_path).returncode == 0
    (tmp_path / "clients" / "alice.key_secret").rename(tmp_path / "alice.key_secret")
    return tmp_path


@CURVE
@pytest.mark.parametrize("address", ["tcp://127.0.0.1:*", "ipc://*"])
def test_curve(address: str, keys: Path) -> None:
    if address.startswith("ipc") and not zmq.has("ipc"):
        pytest.skip("this libzmq has no ipc")
    with running("recv", address, "--curve-server", "--curve-key", "server.key_secret", "-n", 1, directory=keys) as server:
        with running("send", server.address(), "--curve-server-key", "server.key", "-m", "secret", directory=keys) as client:
            client.finish()
        assert server.finish()[0] == b"secret\n"


@CURVE
def test_curve_keys_as_arguments(socket: MakeSocket, tmp_path: Path) -> None:
    public, secret = zmq.curve_keypair()
    with running(
        "recv", "tcp://127.0.0.1:*", "--curve-server", "--curve-secret-key", secret.decode(), "-n", 1, directory=tmp_path
    ) as server:
        with running("send", server.address(), "--curve-server-key", public.decode(), "-m", "x", directory=tmp_path) as client:
            client.finish()
        assert server.finish()[0] == b"x\n"


@CURVE
@pytest.mark.parametrize("allowed", ["clients", "clients/alice.key"])
def test_curve_clients_that_are_allowed(allowed: str, keys: Path) -> None:
    arguments = ("--curve-server", "--curve-key", "server.key_secret", "--curve-allow", allowed)
    with running("rep", "tcp://127.0.0.1:*", "--echo", *arguments, directory=keys) as server:
        address = server.address()
        for name, status in (("alice", 0), ("mallory", 1)):
            client = ("req", address, "--curve-server-key", "server.key", "--curve-key", f"{name}.key_secret")
            done = zmq_command(*client, "-m", "hi", "--timeout", 40 if name == "alice" else 0.5, directory=keys)
            assert done.returncode == status, done.stderr
        plain = zmq_command("req", address, "-m", "hi", "--timeout", 0.5, directory=keys)
        assert plain.returncode == 1
        server.interrupt()
        server.finish(status=130)


@CURVE
def test_a_pub_that_sends_allowed_clients_only(keys: Path) -> None:
    arguments = ("--curve-server", "--curve-key", "server.key_secret", "--curve-allow", "clients")
    with running("pub", "tcp://127.0.0.1:*", *arguments, "-m", "x", directory=keys) as server:
        client = ("--curve-server-key", "server.key", "--curve-key", "alice.key_secret")
        with running("sub", server.address(), *client, "-n", 1, directory=keys) as reader:
            assert reader.finish()[0] == b"x\n"
        server.finish()


@CURVE
def test_curve_proxy(keys: Path) -> None:
    server = ("--curve-server", "--curve-key", "server.key_secret", "--curve-allow", "clients")
    client = ("--curve-server-key", "server.key", "--curve-key", "alice.key_secret")
    with running("proxy", "streamer", "tcp://127.0.0.1:*", "tcp://127.0.0.1:*", *server, directory=keys) as proxy:
        front, back = proxy.address(), proxy.address()
        with running("recv", "--connect", back, *client, "-n", 1, directory=keys) as reader:
            with running("send", front, *client, "-m", "through", directory=keys) as sender:
                sender.finish()
            assert reader.finish()[0] == b"through\n"


@CURVE
def test_monitor_sees_a_refusal(socket: MakeSocket, keys: Path) -> None:
    arguments = ("--curve-server", "--curve-key", "server.key_secret", "--curve-allow", "clients")
    with running("rep", "tcp://127.0.0.1:*", "--echo", *arguments, directory=keys) as server:
        client = ("monitor", server.address(), "--curve-server-key", "server.key", "--curve-key", "mallory.key_secret")
        done = zmq_command(*client, "--until", "handshake_failed_auth", "--timeout", 40, directory=keys)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "handshake_failed_auth" in done.stdout and "400" in done.stdout


def test_plain(tmp_path: Path) -> None:
    with running("rep", "tcp://127.0.0.1:*", "--echo", "--plain-allow", "ann:s3:cret", directory=tmp_path) as server:
        address = server.address()
        for user, status in (("ann:s3:cret", 0), ("ann:wrong", 1)):
            done = zmq_command("req", address, "--user", user, "-m", "hi", "--timeout", 0.5 if status else 40, directory=tmp_path)
            assert done.returncode == status, done.stderr
        server.interrupt()
        server.finish(status=130)


def test_plain_user_of_another_server(ctx: zmq.SyncContext, socket: MakeSocket, tmp_path: Path) -> None:
    with zap_handler(ctx) as seen:
        pull = socket(zmq.PULL)
        pull.plain_server = True
        with running("send", bind_any(pull, "tcp"), "-u", "me:pw", "-m", "x", directory=tmp_path) as process:
            assert pull.recv() == b"x"
            process.finish()
    assert seen[0][-2:] == [b"me", b"pw"]


@CURVE
@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["--curve-key", "clients/alice.key", "--curve-server"], ".key_secret"),
        (["--curve-key", "missing", "--curve-server"], "cannot read a certificate from missing"),
        (["--curve-key", "alice.key_secret"], "--curve-server-key"),
        (["--curve-server-key", "server.key", "--curve-server", "--curve-key", "alice.key_secret"], "give one"),
        (["--curve-server-key", "server.key", "--user", "a:b"], "one kind of security"),
        (["--user", "a:"], "neither may be empty"),
        (["--user", "a:b", "--plain-allow", "a:b"], "give one"),
        (["--curve-server", "--curve-key", "server.key_secret", "--curve-allow", "missing"], "neither a file nor a key"),
        (["--curve-secret-key", "x", "--curve-server"], "40 characters"),
    ],
)
def test_wrong_arguments(arguments: list[str], hint: str, keys: Path) -> None:
    assert hint in refusal("recv", "tcp://127.0.0.1:*", *arguments, directory=keys)
