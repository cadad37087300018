"""The compiled core: libzmq wrapped in small modules, of which only ``_lib`` is linked with it."""

from __future__ import annotations


def _find_compiled() -> None:
    """Let a checkout that is the current directory use the compiled modules of the installed package, which it hides."""
    try:
        import zmq._core._lib
    except ModuleNotFoundError as error:
        if error.name != "zmq._core._lib":
            raise
        import sys
        from os.path import isdir, join

        __path__.extend(path for path in (join(entry, "zmq", "_core") for entry in sys.path) if isdir(path))
        try:
            import zmq._core._lib
        except ModuleNotFoundError:
            raise ImportError("zmq's compiled modules are missing: run `python -m pip install .` in the checkout") from error


_find_compiled()
