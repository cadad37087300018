"""The change to what Cython writes, by which each interpreter has a state of its own (buildutils/module_state.py)."""

from __future__ import annotations

from pathlib import Path

import pytest
from build_tree import ROOT  # puts the checkout on the path

from buildutils.module_state import MARK, give_states

build = pytest.importorskip("Cython.Build", reason="the test extra installs it")

SOURCE = '''
cdef long counter = 0
cdef object kept = []
cdef int table[4]

def bump():
    global counter
    counter += 1
    kept.append(counter)
    return table[counter % 4]
'''


@pytest.fixture
def translated(tmp_path: Path) -> Path:
    (tmp_path / "small.pyx").write_text(SOURCE, "utf-8")
    (extension,) = build.cythonize(str(tmp_path / "small.pyx"), language_level=3, quiet=True)
    return Path(extension.sources[0])


def test_names_and_variables_are_each_interpreters_own(translated: Path) -> None:
    assert give_states([translated])
    text = translated.read_text("utf-8")
    assert MARK in text and "Py_MOD_PER_INTERPRETER_GIL_SUPPORTED" in text
    for name in ("counter", "kept", "table"):
        assert f"__pyx_v_5small_{name} (module_state_here()->globals.__pyx_v_5small_{name})" in text
    assert "PyModule_GetState(__Pyx_State_FindModule" not in text
    assert (ROOT / "zmq" / "_core" / "module_state.h").is_file()
    assert give_states([translated]), "a second build fails"
    assert translated.read_text("utf-8") == text, "changed twice"


def test_text_of_another_cython_is_left_alone(translated: Path, tmp_path: Path) -> None:
    text = translated.read_text("utf-8")
    other = tmp_path / "other.c"
    other.write_text(text.replace("__pyx_m_traverse", "__pyx_m_visit"), "utf-8")
    before = other.read_text("utf-8")
    assert not give_states([translated, other])
    assert (translated.read_text("utf-8"), other.read_text("utf-8")) == (text, before)
