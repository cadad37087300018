# A Cython program outside the package: see test_cimport.py.
import zmq
from zmq cimport Context, Frame, Socket, libzmq
from zmq.backend.cython.libzmq cimport zmq_msg_t, zmq_msg_size, zmq_msg_data
from libc.string cimport memcpy

def versions():
    cdef int a, b, c
    libzmq.zmq_version(&a, &b, &c)
    return a, b, c

def raw_echo(Socket one, Socket other, bytes data):
    cdef zmq_msg_t msg
    cdef void *a = one.handle
    cdef void *b = other.handle
    cdef int rc
    cdef char *text = data
    cdef size_t size = len(data)
    with nogil:
        rc = libzmq.zmq_send(a, text, size, 0)
    if rc < 0:
        raise zmq.ZMQError(libzmq.zmq_errno())
    libzmq.zmq_msg_init(&msg)
    with nogil:
        rc = libzmq.zmq_msg_recv(&msg, b, 0)
    if rc < 0:
        raise zmq.ZMQError(libzmq.zmq_errno())
    result = (<char *> zmq_msg_data(&msg))[:zmq_msg_size(&msg)]
    libzmq.zmq_msg_close(&msg)
    return result

def frame_size(Frame frame):
    return libzmq.zmq_msg_size(&frame.zmq_msg)

def type_of(Context context):
    cdef void *s = libzmq.zmq_socket(context.handle, libzmq.ZMQ_PUSH)
    cdef int type
    cdef size_t size = sizeof(int)
    libzmq.zmq_getsockopt(s, libzmq.ZMQ_TYPE, &type, &size)
    libzmq.zmq_close(s)
    return type, libzmq.ZMQ_EAGAIN, libzmq.ZMQ_ETERM

cdef class Counting(Socket):
    cdef public long sent
    cpdef count(self):
        self.sent += 1
        return self.sent

def threshold(Socket socket):
    return socket.copy_threshold
