"""Runs in a child process: every call of libzmq in a scenario fails in turn, with every errno that it may have.

A scenario is a generator. It sets up sockets and yields an action; the action runs under the fault; the scenario gets the outcome
back and checks what must hold whatever happened. A first run without a fault counts the calls.
"""

from __future__ import annotations

import ctypes
import errno
import faulthandler
import gc
import json
import os
import signal
import sys
import time
import warnings
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import zmq
from zmq._core import _lib, handle, release

faults: Any = _lib  # has three functions more in a build with faults

#: What a call may fail with: its manual page, without what only a wrong argument of ours could cause.
ERRORS: dict[str, tuple[int, ...]] = {
    "zmq_ctx_new": (errno.ENOMEM, errno.EMFILE),
    "zmq_ctx_term": (errno.EINTR, errno.EFAULT),
    "zmq_ctx_set": (errno.EINVAL, errno.EFAULT),
    "zmq_ctx_get": (errno.EINVAL, errno.EFAULT),
    "zmq_msg_init_size": (errno.ENOMEM,),
    "zmq_msg_init_data": (errno.ENOMEM,),
    "zmq_msg_send": (
        errno.EINTR,
        errno.EAGAIN,
        zmq.ETERM,
        zmq.ENOTSOCK,
        zmq.EFSM,
        errno.EINVAL,
        errno.EHOSTUNREACH,
        errno.EFAULT,
        zmq.ENOTSUP,
    ),
    "zmq_msg_recv": (errno.EINTR, errno.EAGAIN, zmq.ETERM, zmq.ENOTSOCK, zmq.EFSM, errno.EFAULT, zmq.ENOTSUP),
    "zmq_msg_close": (errno.EFAULT,),
    "zmq_msg_move": (errno.EFAULT,),
    "zmq_msg_copy": (errno.EFAULT,),
    "zmq_msg_get": (errno.EINVAL,),
    "zmq_msg_set": (errno.EINVAL,),
    "zmq_msg_gets": (errno.EINVAL,),
    "zmq_msg_set_routing_id": (errno.EINVAL,),
    "zmq_msg_set_group": (errno.EINVAL,),
    "zmq_socket": (errno.EMFILE, errno.ENOMEM, zmq.ETERM, errno.EINVAL, errno.EFAULT),
    "zmq_close": (zmq.ENOTSOCK,),
    "zmq_setsockopt": (errno.EINTR, errno.EINVAL, zmq.ETERM, zmq.ENOTSOCK),
    "zmq_getsockopt": (errno.EINTR, errno.EINVAL, zmq.ETERM, zmq.ENOTSOCK),
    "zmq_bind": (errno.EINTR, errno.EADDRINUSE, errno.EINVAL, errno.EMFILE, zmq.EMTHREAD, zmq.ETERM, zmq.ENOTSOCK),
    "zmq_connect": (errno.EINTR, errno.ECONNREFUSED, errno.EINVAL, errno.EMFILE, zmq.EMTHREAD, zmq.ETERM, zmq.ENOTSOCK),
    "zmq_unbind": (errno.EINTR, errno.ENOENT, errno.EINVAL, zmq.ETERM, zmq.ENOTSOCK),
    "zmq_disconnect": (errno.EINTR, errno.ENOENT, errno.EINVAL, zmq.ETERM, zmq.ENOTSOCK),
    "zmq_socket_monitor": (errno.EINVAL, errno.EADDRINUSE, zmq.ETERM, zmq.ENOTSOCK),
    "zmq_poll": (errno.EINTR, errno.EFAULT, zmq.ETERM, zmq.ENOTSOCK),
    "zmq_curve_keypair": (zmq.ENOTSUP,),
    "zmq_curve_public": (zmq.ENOTSUP, errno.EINVAL),
    "zmq_join": (errno.EINVAL, errno.EINTR, zmq.ETERM),
    "zmq_leave": (errno.EINVAL, errno.EINTR, zmq.ETERM),
    "zmq_connect_peer": (errno.EINVAL, zmq.ETERM, errno.EINTR),
    "zmq_poller_new": (errno.ENOMEM,),
    "zmq_poller_add": (errno.ENOMEM, errno.EINVAL, zmq.ENOTSOCK),
    "zmq_poller_fd": (errno.EFAULT, errno.EINVAL),
    "zmq_poller_destroy": (errno.EFAULT,),
}

#: After one of these the socket or the message is lost in earnest; what is left in it says nothing.
FATAL = {zmq.ETERM, zmq.ENOTSOCK, errno.EFAULT}

#: At most so many call sites of one function in a scenario.
SITES = 14

#: Seconds for one case, and for the whole process if Python no longer answers.
CASE_LIMIT = 20.0

#: A message this long is on the heap, so that a lost one shows.
BIG = 24 * 1024


class Hang(BaseException):
    """A case that took longer than CASE_LIMIT."""


@dataclass(frozen=True)
class Case:
    """The (skip+1)-th call of a function fails, and times - 1 more."""

    name: str
    error: int
    skip: int
    times: int

    def __str__(self) -> str:
        return f"{self.name} {errno.errorcode.get(self.error, self.error)} skip={self.skip} times={self.times}"


@dataclass
class Outcome:
    """How the action ended, and under which case."""

    case: Case | None
    value: Any = None
    error: BaseException | None = None

    @property
    def good(self) -> bool:
        return self.error is None

    @property
    def dead(self) -> bool:
        """Whether a real socket would be unusable, or the message torn by its peer's death, so that its content proves nothing."""
        case = self.case
        if case is None:
            return False
        middle = case.name in ("zmq_msg_send", "zmq_msg_recv") and case.skip > 0
        return case.error in FATAL or (middle and case.error != errno.EINTR)


class World:
    """A context and its sockets, for one run."""

    def __init__(self) -> None:
        self.contexts: list[Any] = []
        self.sockets: list[Any] = []
        self._context: Any = None

    @property
    def ctx(self) -> Any:
        if self._context is None:
            self._context = self.context()
        return self._context

    def context(self, *args: Any) -> Any:
        made: Any = zmq.Context(*args)
        self.contexts.append(made)
        return made

    def socket(self, kind: int, **options: Any) -> Any:
        return self.keep(self.ctx.socket(kind), **options)

    def keep(self, one: Any, **options: Any) -> Any:
        self.sockets.append(one)
        one.linger, one.rcvtimeo, one.sndtimeo = 0, 60, 60
        for name, value in options.items():
            setattr(one, name, value)
        return one

    def pair(self, first: int = zmq.PAIR, second: int = zmq.PAIR, transport: str = "inproc", **options: Any) -> tuple[Any, Any]:
        """The second one is bound; both are connected once a message can go through."""
        there = self.socket(second, **options)
        address = f"inproc://{id(there)}" if transport == "inproc" else "tcp://127.0.0.1:*"
        there.bind(address)
        here = self.socket(first, **options)
        here.connect(there.last_endpoint)
        return here, there

    def close(self) -> None:
        for one in self.sockets:
            one.close(0)
        for one in self.contexts:
            one.destroy(0)


Scenario = Callable[[World], Generator[Callable[[], Any], Outcome, None]]

#: Scenarios that wait for ever, and look for signals, when told that there is no room or no message.
PATIENT: set[Scenario] = set()


def whole(outcome: Outcome, sender: Any, receiver: Any, *messages: list[bytes]) -> None:
    """Only whole messages arrive: these if the action worked, else any first ones of them; then a marker."""
    if outcome.dead:
        return
    receiver.rcvtimeo = sender.sndtimeo = 10_000
    sender.send_multipart([b"the", b"end"])
    got: list[list[bytes]] = []
    while got[-1:] != [[b"the", b"end"]]:
        try:
            got.append(receiver.recv_multipart())
        except zmq.Again:
            raise AssertionError(f"the marker did not arrive as a message of its own: {_shape(got)}") from None
    got.pop()
    expected = list(messages) if outcome.good else list(messages)[: len(got)]
    assert got == expected, f"arrived: {_shape(got)}"


def unpinned(data: bytearray, deadline: float = 10.0) -> None:
    """Nobody holds the memory any more, once libzmq's threads have closed what it was queued in."""
    end = time.monotonic() + deadline
    while True:
        release.live_buffers()  # drains
        try:
            data.extend(b"x")
        except BufferError:
            assert time.monotonic() < end, "the buffer is pinned for ever"
            time.sleep(0.002)  # the interval between two looks
        else:
            return


def _shape(messages: list[list[bytes]]) -> list[list[tuple[int, bytes]]]:
    return [[(len(part), part[:8]) for part in message] for message in messages]


# ---------------------------------------------------------------- what is left behind


class _Mallinfo2(ctypes.Structure):
    _fields_ = [
        (name, ctypes.c_size_t) for name in "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost".split()
    ]


def _heap_counter() -> Callable[[], int]:
    try:
        mallinfo2 = ctypes.CDLL(None).mallinfo2
    except (OSError, AttributeError, TypeError):
        return lambda: 0  # only glibc 2.33 and newer can tell
    mallinfo2.restype = _Mallinfo2
    return lambda: int(mallinfo2().uordblks)


heap_in_use = _heap_counter()


def descriptors() -> int:
    try:
        return len(os.listdir("/proc/self/fd"))
    except OSError:
        return 0


def handles_left(deadline: float = 10.0) -> str:
    """What of sockets and lent buffers is still alive, after a grace for libzmq's threads."""
    end = time.monotonic() + deadline
    while True:
        gc.collect()
        left = (handle.live_sockets(), release.live_buffers())
        if left == (0, 0):
            return ""
        if time.monotonic() > end:
            return f"{left[0]} sockets and {left[1]} buffers are left"
        time.sleep(0.002)  # the interval between two looks


# ---------------------------------------------------------------- running


class Runner:
    def __init__(self, scenario: Scenario, progress: Path) -> None:
        self.scenario = scenario
        self.progress = os.open(progress, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        self.unraisable: list[str] = []
        self.problems: list[dict[str, str]] = []
        self.baseline: Outcome | None = None
        self.seen: dict[str, tuple[int, int]] = {}  # calls and failures of the last action

    def run(self) -> None:
        sys.unraisablehook = lambda args: self.unraisable.append(f"{args.exc_value!r} ignored in {args.object!r}: {args.err_msg}")
        signal.signal(signal.SIGALRM, self._alarm)
        warnings.simplefilter("ignore", ResourceWarning)
        self.once(None)  # warms caches
        gc.collect()
        gc.freeze()
        self.baseline, problem = self.once(None)
        calls = {name: count for name, (count, _) in self.seen.items() if count}
        if problem:
            self.report(None, problem)
            return
        total = reached = 0
        for case in self.cases(calls):
            total += 1
            outcome, problem = self.once(case)
            reached += self.seen[case.name][1] > 0
            problem = problem or self.growth(case)
            if problem:
                self.report(case, problem, outcome)
        print(json.dumps({"cases": total, "reached": reached, "problems": self.problems}))

    def cases(self, calls: dict[str, int]) -> Iterator[Case]:
        for name, count in calls.items():
            sites = list(range(count))
            if count > SITES:
                sites = sites[: SITES - 2] + sites[-2:]
            for error in ERRORS[name]:
                for skip in sites:
                    yield Case(name, error, skip, 1)
                # again and again; EINTR is known to end, and a proxy waits as long as it takes
                if not (error == errno.EAGAIN and self.scenario in PATIENT):
                    yield Case(name, error, 0, 3 if error == errno.EINTR else 1 << 40)

    def once(self, case: Case | None) -> tuple[Outcome, str]:
        """One run: the outcome, and what was wrong with it."""
        os.pwrite(self.progress, f"{case}".ljust(80).encode(), 0)
        self.unraisable.clear()
        world = World()
        outcome = Outcome(case)
        signal.setitimer(signal.ITIMER_REAL, CASE_LIMIT)
        faulthandler.dump_traceback_later(2 * CASE_LIMIT, exit=True)
        stage = "setting up"
        try:
            story = self.scenario(world)
            action = next(story)
            stage = "acting"
            faults.clear_faults()
            if case is not None:
                faults.inject_fault(case.name, case.error, case.skip, case.times)
            try:
                outcome.value = action()
            except (zmq.ZMQError, MemoryError, AttributeError) as error:
                outcome.error = error.with_traceback(None)
            del action
            self.seen = faults.faults_seen()
            stage = "checking"
            faults.clear_faults()
            self.check_error(outcome)
            try:
                story.send(outcome)
            except StopIteration:
                pass
            else:
                raise AssertionError("a scenario yields once")
            stage = "closing"
            del story
            outcome.value = None
            world.close()
            left = handles_left()
            assert not left, left
            assert not self.unraisable, "; ".join(self.unraisable)
        except Hang as hang:
            return outcome, f"{stage}: {hang!r} at {_place(hang)}"
        except Exception as error:  # noqa: BLE001  reported, with the stage that it happened in
            return outcome, f"{stage}: {type(error).__name__}: {error} at {_place(error)}"
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            faulthandler.cancel_dump_traceback_later()
        return outcome, ""

    def check_error(self, outcome: Outcome) -> None:
        """EINTR is never seen; everything else is the error itself, or made no difference."""
        error, case = outcome.error, outcome.case
        if error is None or case is None:
            return
        if self.baseline is not None and type(error) is type(self.baseline.error):
            return
        assert case.error != errno.EINTR, f"not repeated: {error!r}"
        if outcome.dead:
            return
        if isinstance(error, AttributeError):
            assert (case.name, case.error) == ("zmq_getsockopt", errno.EINVAL), repr(error)
        elif isinstance(error, MemoryError):
            assert case.error == errno.ENOMEM, repr(error)
        elif isinstance(error, zmq.ZMQError):
            assert error.errno == case.error, f"{error!r} has errno {error.errno}"

    def growth(self, case: Case) -> str:
        """Whether each further run of the case keeps memory or descriptors."""
        for what, measure, unit in (("heap", heap_in_use, BIG * 2 // 3), ("descriptors", descriptors, 1)):
            before = measure()
            for _ in range(4):
                self.once(case)
                # a collected context ends in a thread of its own
                end = time.monotonic() + 2
                while measure() - before >= unit and time.monotonic() < end:
                    time.sleep(0.005)  # the interval between two looks
                now = measure()
                if now - before < unit:
                    break
                before = now
            else:
                return f"{what} grows by {unit} or more at each run"
        return ""

    def report(self, case: Case | None, problem: str, outcome: Outcome | None = None) -> None:
        error = "" if outcome is None or outcome.error is None else repr(outcome.error)
        self.problems.append({"case": str(case), "problem": problem, "raised": error})
        if case is None:
            print(json.dumps({"cases": 0, "reached": 0, "problems": self.problems}))

    @staticmethod
    def _alarm(number: int, frame: object) -> None:
        raise Hang(f"took {CASE_LIMIT} s")


def _place(error: BaseException) -> str:
    """File and line where it was raised."""
    trace = error.__traceback__
    places = []
    while trace is not None:
        places.append(f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}")
        trace = trace.tb_next
    return " > ".join(places[-4:])


def main(name: str, progress: str) -> None:
    from fault_scenarios import SCENARIOS  # which needs this module

    Runner(SCENARIOS[name], Path(progress)).run()
