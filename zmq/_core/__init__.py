"""The compiled core: libzmq wrapped in small modules, of which only ``_lib`` is linked with it."""

from __future__ import annotations


def _find_compiled() -> None:
    """Let a checkout that is the current directory use the compiled modules of the installed package, which it hides."""
    try:
        import zmq._core._lib
    except ImportError as error:
        # CPython's words since 3.12, and Cython's
        if "subinterpreter" in str(error) or "one interpreter per process" in str(error):
            raise ImportError(
                "this build of zmq can be imported by one interpreter of a process only: use CPython 3.12 or newer, or threads, or"
                " processes (concurrent.futures.ProcessPoolExecutor), instead of subinterpreters"
            ) from error
        if not isinstance(error, ModuleNotFoundError):
            raise
        if error.name != "zmq._core._lib":
            raise
        import sys
        from os.path import dirname, isdir, join

        __path__.extend(path for path in (join(entry, "zmq", "_core") for entry in sys.path) if isdir(path))
        try:
            import zmq._core._lib
        except ModuleNotFoundError:
            here = dirname(__file__)
            if not isdir(here):
                archive = dirname(dirname(here))
                raise ImportError(
                    f"zmq's compiled modules cannot be loaded from the archive {archive}: install pyzmq beside it, or make the"
                    " program with a tool that unpacks (shiv) or freezes (PyInstaller)"
                ) from error
            raise ImportError("zmq's compiled modules are missing: run `python -m pip install .` in the checkout") from error


_find_compiled()
