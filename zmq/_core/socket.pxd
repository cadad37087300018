from .sockopt cimport OptionHolder


cdef class Socket(OptionHolder):
    cdef public object context
    cdef public Py_ssize_t copy_threshold
    cdef object __weakref__
