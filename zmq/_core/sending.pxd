from .handle cimport SocketHandle

cdef enum:
    # bytes cannot change, so a large one is lent to libzmq even with copy=True; below this copying is cheaper (tests/bench)
    SHARE_BYTES_FROM = 32 * 1024

cdef object send_frame(
    SocketHandle handle, Py_ssize_t threshold, object data, int flags, bint copy, bint track, object routing_id, object group
)
cdef object send_parts(
    SocketHandle handle, Py_ssize_t threshold, object msg_parts, int flags, bint copy, bint track, object routing_id, object group
)
cdef tuple check_batch(object messages, bint multipart)
cdef Py_ssize_t send_batch(
    SocketHandle handle, Py_ssize_t threshold, tuple batch, Py_ssize_t start, int flags, bint copy, bint multipart
) except -1
cdef bint send_at_once(SocketHandle handle, object msg_parts, int flags) except -1
