from .libzmq cimport zmq_msg_t


cdef class Frame:
    cdef zmq_msg_t msg           # owned; its memory stays where it is for the life of the frame
    cdef object source           # the object whose memory is shared with libzmq; None for received or copied content
    cdef object content          # the bytes made of it, once asked for
    cdef object view             # weak reference to the memoryview given out last
    cdef bint filled             # by __init__
    cdef bint writable           # the memory is the frame's alone, unless libzmq shares it meanwhile
    cdef bint received           # by a socket: writable only if nobody else can see it
    cdef public bint more
    cdef public object tracker
    cdef public object tracker_event
    cdef object __weakref__
    cdef int _fill(self, object data, bint track, object copy, object threshold) except -1
    cdef bint _is_writable(self) noexcept


cdef Py_ssize_t default_threshold() except -1
cdef Frame frame_received(type frame_class, zmq_msg_t *msg)
cdef int share_message(zmq_msg_t *to, Frame frame) except -1
cdef int check_track(Frame frame, bint track) except -1
cdef int need_drafts(str feature) except -1
cdef bytes as_group(object group)
