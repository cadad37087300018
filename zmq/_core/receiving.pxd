from cpython.ref cimport Py_DECREF, PyObject
from libc.stdint cimport int64_t

from . cimport _lib
from .handle cimport RECEIVED_LAST, RECEIVED_MORE, SocketHandle, enter, leave
from .libzmq cimport zmq_msg_t

cdef enum:
    # among flags: give None when nothing is there, instead of waiting or raising Again
    TRY = 1 << 24

cdef int wait_to_receive(SocketHandle handle, zmq_msg_t *msg, int flags, int error) except -1
cdef object take_frame(SocketHandle handle, zmq_msg_t *msg, bint copy, bint track)
cdef object from_stash(SocketHandle handle, bint copy, bint track)
cdef object receive_frame(SocketHandle handle, int flags, bint copy, bint track)
cdef list receive_parts(SocketHandle handle, int flags, bint copy, bint track)
cdef list receive_batch(SocketHandle handle, Py_ssize_t wanted, int flags, bint copy, bint multipart)
cdef list continued_last(SocketHandle handle)
cdef int64_t number_received(SocketHandle handle) noexcept
cdef int give_back(SocketHandle handle, list frames, int64_t number) except -1


cdef inline object receive_at_once(SocketHandle handle, zmq_msg_t *msg, bint copy, Py_ssize_t *size):
    """A small message as bytes; None: `msg` has `size` bytes, or -errno when there is none. The caller looks into the stash."""
    cdef PyObject *received = NULL
    cdef bint more = False
    cdef void *ptr = enter(handle)
    if copy:
        size[0] = _lib.try_recv_bytes(ptr, msg, &received, &more)
    else:
        size[0] = _lib.try_recv(ptr, msg)
    leave(handle)
    if received == NULL:
        return None
    handle.idle = RECEIVED_MORE if more else RECEIVED_LAST
    content = <object> received
    Py_DECREF(content)
    return content
