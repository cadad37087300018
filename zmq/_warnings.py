"""The warnings of this package, each given in one place."""

from __future__ import annotations

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
