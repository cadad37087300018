"""Check the types of the installed package; run by CI and by test_types.py.

    python tests/typing/check.py                 all of them
    python tests/typing/check.py mypy            mypy --strict on the package and on expected_types.py
    python tests/typing/check.py pyright         pyright on expected_types.py
    python tests/typing/check.py stubtest        the stubs against the compiled modules
    python tests/typing/check.py verifytypes     no public name without a type

The tools come from the extra `lint`. They run in an empty directory, so that they find the package
as users do: installed, with its stubs beside the compiled modules (editable installs do as well).
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
CONFIG = str(HERE.parents[1] / "pyproject.toml")
EXPECTED = str(HERE / "expected_types.py")
ALLOWED = str(HERE / "stubtest-allowlist.txt")
PYTHON = sys.executable

COMMANDS = {
    "mypy": [
        [PYTHON, "-m", "mypy", "--config-file", CONFIG, "-p", "zmq"],
        [PYTHON, "-m", "mypy", "--config-file", CONFIG, EXPECTED],
    ],
    "pyright": [[PYTHON, "-m", "pyright", "--pythonpath", PYTHON, EXPECTED]],
    "stubtest": [
        [PYTHON, "-m", "mypy.stubtest", "zmq", "--concise", "--mypy-config-file", CONFIG, "--allowlist", ALLOWED]
    ],
    "verifytypes": [
        [PYTHON, "-m", "pyright", "--pythonpath", PYTHON, "--verifytypes", "zmq", "--ignoreexternal"]
    ],
}


def run(check: str, timeout: float = 900) -> tuple[int, str]:
    """Run a check's commands; the first exit status that is not 0, and all output."""
    status, output = 0, ""
    environment = {k: v for k, v in os.environ.items() if k not in ("MYPYPATH", "PYTHONPATH")}
    # --verifytypes looks for the package in the first python on PATH, whatever --pythonpath says
    environment["PATH"] = os.pathsep.join([str(Path(PYTHON).parent), os.environ.get("PATH", "")])
    with tempfile.TemporaryDirectory(prefix="zmq-types-") as empty:
        for command in COMMANDS[check]:
            done = subprocess.run(
                command,
                cwd=empty,
                env=environment | {"MYPY_CACHE_DIR": str(Path(empty, "cache"))},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=timeout,
                check=False,
            )
            status = status or done.returncode
            output += f"$ {' '.join(command)}\n{done.stdout}"
    return status, output


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("checks", nargs="*", metavar="CHECK", help=", ".join(COMMANDS))
    chosen = parser.parse_args().checks or list(COMMANDS)
    failed = []
    for check in chosen:
        status, output = run(check)
        print(output, flush=True)
        if status:
            failed.append(check)
    print(f"failed: {', '.join(failed)}" if failed else f"passed: {', '.join(chosen)}")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
