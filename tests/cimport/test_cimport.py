"""A Cython program outside the package uses its classes and libzmq's functions, without a library to link with."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import zmq

from helpers import RunChild

pytest.importorskip("Cython", reason="the test extra installs it")

HERE = Path(__file__).resolve().parent
PACKAGE = Path(zmq.__file__).parent
DECLARATIONS = PACKAGE / "backend" / "cython"

SETUP = """\
from Cython.Build import cythonize
from setuptools import Extension, setup

modules = [Extension(name, [f"{name}.pyx"]) for name in ("outside", "every_name")]
setup(name="outside", ext_modules=cythonize(modules, language_level=3))
"""


def functions() -> list[str]:
    text = (DECLARATIONS / "libzmq.pxd").read_text("utf-8")
    return sorted(set(re.findall(r"\bzmq_\w+", text)) - {"zmq_free_fn", "zmq_msg_t", "zmq_pollitem_t"})


def constants() -> list[str]:
    return re.findall(r"\benum:\s*(ZMQ_\w+)", (DECLARATIONS / "constant_enums.pxi").read_text("utf-8"))


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory where the programs were built, against the package that is installed."""
    work = tmp_path_factory.mktemp("cimport")
    shutil.copy(HERE / "outside.pyx", work)
    addresses = "".join(f"        {name!r}: <size_t> <void *> libzmq.{name},\n" for name in functions())
    numbers = "".join(f"        {name!r}: libzmq.{name},\n" for name in constants())
    bodies = (f"def {name}():\n    return {{\n{items}    }}\n" for name, items in (("addresses", addresses), ("numbers", numbers)))
    (work / "every_name.pyx").write_text("\n".join(["from zmq cimport libzmq", *bodies]), "utf-8")
    (work / "setup.py").write_text(SETUP, "utf-8")
    command = [sys.executable, "setup.py", "build_ext", "--inplace"]
    done = subprocess.run(command, cwd=work, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    return work


pytestmark = [pytest.mark.slow_build, pytest.mark.timeout(900)]


def run(run_child: RunChild, programs: Path, script: str) -> str:
    options = ["-X", "dev", "-W", "error"]
    return run_child(script, options=options, env={"PYTHONPATH": str(programs)}).ok().out


def test_sockets_contexts_and_frames(run_child: RunChild, programs: Path) -> None:
    run(
        run_child,
        programs,
        """
        import outside, zmq
        assert outside.versions() == zmq.zmq_version_info()
        with zmq.Context() as context, context.socket(zmq.PAIR) as one, context.socket(zmq.PAIR) as other:
            one.bind("inproc://one")
            other.connect("inproc://one")
            assert outside.raw_echo(one, other, b"hello") == b"hello"
            assert outside.frame_size(zmq.Frame(b"12345")) == 5
            assert outside.type_of(context) == (zmq.PUSH, zmq.EAGAIN, zmq.ETERM)
            assert outside.threshold(one) == zmq.COPY_THRESHOLD
            # a Poller that has seen the socket idle looks again after the raw call
            poller = zmq.Poller()
            poller.register(other, zmq.POLLIN)
            for _ in range(3):
                assert poller.poll(0) == []
                assert outside.raw_echo(one, other, b"again") == b"again"
                one.send(b"last")
                assert poller.poll(30_000) == [(other, zmq.POLLIN)]
                assert other.recv() == b"last"
        """,
    )


def test_misuse_is_an_exception(run_child: RunChild, programs: Path) -> None:
    run(
        run_child,
        programs,
        """
        import errno, outside, zmq
        context = zmq.Context()
        one, other = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
        one.close()
        try:
            outside.raw_echo(one, other, b"")
            raise AssertionError("a closed socket was used")
        except zmq.ZMQError as error:
            assert error.errno == errno.ENOTSOCK
        other.close()
        context.term()
        try:
            outside.type_of(context)
            raise AssertionError("a closed context was used")
        except zmq.ZMQError as error:
            assert error.errno == errno.ENOTSUP
        for wrong in (b"x", object(), context):
            try:
                outside.frame_size(wrong)
            except TypeError:
                continue
            raise AssertionError(wrong)
        """,
    )


def test_a_cdef_class_may_extend_socket(run_child: RunChild, programs: Path) -> None:
    run(
        run_child,
        programs,
        """
        import outside, zmq
        with zmq.Context() as context:
            sockets = [outside.Counting(context, zmq.PAIR) for _ in range(100)]
            for number, socket in enumerate(sockets):
                for _ in range(number):
                    socket.count()
                assert socket.get(zmq.TYPE) == zmq.PAIR
            assert [socket.sent for socket in sockets] == list(range(100))
            for socket in sockets:
                socket.close()
        """,
    )


def test_every_function_has_an_address_and_every_constant_its_number(run_child: RunChild, programs: Path) -> None:
    assert len(functions()) > 50
    assert len(constants()) > 240
    run(
        run_child,
        programs,
        """
        import every_name, zmq
        addresses = every_name.addresses()
        assert len(set(addresses.values())) == len(addresses)
        assert 0 not in addresses.values()
        numbers = every_name.numbers()
        assert {name: int(getattr(zmq, name.removeprefix("ZMQ_"))) for name in numbers} == numbers
        """,
    )


def test_nobody_else_loads_the_table(run_child: RunChild) -> None:
    run_child("import sys, zmq, zmq.backend.cython\nassert 'zmq._core.capi' not in sys.modules").ok()
