"""A minimal Debian in a directory, and commands inside it: for tools/wheels.py and tests/matrix. Linux, root, debootstrap.

What a command sees below the directory is mounted in a mount namespace of its own, so nothing stays mounted, whatever
happens to it.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

CACHE = Path(os.environ.get("ZMQ_ROOTS_CACHE") or Path.home() / ".cache" / "pyzmq-roots")
"""Where the roots are kept between runs."""

SETUP_LIMIT = 900.0


class RootError(Exception):
    """A root that cannot be had here; the text says why."""


@dataclass(frozen=True)
class Root:
    """A Debian in a directory."""

    path: Path

    def run(
        self,
        command: Sequence[str],
        *,
        binds: Mapping[Path, str] | None = None,
        cwd: str = "/",
        env: Mapping[str, str] | None = None,
        timeout: float = SETUP_LIMIT,
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a command in the root as root; directories of the machine appear where `binds` says, writable."""
        lines = ["set -e", f"mount -t proc proc {self.path}/proc", f"mount --rbind /dev {self.path}/dev"]
        lines += [f"mount -t tmpfs tmpfs {self.path}/tmp"]
        for outside, inside in (binds or {}).items():
            point = self.path / inside.lstrip("/")
            point.mkdir(parents=True, exist_ok=True)
            lines.append(f"mount --bind {shlex.quote(str(outside))} {shlex.quote(str(point))}")
        inner = f"cd {shlex.quote(cwd)} && exec {shlex.join(command)}"
        lines.append(f"exec chroot {self.path} /bin/sh -c {shlex.quote(inner)}")
        environment = {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": "/root",
            "LANG": "C.UTF-8",
            "DEBIAN_FRONTEND": "noninteractive",
            **(env or {}),
        }
        whole = ["unshare", "--mount", "--propagation", "private", "sh", "-c", "\n".join(lines)]
        return subprocess.run(whole, env=environment, stdin=subprocess.DEVNULL, timeout=timeout, check=False)

    def check(self, command: Sequence[str], *, env: Mapping[str, str] | None = None) -> None:
        """Run a command that has to succeed."""
        if self.run(command, env=env).returncode:
            raise RootError(f"in {self.path}: {shlex.join(command)} failed")


def missing_means() -> str | None:
    """What this machine lacks for a root, or None."""
    if not hasattr(os, "getuid") or os.getuid() != 0:
        return "only root can make a root directory (debootstrap, chroot)"
    for program in ("debootstrap", "unshare", "chroot"):
        if shutil.which(program) is None:
            return f"{program} is not installed (Debian, Ubuntu: apt install debootstrap)"
    return None


def make(name: str, suite: str, mirror: str, packages: Sequence[str], old: bool = False) -> Root:
    """The root of that name, from the cache or made now: debootstrap's smallest variant and the packages.

    With `old`, package lists past their date are taken as well (a mirror that stands still, a clock that does not).
    """
    reason = missing_means()
    if reason:
        raise RootError(reason)
    target = CACHE / name
    done = target / ".complete"
    wanted = "\n".join([suite, *packages]) + "\n"
    if done.is_file() and done.read_text() == wanted:
        return Root(target)
    if not (target / ".base").is_file():
        CACHE.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=CACHE))
        try:
            command = ["debootstrap", "--variant=minbase", suite, str(work), mirror]
            if subprocess.run(command, stdout=subprocess.DEVNULL, timeout=SETUP_LIMIT, check=False).returncode:
                raise RootError(f"{shlex.join(command)} failed; the last lines of {work}/debootstrap/debootstrap.log tell why")
            work.chmod(0o755)
            (work / ".base").touch()
            shutil.rmtree(target, ignore_errors=True)
            work.rename(target)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    root = Root(target)
    if packages:
        if old:
            (target / "etc/apt/apt.conf.d/90old").write_text('Acquire::Check-Valid-Until "false";\n')
        root.check(["apt-get", "-qq", "update"])
        root.check(["apt-get", "-qq", "--yes", "--no-install-recommends", "-o", "Dpkg::Use-Pty=0", "install", *packages])
    done.write_text(wanted)
    return root


def configured_mirror() -> tuple[str, str]:
    """Suite and mirror of the Debian that this machine is, from its own apt sources."""
    from buildutils import apt

    suite = apt.codename()
    for entry in apt.distribution_entries(apt.configured_entries(), suite):
        if suite in entry.suites:
            return suite, entry.uris[0]
    raise RootError("the machine's apt sources name no Debian suite of its own")
