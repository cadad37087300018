from cpython.buffer cimport Py_buffer

cdef extern from "exports.h":
    int export_get(object data, Py_buffer *view, int flags) except -1
    void release_buffer "export_release"(Py_buffer *view)


cdef int get_buffer(object data, Py_buffer *view) except -1
cdef int get_writable_buffer(object data, Py_buffer *view) except -1
