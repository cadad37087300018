from cpython.buffer cimport Py_buffer

from .libzmq cimport zmq_msg_t


cdef class ReleaseEvent:
    cdef void *tracker       # lent_tracker of release.h, which only release.pyx includes: it holds process-wide state
    cdef long process        # in which it was made
    cdef object __weakref__


cdef int lend(zmq_msg_t *msg, Py_buffer *view, ReleaseEvent event) except -1
cdef bint drain() noexcept
cdef void close_and_drain(zmq_msg_t *msg) noexcept
cdef object lent_bytes(const void *data, Py_ssize_t size)
cdef ReleaseEvent new_event()
cdef void settle(ReleaseEvent event) noexcept
cdef object new_tracker(ReleaseEvent event, list peers)
