"""The compiled core: libzmq wrapped in small modules, of which only ``_lib`` is linked with it."""

try:
    import zmq._core._lib
except ModuleNotFoundError as error:
    if error.name != "zmq._core._lib":
        raise
    # The current directory is a checkout that hides the installed package: its compiled modules serve this code too.
    import sys
    from os.path import isdir, join

    __path__ += [path for path in (join(entry, "zmq", "_core") for entry in sys.path) if isdir(path)]
    try:
        import zmq._core._lib
    except ModuleNotFoundError:
        raise ImportError("zmq's compiled modules are missing: run `python -m pip install .` in the checkout") from error
