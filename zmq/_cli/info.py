"""`python -m zmq info`: what a bug report needs to say about this installation."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import sys
from collections.abc import Sequence

import zmq
from zmq._core._lib import build_info

from . import Parser

FEATURES = ("ipc", "curve", "pgm", "tipc", "norm", "gssapi", "draft", "WS", "WSS", "vmci")
Facts = dict[str, dict[str, object]]


def main(argv: Sequence[str]) -> int:
    """Print the facts, as aligned text or as JSON."""
    args = build_parser().parse_args(argv)
    facts = collect()
    if args.json:
        print(json.dumps(facts, indent=1))
        return 0
    width = max(len(name) for section in facts.values() for name in section)
    for number, (title, section) in enumerate(facts.items()):
        print(f"{chr(10) if number else ''}{title}")
        for name, value in section.items():
            print(f"  {name:{width}}  {_shown(value)}")
    return 0


def build_parser() -> Parser:
    """The parser of `info`."""
    parser = Parser("info", description="Print versions, how libzmq was found, features, limits and paths.")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser


def collect() -> Facts:
    """Gather everything, section by section."""
    return {
        "versions": {
            "pyzmq": zmq.pyzmq_version(),
            "libzmq": zmq.zmq_version(),
            "python": platform.python_version(),
            "implementation": platform.python_implementation(),
            "numpy": _version("numpy"),
        },
        "build": dict(build_info()),
        "has": {feature: zmq.has(feature) for feature in FEATURES},
        "limits": _limits(),
        "paths": {
            "zmq": os.path.dirname(os.path.abspath(zmq.__file__)),
            "python": sys.executable,
        },
        "platform": {
            "system": platform.platform(),
            "machine": platform.machine(),
            "libc": " ".join(platform.libc_ver()).strip() or None,
            "gil": _gil(),
        },
    }


def _version(distribution: str) -> str | None:
    """The version of an installed distribution, without importing it."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def _limits() -> dict[str, object]:
    with zmq.Context() as context:
        sockets = context.get(zmq.MAX_SOCKETS)
    return {
        "ipc path": zmq.IPC_PATH_MAX_LEN,
        "sockets": sockets,
        "descriptors": _descriptors(),
    }


def _descriptors() -> int | None:
    """The soft limit, None where there is none."""
    try:
        import resource
    except ImportError:
        return None  # Windows
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if soft == resource.RLIM_INFINITY else soft


def _gil() -> str:
    enabled = getattr(sys, "_is_gil_enabled", None)
    return "on" if enabled is None or enabled() else "off"


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "-" if value is None else str(value)
