"""The compiled half of the picture in docs/design.md: who may cimport what, and who is linked with libzmq.

import-linter reads the pure half (`lint-imports`, configured in pyproject.toml).
"""

from __future__ import annotations

import importlib
import importlib.machinery
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import zmq

from helpers import fresh_inproc

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "zmq" / "_core").glob("*.p[yx][xd]"))
MODULES = sorted({path.stem for path in SOURCES} - {"libzmq"})

#: Each module, and those of zmq/_core that it may name. A module stands above all that it names.
MAY_NAME = {
    "_lib": {"libzmq"},
    "buffer": set(),
    "curve": {"_lib"},
    "wait": set(),
    "handle": {"_lib", "libzmq", "wait"},
    "life": {"_lib", "libzmq", "wait", "handle"},
    "release": {"_lib", "libzmq", "wait", "handle", "buffer"},
    "capi": {"_lib", "handle", "life", "context", "socket"},
    "sockopt": {"_lib", "libzmq", "handle"},
    "context": {"wait", "handle", "life"},
    "inproc": {"_lib", "libzmq", "handle", "life"},
    "frame": {"_lib", "libzmq", "buffer", "release"},
    "sending": {"_lib", "libzmq", "buffer", "release", "wait", "handle", "sockopt", "frame"},
    "receiving": {"_lib", "libzmq", "release", "wait", "handle", "sockopt", "frame", "sending"},
    "socket": {
        *("_lib", "libzmq", "buffer", "release", "wait", "handle", "life", "inproc"),
        *("sockopt", "context", "frame", "sending", "receiving"),
    },
    "awaiting": {"_lib", "libzmq", "wait", "handle", "sockopt", "socket", "sending", "receiving"},
    "poll": {"_lib", "libzmq", "wait", "handle", "socket"},
    "proxy": {"_lib", "libzmq", "wait", "handle", "socket"},
}
PURE_BELOW = {"zmq.codecs", "zmq.constants", "zmq.error", "zmq.options"}

pytestmark = pytest.mark.skipif(not SOURCES, reason="needs a source tree")


def statements(path: Path) -> list[str]:
    """The cimport and import statements of a file, each on one line."""
    text = re.sub(r"#.*", "", path.read_text("utf-8"))
    text = re.sub(r"\(\s*([^()]*?)\s*\)", lambda match: " ".join(match[1].split()), text)
    return re.findall(r"^\s*((?:from\s+\S+\s+)?c?import\s+.+|from\s+\S+\s+c?import\s+.+)$", text, re.MULTILINE)


def named_in(statement: str) -> set[str]:
    """The modules of zmq/_core that a statement names."""
    match = re.match(r"from\s+(\S+)\s+c?import\s+(.*)", statement)
    if match is None:
        return set(re.findall(r"zmq\._core\.(\w+)", statement))
    source, names = match[1], match[2]
    if source in (".", "zmq._core"):
        return {part.split()[0] for part in names.split(",") if part.strip()}
    if source.startswith(("zmq._core.", ".")):
        return {source.removeprefix("zmq._core.").lstrip(".").split(".")[0]}
    return set()


def test_every_module_has_its_place() -> None:
    assert set(MODULES) == set(MAY_NAME)


def test_the_picture_has_no_cycle() -> None:
    placed = {"libzmq"}
    waiting = dict(MAY_NAME)
    while waiting:
        ready = [name for name, needs in waiting.items() if needs <= placed]
        assert ready, f"a cycle among {sorted(waiting)}"
        for name in ready:
            placed.add(name)
            del waiting[name]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_modules_name_only_what_is_below_them(path: Path) -> None:
    if path.stem == "libzmq":
        assert not any(named_in(one) for one in statements(path))
        return
    for statement in statements(path):
        extra = named_in(statement) - MAY_NAME[path.stem] - {path.stem}
        assert not extra, f"{path.name}: {statement!r} names {extra}"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_the_core_imports_nothing_of_the_layers_above(path: Path) -> None:
    for statement in statements(path):
        match = re.match(r"(?:from|c?import)\s+(zmq[\w.]*)", statement)
        if match is None or match[1].startswith("zmq._core"):
            continue
        names = {match[1]}
        if match[1] == "zmq":
            names = {f"zmq.{part.split()[0]}" for part in statement.partition("import")[2].split(",")}
        assert names <= PURE_BELOW, f"{path.name}: {statement!r}"


def declared_functions() -> set[str]:
    """What libzmq.pxd declares that can be called."""
    text = re.sub(r"#.*", "", (ROOT / "zmq" / "_core" / "libzmq.pxd").read_text("utf-8"))
    text = re.sub(r"ctypedef .*", "", text)
    return set(re.findall(r"(\w+)\s*\(", text)) - {"extern"}


def test_only_lib_takes_functions_from_libzmq() -> None:
    functions = declared_functions()
    assert {"zmq_msg_send", "zmq_ctx_term", "zmq_poll"} <= functions
    for path in SOURCES:
        if path.stem in ("_lib", "libzmq"):
            continue
        for statement in statements(path):
            assert not re.match(r"from\s+(\.|zmq\._core)\s+cimport\s+.*\blibzmq\b", statement), f"{path.name}: {statement!r}"
            if re.match(r"from\s+(\.|zmq\._core\.)libzmq\s+cimport", statement):
                taken = set(re.findall(r"\w+", statement.partition("cimport")[2]))
                assert not taken & functions, f"{path.name} takes {sorted(taken & functions)}: call them through _lib"


def test_no_module_but_lib_declares_libzmq_itself() -> None:
    for path in SOURCES:
        if path.stem in ("_lib", "libzmq"):
            continue
        assert not re.search(r"extern from .*(zmq\.h|compat\.h)", path.read_text("utf-8")), path.name


# ---------------------------------------------------------------- the built modules

nm = shutil.which("nm")
needs_nm = pytest.mark.skipif(nm is None or sys.platform == "win32", reason="needs nm, of binutils")


def built(name: str) -> str:
    path = importlib.import_module(f"zmq._core.{name}").__file__
    assert path is not None
    assert path.endswith(tuple(importlib.machinery.EXTENSION_SUFFIXES)), f"{path} is no compiled module"
    return path


def symbols(name: str, *options: str) -> set[str]:
    assert nm is not None
    done = subprocess.run([nm, *options, built(name)], capture_output=True, text=True, check=True, timeout=30)
    return {line.split()[-1].lstrip("_").split("@")[0] for line in done.stdout.splitlines() if line.strip()}


UNDEFINED = ("-u",) if sys.platform == "darwin" else ("-D", "-u")
DEFINED = ("-gU",) if sys.platform == "darwin" else ("-D", "--defined-only")


@needs_nm
@pytest.mark.parametrize("name", sorted(set(MODULES) - {"_lib"}))
def test_no_module_but_lib_wants_libzmq(name: str) -> None:
    wanted = symbols(name, *UNDEFINED)
    assert wanted, "nm shows no undefined symbol at all: it looks at the wrong table"
    assert not [symbol for symbol in wanted if symbol.startswith(("zmq_", "sodium_", "crypto_"))]


@needs_nm
def test_lib_shows_nothing_of_a_bundled_libzmq() -> None:
    wanted = symbols("_lib", *UNDEFINED)
    if "zmq_ctx_new" in wanted:
        pytest.skip("a system libzmq is linked")
    shown = symbols("_lib", *DEFINED)
    assert "PyInit__lib" in shown
    assert not [symbol for symbol in shown if symbol.startswith(("zmq_", "sodium_", "crypto_"))]


def test_one_libzmq_serves_all_modules() -> None:
    """A context of one module, a socket of another, a poll of a third: they only meet in one library."""
    address = fresh_inproc()
    with zmq.Context() as context, context.socket(zmq.PAIR) as one, context.socket(zmq.PAIR) as other:
        one.bind(address)
        other.connect(address)
        one.send(b"")
        assert zmq.zmq_poll([(other, zmq.POLLIN)], 30_000) == [(other, zmq.POLLIN)]
