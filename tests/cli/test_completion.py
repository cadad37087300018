"""`python -m zmq completion`, and the help of every command."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from zmq._cli.commands import COMMANDS

from cli.commands import zmq_command


@pytest.mark.parametrize("shell", ["bash", "zsh", "tcsh"])
def test_script(shell: str, tmp_path: Path) -> None:
    pytest.importorskip("shtab")
    done = zmq_command("completion", shell, directory=tmp_path)
    assert done.returncode == 0 and done.stderr == ""
    for command in COMMANDS:
        assert command in done.stdout


def test_bash_completes(tmp_path: Path) -> None:
    pytest.importorskip("shtab")
    bash = shutil.which("bash") or pytest.skip("there is no bash")
    (tmp_path / "script").write_text(zmq_command("completion", "bash", directory=tmp_path).stdout)
    ask = """
        source ./script
        complete() {{ :; }}
        COMP_WORDS=({words}) COMP_CWORD={index}
        $(declare -F | grep -o '_shtab_zmq$' | head -n 1)
        echo "${{COMPREPLY[@]}}"
    """
    for words, index, wanted in (
        ("zmq mon", 1, "monitor"),
        ("zmq recv --cur", 2, "--curve-server"),
        ("zmq recv --type pu", 3, "pull"),
    ):
        done = subprocess.run(
            [bash, "-c", ask.format(words=words, index=index)], cwd=tmp_path, capture_output=True, text=True, timeout=60
        )
        assert wanted in done.stdout.split(), done


def test_missing_library_names_the_extra(tmp_path: Path) -> None:
    code = "import sys; sys.modules['shtab'] = None\nfrom zmq.__main__ import main; sys.exit(main(['completion', 'bash']))"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert "pip install 'pyzmq[cli]'" in line


@pytest.mark.parametrize("command", COMMANDS)
def test_help(command: str, tmp_path: Path) -> None:
    done = zmq_command(command, "--help", directory=tmp_path)
    assert done.returncode == 0 and f"python -m zmq {command}" in done.stdout
    if command not in ("demo", "bench", "info"):
        assert "examples:\n  python -m zmq" in done.stdout
        assert "{" not in done.stdout.partition("examples:")[2].replace("{fpath[1]}", "").replace('{"', "")


def test_help_imports_no_command(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "zmq", "--help"], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "zmq" in loaded
    assert not loaded & {"json", "asyncio", "subprocess", "zmq.auth", "zmq._cli.send", "numpy", "tqdm"}
