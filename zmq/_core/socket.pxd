from .sockopt cimport OptionHolder


cdef class Socket(OptionHolder):
    cdef public object context
    cdef public Py_ssize_t copy_threshold
    cdef object __weakref__
    cdef object _send(self, object data, int flags, bint copy, bint track, object routing_id, object group)
