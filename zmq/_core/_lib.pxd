# One checked function per libzmq call. Three forms, so that a reader sees what a failure does:
#   except -1   raises the error of the libzmq call
#   try_...     returns -errno instead (the caller decides whether to wait); EINTR is retried
#   noexcept    cannot fail on a valid argument
# Functions on the path of a message are coarse: one call from another module does what a frame needs.

from cpython.ref cimport PyObject
from libc.stdint cimport int64_t, uint32_t

from .libzmq cimport fd_t, zmq_free_fn, zmq_msg_t, zmq_pollitem_t

cdef enum:
    # parts of a message kept on the C stack
    FEW_PARTS = 16

# errors
cdef int fail(int errno) except -1
cdef int fail_with(int errno, str message) except -1
cdef int out_of_memory() except -1

# messages
cdef void msg_init(zmq_msg_t *msg) noexcept nogil
cdef int msg_init_copy(zmq_msg_t *msg, const void *data, size_t size) except -1
cdef int try_msg_init_copy(zmq_msg_t *msg, const void *data, size_t size) noexcept nogil
cdef int try_msg_copy(zmq_msg_t *to, zmq_msg_t *source) noexcept nogil
cdef int msg_init_lent(zmq_msg_t *msg, void *data, size_t size, zmq_free_fn *release, void *hint) except -1
cdef void msg_close(zmq_msg_t *msg) noexcept nogil
cdef void msg_move(zmq_msg_t *to, zmq_msg_t *source) noexcept nogil
cdef int msg_copy(zmq_msg_t *to, zmq_msg_t *source) except -1
cdef void *msg_data(zmq_msg_t *msg) noexcept nogil
cdef size_t msg_size(zmq_msg_t *msg) noexcept nogil
cdef bint msg_more(zmq_msg_t *msg) noexcept nogil
cdef int msg_get(zmq_msg_t *msg, int option) except -1
cdef int msg_set(zmq_msg_t *msg, int option, int value) except -1
cdef bint msg_shared(zmq_msg_t *msg) noexcept nogil
cdef bint msg_from_network(zmq_msg_t *msg) noexcept nogil
cdef const char *msg_property(zmq_msg_t *msg, const char *name) except NULL
cdef int msg_set_routing_id(zmq_msg_t *msg, uint32_t routing_id) except -1
cdef uint32_t msg_routing_id(zmq_msg_t *msg) noexcept nogil
cdef int msg_set_group(zmq_msg_t *msg, const char *group) except -1
cdef const char *msg_group(zmq_msg_t *msg) noexcept nogil

# a message through a socket, never waiting
cdef int try_send(void *socket, zmq_msg_t *msg, int flags) noexcept nogil
cdef int try_send_copy(void *socket, const void *data, size_t size, int flags) noexcept nogil
cdef int try_send_parts(void *socket, zmq_msg_t *parts, Py_ssize_t count, int flags, Py_ssize_t *sent) noexcept nogil
cdef Py_ssize_t try_recv(void *socket, zmq_msg_t *msg) noexcept nogil
cdef Py_ssize_t try_recv_bytes(void *socket, zmq_msg_t *msg, PyObject **content, bint *more) noexcept
cdef Py_ssize_t try_recv_parts(void *socket, zmq_msg_t *parts, Py_ssize_t capacity) noexcept nogil
cdef Py_ssize_t try_recv_many(void *socket, zmq_msg_t *msgs, Py_ssize_t capacity, Py_ssize_t wanted, bint whole) noexcept nogil
cdef object take_small(zmq_msg_t *msg)
cdef object take_large(zmq_msg_t *msg)
cdef Py_ssize_t take_into(zmq_msg_t *msg, void *to, size_t room) noexcept
cdef int try_send_bytes(void *socket, PyObject **parts, Py_ssize_t count, int flags, Py_ssize_t *sent) noexcept nogil

# sockets
cdef int try_socket_new(void *context, int type, void **socket) noexcept nogil
cdef int socket_close(void *socket) noexcept nogil
cdef int try_getsockopt(void *socket, int option, void *value, size_t *size) noexcept nogil
cdef int try_setsockopt(void *socket, int option, const void *value, size_t size) noexcept nogil
cdef int try_events(void *socket) noexcept nogil
cdef int try_bind(void *socket, const char *address) noexcept nogil
cdef int try_connect(void *socket, const char *address) noexcept nogil
cdef int try_unbind(void *socket, const char *address) noexcept nogil
cdef int try_disconnect(void *socket, const char *address) noexcept nogil
cdef int try_socket_monitor(void *socket, const char *address, int events) noexcept nogil
cdef void socket_monitor_end(void *socket) noexcept nogil
cdef uint32_t connect_peer(void *socket, const char *address) except 0
cdef int socket_join(void *socket, const char *group) except -1
cdef int socket_leave(void *socket, const char *group) except -1
cdef fd_t socket_poller_fd(void *socket, void **poller) except? -1
cdef void poller_destroy(void **poller) noexcept nogil
cdef int try_poll(zmq_pollitem_t *items, int count, int64_t timeout_ns) noexcept nogil

# contexts
cdef void *context_new() except NULL
cdef int try_context_term(void *context) noexcept nogil
cdef void context_term_detached(void *context) noexcept
cdef void *context_term_start(void *context) except NULL
cdef bint context_term_wait(void *job, int64_t timeout_ns) noexcept
cdef int context_term_result(void *job) noexcept
cdef void context_term_forget(void *job) noexcept
cdef int try_context_set(void *context, int option, int value) noexcept nogil
cdef int try_context_get(void *context, int option, int *value) noexcept nogil

# curve
cdef int curve_keypair(char *public_key, char *secret_key) except -1
cdef int curve_public(char *public_key, const char *secret_key) except -1

# for capi.pyx
cdef const void *functions() noexcept
