"""`python -m zmq` itself, and `info`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import zmq

from cli.commands import zmq_command


def test_help_names_every_command(tmp_path: Path) -> None:
    done = zmq_command("--help", directory=tmp_path)
    assert done.returncode == 0
    for name in ("demo", "info", "bench"):
        assert f"\n  {name} " in done.stdout


def test_the_script_has_its_own_name(tmp_path: Path) -> None:
    """What [project.scripts] installs, without installing it."""
    code = "import sys; sys.argv[:] = ['/usr/local/bin/zmq', *sys.argv[1:]]; from zmq.__main__ import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", code, "recv", "localhost:1"], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2 and done.stderr.startswith("zmq recv: ")


def test_unknown_command_is_a_usage_error(tmp_path: Path) -> None:
    done = zmq_command("nonsense", directory=tmp_path)
    assert done.returncode == 2
    assert "nonsense" in done.stderr and "demo" in done.stderr


def test_commands_have_their_own_help(tmp_path: Path) -> None:
    done = zmq_command("demo", "--help", directory=tmp_path)
    assert done.returncode == 0
    assert "python -m zmq demo" in done.stdout and "--transport" in done.stdout


def test_info_says_what_a_bug_report_needs(tmp_path: Path) -> None:
    done = zmq_command("info", directory=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    for expected in (zmq.pyzmq_version(), zmq.zmq_version(), "origin", "curve", "ipc path"):
        assert expected in done.stdout


def test_info_as_json(tmp_path: Path) -> None:
    done = zmq_command("info", "--json", directory=tmp_path)
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert facts["versions"]["libzmq"] == zmq.zmq_version()
    assert facts["limits"]["ipc path"] == zmq.IPC_PATH_MAX_LEN
    assert facts["build"]["origin"]
    for feature, there in facts["has"].items():
        assert there is zmq.has(feature)


def test_output_to_a_reader_that_has_enough_is_no_traceback() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "zmq", "info"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        assert "Traceback" not in process.stderr.read()
        assert process.wait(timeout=60) in (0, 141)
