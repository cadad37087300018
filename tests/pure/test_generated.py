"""Generated files are up to date, and the check of them can fail."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "buildutils" / "gen_constants.py"

pytestmark = pytest.mark.skipif(not SCRIPT.exists(), reason="needs a source tree")


@pytest.fixture
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("gen_constants", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_nothing_is_out_of_date() -> None:
    result = subprocess.run(
        [sys.executable, str(SCRIPT), "--check"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 0, result.stderr


def test_check_shows_what_differs(
    generator: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(generator, "ROOT", tmp_path)
    monkeypatch.setattr(sys, "argv", ["gen_constants"])
    assert generator.main() == 0
    monkeypatch.setattr(sys, "argv", ["gen_constants", "--check"])
    assert generator.main() == 0
    written = tmp_path / "zmq" / "constants.py"
    written.write_text(written.read_text("utf-8").replace("LINGER = 17", "LINGER = 18"), "utf-8")
    capsys.readouterr()
    assert generator.main() == 1
    shown = capsys.readouterr().err
    assert "-    LINGER = 18" in shown
    assert "+    LINGER = 17" in shown


HEADER = """
#define ZMQ_HAUSNUMERO 156384712
#ifndef EFSM
#define EFSM (ZMQ_HAUSNUMERO + 51)
#endif
#define ZMQ_PAIR 0
#define ZMQ_XREQ ZMQ_DEALER
#define ZMQ_EVENT_ALL 0xFFFF
#define ZMQ_EVENT_ALL_V1 ZMQ_EVENT_ALL
#define ZMQ_EVENT_PIPES_STATS 0x10000
#define ZMQ_EVENT_ALL_V2 ZMQ_EVENT_ALL_V1 | ZMQ_EVENT_PIPES_STATS
#define ZMQ_RECONNECT_STOP_AFTER_DISCONNECT 0x3
#define ZMQ_LINGER 17 /* ms */
"""


def test_header_is_compared(generator: ModuleType, tmp_path: Path) -> None:
    header = tmp_path / "zmq.h"
    header.write_text(HEADER, encoding="utf-8")
    assert generator.compare_with_header(header) == []
    header.write_text(HEADER.replace("LINGER 17", "LINGER 18"), encoding="utf-8")
    [problem] = generator.compare_with_header(header)
    assert "LINGER is 17 here, 18 in" in problem
