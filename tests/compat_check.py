"""Compare the public surface of the installed package with PyZMQ 27.3.0's, as far as this version goes.

    python tests/compat_check.py DIRECTORY      which holds dump_api.py and api.json

dump_api.py dumps the installed `zmq` and compares it with api.json. Here only the modules that exist so far count, and of their
differences those that compat_allowed.txt does not explain.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ALLOWED = Path(__file__).with_name("compat_allowed.txt")
LIMIT = 120.0

MODULES = (
    "zmq",
    "zmq._future",
    "zmq.asyncio",
    "zmq.auth",
    "zmq.auth.asyncio",
    "zmq.auth.base",
    "zmq.auth.certs",
    "zmq.auth.ioloop",
    "zmq.auth.thread",
    "zmq.backend",
    "zmq.backend.cython",
    "zmq.backend.select",
    "zmq.constants",
    "zmq.error",
    "zmq.eventloop",
    "zmq.eventloop.future",
    "zmq.eventloop.ioloop",
    "zmq.eventloop.zmqstream",
    "zmq.green",
    "zmq.green.core",
    "zmq.green.device",
    "zmq.green.eventloop",
    "zmq.green.eventloop.ioloop",
    "zmq.green.eventloop.zmqstream",
    "zmq.green.poll",
    "zmq.sugar",
    "zmq.sugar.attrsettr",
    "zmq.sugar.context",
    "zmq.sugar.frame",
    "zmq.sugar.poll",
    "zmq.sugar.socket",
    "zmq.sugar.stopwatch",
    "zmq.sugar.tracker",
    "zmq.sugar.version",
    "zmq.utils",
    "zmq.utils.interop",
    "zmq.utils.jsonapi",
    "zmq.utils.monitor",
    "zmq.utils.z85",
)


def differences(directory: Path) -> list[str]:
    """The rows of the comparison, each as "category: place" with what differs after it."""
    with tempfile.TemporaryDirectory(prefix="zmq-compat-") as empty:
        dump = Path(empty, "dump.json")
        tool = [sys.executable, str(directory / "dump_api.py")]
        subprocess.run([*tool, "-o", str(dump)], cwd=empty, check=True, timeout=LIMIT)
        done = subprocess.run(
            [*tool, "--diff", str(directory / "api.json"), str(dump)],
            cwd=empty,
            capture_output=True,
            text=True,
            timeout=LIMIT,
        )
    if "; compared with " not in done.stdout:
        raise SystemExit(f"the comparison itself failed:\n{done.stdout}{done.stderr}")
    rows, category = [], ""
    for line in done.stdout.splitlines():
        if heading := re.fullmatch(r"== (.+) \(\d+\)", line):
            category = heading[1]
        elif line.startswith("  ") and category and not line[2:3].isspace() and not line.lstrip()[:1].isdigit():
            rows.append(f"{category}: {line.strip()}")
    return rows


def place(row: str) -> str:
    """What a row is about: a module, a name in one, a member of a class, or the expression that makes an instance."""
    return row.partition(": ")[2].split("    ")[0]


def reachable(module: str) -> bool:
    """Whether a program that only says `import zmq` finds a submodule, loaded then or when it looks."""
    done = subprocess.run([sys.executable, "-c", f"import zmq; {module}"], capture_output=True, timeout=LIMIT)
    return done.returncode == 0


def module_of(row: str, known: set[str]) -> str:
    """The module that a row is about, of those that PyZMQ has; nothing for a row about a file."""
    name = place(row).split("(")[0]
    while name and name not in known:
        name = name.rpartition(".")[0]
    return name


def allowed() -> dict[str, str]:
    """The differences that are meant, with their reasons."""
    found, reason = {}, ""
    for line in ALLOWED.read_text("utf-8").splitlines():
        if line.startswith("#"):
            reason = line.lstrip("# ")
        elif line.strip():
            found[line.strip()] = reason
    return found


def main() -> int:
    if len(sys.argv) != 2:
        raise SystemExit((__doc__ or "").strip())
    directory = Path(sys.argv[1]).resolve()
    known = set(json.loads((directory / "api.json").read_text("utf-8"))["modules"])
    rows = [row for row in differences(directory) if module_of(row, known) in MODULES]
    rows = [row for row in rows if not (row.startswith("not loaded by `import zmq`") and reachable(place(row)))]
    excused = allowed()
    keys = {f"{row.partition(': ')[0]}: {place(row)}": row for row in rows}
    unknown = [row for key, row in keys.items() if key not in excused]
    gone = sorted(set(excused) - set(keys))
    for row in unknown:
        print(f"differs: {row}")
    for key in gone:
        print(f"no longer differs, delete it from {ALLOWED.name}: {key}")
    print(f"compat: {len(rows)} differences in {len(MODULES)} modules, {len(rows) - len(unknown)} of them meant")
    return 1 if unknown or gone else 0


if __name__ == "__main__":
    raise SystemExit(main())
