"""The pages of docs/api/ name everything that `zmq` offers."""

from __future__ import annotations

import enum
import inspect
import re
from pathlib import Path

import pytest
import zmq

PAGES = sorted((Path(__file__).resolve().parents[2] / "docs" / "api").glob("*.md"))

pytestmark = pytest.mark.skipif(not PAGES, reason="needs a source tree")

TEXT = "\n".join(page.read_text("utf-8") for page in PAGES)


def documented(name: str) -> bool:
    return re.search(rf"\bzmq\.{re.escape(name)}\b", TEXT) is not None


def test_every_public_name() -> None:
    objects = {name: getattr(zmq, name) for name in zmq.__all__ if not name.startswith("_")}
    standard = (enum.Enum, enum.IntEnum, enum.IntFlag)
    wanted = [name for name, found in objects.items() if not isinstance(found, enum.Enum) and found not in standard]
    assert len(wanted) > 40
    assert [name for name in wanted if not documented(name)] == []


#: Other names of methods that have a page.
ALIASES = {
    "getsockopt",
    "getsockopt_string",
    "getsockopt_unicode",
    "recv_unicode",
    "send_unicode",
    "setsockopt",
    "setsockopt_string",
    "setsockopt_unicode",
    "socket_type",
}
OPTIONS = {name.lower() for kind in (zmq.SocketOption, zmq.ContextOption, zmq.MessageOption) for name in kind.__members__}


@pytest.mark.parametrize("cls", [zmq.Socket, zmq.Context, zmq.Frame, zmq.MessageTracker])
def test_every_public_method(cls: type) -> None:
    missing = []
    for name in dir(cls):
        plain_data = inspect.isgetsetdescriptor(getattr(cls, name))
        if name.startswith("_") or name.lower() in OPTIONS or name in ALIASES or plain_data:
            continue
        if not documented(f"{cls.__name__}.{name}") and not re.search(rf":members:.*\b{name}\b", TEXT):
            missing.append(name)
    assert missing == []
