"""Gives the modules that Cython translated one state for each interpreter, cheaply: see zmq/_core/module_state.h."""

from __future__ import annotations

import re
from pathlib import Path

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
_GLOBALS = re.compile(r"(?:^static .*\b__pyx_v_\w+(?:\[\w+\])?(?: = 0)?;\n)+", re.M)
_GLOBAL = re.compile(r"^static (.*\b)(__pyx_v_\w+)(\[\w+\])?(?: = 0)?;\n", re.M)


def give_states(sources: list[Path]) -> bool:
    """Change the translated modules; False: another Cython made them, and they are left as they are.

    Changed modules, too, are the ordinary ones as long as CYTHON_USE_MODULE_STATE is not defined.
    """
    changed = {}
    for source in sources:
        text = source.read_text("utf-8")
        if MARK not in text:
            text = _with_states(text)
            if MARK not in text:
                return False
            changed[source] = text
    for source, text in changed.items():
        partial = source.with_name(source.name + ".partial")
        partial.write_text(text, "utf-8")
        partial.replace(source)
    return True


def _with_states(text: str) -> str:
    """The changed text, or the same one where it is not what is expected."""
    members, macros = [], []
    for type_, name, size in _GLOBAL.findall(text):
        members.append(f"    {type_}{name}{size};\n")
        macros.append(f"#define {name} (module_state_here()->globals.{name})\n")
    declared = "typedef struct {\n" + "".join(members or ["    char none;\n"]) + "} module_globals;\n"
    changes = {
        _LOOK_UP: MARK + declared + '#include "module_state.h"\n' + "".join(macros),
        _ADD: "module_state_add(__pyx_t_1)",
        _REMOVE: "module_state_remove()",
        _SUPPORT: "{Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},",
        # whoever empties sys.modules and imports again gets the module that is there, as in other builds
        _AGAIN: _AGAIN.replace("#if CYTHON_USE_MODULE_STATE", "#if 0"),
        _SIZE: "      0, /* m_size */\n",
        _SLOTS: "    #if CYTHON_USE_MODULE_STATE\n      NULL, /* m_traverse */\n      NULL, /* m_clear */\n",
        **{start: "#if 0\n" + start.partition("\n")[2] for start in _UNUSED},
    }
    if any(text.count(old) != 1 for old in changes):
        return text
    for old, new in changes.items():
        text = text.replace(old, new)
    return _GLOBALS.sub(lambda found: f"#if !CYTHON_USE_MODULE_STATE\n{found[0]}#endif\n", text)
