"""Every call of libzmq that can fail does, at every call site of a set of scenarios.

Needs a build of its own: docs/testing.md. In an ordinary build all of it is skipped.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import zmq
from zmq._core import _lib

from helpers import RunChild

faults: Any = _lib  # has three functions more in a build with faults

HERE = Path(__file__).resolve().parent

pytestmark = [
    pytest.mark.skipif(
        not hasattr(_lib, "inject_fault"), reason="built without ZMQ_BUILD_FAULTS=1, as every release is (docs/testing.md)"
    ),
    pytest.mark.skipif(sys.platform == "win32", reason="SIGALRM bounds each case"),
    pytest.mark.timeout(300),
]

sys.path.insert(0, str(HERE))
from fault_scenarios import SCENARIOS  # noqa: E402  the path must be right first

sys.path.remove(str(HERE))


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_call_fails_in_turn(run_child: RunChild, tmp_path: Path, name: str) -> None:
    progress = tmp_path / "progress"
    script = """
    import sys
    sys.path.insert(0, sys.argv[1])
    from fault_runner import main
    main(sys.argv[2], sys.argv[3])
    """
    child = run_child(script, str(HERE), name, str(progress), timeout=240)
    at = progress.read_text().strip() if progress.exists() else "start"
    assert child.status == 0, f"died or hung at: {at}\n{child.describe()}"
    assert child.err == "", child.describe()
    report = json.loads(child.out)
    assert report["problems"] == [], "\n".join(
        f"{one['case']}: {one['problem']} (raised: {one['raised'] or 'nothing'})" for one in report["problems"]
    )
    assert report["reached"] > 0 or report["cases"] == 0


def test_the_switch() -> None:
    """A fault hits the calls it names and no other; clearing takes it away."""
    faults.clear_faults()
    faults.inject_fault("zmq_curve_keypair", zmq.ENOTSUP, skip=1, times=2)
    outcomes = []
    for _ in range(4):
        try:
            zmq.curve_keypair()
        except zmq.ZMQError as error:
            outcomes.append(error.errno)
        else:
            outcomes.append(0)
    assert outcomes == [0, zmq.ENOTSUP, zmq.ENOTSUP, 0]
    assert faults.faults_seen()["zmq_curve_keypair"] == (4, 2)
    faults.clear_faults()
    assert faults.faults_seen()["zmq_curve_keypair"] == (0, 0)
    with pytest.raises(ValueError, match="zmq_nothing"):
        faults.inject_fault("zmq_nothing", 1)
