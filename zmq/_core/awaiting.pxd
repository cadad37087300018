from libc.stdint cimport int64_t

from .handle cimport SocketHandle
from .socket cimport Socket


cdef class Receive:
    cdef Socket socket
    cdef int kind                # of frames and messages: see awaiting.pyx
    cdef Py_ssize_t wanted       # at most so many
    cdef bint copy
    cdef bint track
    cdef public object load      # applied when somebody gets what was received; or None
    # of what was received last
    cdef int64_t number
    cdef bint more
    cdef list continued
    cdef object attempt(self)
    cdef int note(self, SocketHandle handle) except -1


cdef class Turns:
    cdef public object loop      # the event loop in which somebody waits
    cdef public object receivers
    cdef public object senders
    cdef public object pollers
    cdef public Py_ssize_t budget  # so many more operations may be done at once before one goes through the loop
    cdef int64_t began           # when they last came from the event loop
    cdef public bint left
    cdef public Socket core      # a shadow of its own: it lives as long as the libzmq socket has waiters
    cdef bint allow(self, object queue) except -1
    cdef bint go_on(self) noexcept


cdef class AwaitingSocket(Socket):
    cdef public Turns _here      # of the loop it was used in last
    cdef object _try_receive(self, int kind, Py_ssize_t wanted, int flags, bint copy, bint track)
    cdef object _await_message(self, Receive receive, Turns here)
