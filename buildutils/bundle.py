"""Builds libsodium and libzmq as static libraries, by upstream's own build files, in the cache."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from .cache import appearing, locked
from .config import BuildConfig, BuildError
from .locate import Library, header_version, say, system_libraries
from .sources import Source, resolve, unpack
from .tools import Toolchain, build_environment, cmake

RECIPE = 1
"""Raise it when this file builds differently, so that what the cache holds is made anew."""

STEP_TIMEOUT = 900.0

# Nothing of the machine's may get in by accident; what is left is CURVE, ipc, tcp, inproc, tipc.
_LIBZMQ_OPTIONS = {
    "BUILD_SHARED": "OFF",
    "BUILD_STATIC": "ON",
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
    key = _key(config, toolchain, libzmq, libsodium)
    place = config.cache / "libraries" / key
    with locked(config.cache / "locks" / key):
        if (place / "record.json").is_file():
            say(f"bundled libzmq is already built in {place}")
        else:
            started = time.monotonic()
            say(f"building {libsodium.name} ({libsodium.origin}), {libzmq.name} ({libzmq.origin})")
            with appearing(place) as prefix:
                _build_into(prefix, config, toolchain, libzmq, libsodium)
            say(f"bundled libzmq built in {time.monotonic() - started:.0f} s")
    record = json.loads((place / "record.json").read_text("utf-8"))
    lto = tuple(record["lto"])
    return Library(
        origin="bundled",
        detail=f"{libzmq.origin}; libsodium from {libsodium.origin}",
        version=record["version"],
        include_dirs=(str(place / "include"),),
        libraries=system_libraries(),
        objects=tuple(str(place / name) for name in record["archives"]),
        compile_args=lto,
        link_args=lto,
    )


def _key(config: BuildConfig, toolchain: Toolchain, *sources: Source) -> str:
    facts = [str(RECIPE), toolchain.identity, *(source.digest for source in sources)]
    # Faults are injected and lines traced above libzmq: those switches make no difference here.
    facts += [flag for flag in config.flags if flag not in ("faults", "coverage")]
    facts += [os.environ.get(name, "") for name in ("CFLAGS", "CXXFLAGS", "LDFLAGS")]
    return hashlib.sha256("\0".join(facts).encode()).hexdigest()[:20]


def _build_into(
    prefix: Path, config: BuildConfig, toolchain: Toolchain, libzmq: Source, libsodium: Source
) -> None:
    lto = toolchain.lto_flags() if _release(config) and sys.platform != "win32" else ()
    with tempfile.TemporaryDirectory(prefix="pyzmq-bundle-") as directory:
        work = Path(directory)
        sodium_tree = unpack(libsodium, work / "libsodium")
        zmq_tree = unpack(libzmq, work / "libzmq")
        log = work / "log"
        if sys.platform == "win32":
            sodium = _libsodium_by_msbuild(sodium_tree, prefix, log)
        else:
            sodium = _libsodium_by_configure(sodium_tree, prefix, config, toolchain, log)
        _libzmq_by_cmake(zmq_tree, work, prefix, sodium, lto, config, toolchain, log)
        shutil.copyfile(zmq_tree / "include" / "zmq.h", prefix / "include" / "zmq.h")
    record = {
        "version": header_version(prefix / "include" / "zmq.h"),
        "archives": [str(_libzmq_archive(prefix).relative_to(prefix)),
                     str(sodium.relative_to(prefix))],
        "lto": list(lto),
        "libzmq": libzmq.origin,
        "libsodium": libsodium.origin,
    }  # fmt: skip
    (prefix / "record.json").write_text(json.dumps(record, indent=2) + "\n", "utf-8")


def _libsodium_by_configure(
    tree: Path, prefix: Path, config: BuildConfig, toolchain: Toolchain, log: Path
) -> Path:
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
    if len(toolchain.archs) > 1:
        options.append("--disable-asm")
    _run("libsodium configure", ["sh", "./configure", *options], tree, env, log)
    make = ["make", f"-j{os.cpu_count() or 1}", "-C", "src/libsodium"]
    _run("libsodium make", [*make, "V=0"], tree, env, log)
    _run("libsodium install", [*make, "install"], tree, env, log)
    return prefix / "lib" / "libsodium.a"


def _libsodium_by_msbuild(tree: Path, prefix: Path, log: Path) -> Path:
    msbuild = shutil.which("msbuild")
    if msbuild is None:
        raise BuildError("building libsodium needs msbuild: run from a Visual Studio prompt")
    toolset = os.environ.get("VCTOOLSVERSION", "14.3")
    env = {
        **os.environ,
        # The project chooses the static C runtime; Python and its modules share the dynamic one.
        "_CL_": "/MD",
    }
    platform = "x64" if sys.maxsize > 2**32 else "Win32"
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
    return prefix / "lib" / "libsodium.lib"


def _libzmq_by_cmake(
    tree: Path, work: Path, prefix: Path, sodium: Path, lto: tuple[str, ...],
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
        # Up to 4.3.4 the last two decide where libsodium is, from 4.3.5 on the first two as well.
        "CMAKE_PREFIX_PATH": str(prefix),
        "sodium_USE_STATIC_LIBS": "ON",
        "SODIUM_INCLUDE_DIRS": str(prefix / "include"),
        "SODIUM_LIBRARIES": str(sodium),
    }
    generator = []
    if sys.platform != "win32":
        definitions.update(_posix_definitions(work, lto, config, toolchain))
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
    command += ["--target", "libzmq-static", "--parallel", jobs]
    _run("libzmq build", command, tree, env, log)
    (prefix / "lib").mkdir(parents=True, exist_ok=True)
    for archive in build_dir.rglob("*zmq*"):
        if archive.suffix in (".a", ".lib"):
            shutil.copyfile(archive, prefix / "lib" / archive.name)


def _posix_definitions(
    work: Path, lto: tuple[str, ...], config: BuildConfig, toolchain: Toolchain
) -> dict[str, str]:
    # libzmq's FindSodium insists on a pkg-config; this one knows nothing, so nothing is found.
    blind = work / "pkg-config"
    blind.write_text('#!/bin/sh\n[ "$1" = --version ] && echo 0.29 && exit 0\nexit 1\n')
    blind.chmod(0o755)
    flags = ["-fvisibility=hidden", *_mode_flags(config), *lto]
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
