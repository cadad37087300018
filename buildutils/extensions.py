"""The compiled modules: which they are, Cython's directives, and the flags for each."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from setuptools import Extension

from .config import ABI3_SINCE, BuildConfig
from .locate import Library

ROOT = Path(__file__).resolve().parent.parent
CORE = Path("zmq", "_core")
ABI_HEADER = CORE / "abi.h"
LINKED = "zmq._core._lib"
"""The one module that is linked with libzmq; the others reach it through this one's functions."""


def modules() -> list[Extension]:
    """One extension for each .pyx in zmq/_core, without any flags yet."""
    found = sorted((ROOT / CORE).glob("*.pyx"))
    return [Extension(f"zmq._core.{path.stem}", [str(CORE / path.name)]) for path in found]


def directives(config: BuildConfig) -> dict[str, Any]:
    """Cython's directives, the same for every module."""
    settings: dict[str, Any] = {
        "language_level": 3,
        "binding": True,
        # What inspect.signature() reads of a function that is not bound.
        "embedsignature.format": "clinic",
        "freethreading_compatible": True,
        # Indexes and divisors are checked where they come from, at the Python boundary.
        "boundscheck": False,
        "wraparound": False,
        "cdivision": True,
        "initializedcheck": False,
    }
    if config.coverage:
        settings["linetrace"] = True
        settings["profile"] = True
    return settings


def macros(config: BuildConfig, library: Library, name: str) -> list[tuple[str, str | None]]:
    """Preprocessor definitions for a module: the switches for all, the build's story for _lib."""
    result: list[tuple[str, str | None]] = []
    if config.draft:
        result.append(("ZMQ_BUILD_DRAFT_API", "1"))
    if config.faults:
        result.append(("ZMQ_BUILD_FAULTS", "1"))
    if config.abi3:
        result.append(("Py_LIMITED_API", f"0x{ABI3_SINCE[0]:02x}{ABI3_SINCE[1]:02x}0000"))
    if library.static:
        result.append(("ZMQ_STATIC", "1"))
    if config.coverage:
        result += [("CYTHON_TRACE", "1"), ("CYTHON_TRACE_NOGIL", "1")]
    if name == LINKED:
        result += [
            ("ZMQ_BUILD_ORIGIN", _c_string(library.origin)),
            ("ZMQ_BUILD_DETAIL", _c_string(library.detail)),
            ("ZMQ_BUILD_PATCHES", _c_string(" ".join(name for part in library.components for name in part.patches))),
            ("ZMQ_BUILD_FLAGS", _c_string(" ".join(config.flags))),
        ]
    return result


def apply_flags(ext: Extension, config: BuildConfig, library: Library, runtime: tuple[str, ...], work: Path) -> None:
    """Fill in what compiling and linking one module takes."""
    linked = ext.name == LINKED
    ext.include_dirs = [str(CORE), *library.include_dirs]
    ext.define_macros = macros(config, library, ext.name)
    if sys.implementation.name == "cpython" and sys.version_info >= (3, 12):
        ext.define_macros += [("CYTHON_USE_MODULE_STATE", "1"), ("CYTHON_USE_TYPE_SPECS", "1")]
        ext.depends = [*ext.depends, str(CORE / "module_state.h")]
    if sys.platform == "win32":
        ext.extra_compile_args = ["/O2"] if config.optimise else ["/Od", "/Zi"]
    else:
        ext.extra_compile_args = ["-fvisibility=hidden", *_mode_flags(config)]
        ext.extra_link_args = _mode_link_flags(config)
    if config.abi3 or sys.implementation.name == "pypy":
        # before all else, so that the sources need not know
        ext.extra_compile_args += [f"/FI{ABI_HEADER.name}"] if sys.platform == "win32" else ["-include", ABI_HEADER.name]
        ext.depends = [*ext.depends, str(ABI_HEADER)]
    if not linked:
        return
    ext.extra_compile_args += library.compile_args
    ext.extra_link_args += library.link_args
    ext.extra_objects = list(library.objects)
    ext.libraries = list(library.libraries)
    ext.library_dirs = list(library.library_dirs)
    ext.runtime_library_dirs = list(library.runtime_library_dirs)
    if library.static:
        ext.language = "c++"  # decides only which driver links: the static libzmq is C++
        ext.extra_link_args += _hide_everything_but(f"PyInit_{ext.name.rpartition('.')[2]}", work)
        # What libzmq needs of the C++ runtime is little; loading all of it takes 1 ms of `import zmq`.
        ext.extra_link_args += runtime


def _mode_flags(config: BuildConfig) -> list[str]:
    if config.sanitize:
        return ["-O1", "-g", "-UNDEBUG", "-fno-omit-frame-pointer", *_sanitize(config)]
    if config.debug:
        return ["-O0", "-g", "-UNDEBUG"]
    if config.coverage:
        return ["-O1", "-g0"]
    return ["-O3", "-g0", "-ffunction-sections", "-fdata-sections"]


def _mode_link_flags(config: BuildConfig) -> list[str]:
    if config.sanitize:
        return _sanitize(config)
    if not config.optimise:
        return []
    if sys.platform == "darwin":
        return ["-Wl,-dead_strip", "-Wl,-x"]
    return ["-O3", "-Wl,--gc-sections", "-Wl,-s"]


def _sanitize(config: BuildConfig) -> list[str]:
    return [f"-fsanitize={','.join(config.sanitize)}"]


def _hide_everything_but(symbol: str, work: Path) -> list[str]:
    """Linker flags that keep libzmq's symbols from meeting another copy in the process."""
    if sys.platform == "win32":
        return []
    if sys.platform == "darwin":
        return [f"-Wl,-exported_symbol,_{symbol}"]
    script = work / "exported.map"
    script.parent.mkdir(parents=True, exist_ok=True)
    text = f"{{ global: {symbol}; local: *; }};\n"
    if not script.exists() or script.read_text() != text:
        script.write_text(text)
    return ["-Wl,--exclude-libs,ALL", f"-Wl,--version-script={script}"]


def _c_string(text: str) -> str:
    return json.dumps(text)
