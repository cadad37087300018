"""SSH tunnels, by the ssh command (with pexpect, to answer it) or by paramiko.

A tunnel belongs to the process that opened it, and ends with it.
"""

from __future__ import annotations

import atexit
import os
import re
import signal
import socket as _socket
import subprocess
import sys
import time
from functools import partial
from getpass import getpass, getuser
from multiprocessing import Pipe, Process
from types import ModuleType
from typing import Any

from .forward import _server

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection

__all__ = ["openssh_tunnel", "paramiko_tunnel", "ssh_tunnel", "try_passwordless_ssh", "tunnel_connection"]

_TRIES = 10
_READY = "zmq-ssh-tunnel-is-open"
_QUESTIONS = [
    r"(?i)are you sure you want to continue connecting",
    r"(?i)(password|passphrase|verification code)[^\r\n]*:",
    re.escape(_READY),
]
_open: dict[int, Any] = {}  # the terminals of running ssh commands: closing one ends its command


class SSHException(Exception):
    """The SSH server cannot be trusted: its host key is not known."""


class MaxRetryExceeded(Exception):
    """A password was asked for again and again."""


def _pexpect() -> ModuleType:
    try:
        import pexpect
    except ImportError:
        raise ImportError("tunnels by the ssh command need pexpect: pip install 'pyzmq[ssh]'") from None
    module: ModuleType = pexpect
    return module


def _paramiko() -> ModuleType:
    try:
        import paramiko
    except ImportError:
        raise ImportError("tunnels by paramiko need it: pip install 'pyzmq[paramiko]'") from None
    module: ModuleType = paramiko
    return module


def select_random_ports(n: int) -> list[int]:
    """Return ports of 127.0.0.1 that were free a moment ago, all different.

    Args:
        n: how many.
    """
    sockets = []
    try:
        for _ in range(n):
            sockets.append(_socket.socket())
            sockets[-1].bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def _split_server(server: str) -> tuple[str, str, int]:
    """User, host and port of ``[user@]host[:port]``."""
    user, at, host = server.rpartition("@")
    host, colon, port = host.partition(":")
    return user if at else getuser(), host, int(port) if colon else 22


# ---------------------------------------------------------------- either way


def try_passwordless_ssh(server: str, keyfile: str | None, paramiko: bool | None = None) -> bool:
    """Return whether a login needs no password.

    Args:
        server: "[user@]host[:port]". keyfile: private key, or None: those of the user.
        paramiko: whether to use it instead of the ssh command; None: on Windows.
    Raises:
        ImportError: the package for that way is missing. SSHException: the host key is unknown.
    """
    if paramiko is None:
        paramiko = sys.platform == "win32"
    return _paramiko_logs_in(server, keyfile) if paramiko else _openssh_logs_in(server, keyfile)


def tunnel_connection(
    socket: Any,
    addr: str,
    server: str,
    keyfile: str | None = None,
    password: str | None = None,
    paramiko: bool | None = None,
    timeout: float = 60,
) -> Any:
    """Connect a socket through a new tunnel.

    Args:
        socket: to connect. The rest: as for open_tunnel().
    Returns:
        The tunnel: a process id (ssh command) or a Process (paramiko), to be ended with os.kill() or terminate().
    """
    url, tunnel = open_tunnel(addr, server, keyfile=keyfile, password=password, paramiko=paramiko, timeout=timeout)
    socket.connect(url)
    return tunnel


def open_tunnel(
    addr: str,
    server: str,
    keyfile: str | None = None,
    password: str | None = None,
    paramiko: bool | None = None,
    timeout: float = 60,
) -> tuple[str, Any]:
    """Open a tunnel to an address and return (local URL, tunnel).

    Args:
        addr: "tcp://host:port" as the SSH server sees it. server: "[user@]host[:port]". keyfile: private key.
        password: for the login; asked for on the terminal when it is needed and None.
        paramiko: whether to use it instead of the ssh command; None: on Windows.
        timeout: seconds, as for openssh_tunnel() and paramiko_tunnel(), which tell what is raised.
    """
    match = re.fullmatch(r"tcp://(.+):(\d+)", addr)
    if match is None:
        raise ValueError(f"only tcp://host:port can be tunnelled, not {addr!r}")
    if paramiko is None:
        paramiko = sys.platform == "win32"
    (lport,) = select_random_ports(1)
    opened = (paramiko_tunnel if paramiko else openssh_tunnel)(
        lport, int(match[2]), server, remoteip=match[1].strip("[]"), keyfile=keyfile, password=password, timeout=timeout
    )
    return f"tcp://127.0.0.1:{lport}", opened


# ---------------------------------------------------------------- the ssh command


def _ssh_command(server: str, keyfile: str | None, *options: str) -> list[str]:
    user, at, host = server.rpartition("@")
    host, colon, port = host.partition(":")
    return [
        "ssh",
        *options,
        *(["-p", port] if colon else []),
        *(["-i", keyfile] if keyfile else []),
        "--",
        f"{user}@{host}" if at else host,
    ]


def _environment() -> dict[str, str]:
    """Without the program that would ask for passwords in a window."""
    return {key: value for key, value in os.environ.items() if key not in ("SSH_ASKPASS", "SSH_ASKPASS_REQUIRE")}


def _openssh_logs_in(server: str, keyfile: str | None) -> bool:
    _pexpect()  # what a tunnel needs after this
    command = _ssh_command(server, keyfile, "-o", "BatchMode=yes", "-o", "LogLevel=ERROR", "-n")
    done = subprocess.run(
        [*command, "true"], stdin=subprocess.DEVNULL, capture_output=True, text=True, env=_environment(), timeout=60
    )
    if "Host key verification failed" in done.stderr:
        raise SSHException(_unknown_host(server))
    return done.returncode == 0


def _unknown_host(server: str) -> str:
    return f"the host key of {server} is not known: log in once with `ssh {server}`, or add it to known_hosts"


def openssh_tunnel(
    lport: int,
    rport: int,
    server: str,
    remoteip: str = "127.0.0.1",
    keyfile: str | None = None,
    password: str | None = None,
    timeout: float = 60,
) -> int:
    """Open a tunnel by the ssh command, and return the id of its process.

    Args:
        lport: local port, at 127.0.0.1. rport, remoteip: where the server connects to. server: "[user@]host[:port]".
        keyfile: private key. password: asked for on the terminal when it is needed and None.
        timeout: seconds to open it in, and that it then waits for its first connection; it ends when its last one does.
    Raises:
        ImportError: no pexpect. SSHException: unknown host key. MaxRetryExceeded: too many questions for a password.
        RuntimeError: ssh failed, with what it said (ssh(1)). A running ControlMaster is used, and told at exit to stop forwarding.
    """
    pexpect = _pexpect()
    forward = f"127.0.0.1:{lport}:{remoteip}:{rport}"
    master = _use_master(server, keyfile, forward)
    if master is not None:
        return master
    command = _ssh_command(
        server, keyfile, "-S", "none", "-o", "ExitOnForwardFailure=yes", "-o", "PermitLocalCommand=yes",
        "-o", f"LocalCommand=echo {_READY}", "-T", "-L", forward,
    )  # fmt: skip
    ssh = pexpect.spawn(
        command[0],
        [*command[1:], f"sleep {int(timeout)}"],
        env=_environment(),
        echo=False,
        encoding="utf-8",
        # the hang-up of its terminal ends it with this program, which may be one of nohup's
        preexec_fn=partial(signal.signal, signal.SIGHUP, signal.SIG_DFL),
    )
    try:
        _answer(pexpect, ssh, server, password, time.monotonic() + timeout)
    except BaseException:
        ssh.close(force=True)
        raise
    _open[ssh.pid] = ssh
    return int(ssh.pid)


def _answer(pexpect: Any, ssh: Any, server: str, password: str | None, deadline: float) -> None:
    """Answer what ssh asks, until the tunnel is open."""
    for tried in range(_TRIES):
        found = ssh.expect([*_QUESTIONS, pexpect.EOF, pexpect.TIMEOUT], timeout=max(0.0, deadline - time.monotonic()))
        if found == 0:
            raise SSHException(_unknown_host(server))
        if found == 1:
            if password is not None and tried:
                raise RuntimeError(f"{server} refuses the password")
            ssh.sendline(getpass(f"{server}: {ssh.match.group(0)} ") if password is None else password)
        elif found == 2:
            return
        else:
            said = " ".join((ssh.before or "").split())
            if "Host key verification failed" in said and "No " in said:
                raise SSHException(_unknown_host(server))
            raise RuntimeError(f"ssh {server}: {said or 'no answer in time'}")
    raise MaxRetryExceeded(f"{server} has asked for a password {_TRIES} times")


def _use_master(server: str, keyfile: str | None, forward: str) -> int | None:
    """Have a running ControlMaster forward; its process id, or None when there is none."""

    def tell(*options: str) -> subprocess.CompletedProcess[str]:
        command = _ssh_command(server, keyfile, *options)
        return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30)

    running = re.search(r"pid=(\d+)", tell("-O", "check").stderr)
    if running is None or tell("-O", "forward", "-L", forward).returncode:
        return None
    atexit.register(tell, "-O", "cancel", "-L", forward)
    return int(running[1])


# ---------------------------------------------------------------- paramiko


def _client(server: str, keyfile: str | None, password: str | None, timeout: float) -> Any:
    """A paramiko client that is logged in."""
    paramiko = _paramiko()
    user, host, port = _split_server(server)
    client = paramiko.SSHClient()
    policy = os.environ.get("PYZMQ_PARAMIKO_HOST_KEY_POLICY", "Reject")
    try:
        client.set_missing_host_key_policy(getattr(paramiko, f"{policy}Policy")())
        client.load_system_host_keys()
        client.connect(
            host,
            port,
            username=user,
            key_filename=keyfile,
            password=password,
            look_for_keys=keyfile is None,
            timeout=timeout,
            banner_timeout=timeout,
            auth_timeout=timeout,
        )
    except paramiko.SSHException as error:
        client.close()
        if "not found in known_hosts" in str(error):
            raise SSHException(_unknown_host(server)) from None
        raise
    except BaseException:
        client.close()
        raise
    return client


def _paramiko_logs_in(server: str, keyfile: str | None, timeout: float = 60) -> bool:
    paramiko = _paramiko()
    try:
        _client(server, keyfile, None, timeout).close()
    except (paramiko.AuthenticationException, paramiko.PasswordRequiredException):
        return False
    except paramiko.SSHException as error:
        if "No authentication methods" in str(error):
            return False
        raise
    return True


def paramiko_tunnel(
    lport: int,
    rport: int,
    server: str,
    remoteip: str = "127.0.0.1",
    keyfile: str | None = None,
    password: str | None = None,
    timeout: float = 60,
) -> Process:
    """Open a tunnel by paramiko, in a daemon process, which is returned: terminate() ends the tunnel.

    Args:
        lport, rport, server, remoteip, keyfile, password: as for openssh_tunnel(). timeout: seconds to open it in.
    Raises:
        ImportError: no paramiko. SSHException: unknown host key. RuntimeError: the login failed, or the port is taken.

    The environment variable PYZMQ_PARAMIKO_HOST_KEY_POLICY names paramiko's policy for unknown hosts: Reject (default), Warning,
    AutoAdd.
    """
    if password is None and not _paramiko_logs_in(server, keyfile, timeout):
        password = getpass(f"{server}'s password: ")
    here, there = Pipe(duplex=False)
    process = Process(target=_run_paramiko, args=(there, lport, rport, server, remoteip, keyfile, password, timeout), daemon=True)
    process.start()
    there.close()
    with here:
        try:
            problem = here.recv() if here.poll(timeout + 10) else "no answer in time"
        except EOFError:
            problem = "the process of the tunnel has ended"
    if problem:
        process.terminate()
        process.join()
        raise RuntimeError(f"ssh {server}: {problem}")
    return process


def _run_paramiko(
    ready: Connection,
    lport: int,
    rport: int,
    server: str,
    remoteip: str,
    keyfile: str | None,
    password: str | None,
    timeout: float,
) -> None:
    """In the process of its own: open the tunnel, tell how that went, and forward until terminated."""
    try:
        client = _client(server, keyfile, password, timeout)
        forwarding = _server(lport, remoteip, rport, client.get_transport())
    except Exception as error:  # noqa: BLE001  # told to the parent, which raises it
        ready.send(f"{type(error).__name__}: {error}")
        return
    ready.send("")
    ready.close()
    with client, forwarding:
        forwarding.serve_forever()


ssh_tunnel: Callable[..., Any] = paramiko_tunnel if sys.platform == "win32" else openssh_tunnel
