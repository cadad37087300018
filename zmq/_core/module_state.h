/* What belongs to one interpreter: Cython's module state, and the module's own `cdef` globals, once for each interpreter.

   buildutils/module_state.py puts this into the translated modules instead of Cython's own look-up, which asks for the interpreter,
   with two locked instructions, at each look at a name: a quarter of a short message. Here the interpreter that imported the
   module first finds its state where it always was, as long as no other one has imported it: one comparison.

   A state is never freed, nor emptied. Objects are collected up to the very end of their interpreter, and look at it. */
#ifndef PYZMQ_MODULE_STATE_H
#define PYZMQ_MODULE_STATE_H

#include <stdlib.h>
#include <string.h>
#include "atomics.h"

#ifdef _MSC_VER
#define MODULE_STATE_COLD __declspec(noinline)
#define MODULE_STATE_THREAD __declspec(thread)
#else
#define MODULE_STATE_COLD __attribute__((noinline, cold))
#define MODULE_STATE_THREAD __thread
#endif

typedef struct module_state {
    struct module_state *next;
    int64_t interpreter; /* its id: no other one ever gets it */
    PyObject *module;    /* NULL: the import failed */
    __pyx_mstatetype names;
    module_globals globals;
} module_state;

static module_state module_state_first;
static void *module_state_owner = NULL; /* the module whose state is the first */
static void *module_states = NULL;      /* all of them, newest first */
static int module_state_several = 0;    /* more than one interpreter has begun to import the module */

static int64_t module_state_interpreter(void) { return PyInterpreterState_GetID(PyInterpreterState_Get()); }

static module_state *module_state_of(int64_t interpreter)
{
    module_state *state = (module_state *) atomic_load_ptr(&module_states);
    while (state != NULL && state->interpreter != interpreter)
        state = state->next;
    return state;
}

static MODULE_STATE_COLD module_state *module_state_find(void)
{
    static MODULE_STATE_THREAD module_state *last = NULL;
    int64_t interpreter = module_state_interpreter();
    if (last == NULL || last->interpreter != interpreter)
        last = module_state_of(interpreter);
    return last;
}

/* Not atomic: whoever may see either value gets the same answer from both. */
static inline module_state *module_state_here(void)
{
    return likely(!module_state_several) ? &module_state_first : module_state_find();
}

static PyObject *module_state_module(void)
{
    module_state *state = module_state_of(module_state_interpreter());
    return state == NULL ? NULL : state->module;
}

/* Before anything else of the import in this interpreter. */
static int module_state_add(PyObject *module)
{
    int64_t interpreter = module_state_interpreter();
    module_state *state = module_state_of(interpreter);
    if (state != NULL) {
        /* once more, after a failure */
        memset(&state->names, 0, sizeof state->names);
        memset(&state->globals, 0, sizeof state->globals);
        state->module = module;
        return 0;
    }
    if (atomic_cas_ptr(&module_state_owner, NULL, module)) {
        state = &module_state_first;
    } else {
        module_state_several = 1;
        state = (module_state *) calloc(1, sizeof(module_state));
        if (state == NULL) {
            PyErr_NoMemory();
            return -1;
        }
    }
    state->interpreter = interpreter;
    state->module = module;
    do {
        state->next = (module_state *) atomic_load_ptr(&module_states);
    } while (!atomic_cas_ptr(&module_states, state->next, state));
    return 0;
}

static void module_state_remove(void)
{
    module_state *state = module_state_of(module_state_interpreter());
    if (state != NULL)
        state->module = NULL;
}

#define __pyx_mstate_global (&module_state_here()->names)
#define __pyx_m (module_state_module())
#undef __Pyx_PyModule_GetState
#define __Pyx_PyModule_GetState(module) ((void) (module), __pyx_mstate_global)
#endif
