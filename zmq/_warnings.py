"""The warnings of this package, each given in one place."""

from __future__ import annotations

from .error import PickleWarning

# warnings is imported when there is something to say: `import zmq` need not load it


def warn_unclosed(text: str, handle: object) -> None:
    """Warn of a socket or context that was left open.

    The source is the handle, because CPython 3.11's tracemalloc knows nothing of objects with a __dict__.
    """
    import warnings

    warnings.warn(text, ResourceWarning, stacklevel=3, source=handle)


def warn_deprecated(text: str) -> None:
    """Warn the caller's caller of a name of old."""
    import warnings

    warnings.warn(text, DeprecationWarning, stacklevel=3)


def warn_pickle(address: str) -> None:
    """Warn the caller's caller that what it unpickles may come from anywhere."""
    import warnings

    warnings.warn(
        f"recv_pyobj() on a socket that was bound or connected to {address} without CURVE: unpickling runs whatever code a peer "
        "sends. Use recv_json(), or recv_serialized() with a format that is only data; or CURVE with the clients' keys checked. If "
        "every peer is trusted: warnings.filterwarnings('ignore', category=zmq.PickleWarning)",
        PickleWarning,
        stacklevel=3,
    )
