"""Programs of others on this package. They need the extra `downstream`; `.ci/run downstream` makes an environment for them."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import pytest
import zmq

from downstream.running import PREAMBLE, RunProgram
from helpers import Child, child_process


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.downstream)
            item.add_marker(pytest.mark.timeout(500))


@pytest.fixture(scope="session", autouse=True)
def _ours_is_the_one_installed() -> None:
    """One distribution named pyzmq, and `import zmq` gives what is in it."""
    found = [one.version for one in importlib.metadata.distributions(name="pyzmq")]
    assert len(set(found)) == 1, found
    assert zmq.__version__ == found[0]
    assert hasattr(zmq, "ThreadError"), "this is another implementation of zmq"


@pytest.fixture
def program_environment(tmp_path: Path) -> dict[str, str]:
    """A home of its own, and what PREAMBLE compares with."""
    assert zmq.__file__ is not None
    return {
        "EXPECTED_VERSION": zmq.__version__,
        "EXPECTED_FILE": zmq.__file__,
        "HOME": str(tmp_path),
        "IPYTHONDIR": str(tmp_path / "ipython"),
        "JUPYTER_CONFIG_DIR": str(tmp_path / "config"),
        "JUPYTER_DATA_DIR": str(tmp_path / "data"),
        "JUPYTER_RUNTIME_DIR": str(tmp_path / "runtime"),
        "JUPYTER_PLATFORM_DIRS": "1",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }


@pytest.fixture
def program(tmp_path: Path, program_environment: dict[str, str]) -> RunProgram:
    """Run a program in a process of its own; it must end well and say so."""

    def run(script: str, *args: str, timeout: float = 400) -> Child:
        whole = PREAMBLE + script + '\nprint("program ended well")\n'
        with child_process(tmp_path, whole, *args, env=program_environment) as child:
            done = child.finish(timeout)
        assert done.status == 0, done.describe()
        assert done.out.rstrip().endswith("program ended well"), done.describe()
        return done

    return run
