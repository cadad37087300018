# Context, Socket and Frame for other people's Cython programs: typed variables of them, the pointers below them, cdef subclasses.
# The structs are those of zmq/_core; a program compiled against others is refused when it is imported.

from zmq._core.capi cimport context_pointer, socket_pointer, zmq_msg_t

cdef extern from *:
    """
    #ifndef PYZMQ_OBJECTS
    #define PYZMQ_OBJECTS
    typedef struct {
        PyObject_HEAD
        void *methods;
        PyObject *owner, *weak_references;
    } pyzmq_context;
    typedef struct {
        PyObject_HEAD
        PyObject *owner, *context;
        Py_ssize_t copy_threshold;
        PyObject *weak_references;
    } pyzmq_socket;
    typedef struct {
        PyObject_HEAD
        void *methods;
        pyzmq_msg_t zmq_msg;
        PyObject *source, *content, *view;
        int filled, writable, received, more;
        PyObject *tracker, *tracker_event, *weak_references;
    } pyzmq_frame;
    #endif
    """
    ctypedef class zmq._core.context.Context [object pyzmq_context, check_size error]:
        @property
        cdef inline void *handle(self) except NULL:
            return context_pointer(self)

    ctypedef class zmq._core.socket.Socket [object pyzmq_socket, check_size error]:
        cdef Py_ssize_t copy_threshold

        @property
        cdef inline void *handle(self) except NULL:
            return socket_pointer(self)

    ctypedef class zmq._core.frame.Frame [object pyzmq_frame, check_size error]:
        cdef zmq_msg_t zmq_msg
