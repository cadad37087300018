from cpython.buffer cimport Py_buffer

cdef int get_buffer(object data, Py_buffer *view) except -1
cdef int get_writable_buffer(object data, Py_buffer *view) except -1
