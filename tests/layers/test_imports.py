"""Every module can be the first one that a program imports, and nobody below the public names imports them."""

from __future__ import annotations

import ast
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest
import zmq

PACKAGE = Path(zmq.__file__).parent
MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages([str(PACKAGE)], "zmq.")
    if module.name not in ("zmq.__main__", "zmq._pyinstaller.hook-zmq")  # a program, and what PyInstaller runs
)
#: They are the public names, or stand in for them.
PUBLIC = ("zmq", "zmq.green")
#: They use the public names as other people's programs do.
PROGRAMS = ("zmq._cli", "zmq.__main__")


def test_modules_are_found() -> None:
    assert {"zmq.error", "zmq._core._lib", "zmq._core.socket", "zmq.sugar.socket", "zmq._cli.demo"} <= set(MODULES)


@pytest.mark.parametrize("name", MODULES)
def test_imports_alone_without_a_warning(name: str, tmp_path: Path) -> None:
    done = subprocess.run(
        # modules of old say so when they are imported
        [sys.executable, "-W", "error", "-W", "ignore:zmq.:DeprecationWarning", "-X", "dev", "-c", f"import {name}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def imports_of_the_package(path: Path) -> list[str]:
    """The lines of a file that import the package as a whole, and so depend on every layer at once."""
    package = ".".join(["zmq", *path.parent.relative_to(PACKAGE).parts])
    found = []
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            if any(alias.name == "zmq" for alias in node.names):
                found.append(ast.unparse(node))
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".")
            base = ".".join(parts[: len(parts) - node.level + 1]) if node.level else ""
            source = ".".join(filter(None, [base, node.module]))
            submodules = {name.rpartition(".")[2] for name in MODULES if name.rpartition(".")[0] == "zmq"}
            if source == "zmq" and not {alias.name for alias in node.names} <= submodules:
                found.append(ast.unparse(node))
    return found


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_nobody_below_imports_the_public_names(path: Path) -> None:
    name = ".".join(["zmq", *path.relative_to(PACKAGE).with_suffix("").parts]).removesuffix(".__init__")
    if name in PUBLIC or name.startswith(PROGRAMS):
        return
    assert imports_of_the_package(path) == []
