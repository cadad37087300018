"""A real sshd on loopback, of the machine or of the distribution's packages, which needs no root and is not installed.

It runs as an ordinary user and knows one user, `tester`, who is that user under a name of libnss_wrapper's, with a key made here.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from helpers import free_port, wait_until

ROOT = Path(__file__).resolve().parents[2]
NOBODY = 65534

CONFIG = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {work}/host_key
AuthorizedKeysFile {work}/authorized_keys
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
"""


@dataclass(frozen=True)
class Server:
    """Where it listens, and the home directory of somebody who may log in."""

    address: str
    port: int
    home: Path
    key: str
    log: Path

    @property
    def environment(self) -> dict[str, str]:
        """For a process whose ssh and paramiko look into that home directory only."""
        return {"HOME": str(self.home), "PATH": f"{self.home / 'bin'}{os.pathsep}{os.environ['PATH']}"}


def fetch(target: Path) -> Path:
    """Unpack the distribution's sshd below target."""
    sys.path.append(str(ROOT))
    apt = pytest.importorskip("buildutils.apt", reason="needs a source tree")
    if not apt.available():
        pytest.skip("no sshd to test with: no apt-get to fetch one")
    work = target.with_name("apt")
    work.mkdir()
    try:
        apt.PrivateApt(work).unpack(target, "openssh-server", "openssh-client", "libnss-wrapper")
    except apt.BuildError as error:
        pytest.skip(f"no sshd to test with: {error}")
    return target


@pytest.fixture(scope="session")
def sshd() -> Iterator[Server]:
    """A running server."""
    if sys.platform != "linux":
        pytest.skip("sshd of a Linux distribution")
    # not below pytest's own directory, which is closed to the user that sshd may run as
    work = Path(tempfile.mkdtemp(prefix="zmq-sshd-"))
    try:
        work.chmod(0o755)
        yield from serve(work)
    finally:
        shutil.rmtree(work)


def serve(work: Path) -> Iterator[Server]:
    """Set up the server in a directory, and run it."""
    system = fetch(work / "system")
    root = os.geteuid() == 0
    user = NOBODY if root else os.geteuid()
    port = free_port()
    home = work / "home"
    (home / ".ssh").mkdir(parents=True)
    (home / "bin").mkdir()
    for kind in ("host_key", "key"):
        subprocess.run([system / "usr/bin/ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", work / kind], check=True, timeout=30)
    shutil.copy(work / "key.pub", work / "authorized_keys")
    host_key = (work / "host_key.pub").read_text().split()[:2]
    (home / ".ssh" / "known_hosts").write_text(f"[127.0.0.1]:{port} {' '.join(host_key)}\n")
    (work / "passwd").write_text(f"tester:x:{user}:{user}::{home}:/bin/sh\n")
    (work / "group").write_text(f"tester:x:{user}:\n")
    (work / "sshd_config").write_text(CONFIG.format(port=port, work=work))
    if root:
        for path in ("host_key", "authorized_keys"):
            os.chown(work / path, user, user)
    # ssh looks for its files in the home directory that the password database has, whatever HOME says
    ssh = home / "bin" / "ssh"
    client = system / "usr/bin/ssh"
    ssh.write_text(
        f'#!/bin/sh\nexec {client} -F "$HOME/.ssh/config" -o UserKnownHostsFile="$HOME/.ssh/known_hosts" '
        '-o GlobalKnownHostsFile=/dev/null "$@"\n'
    )
    ssh.chmod(0o755)
    (home / ".ssh" / "config").write_text("")
    libraries = next(system.glob("usr/lib/*/libnss_wrapper.so"))
    environment = {
        "PATH": os.environ["PATH"],
        "LD_LIBRARY_PATH": str(libraries.parent),
        "LD_PRELOAD": str(libraries),
        "NSS_WRAPPER_PASSWD": str(work / "passwd"),
        "NSS_WRAPPER_GROUP": str(work / "group"),
    }
    log = work / "sshd.log"
    ids = {"user": user, "group": user, "extra_groups": []} if root else {}
    with log.open("w") as output:
        process = subprocess.Popen(
            [system / "usr/sbin/sshd", "-D", "-e", "-f", work / "sshd_config"], env=environment, stderr=output, **ids
        )
    try:
        wait_until(lambda: process.poll() is not None or "Server listening" in log.read_text(), what="sshd listens")
        assert process.poll() is None, log.read_text()
        yield Server(f"tester@127.0.0.1:{port}", port, home, str(work / "key"), log)
    finally:
        process.terminate()
        process.wait(30)
