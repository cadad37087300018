"""setuptools' build_ext: locate or build libzmq, cythonize, compile only what changed."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import shutil
import sys
import sysconfig
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from setuptools import Extension
from setuptools.command.build_ext import build_ext as _build_ext

from .bundle import build as build_bundled
from .cache import locked
from .config import BuildConfig, BuildError
from .extensions import CORE, ROOT, apply_flags, directives
from .locate import Library, locate, say
from .module_state import give_states
from .tools import Toolchain

STUBS = Path("stubs")


class build_ext(_build_ext):  # noqa: N801  # setuptools' command name
    """Compiles into build/ of the tree, whatever temporary directories the installer chose.

    An editable or wheel build hands setuptools a fresh build_temp each time; objects and modules
    kept in one place make the second build of an unchanged tree compile nothing.
    """

    def finalize_options(self) -> None:
        super().finalize_options()
        for ext in self.extensions:
            # decides what the modules' files are called
            ext.py_limited_api = BuildConfig.from_environment().abi3

    def run(self) -> None:
        super().run()
        self._place_stubs()

    def build_extensions(self) -> None:
        config = BuildConfig.from_environment()
        _require_python_headers()
        toolchain = self._toolchain()
        library = self.library = locate(config) or build_bundled(config, toolchain)
        if config.draft and library.origin != "bundled":
            self._require_drafts(library)
        # A sanitizer brings a runtime of its own.
        runtime = toolchain.static_runtime() if library.static and not config.sanitize else ()
        mode = "-".join(["release", *config.flags] if config.optimise else config.flags)
        self._work = ROOT / "build" / f"ext-{sysconfig.get_platform()}-{_python_tag()}-{mode}"
        with locked(ROOT / "build" / "lock"):
            cythonized = self._cythonize(config)
            give_states([ROOT / ext.sources[0] for ext in cythonized])
            for ext in cythonized:
                apply_flags(ext, config, library, runtime, self._work)
            with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
                compiled = list(pool.map(self._build_one, cythonized))
        say(f"compiled {sum(compiled)} of {len(compiled)} modules ({library.origin} libzmq)")

    def get_source_files(self) -> list[str]:
        return [source for ext in self.extensions for source in ext.sources]

    def _toolchain(self) -> Toolchain:
        compiler = self.compiler
        if compiler.compiler_type == "msvc":
            return Toolchain(("cl",), ("cl",), (), f"msvc-{sysconfig.get_platform()}")
        cc: list[str] = compiler.compiler_so
        cxx: list[str] = getattr(compiler, "compiler_so_cxx", None) or compiler.compiler_cxx
        return Toolchain.of(cc, cxx, sysconfig.get_platform())

    def _cythonize(self, config: BuildConfig) -> list[Extension]:
        from Cython.Build import cythonize
        from Cython.Shadow import __version__ as cython_version

        target = Path("build", "cython-coverage" if config.coverage else "cython")
        stamp = ROOT / target / "stamp"
        changer = Path(__file__).with_name("module_state.py").read_text("utf-8")
        facts = json.dumps([cython_version, directives(config), changer], sort_keys=True)
        stale = not stamp.is_file() or stamp.read_text("utf-8") != facts
        before = os.getcwd()
        os.chdir(ROOT)  # Cython records relative paths; they have to mean the same each time
        try:
            result: list[Extension] = cythonize(  # type: ignore[no-untyped-call]
                self.extensions,
                build_dir=str(target),
                compiler_directives=directives(config),
                force=stale,
                nthreads=_translators(),
                quiet=True,
                show_all_warnings=False,
            )
        except Exception as error:
            if type(error).__name__ == "CompileError":
                raise BuildError(f"Cython could not translate: {error}") from error
            raise
        finally:
            os.chdir(before)
        stamp.parent.mkdir(parents=True, exist_ok=True)
        stamp.write_text(facts, "utf-8")
        return result

    def _build_one(self, ext: Extension) -> bool:
        """Compile and link a module unless its product is current; tell whether it was."""
        product = self._product(ext)
        stamp = product.with_name(product.name + ".stamp")
        facts = self._fingerprint(ext)
        current = product.is_file() and stamp.is_file() and stamp.read_text("utf-8") == facts
        if self.force or not current:
            stamp.unlink(missing_ok=True)
            self._compile(ext, product)
            stamp.write_text(facts, "utf-8")
        target = Path(self.get_ext_fullpath(ext.name))
        _deliver(product, target)
        if not (self.inplace or self.editable_mode):
            # what a build with another ABI left where the wheel is put together
            for other in target.parent.glob(f"{target.name.partition('.')[0]}.*{target.suffix}"):
                if other.name != target.name:
                    other.unlink()
        return not current

    def copy_extensions_to_source(self) -> None:
        """Put the modules into the tree; setuptools' own would keep whatever is newer there."""
        for ext in self.extensions:
            _deliver(self._product(ext), (ROOT / CORE / self._product(ext).name))

    def _product(self, ext: Extension) -> Path:
        return self._work / "lib" / Path(self.get_ext_fullpath(ext.name)).name

    def _compile(self, ext: Extension, product: Path) -> None:
        objects_dir = self._work / "obj"
        objects = self.compiler.compile(
            [str(ROOT / source) for source in ext.sources],
            output_dir=str(objects_dir),
            macros=ext.define_macros,
            include_dirs=[str(ROOT / path) for path in ext.include_dirs],
            debug=self.debug,
            extra_postargs=ext.extra_compile_args,
        )
        product.parent.mkdir(parents=True, exist_ok=True)
        self.compiler.link_shared_object(
            [*objects, *ext.extra_objects],
            str(product),
            libraries=self.get_libraries(ext),
            library_dirs=ext.library_dirs,
            runtime_library_dirs=ext.runtime_library_dirs,
            extra_postargs=ext.extra_link_args,
            export_symbols=self.get_export_symbols(ext),  # type: ignore[no-untyped-call]
            debug=self.debug,
            build_temp=str(objects_dir),
            target_lang=ext.language or "c",
        )

    def _fingerprint(self, ext: Extension) -> str:
        """A digest of everything that the module is made from."""
        files = {str(ROOT / name) for name in [*ext.sources, *ext.depends]}
        files |= {str(path) for name in ext.include_dirs for path in (ROOT / name).glob("zmq*.h")}
        files |= set(ext.extra_objects)
        flags = [ext.define_macros, ext.include_dirs, ext.extra_compile_args, ext.extra_link_args,
                 ext.libraries, ext.library_dirs, ext.runtime_library_dirs, ext.language,
                 getattr(self.compiler, "compiler_so", None), self.debug, sys.version]  # fmt: skip
        digest = hashlib.sha256(json.dumps(flags).encode())
        for name in sorted(files):
            path = Path(name)
            digest.update(name.encode())
            digest.update(path.read_bytes() if path.is_file() else b"absent")
        return digest.hexdigest()

    def _require_drafts(self, library: Library) -> None:
        with tempfile.TemporaryDirectory(prefix="pyzmq-draft-") as work:
            source = Path(work) / "draft.c"
            source.write_text(
                "#define ZMQ_BUILD_DRAFT_API 1\n#include <zmq.h>\n"
                "int main(void) { return zmq_join(0, 0); }\n"
            )
            options: dict[str, Any] = {"extra_postargs": list(library.compile_args)}
            try:
                objects = self.compiler.compile(
                    [str(source)],
                    output_dir=work,
                    include_dirs=list(library.include_dirs),
                    **options,
                )
                self.compiler.link_executable(
                    objects, str(Path(work) / "draft"), libraries=list(library.libraries),
                    library_dirs=list(library.library_dirs),
                )  # fmt: skip
            except Exception as error:
                raise BuildError(
                    f"ZMQ_DRAFT_API=1, but the libzmq found ({library.detail}) was built without "
                    "drafts: set ZMQ_PREFIX=bundled as well, or unset ZMQ_DRAFT_API"
                ) from error

    def _place_stubs(self) -> None:
        """Put each stub beside its module: in the wheel, or in the tree of an editable install."""
        in_tree = self.editable_mode or self.inplace
        base = ROOT if in_tree else Path(self.build_lib)
        for stub in sorted((ROOT / STUBS).rglob("*.pyi")):
            target = base / "zmq" / stub.relative_to(ROOT / STUBS)
            if target.parent.is_dir():
                _deliver(stub, target)


def _require_python_headers() -> None:
    header = Path(sysconfig.get_path("include")) / "Python.h"
    if not header.is_file():
        raise BuildError(
            f"{header} is missing: install Python's headers (Debian, Ubuntu: python3-dev)"
        )


def _translators() -> int:
    """Processes for Cython: one for each CPU, or none of its own where they cannot synchronise."""
    try:
        multiprocessing.Lock()
    except (ImportError, OSError):  # no /dev/shm, or not ours to use, as in some containers
        return 0
    return os.cpu_count() or 1


def _deliver(product: Path, target: Path) -> None:
    """Copy a file to where it is wanted unless the same one is there."""
    if target.is_file() and product.read_bytes() == target.read_bytes():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    # A running process may have the old module mapped: replace the file, never its bytes.
    partial = target.with_name(f".{target.name}-{os.getpid()}")
    shutil.copy(product, partial)
    os.replace(partial, target)


def _python_tag() -> str:
    return (sys.implementation.cache_tag or "python") + (getattr(sys, "abiflags", "") or "")
