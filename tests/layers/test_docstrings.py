"""Every public object has a docstring: first one sentence, then at most what fits 15 lines."""

from __future__ import annotations

import enum
import inspect
import pkgutil
import types
import warnings
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
import zmq

LONGEST = 15  # lines

MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages([str(Path(zmq.__file__).parent)], "zmq.")
    if "._" not in module.name
)


def public_objects() -> Iterator[tuple[str, object]]:
    """Everything of ours that `zmq` and its public modules offer, each once, by the name that users know."""
    seen: set[int] = set()
    for name in ["zmq", *MODULES]:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", r"zmq\.", DeprecationWarning)  # modules of old say so when they are imported
            module = import_module(name)
        yield name, module
        for key in getattr(module, "__all__", None) or [key for key in vars(module) if not key.startswith("_")]:
            found = getattr(module, key)
            callables = (type, types.FunctionType, types.BuiltinFunctionType)
            ours = isinstance(found, callables) or type(found).__name__ == "cython_function_or_method"
            if not ours or not str(found.__module__).startswith("zmq") or id(found) in seen:
                continue
            seen.add(id(found))
            yield f"{name}.{key}", found
            if isinstance(found, type) and not issubclass(found, enum.Enum):
                yield from members_of(f"{name}.{key}", found, seen)


def members_of(owner: str, cls: type, seen: set[int]) -> Iterator[tuple[str, object]]:
    for base in cls.__mro__:
        if not base.__module__.startswith("zmq"):
            continue
        for key, raw in vars(base).items():
            member = getattr(raw, "__func__", raw)
            # plain data of a compiled class is a descriptor as well, and cannot have a docstring
            data = inspect.isgetsetdescriptor(raw) or inspect.ismemberdescriptor(raw)
            described = inspect.isroutine(member) or (inspect.isdatadescriptor(raw) and not (data and not raw.__doc__))
            if key.startswith("_") or not described or id(raw) in seen or getattr(cls, key, None) is None:
                continue
            seen.add(id(raw))
            yield f"{owner}.{key}", raw if not isinstance(raw, (classmethod, staticmethod)) else member


def defined_above(name: str) -> bool:
    """An overriding method may leave its description to the one that it overrides."""
    owner, _, key = name.rpartition(".")
    cls: object = zmq
    for part in owner.split(".")[1:]:
        cls = getattr(cls, part, None)
    return isinstance(cls, type) and bool(inspect.getdoc(getattr(cls, key)))


OBJECTS = list(public_objects())


def test_objects_are_found() -> None:
    assert {"zmq", "zmq.Socket", "zmq.Socket.send", "zmq.Context.term", "zmq.curve_keypair"} <= {name for name, _ in OBJECTS}


@pytest.mark.parametrize(("name", "found"), OBJECTS, ids=[name for name, _ in OBJECTS])
def test_docstring(name: str, found: object) -> None:
    text = getattr(found, "__doc__", None)
    if not text:
        assert defined_above(name), f"{name} has no docstring"
        return
    lines = inspect.cleandoc(text).splitlines()
    first = lines[0]
    end = f"the first line of {name} is not one sentence with a full stop: {first!r}"
    assert first.endswith("."), end
    assert len(lines) <= LONGEST, f"{name} takes {len(lines)} lines; explain the idea in docs/"
