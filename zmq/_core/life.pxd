# How sockets and contexts begin and end.

from libc.stdint cimport int64_t

from .handle cimport ContextHandle, SocketHandle

cdef enum:
    KEEP_LINGER = -2             # to socket_shut(): leave the option as it is

cdef int need_descriptors(int wanted) except -1
cdef SocketHandle socket_open(ContextHandle context, int type)
cdef void *socket_new(ContextHandle context, int type) except NULL
cdef int wait_for_place(ContextHandle context, int64_t *deadline) except -1
cdef SocketHandle socket_adopt(size_t address)
cdef SocketHandle closed_socket()
cdef int socket_shut(SocketHandle handle, int linger) except -1

cdef ContextHandle context_open()
cdef ContextHandle context_adopt(size_t address)
cdef ContextHandle closed_context()
cdef int context_get(ContextHandle handle, int option) except? -1
cdef int context_set(ContextHandle handle, int option, int value) except -1
cdef void *context_enter(ContextHandle handle) except NULL
cdef void context_leave(ContextHandle handle) noexcept
cdef bint context_shut(ContextHandle handle, int64_t deadline) except -1
