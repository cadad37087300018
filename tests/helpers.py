"""What the tests share: waiting for conditions, endpoints, child processes."""

from __future__ import annotations

import gc
import os
import random
import signal
import socket as system_socket
import subprocess
import sys
import textwrap
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import pytest
import zmq

T = TypeVar("T")

#: It counts no references: what CPython ends with its last name, a collection ends there, some calls of the core later.
PYPY = sys.implementation.name == "pypy"

#: Milliseconds after which a socket made by a fixture gives up: a lost message fails its test soon.
PATIENCE = 30_000

#: Modules that child processes may import.
CHILDREN = Path(__file__).resolve().parent / "children"

#: Seconds that a child process may take before it is killed.
CHILD_LIMIT = 60.0

#: Ports that no system gives to connections and wildcards.
QUIET_PORTS = 20_000, 32_000

#: In development mode event loops complain of whatever took 0.1 s, which on a busy machine anything does.
PATIENT_LOOPS = """
import logging
logging.getLogger("asyncio").addFilter(lambda record: not record.msg.startswith("Executing "))
"""

TRANSPORTS = ("inproc", "ipc", "tcp") if zmq.has("ipc") else ("inproc", "tcp")


class MakeSocket(Protocol):
    """The ``socket`` fixture: a socket of the test's context, with short timeouts."""

    def __call__(self, kind: int, **kwargs: Any) -> zmq.SyncSocket: ...


class MakePair(Protocol):
    """The ``pair`` fixture: a bound and a connected socket."""

    def __call__(self, bound: int = ..., connected: int = ..., transport: str = ...) -> tuple[zmq.SyncSocket, zmq.SyncSocket]: ...


class RunChild(Protocol):
    """The ``run_child`` fixture: a Python program in a process of its own."""

    def __call__(
        self,
        script: str,
        *args: str,
        timeout: float = ...,
        options: Sequence[str] = ...,
        env: dict[str, str] | None = ...,
        stdin: str | None = ...,
    ) -> Child: ...


class _Later:
    """A module from its first use on, so that a file's other tests run where there is none."""

    def __init__(self, name: str, reason: str) -> None:
        self._name, self._reason = name, reason

    def __getattr__(self, name: str) -> Any:
        return getattr(pytest.importorskip(self._name, reason=self._reason), name)


numpy: Any = _Later("numpy", "the test extra installs it, where it can be had: for PyPy it is not on the index")
tracemalloc: Any = _Later("tracemalloc", "PyPy does not trace memory")
traces_memory = pytest.mark.skipif(PYPY, reason="PyPy does not trace memory: it has no tracemalloc")


def let_go() -> None:
    """What has lost its last name ends also where references are not counted. On CPython that has happened: this does nothing."""
    if PYPY:
        # the object of the core goes some collections after the one that held it
        for _ in range(3):
            gc.collect()
        # nothing interrupts PyPy to take lent memory back: a call does
        zmq.Frame(b"")


def wait_until(condition: Callable[[], T], deadline: float = 30.0, what: str = "condition", pause: float = 0.02) -> T:
    """Ask until the answer is true, then return it; fail after ``deadline`` seconds. ``pause`` is the longest between two looks."""
    end = time.monotonic() + deadline
    between = 0.0005
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > end:
            raise AssertionError(f"{what} not reached within {deadline} s (last: {answer!r})")
        time.sleep(between)  # only the interval between two looks
        between = min(between * 2, pause)


def asleep(stat: Path) -> bool:
    """Whether the kernel reports the task as asleep; taken for granted where there is no /proc."""
    if sys.platform != "linux":
        return True
    try:
        return stat.read_text().rpartition(")")[2].split()[0] == "S"
    except FileNotFoundError:
        return False


def repeatedly(condition: Callable[[], bool], looks: int = 25) -> Callable[[], bool]:
    """A condition that is true once ``condition`` was true ``looks`` times in a row."""
    seen = 0

    def settled() -> bool:
        nonlocal seen
        seen = seen + 1 if condition() else 0
        return seen >= looks

    return settled


def fresh_inproc() -> str:
    """An inproc name that no other test uses."""
    return f"inproc://{uuid.uuid4().hex}"


def wildcard(transport: str) -> str:
    """An address of ``transport`` to bind to; read LAST_ENDPOINT afterwards."""
    return {"inproc": fresh_inproc(), "ipc": "ipc://*", "tcp": "tcp://127.0.0.1:*"}[transport]


def endpoint_of(socket: zmq.SyncSocket) -> str:
    """Where ``socket`` was bound or connected last."""
    address = socket.getsockopt(zmq.LAST_ENDPOINT)
    assert isinstance(address, bytes)
    return address.decode()


def bind_any(socket: zmq.SyncSocket, transport: str) -> str:
    """Bind to a fresh address and return it."""
    socket.bind(wildcard(transport))
    return endpoint_of(socket)


def free_port() -> int:
    """A port of 127.0.0.1 that nobody takes before the caller does: the system gives out none below 32,768 by itself."""
    while True:
        port = random.randrange(*QUIET_PORTS)
        with system_socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def drain(socket: zmq.SyncSocket) -> list[list[bytes]]:
    """Every message that waits right now."""
    messages = []
    while socket.poll(0):
        messages.append(socket.recv_multipart())
    return messages


def counts_peers() -> bool:
    """Whether libzmq counts peers: the bundled one does, unless it was built without its patches."""
    with zmq.Context() as context, context.socket(zmq.PUB) as probe:
        try:
            probe.wait_connected(0)
        except zmq.ZMQError as error:
            assert error.errno == zmq.ENOTSUP
            return False
        return True


def join_subscription(pub: zmq.SyncSocket, sub: zmq.SyncSocket, topic: bytes = b"") -> None:
    """Subscribe, then publish probes until one arrives; nothing is left over."""
    sub.setsockopt(zmq.SUBSCRIBE, topic)
    probe = topic + uuid.uuid4().bytes

    def arrived() -> bool:
        pub.send(probe)
        return bool(sub.poll(5))

    wait_until(arrived, what="subscription")
    last = topic + uuid.uuid4().bytes
    pub.send(last)
    while sub.recv() != last:
        pass


@dataclass(frozen=True)
class Child:
    """How a child process ended."""

    status: int | None  # None: killed because it took too long
    out: str
    err: str
    elapsed: float

    def ok(self) -> Child:
        """Fail unless it ended in time, with status 0 and nothing on standard error."""
        assert self.status is not None, f"hung for {self.elapsed:.1f} s\n{self.describe()}"
        assert self.status == 0, f"status {self.status}\n{self.describe()}"
        assert self.err == "", self.describe()
        return self

    def describe(self) -> str:
        return f"--- stdout\n{self.out}\n--- stderr\n{self.err}"


class ChildProcess:
    """A running child; killed with everything it started when the block ends."""

    def __init__(
        self,
        path: Path,
        args: Sequence[str] = (),
        options: Sequence[str] = (),
        env: dict[str, str] | None = None,
    ) -> None:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST")}
        paths = [str(CHILDREN), os.environ.get("PYTHONPATH", "")]
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
        environment.update(env or {})
        self.started = time.monotonic()
        self.popen = subprocess.Popen(
            [sys.executable, "-X", "faulthandler", *options, str(path), *args],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=path.parent,
            env=environment,
            start_new_session=os.name == "posix",
        )

    @property
    def pid(self) -> int:
        return self.popen.pid

    def readline(self) -> str:
        """The next line that the child prints."""
        assert self.popen.stdout is not None
        return self.popen.stdout.readline().strip()

    def wait_until_asleep(self) -> None:
        """Return once its main thread was asleep at 25 looks in a row, so inside a blocking call."""
        wait_until(repeatedly(lambda: asleep(Path(f"/proc/{self.pid}/stat"))), what="child blocked", pause=0.002)

    def kill(self) -> None:
        if os.name == "posix":
            try:
                os.killpg(self.popen.pid, signal.SIGKILL)
            except ProcessLookupError:
                return
        else:
            self.popen.kill()

    def finish(self, timeout: float = CHILD_LIMIT, stdin: str | None = None) -> Child:
        """Wait for the end; after ``timeout`` seconds the child is killed."""
        status: int | None
        try:
            out, err = self.popen.communicate(stdin, timeout=timeout)
            status = self.popen.returncode
        except subprocess.TimeoutExpired:
            self.kill()
            out, err = self.popen.communicate()
            status = None
        return Child(status, out, err, time.monotonic() - self.started)


@contextmanager
def child_process(
    directory: Path,
    script: str,
    *args: str,
    options: Sequence[str] = (),
    env: dict[str, str] | None = None,
) -> Iterator[ChildProcess]:
    """Run ``script`` (dedented source) with this interpreter from an empty directory."""
    path = directory / f"child_{uuid.uuid4().hex[:8]}.py"
    source = textwrap.dedent(script)
    path.write_text(PATIENT_LOOPS + source if "dev" in options else source, encoding="utf-8")
    child = ChildProcess(path, args, options, env)
    try:
        yield child
    finally:
        child.kill()
        for stream in (child.popen.stdin, child.popen.stdout, child.popen.stderr):
            if stream is not None and not stream.closed:
                stream.close()
        child.popen.wait()


class Background(threading.Thread):
    """Run a function in a thread; ``result()`` gives what it returned or raises what it raised."""

    def __init__(self, function: Callable[..., Any], *args: Any) -> None:
        super().__init__(daemon=True)
        self._function = function
        self._args = args
        self._value: Any = None
        self.error: BaseException | None = None
        self.start()

    def run(self) -> None:
        try:
            self._value = self._function(*self._args)
        except BaseException as error:  # handed to result()
            self.error = error

    def finished(self, timeout: float = 30.0) -> Background:
        """Wait for the end without looking at the outcome."""
        self.join(timeout)
        assert not self.is_alive(), f"thread still running after {timeout} s"
        return self

    def result(self, timeout: float = 30.0) -> Any:
        self.finished(timeout)
        if self.error is not None:
            raise self.error
        return self._value


def wait_until_blocked(thread: threading.Thread, looks: int = 25) -> None:
    """Return once ``thread`` was asleep at so many looks in a row, so inside its blocking call."""
    stat = Path(f"/proc/self/task/{thread.native_id}/stat")
    wait_until(repeatedly(lambda: asleep(stat), looks), what="thread blocked", pause=0.002)


@contextmanager
def zap_handler(
    ctx: zmq.SyncContext,
    allow: Callable[[list[bytes]], bool] = lambda credentials: True,
    metadata: bytes = b"",
) -> Iterator[list[list[bytes]]]:
    """Answer RFC 27 requests in a thread; yields the list of requests seen."""
    handler = ctx.socket(zmq.REP)
    handler.setsockopt(zmq.LINGER, 0)
    handler.bind("inproc://zeromq.zap.01")  # the name is fixed by RFC 27
    seen: list[list[bytes]] = []
    stop = threading.Event()

    def serve() -> None:
        with handler:
            while not stop.is_set():
                if not handler.poll(20):
                    continue
                request = handler.recv_multipart()
                seen.append(request)
                good = allow(request[6:])
                reply = [b"200", b"OK", b"user", metadata] if good else [b"400", b"No", b"", b""]
                handler.send_multipart([b"1.0", request[1], *reply])

    serving = Background(serve)
    try:
        yield seen
    finally:
        stop.set()
        serving.result()
