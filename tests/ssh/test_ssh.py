"""zmq.ssh: tunnels through a real sshd, by the ssh command and by paramiko."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import zmq
from zmq.ssh import tunnel

from helpers import RunChild

pytestmark = pytest.mark.timeout(240)  # the first test fetches sshd

PRELUDE = """
import os, sys, zmq, zmq.ssh
from zmq.ssh import tunnel
server, key = sys.argv[1:]
context = zmq.Context()
context.linger = 0
context.rcvtimeo = 15000

def echo(client, reply):
    for number in range(3):
        client.send_multipart([b"%d" % number, b"x" * 100000])
        reply.send_multipart(reply.recv_multipart())
        assert client.recv_multipart() == [b"%d" % number, b"x" * 100000]
"""

WAYS = ["openssh", "paramiko"]


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> bool:
    """Whether paramiko is used."""
    return bool(request.param == "paramiko")


def script(body: str) -> str:
    import textwrap

    return PRELUDE + textwrap.dedent(body)


def test_a_message_goes_through_a_tunnel(run_child: RunChild, sshd: Any, way: bool) -> None:
    child = run_child(
        script(f"""
        if __name__ == "__main__":
            with context.socket(zmq.REP) as reply, context.socket(zmq.REQ) as client:
                port = reply.bind_to_random_port("tcp://127.0.0.1")
                opened = zmq.ssh.tunnel_connection(client, f"tcp://127.0.0.1:{{port}}", server, keyfile=key, paramiko={way})
                assert client.last_endpoint != reply.last_endpoint
                echo(client, reply)
                if {way}:
                    opened.terminate()
                    opened.join(10)
                    assert not opened.is_alive()
                else:
                    assert isinstance(opened, int)
                    os.kill(opened, 15)
            context.term()
        """),
        sshd.address,
        sshd.key,
        env=sshd.environment,
    )
    assert (child.status, child.err) == (0, ""), child.describe() + sshd.log.read_text()[-2000:]


def test_two_peers_use_one_tunnel(run_child: RunChild, sshd: Any, way: bool) -> None:
    run_child(
        script(f"""
        if __name__ == "__main__":
            with context.socket(zmq.REP) as reply:
                port = reply.bind_to_random_port("tcp://127.0.0.1")
                url, opened = tunnel.open_tunnel(f"tcp://127.0.0.1:{{port}}", server, keyfile=key, paramiko={way})
                for _ in range(2):
                    with context.socket(zmq.REQ) as one, context.socket(zmq.REQ) as other:
                        one.connect(url)
                        other.connect(url)
                        echo(one, reply)
                        echo(other, reply)
                        echo(one, reply)
            context.term()
        """),
        sshd.address,
        sshd.key,
        env=sshd.environment,
    ).ok()


def test_logging_in_without_a_password(run_child: RunChild, sshd: Any, way: bool) -> None:
    run_child(
        script(f"""
        if __name__ == "__main__":
            assert zmq.ssh.try_passwordless_ssh(server, key, {way}) is True
            assert zmq.ssh.try_passwordless_ssh(server, None, {way}) is False
            assert zmq.ssh.try_passwordless_ssh("nobody-else@" + server.split("@")[1], key, {way}) is False
        """),
        sshd.address,
        sshd.key,
        env=sshd.environment,
    ).ok()


def test_an_unknown_host_is_refused(run_child: RunChild, sshd: Any, way: bool, tmp_path: Path) -> None:
    home = tmp_path / "home"
    shutil.copytree(sshd.home, home)
    (home / ".ssh" / "known_hosts").write_text("")
    run_child(
        script(f"""
        if __name__ == "__main__":
            try:
                tunnel.open_tunnel("tcp://127.0.0.1:1", server, keyfile=key, paramiko={way})
                raise AssertionError("the tunnel was opened")
            except tunnel.SSHException as error:
                assert "known_hosts" in str(error), error
        """),
        sshd.address,
        sshd.key,
        env={**sshd.environment, "HOME": str(home)},
    ).ok()


def test_paramiko_may_be_told_to_trust(run_child: RunChild, sshd: Any, tmp_path: Path) -> None:
    home = tmp_path / "home"
    shutil.copytree(sshd.home, home)
    (home / ".ssh" / "known_hosts").write_text("")
    run_child(
        script("""
        if __name__ == "__main__":
            tunnel.open_tunnel("tcp://127.0.0.1:1", server, keyfile=key, paramiko=True)
        """),
        sshd.address,
        sshd.key,
        env={**sshd.environment, "HOME": str(home), "PYZMQ_PARAMIKO_HOST_KEY_POLICY": "AutoAdd"},
    ).ok()


def test_a_refused_login_says_so(run_child: RunChild, sshd: Any, way: bool, tmp_path: Path) -> None:
    run_child(
        script(f"""
        if __name__ == "__main__":
            try:
                tunnel.open_tunnel("tcp://127.0.0.1:1", server, password="wrong", paramiko={way})
                raise AssertionError("the tunnel was opened")
            except RuntimeError as error:
                assert server in str(error), error
        """),
        sshd.address,
        sshd.key,
        env=sshd.environment,
    ).ok()


def test_a_taken_port_says_so(run_child: RunChild, sshd: Any, way: bool) -> None:
    run_child(
        script(f"""
        if __name__ == "__main__":
            with context.socket(zmq.PULL) as pull:
                port = pull.bind_to_random_port("tcp://127.0.0.1")
                open_it = zmq.ssh.paramiko_tunnel if {way} else zmq.ssh.openssh_tunnel
                try:
                    open_it(port, 1, server, keyfile=key)
                    raise AssertionError("the tunnel was opened")
                except RuntimeError as error:
                    assert "address" in str(error).lower(), error
            context.term()
        """),
        sshd.address,
        sshd.key,
        env=sshd.environment,
    ).ok()


@pytest.mark.parametrize("hang_up", ["SIG_DFL", "SIG_IGN"], ids=["plain", "nohup"])
def test_a_tunnel_ends_with_the_program(run_child: RunChild, sshd: Any, hang_up: str) -> None:
    child = run_child(
        script(f"""
        import signal
        if __name__ == "__main__":
            signal.signal(signal.SIGHUP, signal.{hang_up})
            print(zmq.ssh.openssh_tunnel(tunnel.select_random_ports(1)[0], 1, server, keyfile=key))
        """),
        sshd.address,
        sshd.key,
        env=sshd.environment,
    ).ok()
    from helpers import wait_until

    wait_until(lambda: not Path("/proc", child.out.strip()).exists(), what="the end of ssh")


def test_a_running_master_is_used(run_child: RunChild, sshd: Any) -> None:
    run_child(
        script("""
        import subprocess, tempfile

        if __name__ == "__main__":
            directory = tempfile.mkdtemp(prefix="m")
            config = os.path.join(os.environ["HOME"], ".ssh", "config")
            with open(config, "w") as file:
                file.write(f"ControlPath {directory}/%p\\n")
            host, _, port = server.partition(":")
            try:
                subprocess.run(["ssh", "-M", "-N", "-f", "-i", key, "-p", port, host], check=True, stderr=subprocess.DEVNULL)
                with context.socket(zmq.REP) as reply, context.socket(zmq.REQ) as client:
                    port_ = reply.bind_to_random_port("tcp://127.0.0.1")
                    # no key: only the master can log in
                    pid = zmq.ssh.tunnel_connection(client, f"tcp://127.0.0.1:{port_}", server)
                    echo(client, reply)
                subprocess.run(["ssh", "-O", "exit", "-p", port, host], check=True, stderr=subprocess.DEVNULL)
            finally:
                open(config, "w").close()
            context.term()
        """),
        sshd.address,
        sshd.key,
        env=sshd.environment,
    ).ok()


# ---------------------------------------------------------------- without a server


def test_random_ports_differ() -> None:
    for _ in range(200):
        assert len(set(tunnel.select_random_ports(10))) == 10


@pytest.mark.parametrize(
    ("text", "parts"),
    [("me@host:2222", ("me", "host", 2222)), ("me@host", ("me", "host", 22)), ("a@b@host:1", ("a@b", "host", 1))],
)
def test_parts_of_a_server(text: str, parts: tuple[str, str, int]) -> None:
    assert tunnel._split_server(text) == parts


def test_only_tcp_goes_through() -> None:
    with pytest.raises(ValueError, match="tcp"):
        tunnel.open_tunnel("ipc:///tmp/x", "host")


@pytest.mark.parametrize(("package", "extra"), [("pexpect", "ssh"), ("paramiko", "paramiko")])
def test_a_missing_package_names_its_extra(monkeypatch: pytest.MonkeyPatch, package: str, extra: str) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=rf"pip install 'pyzmq\[{extra}\]'"):
        tunnel.try_passwordless_ssh("host", None, paramiko=package == "paramiko")


def test_importing_loads_neither(run_child: RunChild) -> None:
    run_child("import sys, zmq.ssh\nassert not {'pexpect', 'paramiko'} & set(sys.modules)").ok()


def test_the_way_of_this_system() -> None:
    assert zmq.ssh.ssh_tunnel is (zmq.ssh.paramiko_tunnel if os.name == "nt" else zmq.ssh.openssh_tunnel)
