# Inproc connections that nobody has bound yet.

from .handle cimport SocketHandle

cdef bint repaired() noexcept

cdef int before_connect(SocketHandle handle, bytes address) except -1
cdef int before_bind(SocketHandle handle, bytes address) except -1
cdef int after_bind(SocketHandle handle, bytes address) except -1
cdef int forget(SocketHandle handle, bytes address) except -1
cdef int before_unbind(SocketHandle handle, bytes address) except -1
cdef int before_disconnect(SocketHandle handle, bytes address) except -1
