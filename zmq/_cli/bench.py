"""`python -m zmq bench`: how fast this build is, beside a rival and beside C.

Every sample is a fresh process that runs one workload of `workloads.py`. Ours, the rival's and C's
samples alternate, and who begins alternates too, so that a machine that warms up or slows down
does so for all of them.
"""

from __future__ import annotations

import argparse
import datetime
import fnmatch
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import zmq

from . import CommandError, workloads
from .limit import Limit, NoLimit, build
from .workloads import WORKLOADS, Workload

SCRIPT = Path(__file__).with_name("workloads.py")
FEWEST_PAIRS = 5
SAMPLE_TIMEOUT = 180
OURS, RIVAL, LIMIT = "ours", "rival", "c"


class SampleFailed(Exception):
    """One measurement did not produce a number; the text has the last line it printed."""


@dataclass(frozen=True)
class Interpreter:
    """An interpreter whose `zmq` is measured."""

    executable: str
    environment: dict[str, str]
    directory: Path

    def ask(self, *arguments: str) -> Any:
        """Run workloads.py and decode the last JSON line that it printed."""
        try:
            done = subprocess.run(
                [self.executable, str(SCRIPT), *arguments],
                env=self.environment,
                # Not the user's directory: a source tree there would be imported instead.
                cwd=self.directory,
                capture_output=True,
                text=True,
                timeout=SAMPLE_TIMEOUT,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise SampleFailed(str(error)) from error
        if done.returncode:
            words = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
            raise SampleFailed(words[-1])
        return json.loads(done.stdout.splitlines()[-1])

    def measure(self, workload: str, seconds: float) -> float:
        """One sample of one workload; `seconds` 0 asks for a handful of operations."""
        pace = ["--seconds", str(seconds)] if seconds else ["--quick"]
        return float(self.ask("run", workload, *pace)["value"])


@dataclass
class Series:
    """The samples of one workload."""

    workload: Workload
    samples: dict[str, list[float]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)

    def median(self, who: str) -> float | None:
        """The median of one contender, or None if it was not measured."""
        values = self.samples.get(who)
        return statistics.median(values) if values else None

    def ratio(self, against: str) -> float | None:
        """Our median over another's; above 1 means we are ahead only where higher is better."""
        ours, theirs = self.median(OURS), self.median(against)
        return ours / theirs if ours is not None and theirs else None

    def as_json(self) -> dict[str, object]:
        """The series as the report file has it."""
        contenders = {
            who: {
                "median": statistics.median(values),
                "min": min(values),
                "max": max(values),
                "samples": values,
            }
            for who, values in self.samples.items()
            if values
        }
        return {
            "measures": self.workload.measures,
            "unit": self.workload.unit,
            "higher_is_better": self.workload.higher_is_better,
            **contenders,
            "ratio_to_rival": self.ratio(RIVAL),
            "ratio_to_c": self.ratio(LIMIT),
            "failures": self.failures,
        }


def main(argv: Sequence[str]) -> int:
    """Measure, print the table, write the file; 1 if a workload failed."""
    args = build_parser().parse_args(argv)
    chosen = _choose(args.workloads)
    if args.list:
        for item in chosen:
            print(f"{item.name:24} {item.measures}")
        return 0
    pairs = 1 if args.quick and args.pairs is None else args.pairs or FEWEST_PAIRS
    if pairs < FEWEST_PAIRS and not args.quick:
        raise CommandError(f"--pairs {pairs} is too few for a median; give {FEWEST_PAIRS} or more")
    with tempfile.TemporaryDirectory(prefix="zmq-bench-") as name:
        directory = Path(name)
        contenders: dict[str, Callable[[str, float], float]] = {}
        ours = Interpreter(sys.executable, _environment(keep_path=True), directory)
        about: dict[str, Any] = {OURS: _about(ours, "this interpreter")}
        contenders[OURS] = ours.measure
        _check_same(about[OURS])
        if args.against:
            rival = _rival(args.against, directory)
            about[RIVAL] = _about(rival, f"--against {args.against}")
            if about[RIVAL]["path"] == about[OURS]["path"]:
                raise CommandError(
                    f"--against {args.against} imports the same zmq ({about[OURS]['path']});"
                    " give the interpreter of another environment"
                )
            contenders[RIVAL] = rival.measure
        limit = _limit(directory, args.libzmq, about)
        if limit is not None:
            contenders[LIMIT] = limit.run
        seconds = 0.0 if args.quick else args.seconds
        series = _measure(chosen, contenders, pairs, seconds)
    _print_table(series, about)
    if args.json:
        report = _report(series, about, pairs, seconds)
        Path(args.json).write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
        print(f"\nwritten to {args.json}")
    return 1 if any(item.failures for item in series) else 0


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m zmq bench",
        description="Measure this build of zmq, beside another one and beside C.",
    )
    parser.add_argument(
        "workloads", nargs="*", metavar="WORKLOAD", help="names or patterns such as 'tcp_*'"
    )
    parser.add_argument("--list", action="store_true", help="name the workloads and end")
    parser.add_argument(
        "--against", metavar="PYTHON", help="an interpreter that has another zmq installed"
    )
    parser.add_argument(
        "--pairs", type=int, metavar="N", help=f"samples of each, at least {FEWEST_PAIRS}"
    )
    parser.add_argument(
        "--seconds", type=float, default=0.5, help="length of one sample (default 0.5)"
    )
    parser.add_argument("--json", metavar="FILE", help="write every sample and the machine to FILE")
    parser.add_argument(
        "--libzmq",
        metavar="PREFIX",
        type=Path,
        help="link the C program with the libzmq in PREFIX"
        " (default: the build cache, else pkg-config)",
    )
    parser.add_argument(
        "--quick", action="store_true", help="a few operations each: does it run? no figures"
    )
    return parser


def _choose(patterns: Sequence[str]) -> list[Workload]:
    """The workloads that match any of the patterns, in the file's order."""
    for pattern in patterns:
        if not fnmatch.filter(WORKLOADS, pattern):
            raise CommandError(f"no workload {pattern!r}; --list names them")
    return [
        item
        for item in WORKLOADS.values()
        if not patterns or any(fnmatch.fnmatch(item.name, pattern) for pattern in patterns)
    ]


def _environment(*, keep_path: bool) -> dict[str, str]:
    """The environment of a sample: PYTHONPATH made absolute for ours, absent for the rival.

    The rival must not find this package through it, and the samples run in another directory.
    """
    environment = dict(os.environ)
    # Without its byte code a package is compiled at every import, and that would be measured.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    path = environment.pop("PYTHONPATH", "")
    if path and keep_path:
        entries = [os.path.abspath(entry) for entry in path.split(os.pathsep) if entry]
        environment["PYTHONPATH"] = os.pathsep.join(entries)
    return environment


def _rival(executable: str, directory: Path) -> Interpreter:
    found = shutil.which(executable)
    if found is None:
        raise CommandError(f"--against {executable}: no such interpreter")
    # Absolute but not resolved: a virtual environment's interpreter is a symbolic link.
    return Interpreter(os.path.abspath(found), _environment(keep_path=False), directory)


def _about(interpreter: Interpreter, label: str) -> dict[str, str]:
    try:
        about: dict[str, str] = interpreter.ask("about")
    except SampleFailed as error:
        raise CommandError(f"{label} cannot run the workloads: {error}") from error
    return about


def _check_same(about: dict[str, str]) -> None:
    """The samples must import the package that the user started."""
    here = workloads.about()["path"]
    if about["path"] != here:
        raise CommandError(
            f"this command uses {here}, but a new process would use {about['path']};"
            " install the package (python -m pip install -e .) or set PYTHONPATH"
        )


def _limit(directory: Path, prefix: Path | None, about: dict[str, Any]) -> Limit | None:
    """The C program, or a line that says why there is none."""
    try:
        limit = build(directory, prefix)
    except NoLimit as error:
        if prefix is not None:
            raise CommandError(f"--libzmq {prefix}: {error}") from error
        about[LIMIT] = {"missing": str(error)}
        _say(f"no comparison with C: {error}")
        return None
    about[LIMIT] = {"libzmq": limit.version, "origin": limit.origin}
    if limit.version != zmq.zmq_version():
        _say(f"note: C runs libzmq {limit.version}, this package {zmq.zmq_version()}")
    return limit


def _measure(
    chosen: Sequence[Workload],
    contenders: dict[str, Callable[[str, float], float]],
    pairs: int,
    seconds: float,
) -> list[Series]:
    """All samples of all workloads, contenders alternating."""
    result = []
    for item in chosen:
        series = Series(item)
        order = [who for who in contenders if who != LIMIT or item.in_c]
        for number in range(pairs):
            _say(f"{item.name} {number + 1}/{pairs}", transient=True)
            for who in order if number % 2 == 0 else reversed(order):
                if who in series.failures:
                    continue
                try:
                    value = contenders[who](item.name, seconds)
                except (SampleFailed, NoLimit) as error:
                    series.failures[who] = str(error)
                else:
                    series.samples.setdefault(who, []).append(value)
        for who, why in series.failures.items():
            _say(f"{item.name}: {who} failed: {why}")
        result.append(series)
    _say("", transient=True)
    return result


def _say(text: str, *, transient: bool = False) -> None:
    """A line for who watches; transient ones only on a terminal, each over the last."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="" if transient else "\n", file=sys.stderr, flush=True)
    elif not transient:
        print(text, file=sys.stderr, flush=True)


def _print_table(series: Sequence[Series], about: dict[str, Any]) -> None:
    print(_title("ours", about[OURS]))
    if RIVAL in about:
        print(_title("rival", about[RIVAL]))
    if "libzmq" in about[LIMIT]:
        print(f"c      libzmq {about[LIMIT]['libzmq']}, {about[LIMIT]['origin']}")
    print("\nmedian ±half of the range of the samples; ratio = ours / theirs\n")
    head = ["workload", "unit", "better", "ours", "rival", "ratio", "C", "ratio"]
    rows = [head]
    for item in series:
        rows.append(
            [
                item.workload.name,
                item.workload.unit,
                "higher" if item.workload.higher_is_better else "lower",
                _spread(item, OURS),
                _spread(item, RIVAL),
                _ratio(item.ratio(RIVAL)),
                _spread(item, LIMIT),
                _ratio(item.ratio(LIMIT)),
            ]
        )
    # Columns in which nothing was measured only take space.
    kept = [index for index in range(len(head)) if any(row[index] for row in rows[1:])]
    widths = [max(len(row[index]) for row in rows) for index in range(len(head))]
    for row in rows:
        print("  ".join(row[index].ljust(widths[index]) for index in kept).rstrip())


def _title(who: str, about: dict[str, str]) -> str:
    return (
        f"{who:6} pyzmq {about['pyzmq']}, libzmq {about['libzmq']},"
        f" {about['implementation']} {about['python']}, {about['path']}"
    )


def _spread(series: Series, who: str) -> str:
    values = series.samples.get(who)
    if not values:
        return "failed" if who in series.failures else ""
    median = statistics.median(values)
    spread = 50 * (max(values) - min(values)) / median
    return f"{_number(median)} ±{spread:.0f}%" if len(values) > 1 else _number(median)


def _number(value: float) -> str:
    """Three or more significant digits, thousands separated."""
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _ratio(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}x"


def _report(
    series: Sequence[Series], about: dict[str, Any], pairs: int, seconds: float
) -> dict[str, object]:
    return {
        "format": 1,
        "when": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "machine": _machine(),
        "about": about,
        "pairs": pairs,
        "seconds": seconds,
        "workloads": {item.workload.name: item.as_json() for item in series},
    }


def _machine() -> dict[str, object]:
    return {
        "system": platform.platform(),
        "machine": platform.machine(),
        "processor": _processor(),
        "cpus": os.cpu_count(),
        "load": list(os.getloadavg()) if hasattr(os, "getloadavg") else None,
    }


def _processor() -> str:
    """The processor's name; Linux keeps it where `platform` does not look."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            for line in lines:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        return platform.processor()
    return platform.processor()
