"""PyInstaller's hook: what compiled modules import, which it cannot see, goes into a frozen program too."""

from __future__ import annotations

from PyInstaller.utils.hooks import collect_submodules, copy_metadata

# The core is small and imports its own parts and these; all else is found where a program imports it.
hiddenimports = [*collect_submodules("zmq._core"), "zmq.constants", "zmq.error", "zmq.options"]
# Old names that a program may use after a bare `import zmq`: see zmq/_lazy.py.
hiddenimports += [*collect_submodules("zmq.backend"), *collect_submodules("zmq.sugar"), *collect_submodules("zmq.utils")]
datas = copy_metadata("pyzmq")  # programs ask importlib.metadata for the version
