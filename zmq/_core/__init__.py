"""The compiled core: libzmq wrapped in small modules, of which only ``_lib`` is linked with it."""

import sys
from importlib.machinery import EXTENSION_SUFFIXES
from os.path import isfile, join


def _built(directory):
    return any(isfile(join(directory, "_lib" + suffix)) for suffix in EXTENSION_SUFFIXES)


if not _built(__path__[0]):
    # A checkout, and the current directory: the extension modules are in the installed package.
    __path__ += [path for path in (join(entry, "zmq", "_core") for entry in sys.path) if _built(path)]
