"""zmq.codecs: what goes in comes out, and what cannot is refused with advice."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from zmq import codecs

from helpers import PYPY

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.text())
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32"])
def test_text_comes_back(encoding: str, text: str) -> None:
    if text.encode("utf-8", "ignore").decode() == text:
        assert codecs.decode_string(codecs.encode_string(text, encoding), encoding) == text


@given(JSON)
def test_json_comes_back(value: Any) -> None:
    data = codecs.encode_json(value)
    assert isinstance(data, bytes)
    assert codecs.decode_json(data) == value
    assert codecs.decode_json(data.decode()) == value


# PyPy 8.0.1 cannot read the infinite floats that it writes in protocol 0
@given(JSON, st.none() | st.integers(1 if PYPY else 0, pickle.HIGHEST_PROTOCOL))
def test_objects_come_back(value: Any, protocol: int | None) -> None:
    assert codecs.decode_pyobj(codecs.encode_pyobj(value, protocol)) == value


def test_json_is_ascii_unless_told() -> None:
    assert codecs.encode_json("é") == b'"\\u00e9"'
    assert codecs.encode_json("é", ensure_ascii=False) == '"é"'.encode()


def test_json_keywords_arrive() -> None:
    assert codecs.encode_json({"b": 1, "a": 2}, sort_keys=True) == b'{"a": 2, "b": 1}'
    assert codecs.decode_json(b"[1.5]", parse_float=str) == ["1.5"]


@pytest.mark.parametrize("value", [b"bytes", 1, None, bytearray()])
def test_only_text_is_text(value: Any) -> None:
    with pytest.raises(TypeError, match=r"use send\(\) for bytes"):
        codecs.encode_string(value)


def test_errors_of_the_encoders_come_through() -> None:
    with pytest.raises(TypeError):
        codecs.encode_json(object())
    with pytest.raises(json.JSONDecodeError):
        codecs.decode_json(b"{")
    with pytest.raises(UnicodeDecodeError):
        codecs.decode_json(b"\xff")
    with pytest.raises(UnicodeEncodeError):
        codecs.encode_string("é", "ascii")
    with pytest.raises(pickle.UnpicklingError):
        codecs.decode_pyobj(b"x")


def test_json_and_pickle_are_imported_late() -> None:
    program = (
        "import importlib.util, sys; before = set(sys.modules);"
        "spec = importlib.util.spec_from_file_location('codecs_alone', sys.argv[1]);"
        "spec.loader.exec_module(importlib.util.module_from_spec(spec));"
        "print(sorted(set(sys.modules) - before))"
    )
    result = subprocess.run(
        [sys.executable, "-S", "-c", program, str(Path(codecs.__file__))],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert "json" not in result.stdout
    assert "pickle" not in result.stdout
