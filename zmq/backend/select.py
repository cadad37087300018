"""Old import path: the names that a backend offers."""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

public_api: list[str] = [
    "Context",
    "Socket",
    "Frame",
    "Message",
    "proxy",
    "proxy_steerable",
    "zmq_poll",
    "strerror",
    "zmq_errno",
    "has",
    "curve_keypair",
    "curve_public",
    "zmq_version_info",
    "IPC_PATH_MAX_LEN",
    "PYZMQ_DRAFT_API",
]


def select_backend(name: str) -> dict[str, Any]:
    """Return the public names of a backend module.

    Args:
        name: "cython", or a full module name.
    Raises:
        ImportError: no such module, or one that lacks a name.
    """
    module = import_module("zmq.backend.cython" if name == "cython" else name)
    missing = [key for key in public_api if not hasattr(module, key)]
    if missing:
        raise ImportError(f"{name} is no zmq backend: it lacks {', '.join(missing)}")
    return {key: getattr(module, key) for key in public_api} | {"monitored_queue": getattr(module, "monitored_queue", None)}
