from libc.stdint cimport int64_t

from .handle cimport SocketHandle
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
