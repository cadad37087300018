"""Gives the modules that Cython translated one state for each interpreter, cheaply: see zmq/_core/module_state.h."""

from __future__ import annotations

import re
from pathlib import Path

from .config import BuildError

MARK = "/* one state for each interpreter: buildutils/module_state.py */\n"

_LOOK_UP = """\
#define __pyx_mstate_global (__Pyx_PyModule_GetState(__Pyx_State_FindModule(&__pyx_moduledef)))

#define __pyx_m (__Pyx_State_FindModule(&__pyx_moduledef))
"""
_ADD = "__Pyx_State_AddModule(__pyx_t_1, &__pyx_moduledef)"
_REMOVE = "__Pyx_State_RemoveModule(&__pyx_moduledef)"
_SUPPORT = "{Py_mod_multiple_interpreters, Py_MOD_MULTIPLE_INTERPRETERS_NOT_SUPPORTED},"
_AGAIN = "    if (__pyx_m) {\n    #if CYTHON_USE_MODULE_STATE\n        PyErr_Format(PyExc_ImportError,\n"
_SIZE = "      sizeof(__pyx_mstatetype), /* m_size */\n"
_SLOTS = """\
    #if CYTHON_USE_MODULE_STATE
      __pyx_m_traverse, /* m_traverse */
      __pyx_m_clear, /* m_clear */
"""
_UNUSED = (
    "#if CYTHON_USE_MODULE_STATE\nstatic CYTHON_SMALL_CODE int __pyx_m_clear(",
    "#if CYTHON_USE_MODULE_STATE\nstatic CYTHON_SMALL_CODE int __pyx_m_traverse(",
    "#if CYTHON_PEP489_MULTI_PHASE_INIT && CYTHON_USE_MODULE_STATE\n#include <stdlib.h>\n",
    "#if CYTHON_PEP489_MULTI_PHASE_INIT && CYTHON_USE_MODULE_STATE\n#ifndef CYTHON_MODULE_STATE_LOOKUP_THREAD_SAFE\n",
)
# the variables of a module, and the builtins that it has looked up
_DECLARED = r"^static ([^(=;\n]*(?:\(\*)?)\b(__pyx_(?:v|builtin)_\w+)([^=;\n]*)(?: = 0)?;\n"
_GLOBAL = re.compile(_DECLARED, re.M)
_GLOBALS = re.compile(f"(?:{_DECLARED})+", re.M)
# the same, however they are declared, and those of other modules
_STATIC = re.compile(r"^static [^(=;\n]*(?:\(\*)?\b(__pyx_(?:vp?|builtin)_\w+)", re.M)


def give_states(sources: list[Path]) -> None:
    """Change the translated modules, all or none; a BuildError when they are not what is expected: another Cython made them.

    Changed modules, too, are the ordinary ones as long as CYTHON_USE_MODULE_STATE is not defined.
    """
    changed = {}
    for source in sources:
        text = source.read_text("utf-8")
        if MARK not in text:
            changed[source] = _with_states(text, source.name)
    for source, text in changed.items():
        partial = source.with_name(source.name + ".partial")
        partial.write_text(text, "utf-8")
        partial.replace(source)


def _with_states(text: str, name: str) -> str:
    variables = {variable: f"    {before}{variable}{after};\n" for before, variable, after in _GLOBAL.findall(text)}
    declared = "typedef struct {\n" + "".join(variables.values() or ["    char none;\n"]) + "} module_globals;\n"
    macros = "".join(f"#define {variable} (module_state_here()->globals.{variable})\n" for variable in variables)
    changes = {
        _LOOK_UP: MARK + declared + '#include "module_state.h"\n' + macros,
        _ADD: "module_state_add(__pyx_t_1)",
        _REMOVE: "module_state_remove()",
        _SUPPORT: "{Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},",
        # whoever empties sys.modules and imports again gets the module that is there, as in other builds
        _AGAIN: _AGAIN.replace("#if CYTHON_USE_MODULE_STATE", "#if 0"),
        _SIZE: "      0, /* m_size */\n",
        _SLOTS: "    #if CYTHON_USE_MODULE_STATE\n      NULL, /* m_traverse */\n      NULL, /* m_clear */\n",
        **{start: "#if 0\n" + start.partition("\n")[2] for start in _UNUSED},
    }
    for old in changes:
        if text.count(old) != 1:
            raise _unexpected(name, f"{text.count(old)} times, not once, the text {old.strip().splitlines()[-1].strip()!r}")
    shared = set(_STATIC.findall(text)) - set(variables)
    if shared:
        raise _unexpected(name, f"variables that all interpreters would share: {', '.join(sorted(shared))}")
    for old, new in changes.items():
        text = text.replace(old, new)
    return _GLOBALS.sub(lambda found: f"#if !CYTHON_USE_MODULE_STATE\n{found[0]}#endif\n", text)


def _unexpected(name: str, what: str) -> BuildError:
    from Cython.Shadow import __version__ as cython_version

    return BuildError(
        f"{name}, which Cython {cython_version} made, has {what}. zmq's modules need the Cython that pyproject.toml requires, "
        "because the build gives them a state for each interpreter (buildutils/module_state.py): install that one, or let pip "
        "(without --no-build-isolation) do so"
    )
