/* What differs between CPython's whole C API, its limited one, in which a build with ZMQ_ABI3=1 is written, and PyPy's. For those two
   buildutils/extensions.py puts this before every module. In an ordinary build what is here is what it stands for, and costs nothing. */
#ifndef PYZMQ_ABI_H
#define PYZMQ_ABI_H

#ifndef PY_SSIZE_T_CLEAN
#define PY_SSIZE_T_CLEAN
#endif
#include <Python.h>

#ifdef Py_LIMITED_API

/* The raw allocator is in the limited API from 3.13 on. */
#include <stdlib.h>
#define PyMem_RawMalloc(size) malloc(size)
#define PyMem_RawFree(memory) free(memory)

/* Functions for macros that look into objects. */
#define PyBytes_AS_STRING(bytes) PyBytes_AsString(bytes)
#define PyBytes_GET_SIZE(bytes) PyBytes_Size(bytes)
#define PyByteArray_AS_STRING(array) PyByteArray_AsString(array)
#define PyList_SET_ITEM(list, place, item) ((void) PyList_SetItem(list, place, item))

/* The items of a list or tuple, borrowed: an array of no more than `room`, else of none. */
static inline PyObject **abi_items(PyObject *sequence, PyObject **few, Py_ssize_t room, Py_ssize_t *count)
{
    int is_list = PyList_Check(sequence);
    Py_ssize_t i, size = is_list ? PyList_Size(sequence) : PyTuple_Size(sequence);
    *count = size > room ? 0 : size;
    for (i = 0; i < *count; i++)
        few[i] = is_list ? PyList_GetItem(sequence, i) : PyTuple_GetItem(sequence, i);
    return few;
}

static inline PyObject *abi_new(PyTypeObject *type, PyObject *arguments)
{
    return ((newfunc) PyType_GetSlot(type, Py_tp_new))(type, arguments, NULL);
}

/* Cython has `inspect` imported, at half the cost of `import zmq`, to read these numbers, which the language documents. */
#define CO_OPTIMIZED 0x1
#define CO_NEWLOCALS 0x2
#define CO_VARARGS 0x4
#define CO_VARKEYWORDS 0x8
#define CO_GENERATOR 0x20
#define CO_COROUTINE 0x80
#define CO_ASYNC_GENERATOR 0x200
#define PyImport_ImportModule(name) PyImport_ImportModule(strcmp(name, "inspect") == 0 ? "builtins" : (name))

/* Only the `await` of older versions looks for it. */
#define abi_set_am_send(type, function) ((void) (function))

/* A slot can be given only to a type that is being made: this one gets a function that calls the one it gets later. */
static iternextfunc abi_iternext_given;

static inline PyObject *abi_iternext(PyObject *iterator)
{
    return abi_iternext_given(iterator);
}

static inline PyObject *abi_make_type(PyObject *module, PyType_Spec *spec, PyObject *bases)
{
    PyType_Slot *slot = spec->slots;
    if (strcmp(spec->name, "zmq._core.awaiting._Done") == 0)
        for (; slot->slot != 0; slot++)
            if (slot->slot == Py_tp_iternext)
                slot->pfunc = (void *) abi_iternext;
    return PyType_FromModuleAndSpec(module, spec, bases);
}
#define PyType_FromModuleAndSpec abi_make_type
#define abi_set_iternext(type, function) ((void) (type), abi_iternext_given = (function))

#else

#ifdef PYPY_VERSION

/* PyPy's does nothing. It runs signal handlers between bytecodes: so that there are some. */
static inline int abi_check_signals(void)
{
    static PyObject *nothing = NULL;
    PyObject *result;
    if (nothing == NULL) {
        PyObject *names = PyDict_New();
        if (names == NULL)
            return -1;
        nothing = PyRun_String("lambda: None", Py_eval_input, names, names);
        Py_DECREF(names);
        if (nothing == NULL)
            return -1;
    }
    result = PyObject_CallObject(nothing, NULL);
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}
#undef PyErr_CheckSignals
#define PyErr_CheckSignals abi_check_signals

/* A traceback that C has seen holds its frames by counted references, which PyPy's collector takes for roots: when a frame names the
   exception, as one that has come to `raise error` does, neither ever ends, nor does what its frames name. At each `try` Cython asks for
   the exception that is being handled, and with it for its traceback; this asks for the exception alone. */
#if PY_VERSION_HEX >= 0x030B0000
static inline void abi_get_exc_info(PyObject **type, PyObject **value, PyObject **traceback)
{
    *type = *traceback = NULL;
    *value = PyErr_GetHandledException();
}

static inline void abi_set_exc_info(PyObject *type, PyObject *value, PyObject *traceback)
{
    if (type != NULL || value == NULL) {
        PyErr_SetExcInfo(type, value, traceback);
        return;
    }
    PyErr_SetHandledException(value);
    Py_DECREF(value);
}
#undef PyErr_GetExcInfo
#undef PyErr_SetExcInfo
#define PyErr_GetExcInfo abi_get_exc_info
#define PyErr_SetExcInfo abi_set_exc_info
#endif

#define abi_set_am_send(type, function) ((void) (function))
#define abi_set_iternext(type, function) ((void) (function))

#else
#define abi_set_am_send(type, function) ((type)->tp_as_async->am_send = (function))
#define abi_set_iternext(type, function) ((type)->tp_iternext = (function))
#endif

static inline PyObject **abi_items(PyObject *sequence, PyObject **few, Py_ssize_t room, Py_ssize_t *count)
{
    (void) few, (void) room;
    *count = PySequence_Fast_GET_SIZE(sequence);
    return PySequence_Fast_ITEMS(sequence);
}

static inline PyObject *abi_new(PyTypeObject *type, PyObject *arguments)
{
    return type->tp_new(type, arguments, NULL);
}

#endif

/* Whether Py_AddPendingCall has the interpreter do something soon. PyPy's never does. */
#ifdef PYPY_VERSION
#define ABI_PENDING_CALLS 0
#else
#define ABI_PENDING_CALLS 1
#endif

/* An object of a class made from a specification lets go of its class when it ends. The class of another's `cdef class Mine(Socket)` is
   static, which nobody holds when an object is made. */
#define abi_take_class(object) \
    do { \
        if (CYTHON_USE_TYPE_SPECS && !(PyType_GetFlags(Py_TYPE(object)) & Py_TPFLAGS_HEAPTYPE)) \
            Py_INCREF((PyObject *) Py_TYPE(object)); \
    } while (0)

#endif
