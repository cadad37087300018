"""Every name of PyZMQ 27.3's public modules is here, and can be called as it was there.

names.txt has one line for each: a module, a name in it, a member of a class; with its parameters if it can be called (`=0` marks
those with a default). `python tests/core/test_names.py DIRECTORY` makes it anew from DIRECTORY/api.json, without what does not
hold: tests/compat_check.py looks closer, and tests/compat_allowed.txt has the reasons for that.
"""

from __future__ import annotations

import importlib
import inspect
import json
import sys
import warnings
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

NAMES = Path(__file__).with_name("names.txt")
REASONABLE = {"zmq.eventloop": "tornado", "zmq.green": "gevent"}


def lines_of(module: str) -> list[str]:
    return [line for line in NAMES.read_text("utf-8").splitlines() if line.partition(" ")[0] == module]


def modules() -> list[str]:
    return sorted({line.partition(" ")[0] for line in NAMES.read_text("utf-8").splitlines() if not line.startswith("#")})


def load(module: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return importlib.import_module(module)


def problem(line: str) -> str | None:
    """What is wrong with the name that a line describes."""
    module, _, rest = line.partition(" ")
    path, bracket, parameters = rest.partition("(")
    found: Any = load(module)
    owner: Any = None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        for part in filter(None, path.split(".")):
            owner = found
            if not hasattr(found, part):
                return "missing"
            found = getattr(found, part)
    if not bracket:
        return None
    wanted = inspect.signature(eval(f"lambda {parameters.removesuffix(')')}: 0"))
    try:
        has = inspect.signature(found)
    except (TypeError, ValueError):
        return None  # a compiled class: the members tell
    last = path.rpartition(".")[2]
    unbound = isinstance(owner, type) and not isinstance(inspect.getattr_static(owner, last), (classmethod, staticmethod))
    for args, kwargs in calls(wanted):
        try:
            has.bind(*([None] if unbound else []), *args, **kwargs)
        except TypeError as error:
            return f"{has} cannot be called with {len(args)} arguments and {list(kwargs)}: {error}"
    return None


def calls(signature: inspect.Signature) -> Iterator[tuple[list[None], dict[str, None]]]:
    """Ways to call such a function: with what it must have, all by position, all that can be by name."""
    given = signature.parameters.values()
    places = [one for one in given if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]
    needed = [one for one in places if one.default is one.empty]
    keywords = {one.name: None for one in given if one.kind == one.KEYWORD_ONLY}
    optional = {one.name: None for one in places if one not in needed and one.kind == one.POSITIONAL_OR_KEYWORD}
    yield [None] * len(needed), {}
    yield [None] * len(places), keywords
    yield [None] * len(needed), optional | keywords


@pytest.mark.parametrize("module", modules() if NAMES.is_file() else [])
def test_names(module: str) -> None:
    for prefix, package in REASONABLE.items():
        if module.startswith(prefix):
            pytest.importorskip(package, reason="the test extra installs it")
    wrong = {line: problem(line) for line in lines_of(module)}
    assert {line: what for line, what in wrong.items() if what} == {}


# ---------------------------------------------------------------- making names.txt


def described(api: dict[str, Any]) -> Iterator[str]:
    for module, facts in api["modules"].items():
        yield module
        for name, entry in facts["names"].items():
            if entry.get("incidental") or entry["kind"] == "absent":
                continue
            yield f"{module} {name}{call_of(entry)}"
            for member, about in entry.get("members", {}).items() if entry["kind"] in ("class", "exception") else ():
                if about["kind"] != "declared" and not member.startswith("_") and "from" not in about:
                    yield f"{module} {name}.{member}{call_of(about)}"


def call_of(entry: dict[str, Any]) -> str:
    rows = entry.get("params")
    if rows is None or entry["kind"] == "property":
        return ""
    parts: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        parts[row[1]].append(row[0] + ("=0" if len(row) == 3 else ""))
    groups = [*parts["pos"], *(["/"] if parts["pos"] else []), *parts["both"], *(f"*{name}" for name in parts["*"])]
    groups += ["*"] if parts["kw"] and not parts["*"] else []
    return f"({', '.join([*groups, *parts['kw'], *(f'**{name}' for name in parts['**'])])})"


if __name__ == "__main__":
    rows = list(described(json.loads(Path(sys.argv[1], "api.json").read_text("utf-8"))))
    failing = {row: problem(row) for row in rows if problem(row)}
    for row, what in failing.items():
        print(f"left out: {row}: {what}", file=sys.stderr)
    NAMES.write_text("".join(f"{row}\n" for row in rows if row not in failing), "utf-8")
