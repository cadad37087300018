"""Fixtures of the whole suite."""

from __future__ import annotations

import gc
import importlib.machinery
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent


def _prefer_installed_package() -> None:
    """``python -m pytest`` puts the checkout first; without compiled modules in it, look past it."""
    built = any((ROOT / "zmq" / "_core" / f"_lib{suffix}").exists() for suffix in importlib.machinery.EXTENSION_SUFFIXES)
    if not built:
        sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != ROOT]


_prefer_installed_package()

import zmq  # noqa: E402  the path must be right first

from helpers import (  # noqa: E402
    CHILD_LIMIT,
    PATIENCE,
    TRANSPORTS,
    Background,
    Child,
    MakePair,
    MakeSocket,
    RunChild,
    bind_any,
    child_process,
    let_go,
    wait_until,
)


def _steady_examples() -> None:
    """The same examples in every run, and however long a busy machine takes for one: by itself hypothesis allows 0.2 s."""
    try:
        from hypothesis import HealthCheck, settings
    except ImportError:
        return  # the tests that need it say so
    settings.register_profile(
        "steady", deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
    )
    settings.load_profile("steady")


_steady_examples()

#: Seconds that libzmq's threads have to return what a test has lent them.
GRACE = 30.0


def pytest_configure() -> None:
    # a shell's background jobs ignore Ctrl-C, and so would every process that they start
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_report_header() -> str:
    return f"zmq {zmq.__version__} from {zmq.__file__}, libzmq {zmq.zmq_version()}"


def end_context(context: zmq.Context[Any], bound: float = 30.0) -> None:
    """Destroy in a thread, so that a hang is a failure and not the end of the run."""
    Background(context.destroy, 0).result(bound)


def live_handles() -> tuple[int, int]:
    """Sockets that are open and buffers that libzmq holds, in this process."""
    try:
        from zmq._core import handle, release
    except ImportError:  # the suite also runs under another implementation, as a comparison
        return (0, 0)
    return (handle.live_sockets(), release.live_buffers())


@pytest.fixture(autouse=True, scope="session")
def _ipc_wildcards_in_a_temporary_directory() -> Iterator[None]:
    """libzmq makes the path of ``ipc://*`` below TMPDIR, else below the current directory."""
    with tempfile.TemporaryDirectory(prefix="zmq") as directory, pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", directory)
        yield


@pytest.fixture(autouse=True)
def _nothing_is_left_behind() -> Iterator[None]:
    """No test leaves a socket open or a buffer lent to libzmq."""
    sockets, buffers = live_handles()

    def back() -> bool:
        now = live_handles()
        return now[0] <= sockets and now[1] <= buffers

    def back_by_now() -> bool:
        let_go()
        return back()

    yield
    if not back():
        gc.collect()
        wait_until(back_by_now, GRACE, f"back at {sockets} sockets and {buffers} buffers")


@pytest.fixture
def ctx() -> Iterator[zmq.SyncContext]:
    """A context of its own; what is left open is closed, and that must not take long."""
    context: zmq.SyncContext = zmq.Context()
    yield context
    end_context(context)
    assert context.closed


@pytest.fixture
def socket(ctx: zmq.SyncContext) -> Iterator[MakeSocket]:
    """Make sockets that do not linger and give up after PATIENCE; they are closed at the end."""
    made: list[zmq.SyncSocket] = []

    def make(kind: int, **kwargs: Any) -> zmq.SyncSocket:
        one: zmq.SyncSocket = ctx.socket(kind, **kwargs)
        made.append(one)
        one.setsockopt(zmq.LINGER, 0)
        one.setsockopt(zmq.RCVTIMEO, PATIENCE)
        one.setsockopt(zmq.SNDTIMEO, PATIENCE)
        return one

    yield make
    for one in made:
        one.close(0)


@pytest.fixture
def pair(socket: MakeSocket) -> MakePair:
    """Make connected pairs: the first one is bound, the second one connected."""

    def make(bound: int = zmq.PAIR, connected: int = zmq.PAIR, transport: str = "inproc") -> tuple[zmq.SyncSocket, zmq.SyncSocket]:
        first, second = socket(bound), socket(connected)
        second.connect(bind_any(first, transport))
        return first, second

    return make


@pytest.fixture(params=TRANSPORTS)
def transport(request: pytest.FixtureRequest) -> str:
    """Each transport in turn."""
    return str(request.param)


@pytest.fixture
def run_child(tmp_path: Path) -> RunChild:
    """Run a program in a process of its own, with a hard limit."""

    def run(
        script: str,
        *args: str,
        timeout: float = CHILD_LIMIT,
        options: Sequence[str] = (),
        env: dict[str, str] | None = None,
        stdin: str | None = None,
    ) -> Child:
        with child_process(tmp_path, script, *args, options=options, env=env) as child:
            return child.finish(timeout, stdin)

    return run
