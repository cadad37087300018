"""Build a variant in a copy of the tree and run the tests under it: docs/testing.md.

    python tests/sanitizers/run.py asan      AddressSanitizer and UndefinedBehaviorSanitizer (gcc), faults injected too
    python tests/sanitizers/run.py tsan      ThreadSanitizer, the thread tests
    python tests/sanitizers/run.py valgrind  memcheck, tests/core
    python tests/sanitizers/run.py debug     PYTHONMALLOC=debug and -X dev, everything
    python tests/sanitizers/run.py faults    no sanitizer: tests/faults in the build that it needs
    python tests/sanitizers/run.py percall   no sanitizer: the guards of free-threaded builds, in one that has the GIL
    python tests/sanitizers/run.py pipes     no sanitizer: waits as on macOS and the BSDs, by poll() and a pipe
    python tests/sanitizers/run.py slices    no sanitizer: waits as on Windows, in slices and without wakers

What follows the name goes to pytest instead of the usual selection.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
NEEDED = [
    *("setuptools>=77", "cython==3.3.1", "pytest>=8", "pytest-timeout", "hypothesis", "psutil", "numpy"),
    *("anyio[trio]", "tornado", "gevent", "cffi"),
]

#: Bound the memory of the machine or the speed of the process, which a sanitizer changes.
NO_SENSE = ["tests/core/test_large.py", "tests/layers", "tests/packaging", "tests/typing", "tests/bench", "tests/docs"]

#: Look at addresses that hold no socket, or use up the memory or the descriptors: what ASan is there to stop, or needs itself.
FORBIDDEN = [
    "tests/core/test_batch.py::test_memory_running_out_loses_nothing",
    "tests/core/test_inproc_unbound.py::test_term_without_a_descriptor",
    "tests/safety/test_foreign.py::test_shadow_of_an_address_that_is_none",
    "tests/safety/test_foreign.py::test_shadow_of_the_wrong_or_a_closed_thing",
    "tests/safety/test_foreign.py::test_many_shadows_of_dead_addresses",
]

#: Forks while other threads allocate. gcc 12's ASan takes no lock of its allocator in fork(): what another thread holds at that
#: moment stays locked in the child, which hangs at its next allocation of that size (docs/testing.md has the stack). A program of
#: malloc, threads and fork, without this package, does the same. Without ASan the test holds.
FORKS = ["tests/safety/test_fork_more.py::test_fork_in_the_middle_of_zero_copy_traffic"]

#: Bounds of milliseconds on a turn of an event loop, which instrumented code exceeds.
FAST = ["tests/flavours/test_bounds.py::test_a_busy_socket_starves_nobody"]

#: Bounds on the memory of an await, with which asyncio's debug mode keeps the stack that made it.
SMALL = [
    "tests/flavours/test_asyncio_life.py::test_memory_of_a_waiting_receive",
    "tests/isolated/test_memory_flat.py::test_memory_is_flat[waiting_receives.py]",
]

#: Threads receive into one buffer at once, to see that its exports are counted: the race that TSan reports is the test's own.
RACES = ["tests/threads/test_shared.py::test_one_buffer_is_lent_and_filled_by_many"]


@dataclass(frozen=True)
class Variant:
    """How the modules are built, and how the tests run."""

    build: dict[str, str]
    tests: list[str]
    preload: list[str] = field(default_factory=list)
    env: dict[str, str] = field(default_factory=dict)
    before: list[str] = field(default_factory=list)  # in front of the interpreter
    options: list[str] = field(default_factory=list)  # of the interpreter
    extra: list[str] = field(default_factory=list)  # of pytest


def variants() -> dict[str, Variant]:
    return {
        "asan": Variant(
            build={"ZMQ_BUILD_SANITIZE": "1", "ZMQ_BUILD_FAULTS": "1", "ZMQ_PREFIX": "bundled"},
            # without descriptors UBSan cannot probe memory, and freed memory waits in quarantine
            tests=[
                *("tests/core", "tests/threads", "tests/safety", "tests/flavours", "tests/faults", "tests/hostile", "tests/pure"),
                *("tests/auth", "tests/devices", "tests/decorators", "tests/log", "tests/utils"),
                "--ignore=tests/threads/test_limits.py",
                *(f"--deselect={name}" for name in (*FORBIDDEN, *FORKS, *FAST)),
            ],
            # libstdc++ comes first, else ASan does not find what it intercepts when libzmq throws
            preload=["libasan.so", "libubsan.so", "libstdc++.so.6"],
            env={
                # CPython leaks by design; ours are found by counting
                "ASAN_OPTIONS": "detect_leaks=0:abort_on_error=1:allocator_may_return_null=1",
                "UBSAN_OPTIONS": f"halt_on_error=1:print_stacktrace=1:suppressions={HERE / 'ubsan.supp'}",
                "PYTHONMALLOC": "malloc",
            },
            extra=["--timeout=240"],
        ),
        "tsan": Variant(
            build={"ZMQ_BUILD_SANITIZE": "thread", "ZMQ_PREFIX": "bundled"},
            # it follows no thread into a forked child
            tests=["tests/threads", "--ignore=tests/threads/test_fork.py", *(f"--deselect={name}" for name in RACES)],
            preload=["libtsan.so", "libstdc++.so.6"],
            env={
                "TSAN_OPTIONS": f"halt_on_error=0:exitcode=66:die_after_fork=0:suppressions={HERE / 'tsan.supp'}",
                "PYTHONMALLOC": "malloc",
            },
            extra=["--timeout=240"],
        ),
        "valgrind": Variant(
            build={"ZMQ_BUILD_DEBUG": "1", "ZMQ_PREFIX": "bundled"},
            tests=["tests/core"],
            env={"PYTHONMALLOC": "malloc"},
            before=[
                "valgrind",
                "--tool=memcheck",
                "--error-exitcode=99",
                "--leak-check=no",
                "--num-callers=30",
                f"--suppressions={HERE / 'valgrind.supp'}",
            ],
            extra=["--timeout=900", "-o", "faulthandler_timeout=0"],
        ),
        "debug": Variant(
            build={"ZMQ_BUILD_DEBUG": "1", "ZMQ_PREFIX": "bundled"},
            tests=[
                *("tests/core", "tests/threads", "tests/safety", "tests/flavours", "tests/auth", "tests/isolated", "tests/pure"),
                *(f"--deselect={name}" for name in SMALL),
            ],
            # programs of the tests leave things open on purpose; those about the warnings ask for them
            env={"PYTHONMALLOC": "debug", "PYTHONDEVMODE": "1", "PYTHONWARNINGS": "ignore::ResourceWarning"},
            options=["-X", "dev"],
        ),
        "percall": Variant(
            build={"CFLAGS": "-DPYZMQ_PER_CALL=1", "ZMQ_PREFIX": "bundled"},
            tests=["tests/core", "tests/threads", "tests/safety", "tests/flavours"],
        ),
        "pipes": Variant(
            build={"CFLAGS": "-DPYZMQ_WAIT_BY_PIPE=1", "ZMQ_PREFIX": "bundled"},
            tests=["tests/core", "tests/threads", "tests/safety", "tests/flavours"],
        ),
        "slices": Variant(
            build={"CFLAGS": "-DPYZMQ_WAIT_IN_SLICES=1", "ZMQ_PREFIX": "bundled"},
            tests=["tests/core", "tests/threads", "tests/safety"],
        ),
        "faults": Variant(build={"ZMQ_BUILD_FAULTS": "1", "ZMQ_PREFIX": "bundled"}, tests=["tests/faults"]),
    }


def run(command: list[str], env: dict[str, str] | None = None, cwd: Path | None = None) -> None:
    print("+", " ".join(command), flush=True)
    subprocess.run(command, env=env, cwd=cwd, check=True)


def copy_tree(to: Path) -> None:
    """What git knows, and what is new, without compiled modules. Unchanged files keep their time, so little is compiled again."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True)
    names = {name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()}
    for name in names:
        target = to / name
        if target.exists() and target.read_bytes() == (ROOT / name).read_bytes():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, target)
    for old in [path for part in ("zmq", "tests") for path in (to / part).rglob("*.p*") if path.suffix in (".py", ".pyx", ".pxd")]:
        if str(old.relative_to(to)) not in names:
            old.unlink()


def interpreter(work: Path, python: str) -> str:
    """The interpreter of a virtual environment with what building and testing need."""
    venv = work / "venv"
    program = venv / "bin" / "python"
    if not program.exists():
        run([python, "-m", "venv", str(venv)])
        run([str(program), "-m", "pip", "install", "-q", "--upgrade", *NEEDED])
    return str(program)


def library(name: str) -> str:
    """The path of one of the compiler's libraries."""
    answer = subprocess.run([os.environ.get("CC", "gcc"), f"-print-file-name={name}"], capture_output=True, check=True, text=True)
    path = answer.stdout.strip()
    if not os.path.isabs(path):
        raise SystemExit(f"{name} is missing: install the compiler's sanitizer runtime (Debian: libgcc-12-dev)")
    return os.path.realpath(path)


def main() -> int:
    known = variants()
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("variant", choices=known)
    parser.add_argument("--python", default=sys.executable, help="the interpreter to make the environment with")
    parser.add_argument(
        "--work", type=Path, default=Path(tempfile.gettempdir()) / f"pyzmq-sanitizers-{os.getuid()}", help="kept between runs"
    )
    arguments, selection = parser.parse_known_args()
    variant = known[arguments.variant]
    if variant.before and shutil.which(variant.before[0]) is None:
        raise SystemExit(f"{variant.before[0]} is not installed (Debian: apt-get install {variant.before[0]})")
    arguments.work.mkdir(parents=True, exist_ok=True)
    python = interpreter(arguments.work, arguments.python)
    tree = arguments.work / arguments.variant
    copy_tree(tree)
    run([python, "setup.py", "-q", "build_ext", "--inplace"], {**os.environ, **variant.build}, tree)
    env = {**os.environ, **variant.env, "PYTHONPATH": str(tree), "HYPOTHESIS_STORAGE_DIRECTORY": str(arguments.work / "hypothesis")}
    if variant.preload:
        env["LD_PRELOAD"] = " ".join(library(name) for name in variant.preload)
    reports = arguments.work / f"{arguments.variant}-reports"
    shutil.rmtree(reports, ignore_errors=True)
    reports.mkdir()
    for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS"):
        if name in variant.env:
            # into files: pytest keeps what a dying process wrote to standard error, and a child's must be empty
            env[name] += f":log_path={reports / 'report'}"
    tests = selection or [*variant.tests, *(f"--ignore={name}" for name in NO_SENSE)]
    command = [*variant.before, python, *variant.options, "-m", "pytest", "-v", "-p", "no:cacheprovider", *variant.extra, *tests]
    print("+", " ".join(command), flush=True)
    status = subprocess.run(command, env=env, cwd=tree).returncode
    found = sorted(reports.iterdir())
    for report in found[:20]:
        print(f"==== {report}\n{report.read_text(errors='replace')[:4000]}")
    print(f"pytest ended with {status}; {len(found)} reports in {reports}")
    return status or bool(found)


if __name__ == "__main__":
    raise SystemExit(main())
