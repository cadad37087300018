"""What is done otherwise on a system that is not this one: each such place is told that it is there."""

from __future__ import annotations

import errno
import importlib.util
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import zmq
import zmq.constants
from zmq import _methods
from zmq.ssh import tunnel
from zmq.utils import win32


def constants_of(platform: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module of constants, as that system would load it."""
    path = zmq.constants.__file__
    assert path is not None
    spec = importlib.util.spec_from_file_location(f"constants_of_{platform}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, module.__name__, module)
        patch.setattr(sys, "platform", platform)
        spec.loader.exec_module(module)
    return module


def test_errors_of_windows_have_the_numbers_of_its_c_runtime(monkeypatch: pytest.MonkeyPatch) -> None:
    found = constants_of("win32", monkeypatch)
    # <errno.h> of Windows; Winsock's, which Python's errno has there, are above 10000
    numbers = {"EADDRINUSE": 100, "ECONNREFUSED": 107, "EHOSTUNREACH": 110, "EMSGSIZE": 115, "ENOTSOCK": 128, "ETIMEDOUT": 138}
    assert {name: int(getattr(found, name)) for name in numbers} == numbers
    assert found.ETERM == zmq.ETERM


@pytest.mark.parametrize("platform", ["linux", "darwin"])
def test_errors_elsewhere_are_the_systems(platform: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = constants_of(platform, monkeypatch)
    assert found.EADDRINUSE == errno.EADDRINUSE
    assert found.ETERM == zmq.ETERM


@pytest.mark.parametrize(("platform", "number", "taken"), [
    ("linux", errno.EADDRINUSE, True), ("linux", errno.EACCES, False),
    ("win32", errno.EADDRINUSE, True), ("win32", errno.EACCES, True), ("win32", errno.EINVAL, False),
])  # fmt: skip
def test_windows_calls_a_taken_port_forbidden(monkeypatch: pytest.MonkeyPatch, platform: str, number: int, taken: bool) -> None:
    monkeypatch.setattr(_methods, "sys", SimpleNamespace(platform=platform))
    assert _methods._port_taken(zmq.ZMQError(number)) is taken


@pytest.mark.parametrize(("platform", "way"), [("linux", "ssh"), ("darwin", "ssh"), ("win32", "paramiko")])
def test_windows_has_no_ssh_command(monkeypatch: pytest.MonkeyPatch, platform: str, way: str) -> None:
    monkeypatch.setattr(tunnel, "sys", SimpleNamespace(platform=platform))
    monkeypatch.setattr(tunnel, "_paramiko_logs_in", lambda server, keyfile: "paramiko")
    monkeypatch.setattr(tunnel, "_openssh_logs_in", lambda server, keyfile: "ssh")
    assert tunnel.try_passwordless_ssh("host", None) == way  # type: ignore[comparison-overlap]


def test_ctrl_c_of_windows_comes_from_a_handler_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    import ctypes

    calls: list[tuple[Any, bool]] = []
    kernel = SimpleNamespace(SetConsoleCtrlHandler=lambda handler, add: calls.append((handler, add)) or True)
    monkeypatch.setattr(win32, "os", SimpleNamespace(name="nt"))
    monkeypatch.setattr(ctypes, "WinDLL", lambda name, use_last_error: kernel, raising=False)
    monkeypatch.setattr(ctypes, "WINFUNCTYPE", lambda *signature: lambda function: function, raising=False)
    asked: list[str] = []
    with win32.allow_interrupt(lambda: asked.append("interrupt")):
        ((handler, added),) = calls
        assert added
        # CTRL_C_EVENT, then CTRL_BREAK_EVENT: both go on to Python's own handler
        assert [handler(event) for event in (0, 1)] == [0, 0]
        assert asked == ["interrupt"]
    assert calls[1:] == [(handler, False)]


def test_a_handler_that_windows_refuses_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    import ctypes

    kernel = SimpleNamespace(SetConsoleCtrlHandler=lambda handler, add: False)
    monkeypatch.setattr(win32, "os", SimpleNamespace(name="nt"))
    monkeypatch.setattr(ctypes, "WinDLL", lambda name, use_last_error: kernel, raising=False)
    monkeypatch.setattr(ctypes, "WINFUNCTYPE", lambda *signature: lambda function: function, raising=False)
    monkeypatch.setattr(ctypes, "get_last_error", lambda: 6, raising=False)
    monkeypatch.setattr(ctypes, "WinError", lambda number: OSError(number, "refused"), raising=False)
    with pytest.raises(OSError, match="refused"):
        with win32.allow_interrupt():
            pass
