"""`python -m zmq demo`: hash a tree of files over worker processes, without copying them here.

Every file is memory-mapped and sent as a numpy array with `copy=False`; workers hash it in the
frame that libzmq received. At the end each digest is compared with one of the file itself.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import zmq

from . import CommandError
from .demo_files import Task, digest_of_file, find
from .demo_run import Plan, Report, Result, RunFailed, execute

MOST_WORKERS = 256
MEGABYTE = 1_000_000


def main(argv: Sequence[str]) -> int:
    """Run the demo; 1 if a digest is missing or wrong."""
    args = build_parser().parse_args(argv)
    if not 1 <= args.workers <= MOST_WORKERS:
        raise CommandError(f"--workers {args.workers}: give 1 to {MOST_WORKERS}")
    numpy, tqdm = _libraries()
    path = args.path or Path(numpy.__file__).parent
    tasks, skipped = find(path)
    try:
        with _addresses(args.transport) as address, _bar(tqdm, "hashing", tasks) as bar:
            plan = Plan(
                tasks,
                workers=args.workers,
                timeout=args.timeout,
                address=address,
                on_result=lambda result: bar.update(result.nbytes),
                warn=lambda text: tqdm.write(text, file=sys.stderr),
            )
            report = execute(plan)
        with _bar(tqdm, "checking", tasks) as bar:
            wrong = list(_mismatches(report.results, bar))
    except RunFailed as error:
        print(f"python -m zmq demo: {error}", file=sys.stderr)
        return 1
    _print_table(report, args.transport)
    if skipped:
        print(f"{skipped} sockets, pipes or devices were skipped")
    if wrong:
        for task in wrong:
            print(f"differs: {task}")
        print(f"{len(wrong)} of {len(tasks)} digests differ from their file (was it changed?)")
        return 1
    print(f"all {len(tasks)} digests agree with the files")
    return 0


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m zmq demo",
        description="Hash every file under PATH over worker processes and check the digests.",
    )
    parser.add_argument(
        "path", nargs="?", type=Path, metavar="PATH", help="default: the installed numpy package"
    )
    default = max(2, min(4, os.cpu_count() or 1))
    parser.add_argument(
        "--workers",
        type=int,
        default=default,
        metavar="N",
        help="the most worker processes at a time; half of them begin (default %(default)s)",
    )
    parser.add_argument("--transport", choices=("tcp", "ipc"), default="tcp")
    parser.add_argument(
        "--timeout",
        type=float,
        default=60.0,
        metavar="SECONDS",
        help="give up when nothing comes back for so long (default %(default)g)",
    )
    return parser


def _libraries() -> tuple[Any, Any]:
    try:
        import numpy
        from tqdm import tqdm  # type: ignore[import-untyped,unused-ignore] # has no types
    except ImportError as error:
        raise CommandError(
            f"the demo needs {error.name}: python -m pip install 'pyzmq[numpy]'"
        ) from error
    return numpy, tqdm


@contextlib.contextmanager
def _addresses(transport: str) -> Iterator[Callable[[str], str]]:
    """A function from a socket's role to the address to bind."""
    if transport == "tcp":
        yield lambda role: "tcp://127.0.0.1:*"
    elif not zmq.has("ipc"):
        raise CommandError("this libzmq has no ipc transport; use --transport tcp")
    else:
        with tempfile.TemporaryDirectory(prefix="zmq-demo-") as directory:
            yield lambda role: f"ipc://{directory}/{role}"


def _bar(tqdm: Any, what: str, tasks: Sequence[Task]) -> Any:
    """A progress bar in bytes; `disable=None` shows it on a terminal only."""
    total = sum(task.nbytes for task in tasks)
    return tqdm(total=total, desc=what, unit="B", unit_scale=True, disable=None, leave=False)


def _mismatches(results: Iterable[Result], bar: Any) -> Iterator[Task]:
    for result in results:
        if result.digest != digest_of_file(result.task.path, result.nbytes):
            yield result.task
        bar.update(result.nbytes)


def _print_table(report: Report, transport: str) -> None:
    rows = [("worker", "files", "MB", "MB/s", "")]
    for worker in report.workers:
        rows.append(
            (
                worker.name,
                f"{worker.files:,}",
                f"{worker.nbytes / MEGABYTE:,.1f}",
                _speed(worker.nbytes, worker.seconds),
                worker.state,
            )
        )
    files = sum(worker.files for worker in report.workers)
    nbytes = sum(worker.nbytes for worker in report.workers)
    rows.append(
        (
            "all",
            f"{files:,}",
            f"{nbytes / MEGABYTE:,.1f}",
            _speed(nbytes, report.seconds),
            f"{nbytes:,} bytes in {report.seconds:.2f} s over {transport}",
        )
    )
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for name, *figures, note in rows:
        cells = [figure.rjust(width) for figure, width in zip(figures, widths[1:], strict=True)]
        print("  ".join([name.ljust(widths[0]), *cells, note]).rstrip())


def _speed(nbytes: int, seconds: float) -> str:
    return f"{nbytes / MEGABYTE / seconds:,.0f}" if seconds else "-"
