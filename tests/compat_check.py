"""Compare the public surface of the installed package with PyZMQ 27.3.0's.

    python tests/compat_check.py DIRECTORY      which holds dump_api.py and api.json

dump_api.py dumps the installed `zmq` and compares it with api.json. Of the differences those count that compat_allowed.txt does not
explain. tests/core/test_names.py checks most of it without that directory.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from fnmatch import fnmatchcase
from pathlib import Path

ALLOWED = Path(__file__).with_name("compat_allowed.txt")
LIMIT = 120.0


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


def key_of(row: str) -> str:
    """What compat_allowed.txt calls a row; there `*` stands for anything."""
    return f"{row.partition(': ')[0]}: {place(row)}"


def reachable(module: str) -> bool:
    """Whether a program that only says `import zmq` finds a submodule, loaded then or when it looks."""
    done = subprocess.run([sys.executable, "-c", f"import zmq; {module}"], capture_output=True, timeout=LIMIT)
    return done.returncode == 0


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
    rows = differences(Path(sys.argv[1]).resolve())
    rows = [row for row in rows if not (row.startswith("not loaded by `import zmq`") and reachable(place(row)))]
    excused = allowed()
    used = {row: [pattern for pattern in excused if fnmatchcase(key_of(row), pattern)] for row in rows}
    unknown = [row for row, patterns in used.items() if not patterns]
    gone = sorted(set(excused) - {pattern for patterns in used.values() for pattern in patterns})
    for row in unknown:
        print(f"differs: {row}")
    for key in gone:
        print(f"no longer differs, delete it from {ALLOWED.name}: {key}")
    print(f"compat: {len(rows)} differences, {len(rows) - len(unknown)} of them meant")
    return 1 if unknown or gone else 0


if __name__ == "__main__":
    raise SystemExit(main())
