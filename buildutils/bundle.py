"""Builds libsodium and libzmq, both static or libzmq shared, by upstream's own build files, in the cache."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from .cache import appearing, locked
from .config import BuildConfig, BuildError
from .locate import Component, Library, header_version, say, system_libraries
from .patches import Patch, apply, chosen
from .sources import Source, pins, resolve, unpack
from .tools import Toolchain, build_environment, cmake, visual_studio_msbuild, windows_platform

RECIPE = 2
"""Raise it when this file builds differently, so that what the cache holds is made anew."""

STEP_TIMEOUT = 900.0

# Nothing of the machine's may get in by accident; what is left is CURVE, ipc, tcp, inproc, tipc.
_LIBZMQ_OPTIONS = {
    "BUILD_TESTS": "OFF",
    "WITH_PERF_TOOL": "OFF",
    "WITH_DOCS": "OFF",
    "ENABLE_CPACK": "OFF",
    "ENABLE_CURVE": "ON",
    "WITH_LIBSODIUM": "ON",
    "WITH_LIBSODIUM_STATIC": "ON",
    "WITH_LIBBSD": "OFF",
    "WITH_TLS": "OFF",
    "WITH_NSS": "OFF",
    "WITH_OPENPGM": "OFF",
    "WITH_NORM": "OFF",
    "WITH_VMCI": "OFF",
    "WITH_GSSAPI": "OFF",
}


def build(config: BuildConfig, toolchain: Toolchain) -> Library:
    """The bundled libzmq, from the cache or built into it."""
    libzmq, libsodium = resolve(config)
    patches = chosen(config)
    key = _key(config, toolchain, patches, libzmq, libsodium)
    place = config.cache / "libraries" / key
    with locked(config.cache / "locks" / key):
        if (place / "record.json").is_file():
            say(f"bundled libzmq is already built in {place}")
        else:
            started = time.monotonic()
            sodium = _libsodium(config, toolchain, libsodium)
            say(f"building {libzmq.name} ({libzmq.origin})")
            with appearing(place) as prefix:
                shutil.copytree(sodium, prefix, dirs_exist_ok=True)
                _build_into(prefix, place, config, toolchain, patches, libzmq, libsodium)
            say(f"bundled libzmq built in {time.monotonic() - started:.0f} s")
    record = json.loads((place / "record.json").read_text("utf-8"))
    library = Library(
        origin="bundled",
        detail=f"{libzmq.origin}{_patched(record)}; libsodium from {libsodium.origin}",
        version=record["version"],
        include_dirs=(str(place / "include"),),
        components=tuple(Component(**facts) for facts in record["components"]),
    )
    if config.shared:
        directory = (str(place / "lib"),)
        return replace(
            library,
            libraries=(record["shared"],),
            library_dirs=directory,
            # The repair tools find the library by this, and put it into the wheel.
            runtime_library_dirs=() if sys.platform == "win32" else directory,
        )
    lto = tuple(record["lto"])
    return replace(
        library,
        libraries=system_libraries(),
        objects=tuple(str(place / name) for name in record["archives"]),
        compile_args=lto,
        link_args=lto,
    )


def _patched(record: dict[str, Any]) -> str:
    count = sum(len(facts["patches"]) for facts in record["components"])
    return f", {count} patch{'es' if count > 1 else ''}" if count else ""


def _key(
    config: BuildConfig, toolchain: Toolchain, patches: list[Patch], *sources: Source
) -> str:
    facts = [str(RECIPE), toolchain.identity, *(source.digest for source in sources)]
    facts += [patch.digest for patch in patches]
    # what these switches change is above libzmq
    facts += [flag for flag in config.flags if flag not in ("faults", "coverage", "abi3")]
    facts += [os.environ.get(name, "") for name in ("CFLAGS", "CXXFLAGS", "LDFLAGS")]
    return hashlib.sha256("\0".join(facts).encode()).hexdigest()[:20]


def _libsodium(config: BuildConfig, toolchain: Toolchain, source: Source) -> Path:
    """Where the static libsodium is; the same one serves every variant of libzmq."""
    facts = [str(RECIPE), toolchain.identity, source.digest]
    facts += [os.environ.get(name, "") for name in ("CFLAGS", "LDFLAGS")]
    key = "libsodium-" + hashlib.sha256("\0".join(facts).encode()).hexdigest()[:20]
    place = config.cache / "libraries" / key
    with locked(config.cache / "locks" / key):
        if not place.is_dir():
            say(f"building {source.name} ({source.origin})")
            with appearing(place) as prefix, tempfile.TemporaryDirectory(prefix="pyzmq-sodium-") as work:
                tree, log = unpack(source, Path(work) / "libsodium"), Path(work) / "log"
                if sys.platform == "win32":
                    _libsodium_by_msbuild(tree, prefix, log)
                else:
                    _libsodium_by_configure(tree, prefix, config, toolchain, log)
    return place


def _build_into(
    prefix: Path, place: Path, config: BuildConfig, toolchain: Toolchain, patches: list[Patch],
    libzmq: Source, libsodium: Source,
) -> None:  # fmt: skip
    lto = toolchain.lto_flags() if _release(config) and sys.platform != "win32" else ()
    with tempfile.TemporaryDirectory(prefix="pyzmq-bundle-") as directory:
        work = Path(directory)
        zmq_tree = unpack(libzmq, work / "libzmq")
        version = header_version(zmq_tree / "include" / "zmq.h")
        applied = apply([patch for patch in patches if version in patch.versions], zmq_tree)
        log = work / "log"
        sodium = prefix / "lib" / ("libsodium.lib" if sys.platform == "win32" else "libsodium.a")
        _libzmq_by_cmake(zmq_tree, work, prefix, place, sodium, lto, config, toolchain, log)
        shutil.copyfile(zmq_tree / "include" / "zmq.h", prefix / "include" / "zmq.h")
    pinned = dict(zip((libzmq, libsodium), pins(), strict=True))
    record: dict[str, Any] = {
        "version": version,
        "lto": list(lto),
        "components": [
            asdict(Component(
                name=source.name,
                version=version if source is libzmq else source.version,
                origin=source.origin,
                # The digest of a directory says nothing to others.
                sha256=source.digest if source.path.is_file() else "",
                url=pin.urls[0] if source.digest == pin.sha256 else "",
                patches=tuple(applied) if source is libzmq else (),
            ))
            for source, pin in pinned.items()
        ],
    }  # fmt: skip
    if config.shared:
        record["shared"] = _shared_name(prefix)
    else:
        archives = (_libzmq_archive(prefix), sodium)
        record["archives"] = [str(path.relative_to(prefix)) for path in archives]
    (prefix / "record.json").write_text(json.dumps(record, indent=2) + "\n", "utf-8")


def _libsodium_by_configure(
    tree: Path, prefix: Path, config: BuildConfig, toolchain: Toolchain, log: Path
) -> None:
    configured = (tree / "configure").is_file()
    env = build_environment(config, autotools=not configured)
    if not configured:
        # A source package of Debian's holds upstream's repository, not upstream's release.
        _run("libsodium autoreconf", ["autoreconf", "-fi"], tree, env, log)
    # No link-time optimisation here: constant-time code is not to be rewritten across functions.
    # No sanitizers either: this is not the code under test, and it would take minutes.
    flags = ["-O3", "-fPIC", "-fvisibility=hidden", "-ffunction-sections", *_arch_flags(toolchain)]
    env["CC"] = " ".join(toolchain.cc)
    env["CFLAGS"] = " ".join([*flags, os.environ.get("CFLAGS", "")])
    env["LDFLAGS"] = " ".join([*_arch_flags(toolchain), os.environ.get("LDFLAGS", "")])
    options = ["--disable-shared", "--enable-static", "--with-pic", "--disable-dependency-tracking",
               f"--prefix={prefix}", f"--libdir={prefix}/lib"]  # fmt: skip
    if os.environ.get("CIBW_HOST_TRIPLET"):  # Android, iOS: what is compiled here does not run here
        options.append(f"--host={os.environ['CIBW_HOST_TRIPLET']}")
    if len(toolchain.archs) > 1:
        options.append("--disable-asm")
    _run("libsodium configure", ["sh", "./configure", *options], tree, env, log)
    make = ["make", f"-j{os.cpu_count() or 1}", "-C", "src/libsodium"]
    _run("libsodium make", [*make, "V=0"], tree, env, log)
    _run("libsodium install", [*make, "install"], tree, env, log)


def _libsodium_by_msbuild(tree: Path, prefix: Path, log: Path) -> None:
    msbuild = visual_studio_msbuild()
    toolset = os.environ.get("VCTOOLSVERSION", "14.3")
    env = {
        **os.environ,
        # The project chooses the static C runtime; Python and its modules share the dynamic one.
        "_CL_": "/MD",
    }
    platform = windows_platform()
    command = [msbuild, "libsodium.vcxproj", "/m", "/nologo", "/v:m",
               "/p:Configuration=Release", f"/p:Platform={platform}",
               f"/p:PlatformToolset=v{toolset.replace('.', '')[:3]}",
               "/p:WholeProgramOptimization=false"]  # fmt: skip
    _run("libsodium msbuild", command, tree, env, log)
    built = sorted(tree.glob(f"**/{platform}/Release/**/libsodium.lib"))
    built = built or sorted(tree.glob("**/libsodium.lib"))
    if not built:
        raise BuildError("msbuild left no libsodium.lib")
    (prefix / "lib").mkdir(parents=True, exist_ok=True)
    shutil.copyfile(built[0], prefix / "lib" / "libsodium.lib")
    shutil.copytree(tree / "src" / "libsodium" / "include", prefix / "include", dirs_exist_ok=True)
    version_h = prefix / "include" / "sodium" / "version.h"
    if not version_h.exists():
        shutil.copyfile(tree / "builds" / "msvc" / "version.h", version_h)


def _libzmq_by_cmake(
    tree: Path, work: Path, prefix: Path, place: Path, sodium: Path, lto: tuple[str, ...],
    config: BuildConfig, toolchain: Toolchain, log: Path,
) -> None:  # fmt: skip
    build_dir = work / "libzmq-build"
    env = {**os.environ, "LC_ALL": "C"}
    build_type = "Release" if _release(config) else "Debug"
    definitions = {
        **_LIBZMQ_OPTIONS,
        "CMAKE_BUILD_TYPE": build_type,
        "CMAKE_INSTALL_PREFIX": str(prefix),
        "CMAKE_INSTALL_LIBDIR": "lib",
        "CMAKE_POSITION_INDEPENDENT_CODE": "ON",
        # libzmq asks for a cmake so old that cmake 4 refuses to act like it.
        "CMAKE_POLICY_VERSION_MINIMUM": "3.5",
        "CMAKE_FIND_USE_PACKAGE_REGISTRY": "OFF",
        "ENABLE_DRAFTS": "ON" if config.draft else "OFF",
        "BUILD_SHARED": "ON" if config.shared else "OFF",
        "BUILD_STATIC": "OFF" if config.shared else "ON",
        # Up to 4.3.4 the last two decide where libsodium is, from 4.3.5 on the first two as well.
        "CMAKE_PREFIX_PATH": str(prefix),
        "sodium_USE_STATIC_LIBS": "ON",
        "SODIUM_INCLUDE_DIRS": str(prefix / "include"),
        "SODIUM_LIBRARIES": str(sodium),
    }
    generator = ["-A", windows_platform()] if sys.platform == "win32" else []
    if sys.platform != "win32":
        definitions.update(_posix_definitions(work, tree, lto, config, toolchain))
        definitions.update(_shared_definitions(place, config, toolchain))
        if shutil.which("ninja"):
            generator = ["-G", "Ninja"]
        else:
            env = build_environment(config, autotools=False)
    for name in ("CC", "CXX", "CFLAGS", "CXXFLAGS", "LDFLAGS"):
        env.pop(name, None)  # already in the definitions
    command = [cmake(), "-S", str(tree), "-B", str(build_dir), *generator]
    command += [f"-D{name}={value}" for name, value in definitions.items()]
    _run("libzmq configure", command, tree, env, log)
    if "#define ZMQ_USE_LIBSODIUM" not in (build_dir / "platform.hpp").read_text("utf-8"):
        raise BuildError("libzmq's cmake did not take libsodium: the build would lack CURVE")
    jobs = str(os.cpu_count() or 1)
    command = [cmake(), "--build", str(build_dir), "--config", build_type]
    target = "libzmq" if config.shared else "libzmq-static"
    command += ["--target", target, "--parallel", jobs]
    _run("libzmq build", command, tree, env, log)
    (prefix / "lib").mkdir(parents=True, exist_ok=True)
    kinds = r"\.(lib|dll)$|\.so[.\d]*$|\.dylib$" if config.shared else r"\.(a|lib)$"
    for built in build_dir.rglob("*zmq*"):
        if re.search(kinds, built.name) and not built.is_dir():
            shutil.copyfile(built, prefix / "lib" / built.name, follow_symlinks=False)


def _posix_definitions(
    work: Path, tree: Path, lto: tuple[str, ...], config: BuildConfig, toolchain: Toolchain
) -> dict[str, str]:
    # libzmq's FindSodium insists on a pkg-config; this one knows nothing, so nothing is found.
    blind = work / "pkg-config"
    blind.write_text('#!/bin/sh\n[ "$1" = --version ] && echo 0.29 && exit 0\nexit 1\n')
    blind.chmod(0o755)
    flags = ["-fvisibility=hidden", *_mode_flags(config), *lto]
    # Assertions print the name of their file: src/pipe.cpp, and not where this build happened to be.
    nameless = f"-ffile-prefix-map={tree}/="
    if toolchain.accepts(nameless):
        flags.append(nameless)
    result = {
        "PKG_CONFIG_EXECUTABLE": str(blind),
        "CMAKE_C_FLAGS": " ".join([*flags, os.environ.get("CFLAGS", "")]),
        "CMAKE_CXX_FLAGS": " ".join(
            [*flags, "-fvisibility-inlines-hidden", os.environ.get("CXXFLAGS", "")]
        ),
    }
    if _release(config):
        result["CMAKE_C_FLAGS_RELEASE"] = result["CMAKE_CXX_FLAGS_RELEASE"] = "-O3 -DNDEBUG"
    for variable, words in (("C", toolchain.cc), ("CXX", toolchain.cxx)):
        *launcher, compiler = words
        result[f"CMAKE_{variable}_COMPILER"] = compiler
        if launcher:
            result[f"CMAKE_{variable}_COMPILER_LAUNCHER"] = ";".join(launcher)
    if toolchain.archs:
        result["CMAKE_OSX_ARCHITECTURES"] = ";".join(toolchain.archs)
    return result


def _shared_definitions(place: Path, config: BuildConfig, toolchain: Toolchain) -> dict[str, str]:
    if not config.shared:
        return {}
    if sys.platform == "darwin":
        # The name that delocate follows; the directory is still called otherwise while it is filled.
        return {"CMAKE_INSTALL_NAME_DIR": str(place / "lib"), "CMAKE_BUILD_WITH_INSTALL_NAME_DIR": "ON"}
    # Neither libsodium's symbols nor the C++ runtime's are to meet another copy in the process.
    flags = ["-Wl,--exclude-libs,ALL", "-Wl,--gc-sections", os.environ.get("LDFLAGS", "")]
    if not config.sanitize:
        flags += toolchain.static_runtime()
    if _release(config):
        flags.append("-Wl,-s")
    return {"CMAKE_SHARED_LINKER_FLAGS": " ".join(filter(None, flags))}


def _release(config: BuildConfig) -> bool:
    return not (config.debug or config.sanitize)


def _mode_flags(config: BuildConfig) -> list[str]:
    if config.sanitize:
        sanitizers = f"-fsanitize={','.join(config.sanitize)}"
        return ["-O1", "-g", "-fno-omit-frame-pointer", sanitizers]
    if config.debug:
        return ["-O0", "-g"]
    return ["-O3", "-ffunction-sections", "-fdata-sections"]


def _arch_flags(toolchain: Toolchain) -> list[str]:
    return [word for arch in toolchain.archs for word in ("-arch", arch)]


def _libzmq_archive(prefix: Path) -> Path:
    found = [
        p for p in (prefix / "lib").iterdir() if "zmq" in p.name and p.suffix in (".a", ".lib")
    ]
    if len(found) != 1:
        raise BuildError(f"expected one static libzmq in {prefix}/lib, found {len(found)}")
    return found[0]


def _shared_name(prefix: Path) -> str:
    """What the linker calls the shared libzmq in a prefix."""
    if sys.platform != "win32":
        return "zmq"
    found = list((prefix / "lib").glob("*zmq*.lib"))
    if len(found) != 1:
        raise BuildError(f"expected one import library of libzmq in {prefix}/lib, found {len(found)}")
    return found[0].stem


def _run(step: str, command: list[str], cwd: Path, env: dict[str, str], log: Path) -> None:
    started = time.monotonic()
    with log.open("w", encoding="utf-8", errors="replace") as output:
        try:
            done = subprocess.run(command, cwd=cwd, env=env, stdin=subprocess.DEVNULL,
                                  stdout=output, stderr=subprocess.STDOUT,
                                  timeout=STEP_TIMEOUT)  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as error:
            raise BuildError(f"{step} failed: {error}") from error
    if done.returncode:
        tail = "\n".join(log.read_text("utf-8", "replace").splitlines()[-40:])
        raise BuildError(f"{step} failed with status {done.returncode}; its last lines:\n{tail}")
    say(f"  {step}: {time.monotonic() - started:.1f} s")
