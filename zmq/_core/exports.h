/* Taking and returning the memory of Python objects. Those that may be resized count who has it, and many of them (in CPython 3.13 also
   bytearray, array, mmap and memoryview) count without a lock of their own: without the GIL, a send in one thread and the return of
   what was lent in another would lose count. */
#ifndef PYZMQ_EXPORTS_H
#define PYZMQ_EXPORTS_H

#include <Python.h>

static inline int export_get(PyObject *object, Py_buffer *view, int flags)
{
#ifdef Py_GIL_DISABLED
    int rc;
    Py_BEGIN_CRITICAL_SECTION(object);
    rc = PyObject_GetBuffer(object, view, flags);
    Py_END_CRITICAL_SECTION();
    return rc;
#else
    return PyObject_GetBuffer(object, view, flags);
#endif
}

static inline void export_release(Py_buffer *view)
{
#ifdef Py_GIL_DISABLED
    PyObject *object = view->obj;
    if (object == NULL)
        return;
    Py_INCREF(object);
    Py_BEGIN_CRITICAL_SECTION(object);
    PyBuffer_Release(view);
    Py_END_CRITICAL_SECTION();
    Py_DECREF(object);
#else
    PyBuffer_Release(view);
#endif
}

#endif
