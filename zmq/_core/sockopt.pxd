from libc.stdint cimport int64_t

from .handle cimport SocketHandle


cdef class OptionHolder:
    cdef SocketHandle handle


cdef object get_option(SocketHandle handle, int option)
cdef int set_option(SocketHandle handle, int option, object value) except -1
cdef int get_int(SocketHandle handle, int option, int *value) except -1
