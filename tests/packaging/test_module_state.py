"""The change to what Cython writes, by which each interpreter has a state of its own (buildutils/module_state.py)."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from build_tree import ROOT  # puts the checkout on the path

from buildutils.config import BuildError
from buildutils.module_state import MARK, give_states

build = pytest.importorskip("Cython.Build", reason="the test extra installs it")

SOURCE = '''
cdef long counter = 0
cdef object kept = []
cdef int table[4]
cdef int (*chosen)(int) noexcept
chosen = NULL

def bump():
    global counter
    counter += 1
    kept.append(counter)
    return table[counter % 4], enumerate(kept), chosen != NULL
'''


@pytest.fixture
def translated(tmp_path: Path) -> Path:
    (tmp_path / "small.pyx").write_text(SOURCE, "utf-8")
    (extension,) = build.cythonize(str(tmp_path / "small.pyx"), language_level=3, quiet=True)
    return Path(extension.sources[0])


def test_names_and_variables_are_each_interpreters_own(translated: Path) -> None:
    give_states([translated])
    text = translated.read_text("utf-8")
    assert MARK in text and "Py_MOD_PER_INTERPRETER_GIL_SUPPORTED" in text
    for name in ("v_5small_counter", "v_5small_kept", "v_5small_table", "v_5small_chosen", "builtin_enumerate"):
        assert f"#define __pyx_{name} (module_state_here()->globals.__pyx_{name})\n" in text
    assert "PyModule_GetState(__Pyx_State_FindModule" not in text
    assert (ROOT / "zmq" / "_core" / "module_state.h").is_file()
    give_states([translated])
    assert translated.read_text("utf-8") == text, "changed twice"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("__pyx_m_traverse", "__pyx_m_visit", "0 times, not once, the text '__pyx_m_clear, /* m_clear */'"),
        ("static long __pyx_v_5small_counter;", "static long __pyx_v_5small_counter = 3;", "share: __pyx_v_5small_counter"),
        ("static long __pyx_v_5small_counter;", "static long *__pyx_vp_5other_name = 0;", "share: __pyx_vp_5other_name"),
    ],
    ids=["other-text", "other-declaration", "variable-of-another-module"],
)
def test_text_of_another_cython_ends_the_build(translated: Path, tmp_path: Path, old: str, new: str, said: str) -> None:
    text = translated.read_text("utf-8")
    assert old in text
    other = tmp_path / "other.c"
    other.write_text(text.replace(old, new), "utf-8")
    before = other.read_text("utf-8")
    with pytest.raises(BuildError, match=r"pyproject\.toml requires") as caught:
        give_states([translated, other])
    assert said in str(caught.value)
    assert (translated.read_text("utf-8"), other.read_text("utf-8")) == (text, before)


def test_the_build_requires_the_cython_that_it_knows() -> None:
    version = f'"cython=={sys.modules["Cython"].__version__}"'
    assert (ROOT / "pyproject.toml").read_text("utf-8").count(version) == 2, "to build with, and in the extra `test`"
