"""The programs that upstream's build files need: cmake, ninja, make, the autotools, a compiler."""

from __future__ import annotations

import itertools
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from dataclasses import dataclass
from pathlib import Path

from . import apt
from .cache import appearing, locked
from .config import BuildConfig, BuildError
from .locate import say

CMAKE_MINIMUM = (3, 15)
AUTOTOOLS = ("autoconf", "automake", "autoreconf", "aclocal", "libtoolize", "m4")
DEBIAN_TOOLS = ("make", "autoconf", "automake", "libtool", "m4")

_LTO_CANDIDATES = (("-flto=auto", "-ffat-lto-objects"), ("-flto=thin",), ("-flto",))


@dataclass(frozen=True)
class Toolchain:
    """The compilers that the modules are built with, for the libraries below them."""

    cc: tuple[str, ...]
    cxx: tuple[str, ...]
    archs: tuple[str, ...]
    """Values of -arch (macOS)."""
    identity: str
    """Changes with the compiler and the platform."""

    @classmethod
    def of(cls, cc: list[str], cxx: list[str], platform: str) -> Toolchain:
        """From the command lines that setuptools compiles with."""
        archs = tuple(sorted({b for a, b in itertools.pairwise(cc) if a == "-arch"}))
        cc_program, cxx_program = _program(cc), _program(cxx)
        facts = [platform, *archs, *cc_program, *cxx_program, _version(cc_program),
                 _version(cxx_program), os.environ.get("MACOSX_DEPLOYMENT_TARGET", "")]  # fmt: skip
        return cls(cc_program, cxx_program, archs, "|".join(facts))

    def lto_flags(self) -> tuple[str, ...]:
        """Flags for link-time optimisation with which a static library can be built and linked."""
        for flags in _LTO_CANDIDATES:
            if self._lto_works(flags):
                return flags
        return ()

    def accepts(self, flag: str) -> bool:
        """Tell whether the C++ compiler knows a flag."""
        with tempfile.TemporaryDirectory(prefix="pyzmq-flag-") as work:
            (Path(work) / "a.cpp").write_text("int one;\n")
            return _succeeds([*self.cxx, "-Werror", flag, "-c", "a.cpp", "-o", "a.o"], Path(work))

    def static_runtime(self) -> tuple[str, ...]:
        """Flags that link the C++ runtime in, where the distribution has it as archives (Fedora: another package)."""
        if not sys.platform.startswith("linux"):
            return ()
        flags = ("-static-libstdc++", "-static-libgcc")
        with tempfile.TemporaryDirectory(prefix="pyzmq-runtime-") as work:
            (Path(work) / "a.cpp").write_text("#include <string>\nstd::string two() { return std::string(2, 'x'); }\n")
            command = [*self.cxx, "-shared", "-fPIC", *flags, "a.cpp", "-o", "a.so"]
            return flags if _succeeds(command, Path(work)) else ()

    def _lto_works(self, flags: tuple[str, ...]) -> bool:
        with tempfile.TemporaryDirectory(prefix="pyzmq-lto-") as work:
            directory = Path(work)
            (directory / "a.cpp").write_text(
                "#include <string>\n"
                "extern \"C\" int twice(int x) { return int(std::string(x, 'x').size()) * 2; }\n"
            )
            (directory / "b.c").write_text("int twice(int); int four(void) { return twice(2); }\n")
            archiver = os.environ.get("AR", "ar").split()
            steps = (
                [*self.cxx, "-O2", "-fPIC", *flags, "-c", "a.cpp", "-o", "a.o"],
                [*archiver, "rcs", "liba.a", "a.o"],
                [*self.cc, "-O2", "-fPIC", *flags, "-c", "b.c", "-o", "b.o"],
                [*self.cxx, "-shared", "-O2", *flags, "b.o", "liba.a", "-o", "c.so"],
            )
            return all(_succeeds(step, directory) for step in steps)


def cmake_requirements() -> list[str]:
    """What a bundled build on this machine needs from the index: cmake, ninja, or nothing."""
    wanted = []
    if not _new_enough(shutil.which("cmake")):
        wanted.append(f"cmake>={'.'.join(map(str, CMAKE_MINIMUM))}")
    if sys.platform != "win32" and shutil.which("ninja") is None:
        wanted.append("ninja")
    return wanted


def cmake() -> str:
    """The cmake to use."""
    found = shutil.which("cmake")
    if found is None or not _new_enough(found):
        minimum = ".".join(map(str, CMAKE_MINIMUM))
        raise BuildError(
            f"the bundled libzmq needs cmake >= {minimum}: python -m pip install cmake ninja"
        )
    return found


def windows_platform() -> str:
    """What Visual Studio calls the machine that this Python's modules are for."""
    return {"win-amd64": "x64", "win32": "Win32", "win-arm64": "ARM64"}[sysconfig.get_platform()]


def visual_studio_msbuild() -> str:
    """msbuild: of the prompt that this runs in, else of the newest Visual Studio."""
    found = shutil.which("msbuild")
    if found:
        return found
    programs = os.environ.get("PROGRAMFILES(X86)", r"C:\Program Files (x86)")
    vswhere = Path(programs, "Microsoft Visual Studio", "Installer", "vswhere.exe")
    command = [str(vswhere), "-latest", "-products", "*", "-requires", "Microsoft.Component.MSBuild",
               "-find", r"MSBuild\**\Bin\MSBuild.exe"]  # fmt: skip
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BuildError(f"building libsodium needs Visual Studio's build tools with C++ ({error})") from error
    if not done.stdout.strip():
        raise BuildError("building libsodium needs msbuild: install Visual Studio's build tools with C++")
    return done.stdout.splitlines()[0].strip()


def build_environment(config: BuildConfig, *, autotools: bool) -> dict[str, str]:
    """An environment in which make (and, if wanted, the autotools) can be run."""
    needed = ("make", *AUTOTOOLS) if autotools else ("make",)
    missing = [name for name in needed if shutil.which(name) is None]
    env = {**os.environ, "LC_ALL": "C"}
    # What an outer make or test run exports must not steer the libraries' builds.
    for name in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "CPATH", "CPPFLAGS", "CONFIG_SITE", "DESTDIR"):
        env.pop(name, None)
    if not missing:
        return env
    if not apt.available():
        raise BuildError(
            f"building libsodium needs {', '.join(missing)}: install them (macOS: "
            "xcode-select --install), or install libzmq with its headers instead"
        )
    tools = config.cache / "tools" / _distribution()
    with locked(config.cache / "locks" / "tools"):
        if not tools.is_dir():
            say(f"fetching {', '.join(missing)} with apt-get, unpacked in {tools}, not installed")
            with (
                appearing(tools) as work,
                tempfile.TemporaryDirectory(prefix="pyzmq-apt-") as apt_dir,
            ):
                apt.PrivateApt(Path(apt_dir)).unpack(work, *DEBIAN_TOOLS)
                _relocate(work, tools)
    return {**env, **_tool_variables(tools)}


def _relocate(tree: Path, final: Path) -> None:
    """Make the unpacked scripts look for their data below their new root."""
    # Names are only begun here: some scripts add a version number at run time.
    own = re.compile(
        r"(?<![\w./-])/usr/(?=share/(?:autoconf|automake|aclocal|libtool)"
        r"|bin/(?:m4|auto|aclocal|libtoolize))"
    )
    texts = [p for p in (tree / "usr").rglob("*") if p.is_file() and not p.is_symlink()]
    for path in texts:
        data = path.read_bytes()
        if b"\0" in data[:4096] or b"/usr/" not in data:
            continue
        text = data.decode("latin-1")
        moved = own.sub(lambda _: f"{final}/usr/", text)
        if moved != text:
            path.write_bytes(moved.encode("latin-1"))
    programs = tree / "usr" / "bin"
    for name in ("automake", "aclocal"):
        # Debian's alternatives system makes these two names when a package is installed.
        versioned = sorted(programs.glob(f"{name}-[0-9]*"))
        if versioned and not (programs / name).exists():
            (programs / name).symlink_to(versioned[-1].name)


def _tool_variables(tools: Path) -> dict[str, str]:
    def joined(variable: str, *patterns: str) -> dict[str, str]:
        found = [str(p) for pattern in patterns for p in sorted(tools.glob(pattern)) if p.is_dir()]
        before = [os.environ[variable]] if os.environ.get(variable) else []
        return {variable: os.pathsep.join(found + before)} if found else {}

    return {
        **joined("PATH", "usr/bin", "bin"),
        **joined("LD_LIBRARY_PATH", "usr/lib/*-linux-*", "lib/*-linux-*"),
        **joined("PERL5LIB", "usr/share/perl/5*", "usr/share/perl5", "usr/lib/*/perl/5*"),
        "ACLOCAL_PATH": os.pathsep.join([f"{tools}/usr/share/aclocal", "/usr/share/aclocal"]),
        "M4": str(tools / "usr/bin/m4"),
    }


def _distribution() -> str:
    machine = os.uname().machine if hasattr(os, "uname") else "any"
    return f"{apt.codename() or 'debian'}-{machine}"


def _program(command: list[str]) -> tuple[str, ...]:
    """The compiler out of a command line full of flags; ccache and the like stay before it."""
    words = []
    for word in command:
        if word.startswith("-"):
            break
        words.append(word)
    return tuple(words)


def _version(program: tuple[str, ...]) -> str:
    try:
        done = subprocess.run([*program, "--version"], capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired) as error:
        if sys.platform == "win32":
            return ""
        raise BuildError(
            f"no working compiler: {' '.join(program) or 'none is named'} ({error}); install gcc "
            "and g++ (Debian, Ubuntu: apt install g++; macOS: xcode-select --install)"
        ) from error
    return (done.stdout or done.stderr).partition("\n")[0]


def _new_enough(program: str | None) -> bool:
    if program is None:
        return False
    match = re.search(r"(\d+)\.(\d+)", _version((program,)))
    return match is not None and (int(match[1]), int(match[2])) >= CMAKE_MINIMUM


def _succeeds(command: list[str], directory: Path) -> bool:
    try:
        done = subprocess.run(command, cwd=directory, capture_output=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
