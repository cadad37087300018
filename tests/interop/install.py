"""Install what the tests of this directory need: `python tests/interop/install.py DIRECTORY`, then `ZMQ_INTEROP=DIRECTORY`.

Nothing is installed outside of the directory: npm's zeromq comes with its binary, Debian's czmq and libzmq are unpacked there, and
the C peer is compiled against them. What the machine cannot have is named, and its tests are skipped; with --all that is an error.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
NODE_ZEROMQ = "zeromq@6.8.0"
DEBIAN_PACKAGES = ("libczmq-dev", "libczmq4", "libzmq3-dev", "libzmq5", "libsodium23")

sys.path.insert(0, str(HERE.parents[1]))
from buildutils.apt import PrivateApt, available  # noqa: E402  the path must be right first
from buildutils.config import BuildError  # noqa: E402


def install_node(target: Path) -> str:
    """npm's package, its scripts not run; empty, or the reason why not."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        return "there is no node or npm"
    target.mkdir(parents=True, exist_ok=True)
    command = ["npm", "install", "--prefix", str(target), "--ignore-scripts", "--no-audit", "--no-fund", "--silent", NODE_ZEROMQ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=500)
    if done.returncode:
        return f"npm install {NODE_ZEROMQ} failed: {done.stderr.strip()[-300:]}"
    shutil.copy(HERE / "peer.js", target)
    return ""


def install_czmq(target: Path) -> str:
    """Debian's libraries and the peer compiled against them; empty, or the reason why not."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None or not available():
        return "there is no C compiler or no apt-get"
    work, root = target / "apt", target / "root"
    for directory in (work, root):
        directory.mkdir(parents=True, exist_ok=True)
    try:
        PrivateApt(work).unpack(root, *DEBIAN_PACKAGES)
    except BuildError as error:
        return str(error)
    shutil.rmtree(work)
    libraries = sorted({str(path.parent) for path in root.rglob("*.so*")})
    found = [f"-L{directory}" for directory in libraries] + [f"-Wl,-rpath,{directory}" for directory in libraries]
    # the libraries that czmq itself wants are found at run time
    command = [compiler, "-O1", f"-I{root}/usr/include", str(HERE / "peer.c"), "-o", str(target / "peer"), *found]
    command += ["-lczmq", "-lzmq", "-Wl,--allow-shlib-undefined", "-Wl,--disable-new-dtags"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=500)
    return f"{' '.join(command)} failed: {done.stderr[-1000:]}" if done.returncode else ""


def main() -> int:
    """Install all; 1 when --all was wanted and something is missing."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("directory", type=Path)
    parser.add_argument("--all", action="store_true", help="fail when a peer cannot be had")
    args = parser.parse_args()
    directory = Path(os.path.abspath(args.directory))
    missing = {"node": install_node(directory / "node"), "czmq": install_czmq(directory / "czmq")}
    for name, reason in missing.items():
        print(f"-- {name}: {'NOT RUN, ' + reason if reason else 'installed'}")
    return int(args.all and any(missing.values()))


if __name__ == "__main__":
    sys.exit(main())
