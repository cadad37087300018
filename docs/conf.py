"""Sphinx: `sphinx-build -W -n docs docs/_build`, with the package and its extra `docs` installed."""

from __future__ import annotations

import re
from typing import Any

import zmq

project = "pyzmq"
author = "the authors of this implementation"
copyright = "the authors; an independent implementation of PyZMQ's interface"
release = version = zmq.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc"]
html_theme = "furo"
html_title = f"pyzmq {release}"
exclude_patterns = ["_build"]

nitpicky = True
default_role = "code"  # docstrings write `name` for code
smartquotes = False
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # Any, mostly: what an argument may be is in its description
myst_heading_anchors = 3

SECTIONS = ("Args:", "Returns:", "Raises:")


def shape(app: Any, what: str, name: str, obj: object, options: Any, lines: list[str]) -> None:
    """Make lists of the sections of a docstring, whose text is plain: reStructuredText would see markup in `**kwargs`."""
    shaped: list[str] = []
    section = False
    for line in lines:
        text = re.sub(r"(?<!`)\*", r"\\*", line)
        if line in SECTIONS:
            section = True
            shaped += ["", f"**{line[:-1]}**", ""]
        elif section and line.startswith("    "):
            begins = not shaped[-1].startswith(("- ", "  ")) or shaped[-1].endswith((".", ":"))
            shaped.append(f"{'- ' if begins else '  '}{text.strip()}")
        else:
            if section:
                shaped.append("")
            section = False
            shaped.append(text)
    lines[:] = shaped


def setup(app: Any) -> None:
    app.connect("autodoc-process-docstring", shape)
