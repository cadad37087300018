from .handle cimport ContextHandle


cdef class Context:
    cdef ContextHandle handle
    cdef object __weakref__
    cdef int _check_open(self) except -1
