"""The workloads of `python -m zmq bench`, in files that any interpreter's `zmq` can run; awaited.py has those of event loops.

Imports only the standard library, `zmq` and (for the array workloads) numpy, and nothing of this
package by a relative name, so that a rival is measured by the very same lines:

    other/bin/python workloads.py list
    other/bin/python workloads.py about
    other/bin/python workloads.py run inproc_pair_16 --seconds 0.5

`run` prints one JSON object per workload. Each workload calibrates its own number of operations,
which also warms it up; the garbage collector and the CPU affinity stay as the interpreter has them.
Loops go over `repeat(None, count)`, as timeit's do: making the numbers of a range is not what is measured.
`limit.c` has the same loops in C under the same names.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import repeat
from time import perf_counter, sleep
from typing import IO, Any

import zmq

MIB = 1 << 20
# In flight at most this much on each side of a connection: the default mark of 1000 messages
# would let 1 MiB messages fill two gigabytes.
QUEUE_BYTES = 64 * MIB
# A peer that died must fail the workload, not hang it.
PEER_TIMEOUT_MS = 60_000


@dataclass(frozen=True)
class Workload:
    """A named loop: what it measures, in which unit, and which direction is better."""

    name: str
    measures: str
    unit: str
    higher_is_better: bool
    in_c: bool
    run: Callable[[Pace], float]

    @property
    def needs_numpy(self) -> bool:
        """Whether the workload sends arrays."""
        return "numpy" in self.name


@dataclass(frozen=True)
class Pace:
    """How long to measure; `quick` does a handful of operations and no calibration."""

    seconds: float = 0.5
    quick: bool = False

    def rate(self, loop: Callable[[int], float], first: int = 16) -> float:
        """Operations per second of `loop(count)`, which returns the seconds that it took.

        The count grows until a run is long enough to extrapolate from; the last run counts.
        """
        if self.quick:
            return first / loop(first)
        count = first
        elapsed = loop(count)
        while elapsed < self.seconds / 4:
            # At most tenfold: the first runs are cold and would mislead.
            grow = min(10.0, self.seconds / 3 / max(elapsed, 1e-9))
            count = max(count + 1, int(count * grow))
            elapsed = loop(count)
        count = max(1, int(count * self.seconds / elapsed))
        return count / loop(count)


WORKLOADS: dict[str, Workload] = {}


def workload(
    measures: str, unit: str, *, higher_is_better: bool = True, in_c: bool = False
) -> Callable[[Callable[[Pace], float]], Callable[[Pace], float]]:
    """Register the decorated function under its own name."""

    def register(run: Callable[[Pace], float]) -> Callable[[Pace], float]:
        name = run.__name__
        WORKLOADS[name] = Workload(name, measures, unit, higher_is_better, in_c, run)
        return run

    return register


@contextlib.contextmanager
def inproc_pair() -> Iterator[tuple[Any, Any]]:
    """Two connected PAIR sockets of one thread."""
    with (
        zmq.Context() as context,
        context.socket(zmq.PAIR) as left,
        context.socket(zmq.PAIR) as right,
    ):
        left.bind("inproc://bench")
        right.connect("inproc://bench")
        yield left, right


# --- one thread -------------------------------------------------------------------------------


@workload("send + recv, inproc PAIR, 16 bytes, one thread", "pairs/s", in_c=True)
def inproc_pair_16(pace: Pace) -> float:
    payload = b"x" * 16
    with inproc_pair() as (left, right):
        send, recv = left.send, right.recv

        def loop(count: int) -> float:
            start = perf_counter()
            for _ in repeat(None, count):
                send(payload)
                recv()
            return perf_counter() - start

        return pace.rate(loop)


@workload("send_multipart + recv_multipart, 4 frames of 16 bytes", "messages/s", in_c=True)
def inproc_multipart_4x16(pace: Pace) -> float:
    parts = [b"x" * 16] * 4
    with inproc_pair() as (left, right):
        send, recv = left.send_multipart, right.recv_multipart

        def loop(count: int) -> float:
            start = perf_counter()
            for _ in repeat(None, count):
                send(parts)
                recv()
            return perf_counter() - start

        return pace.rate(loop)


@workload("1 MiB numpy array, send(copy=False), recv(copy=False), inproc", "messages/s")
def inproc_numpy_1M(pace: Pace) -> float:
    import numpy

    array = numpy.ones(MIB, numpy.uint8)
    with inproc_pair() as (left, right):
        send, recv = left.send, right.recv

        def loop(count: int) -> float:
            start = perf_counter()
            for _ in repeat(None, count):
                send(array, copy=False)
                recv(copy=False)
            return perf_counter() - start

        return pace.rate(loop)


@workload("1 MiB bytes, plain send and recv, inproc", "messages/s", in_c=True)
def inproc_bytes_1M(pace: Pace) -> float:
    payload = b"x" * MIB
    with inproc_pair() as (left, right):
        send, recv = left.send, right.recv

        def loop(count: int) -> float:
            start = perf_counter()
            for _ in repeat(None, count):
                send(payload)
                recv()
            return perf_counter() - start

        return pace.rate(loop)


@workload(
    "time of a send(copy=False) of 256 MiB over that of 1 MiB",
    "x",
    higher_is_better=False,
)
def zero_copy_cost(pace: Pace) -> float:
    rates = []
    for size in (MIB, 256 * MIB):
        payload = bytearray(size)
        with inproc_pair() as (left, right):
            send, recv = left.send, right.recv

            def loop(count: int) -> float:
                start = perf_counter()
                for _ in repeat(None, count):
                    send(payload, copy=False)  # noqa: B023 - called within this round only
                    recv(copy=False)  # noqa: B023
                return perf_counter() - start

            rates.append(pace.rate(loop))
    return rates[0] / rates[1]


# --- two processes ----------------------------------------------------------------------------


@contextlib.contextmanager
def peer_process(role: str, endpoint: str, size: int) -> Iterator[Callable[[int], None]]:
    """The other process of a TCP workload; yields what asks it for so many operations."""
    command = [sys.executable, os.path.abspath(__file__), "peer", role, endpoint, str(size)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, text=True)
    orders = process.stdin
    assert orders is not None

    def start(count: int) -> None:
        print(count, file=orders, flush=True)

    try:
        yield start
    finally:
        orders.close()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def peer(role: str, endpoint: str, size: int, lines: IO[str]) -> None:
    """Run the far end of a TCP workload until `lines` ends."""
    kind = zmq.PUSH if role == "push" else zmq.REP
    payload = b"x" * size
    with zmq.Context() as context, context.socket(kind) as socket:
        tune(socket, size)
        socket.connect(endpoint)
        send, recv = socket.send, socket.recv
        for line in lines:
            if role == "push":
                for _ in repeat(None, int(line)):
                    send(payload)
            else:
                for _ in repeat(None, int(line)):
                    send(recv())


def tune(socket: Any, size: int) -> None:
    """Bound what is queued, and what is waited for."""
    socket.hwm = max(4, min(1000, QUEUE_BYTES // size))
    socket.linger = 0
    socket.rcvtimeo = socket.sndtimeo = PEER_TIMEOUT_MS


def push_pull(pace: Pace, size: int) -> float:
    """Messages per second at the receiver, from its first message to its last."""
    with zmq.Context() as context, context.socket(zmq.PULL) as socket:
        tune(socket, size)
        port = socket.bind_to_random_port("tcp://127.0.0.1")
        with peer_process("push", f"tcp://127.0.0.1:{port}", size) as start_peer:
            recv = socket.recv

            def loop(count: int) -> float:
                start_peer(count + 1)
                recv()
                start = perf_counter()
                for _ in repeat(None, count):
                    recv()
                return perf_counter() - start

            return pace.rate(loop)


@workload("PUSH/PULL, tcp, two processes, 16 bytes", "messages/s", in_c=True)
def tcp_push_pull_16(pace: Pace) -> float:
    return push_pull(pace, 16)


@workload("PUSH/PULL, tcp, two processes, 1 KiB", "messages/s", in_c=True)
def tcp_push_pull_1k(pace: Pace) -> float:
    return push_pull(pace, 1 << 10)


@workload("PUSH/PULL, tcp, two processes, 64 KiB", "messages/s", in_c=True)
def tcp_push_pull_64k(pace: Pace) -> float:
    return push_pull(pace, 1 << 16)


@workload("PUSH/PULL, tcp, two processes, 1 MiB", "messages/s", in_c=True)
def tcp_push_pull_1M(pace: Pace) -> float:
    return push_pull(pace, MIB)


@workload("REQ/REP round trip, tcp, two processes, 16 bytes", "round trips/s", in_c=True)
def tcp_reqrep_16(pace: Pace) -> float:
    payload = b"x" * 16
    with zmq.Context() as context, context.socket(zmq.REQ) as socket:
        tune(socket, 16)
        port = socket.bind_to_random_port("tcp://127.0.0.1")
        with peer_process("rep", f"tcp://127.0.0.1:{port}", 16) as start_peer:
            send, recv = socket.send, socket.recv

            def loop(count: int) -> float:
                # One more than is timed: the first waits for the peer to start.
                start_peer(count + 1)
                send(payload)
                recv()
                start = perf_counter()
                for _ in repeat(None, count):
                    send(payload)
                    recv()
                return perf_counter() - start

            return pace.rate(loop)


@workload("recv_many(500), tcp, two processes, 16 bytes", "messages/s")
def tcp_recv_many_16(pace: Pace) -> float:
    with zmq.Context() as context, context.socket(zmq.PULL) as socket:
        tune(socket, 16)
        port = socket.bind_to_random_port("tcp://127.0.0.1")
        with peer_process("push", f"tcp://127.0.0.1:{port}", 16) as start_peer:
            recv = socket.recv
            # a rival without it receives one by one
            recv_many = getattr(socket, "recv_many", lambda n: [recv()])

            def loop(count: int) -> float:
                start_peer(count + 1)
                recv()
                start = perf_counter()
                left = count
                while left:
                    left -= len(recv_many(min(left, 500)))
                return perf_counter() - start

            return pace.rate(loop)


# --- polling, options, sockets ----------------------------------------------------------------


def poll_idle(pace: Pace, sockets: int) -> float:
    """Poller.poll(0) calls per second over idle sockets."""
    raise_descriptor_limit()
    with contextlib.ExitStack() as stack:
        context = stack.enter_context(zmq.Context())
        poller = zmq.Poller()
        for _ in range(sockets):
            poller.register(stack.enter_context(context.socket(zmq.PULL)), zmq.POLLIN)
        poll = poller.poll

        def loop(count: int) -> float:
            start = perf_counter()
            for _ in repeat(None, count):
                poll(0)
            return perf_counter() - start

        return pace.rate(loop)


def raise_descriptor_limit() -> None:
    """A thousand sockets need as many descriptors; the soft limit is often 1024."""
    try:
        import resource
    except ImportError:
        return  # Windows, which has no such limit
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < 4096:
        limit = 4096 if hard == resource.RLIM_INFINITY else min(4096, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))


@workload("Poller.poll(0), one idle socket", "calls/s", in_c=True)
def poll0_1(pace: Pace) -> float:
    return poll_idle(pace, 1)


@workload("Poller.poll(0), 1000 idle sockets", "calls/s", in_c=True)
def poll0_1000(pace: Pace) -> float:
    return poll_idle(pace, 1000)


@workload("reading socket.linger", "reads/s")
def option_linger(pace: Pace) -> float:
    with zmq.Context() as context, context.socket(zmq.PAIR) as socket:

        def loop(count: int) -> float:
            start = perf_counter()
            for _ in repeat(None, count):
                socket.linger  # noqa: B018 - the read is what is measured
            return perf_counter() - start

        return pace.rate(loop)


@workload("Context.socket() + close()", "sockets/s", in_c=True)
def socket_create_close(pace: Pace) -> float:
    raise_descriptor_limit()
    with zmq.Context() as context:

        def loop(count: int) -> float:
            start = perf_counter()
            for _ in repeat(None, count):
                while True:
                    try:
                        context.socket(zmq.PAIR).close()
                        break
                    except zmq.ZMQError as error:
                        # libzmq frees a closed socket in its own thread, which may be behind:
                        # its time belongs to the price of a socket.
                        if error.errno != errno.EMFILE:
                            raise
                        sleep(0.0002)
            return perf_counter() - start

        return pace.rate(loop)


# --- import -----------------------------------------------------------------------------------

# The peak of this process image alone: ru_maxrss would include the parent's memory, which a
# child inherits at exec.
PEAK_MEMORY = """
import zmq
try:
    with open("/proc/self/status") as status:
        print(next(int(line.split()[1]) for line in status if line.startswith("VmHWM")))
except OSError:
    import resource, sys
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(peak // 1024 if sys.platform == "darwin" else peak)
"""


def fresh_interpreter(code: str, directory: str) -> str:
    """Run `code` in a new interpreter, in a directory outside any source tree, and return its output."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=directory,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout


@workload("a whole process: python -c 'import zmq'", "s", higher_is_better=False)
def import_time(pace: Pace) -> float:
    times = []
    with tempfile.TemporaryDirectory() as empty:
        for _ in range(1 if pace.quick else max(3, int(pace.seconds * 16))):
            start = perf_counter()
            fresh_interpreter("import zmq", empty)
            times.append(perf_counter() - start)
    return statistics.median(times)


@workload("peak resident memory of python -c 'import zmq'", "KiB", higher_is_better=False)
def import_peak_memory(pace: Pace) -> float:
    with tempfile.TemporaryDirectory() as empty:
        peaks = [int(fresh_interpreter(PEAK_MEMORY, empty)) for _ in range(1 if pace.quick else 3)]
    return float(statistics.median(peaks))


# --- event loops ------------------------------------------------------------------------------

if __package__:
    from . import awaited
else:  # run as a program, by whatever interpreter
    import awaited  # type: ignore[import-not-found,no-redef]

awaited.define(workload, peer_process, tune)


# --- command line -----------------------------------------------------------------------------


def about() -> dict[str, str]:
    """Which interpreter and libraries these figures belong to.

    `path` is where the code that was compiled is: of ours its core, of another zmq the package.
    """
    compiled = sys.modules.get("zmq._core._lib", zmq).__file__
    return {
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "executable": sys.executable,
        "pyzmq": zmq.pyzmq_version(),
        "libzmq": zmq.zmq_version(),
        "path": os.path.dirname(os.path.abspath(str(compiled))),
    }


def describe(item: Workload) -> dict[str, object]:
    """The registered facts of a workload, as JSON has them."""
    return {
        "name": item.name,
        "measures": item.measures,
        "unit": item.unit,
        "higher_is_better": item.higher_is_better,
        "in_c": item.in_c,
    }


def main(argv: list[str] | None = None) -> int:
    """Serve `bench.py`, or somebody who runs this file by hand."""
    parser = argparse.ArgumentParser(prog="workloads.py", description="zmq workloads, one by one")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="print every workload as JSON, one a line")
    commands.add_parser("about", help="print the versions in use as JSON")
    run = commands.add_parser("run", help="measure and print one JSON object per workload")
    run.add_argument("workloads", nargs="+", choices=sorted(WORKLOADS), metavar="WORKLOAD")
    run.add_argument("--seconds", type=float, default=0.5, help="length of a run (default 0.5)")
    run.add_argument("--quick", action="store_true", help="a few operations, no calibration")
    far = commands.add_parser("peer", help="the other process of a tcp workload")
    far.add_argument("role", choices=("push", "rep"))
    far.add_argument("endpoint")
    far.add_argument("size", type=int)
    args = parser.parse_args(argv)

    if args.command == "list":
        for item in WORKLOADS.values():
            print(json.dumps(describe(item)))
    elif args.command == "about":
        print(json.dumps(about()))
    elif args.command == "peer":
        peer(args.role, args.endpoint, args.size, sys.stdin)
    else:
        pace = Pace(args.seconds, args.quick)
        for name in args.workloads:
            value = WORKLOADS[name].run(pace)
            print(json.dumps({"name": name, "value": value}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
