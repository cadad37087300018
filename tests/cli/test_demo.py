"""`python -m zmq demo`: real files, real processes, and everything that may happen to them."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import signal
import socket
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from cli.commands import LIMIT, PYTHON, zmq_command
from helpers import Background, wait_until

pytest.importorskip("numpy")
pytest.importorskip("tqdm")

MIB = 1 << 20


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Files of many kinds: empty, large, nested, oddly named, linked, and some that are not."""
    root = tmp_path / "tree"
    (root / "deep" / "deeper").mkdir(parents=True)
    (root / "empty").touch()
    (root / "large").write_bytes(os.urandom(3 * MIB + 1))
    (root / "deep" / "naïve name").write_bytes(b"text")
    (root / "deep" / "deeper" / "one").write_bytes(b"1")
    Path(os.fsdecode(os.fsencode(root) + b"/not-utf8-\xff")).write_bytes(b"name")
    for number in range(60):
        (root / "deep" / f"{number}").write_bytes(os.urandom(number * 1000))
    (root / "linked").symlink_to(root / "large")
    (root / "deep" / "loop").symlink_to(root, target_is_directory=True)
    os.mkfifo(root / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        directory = os.getcwd()
        os.chdir(root)  # a socket's path may not be long
        try:
            listener.bind("socket")
        finally:
            os.chdir(directory)
    return root


FILES_IN_TREE = 66


@pytest.fixture
def long_tree(tmp_path: Path) -> Path:
    """Work for seconds: many names for one file."""
    root = tmp_path / "long"
    root.mkdir()
    (root / "0").write_bytes(os.urandom(8 * MIB))
    for number in range(1, 400):
        (root / f"{number}").hardlink_to(root / "0")
    return root


@contextlib.contextmanager
def running_demo(directory: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A demo that runs while the test acts on it."""
    demo = subprocess.Popen(
        [*PYTHON, "-m", "zmq", "demo", str(directory), *arguments],
        cwd=directory.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield demo
    finally:
        if demo.poll() is None:
            demo.kill()
        demo.communicate()


def workers_of(demo: subprocess.Popen[str], count: int = 1) -> list[psutil.Process]:
    """The worker processes, oldest first, once there are so many that have loaded zmq."""

    def working() -> list[psutil.Process]:
        children = psutil.Process(demo.pid).children()
        if len(children) >= count and all(len(child.threads()) > 1 for child in children):
            return sorted(children, key=lambda child: child.create_time())
        assert demo.poll() is None, "the demo ended first"
        return []

    return wait_until(working, what="worker processes")


def gone(processes: list[psutil.Process]) -> bool:
    return not any(process.is_running() for process in processes)


@pytest.mark.parametrize("transport", ["tcp", "ipc"])
@pytest.mark.parametrize("workers", [1, 2, 5])
def test_every_digest_agrees(tree: Path, transport: str, workers: int) -> None:
    done = zmq_command(
        "demo", tree, "--workers", workers, "--transport", transport, directory=tree.parent
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""  # no progress bar: not a terminal
    assert f"all {FILES_IN_TREE} digests agree" in done.stdout
    assert "2 sockets, pipes or devices were skipped" in done.stdout
    rows = re.findall(r"^worker-\d+ +([\d,]+) .* (retired|finished)$", done.stdout, re.MULTILINE)
    assert len(rows) == workers
    assert sum(int(files.replace(",", "")) for files, _ in rows) == FILES_IN_TREE
    assert [state for _, state in rows].count("retired") == (1 if workers > 1 else 0)


def test_a_worker_is_retired_however_few_files_there_are(tmp_path: Path) -> None:
    """All twelve fit into the window of three workers at once."""
    tree = tmp_path / "few"
    tree.mkdir()
    for number in range(12):
        (tree / f"{number}").write_bytes(os.urandom(100))
    done = zmq_command("demo", tree, "--workers", 3, directory=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "all 12 digests agree" in done.stdout
    states = re.findall(r"^worker-\d+ .* (retired|finished)$", done.stdout, re.MULTILINE)
    assert sorted(states) == ["finished", "finished", "retired"]


def test_numpy_itself_is_the_default(tmp_path: Path) -> None:
    done = zmq_command("demo", "--workers", 2, directory=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "digests agree" in done.stdout


def test_one_file(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"content")
    done = zmq_command("demo", file, directory=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    assert "all 1 digests agree" in done.stdout


def test_progress_bar_on_a_terminal(tree: Path) -> None:
    leader, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    demo = subprocess.Popen(
        [*PYTHON, "-m", "zmq", "demo", str(tree)],
        cwd=tree.parent,
        stdout=subprocess.DEVNULL,
        stderr=terminal,
    )
    os.close(terminal)

    def read_all() -> bytes:
        shown = b""
        # Linux says EIO where others say end of file.
        with contextlib.suppress(OSError):
            while block := os.read(leader, 4096):
                shown += block
        return shown

    try:
        shown = Background(read_all).result(LIMIT).decode()
        assert demo.wait(LIMIT) == 0
    finally:
        os.close(leader)
    assert "hashing" in shown and "%" in shown


def refused(directory: Path, *arguments: object) -> str:
    """Run a demo that must not begin, and return its one line of explanation."""
    done = zmq_command("demo", *arguments, directory=directory)
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stdout == ""
    [line] = done.stderr.splitlines()
    return line


def test_no_such_path(tmp_path: Path) -> None:
    line = refused(tmp_path, tmp_path / "nowhere")
    assert str(tmp_path / "nowhere") in line and "No such file" in line


def test_empty_directory(tmp_path: Path) -> None:
    assert f"no files under {tmp_path}" in refused(tmp_path, tmp_path)


def test_dangling_link(tmp_path: Path) -> None:
    (tmp_path / "there").write_bytes(b"1")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    assert f"cannot read {tmp_path / 'dangling'}" in refused(tmp_path, tmp_path)


def test_link_to_itself(tmp_path: Path) -> None:
    (tmp_path / "self").symlink_to(tmp_path / "self")
    assert f"cannot read {tmp_path / 'self'}" in refused(tmp_path, tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable_file(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"1")
    secret.chmod(0)
    assert f"cannot read {secret}: Permission denied" in refused(tmp_path, tmp_path)


def test_workers_out_of_range(tmp_path: Path) -> None:
    assert "--workers 0" in refused(tmp_path, tmp_path, "--workers", 0)


@pytest.mark.parametrize("missing", ["numpy", "tqdm"])
def test_missing_library_names_the_extra(tmp_path: Path, missing: str) -> None:
    # None in sys.modules is what Python itself has for a module that may not be imported.
    code = (
        f"import sys; sys.modules[{missing!r}] = None\n"
        "from zmq.__main__ import main; sys.exit(main(['demo']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert missing in line and "pip install 'pyzmq[numpy]'" in line


def test_changed_file_is_a_mismatch(tmp_path: Path) -> None:
    root = tmp_path / "changing"
    root.mkdir()
    for number in range(40):
        (root / f"{number:02}").write_bytes(os.urandom(MIB))
    stop = threading.Event()

    def change() -> None:
        with open(root / "00", "r+b", buffering=0) as file:
            number = 0
            while not stop.is_set():
                number += 1
                os.pwrite(file.fileno(), number.to_bytes(8, "little"), 0)

    changing = Background(change)
    try:
        done = zmq_command("demo", root, directory=tmp_path)
    finally:
        stop.set()
        changing.result()
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"differs: {root / '00'}" in done.stdout
    assert "1 of 40 digests differ" in done.stdout


def test_work_of_a_killed_worker_is_done_by_another(long_tree: Path) -> None:
    with running_demo(long_tree, "--workers", "2") as demo:
        first, _ = workers_of(demo, 2)
        first.kill()
        out, err = demo.communicate(timeout=LIMIT)
    assert demo.returncode == 0, out + err
    assert "worker-001 ended by itself, exit status -9" in err
    assert "all 400 digests agree" in out
    assert "Traceback" not in err


def test_no_worker_left_names_what_is_missing(long_tree: Path) -> None:
    with running_demo(long_tree, "--workers", "1") as demo:
        [only] = workers_of(demo)
        only.kill()
        out, err = demo.communicate(timeout=LIMIT)
    assert demo.returncode == 1, out + err
    assert "no worker is left; no result for " in err and str(long_tree) in err
    assert "Traceback" not in err


def test_silence_ends_in_an_error(long_tree: Path) -> None:
    with running_demo(long_tree, "--workers", "1", "--timeout", "4") as demo:
        workers = workers_of(demo)
        workers[0].suspend()
        out, err = demo.communicate(timeout=LIMIT)
    assert demo.returncode == 1, out + err
    assert "nothing has come back for 4 seconds; no result for " in err
    assert gone(workers)


def test_interrupt_ends_everything(long_tree: Path) -> None:
    with running_demo(long_tree, "--workers", "2") as demo:
        workers = workers_of(demo)
        os.killpg(demo.pid, signal.SIGINT)
        out, err = demo.communicate(timeout=LIMIT)
        assert demo.returncode == 130, out + err
        assert "Traceback" not in err
        assert gone(workers)


def test_workers_do_not_outlive_a_killed_parent(long_tree: Path) -> None:
    with running_demo(long_tree, "--workers", "2") as demo:
        workers = workers_of(demo)
        demo.kill()
        wait_until(lambda: gone(workers), what="end of the workers")
