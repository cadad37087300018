# libzmq's functions for other people's Cython programs: `from zmq cimport libzmq`. Nothing of this package uses them.
# They go through pointers, because those programs cannot be linked with the libzmq inside _lib.

from libc.stdint cimport uint32_t

cdef extern from *:
    """
    /* As in zmq.h, under names of our own: a program may include that as well. */
    #ifndef PYZMQ_CAPI_TYPES
    #define PYZMQ_CAPI_TYPES
    #ifdef _WIN32
    #include <stdint.h>
    typedef uintptr_t pyzmq_fd_t; /* SOCKET */
    #else
    typedef int pyzmq_fd_t;
    #endif
    typedef union { unsigned char bytes[64]; void *aligned; } pyzmq_msg_t;
    typedef struct { void *socket; pyzmq_fd_t fd; short events; short revents; } pyzmq_pollitem_t;
    typedef void pyzmq_free_fn(void *data, void *hint);
    #endif
    """
    ctypedef int fd_t "pyzmq_fd_t"
    ctypedef struct zmq_msg_t "pyzmq_msg_t":
        pass
    ctypedef struct zmq_pollitem_t "pyzmq_pollitem_t":
        void *socket
        fd_t fd
        short events
        short revents
    ctypedef void zmq_free_fn "pyzmq_free_fn"(void *data, void *hint) noexcept nogil

cdef void *socket_pointer(object socket) except NULL
cdef void *context_pointer(object context) except NULL

cdef int zmq_bind(void *s, const char *addr) noexcept nogil
cdef int zmq_close(void *s) noexcept nogil
cdef int zmq_connect(void *s, const char *addr) noexcept nogil
cdef int zmq_ctx_destroy(void *context) noexcept nogil
cdef int zmq_ctx_get(void *context, int option) noexcept nogil
cdef void *zmq_ctx_new() noexcept nogil
cdef int zmq_ctx_set(void *context, int option, int optval) noexcept nogil
cdef int zmq_ctx_term(void *context) noexcept nogil
cdef int zmq_curve_keypair(char *z85_public_key, char *z85_secret_key) noexcept nogil
cdef int zmq_curve_public(char *z85_public_key, const char *z85_secret_key) noexcept nogil
cdef int zmq_disconnect(void *s, const char *addr) noexcept nogil
cdef int zmq_errno() noexcept nogil
cdef int zmq_getsockopt(void *s, int option, void *optval, size_t *optvallen) noexcept nogil
cdef int zmq_has(const char *capability) noexcept nogil
cdef int zmq_join(void *s, const char *group) noexcept nogil
cdef int zmq_leave(void *s, const char *group) noexcept nogil
cdef int zmq_msg_close(zmq_msg_t *msg) noexcept nogil
cdef int zmq_msg_copy(zmq_msg_t *dest, zmq_msg_t *src) noexcept nogil
cdef void *zmq_msg_data(zmq_msg_t *msg) noexcept nogil
cdef int zmq_msg_get(zmq_msg_t *msg, int option) noexcept nogil
cdef const char *zmq_msg_gets(zmq_msg_t *msg, const char *property_name) noexcept nogil
cdef const char *zmq_msg_group(zmq_msg_t *msg) noexcept nogil
cdef int zmq_msg_init(zmq_msg_t *msg) noexcept nogil
cdef int zmq_msg_init_data(zmq_msg_t *msg, void *data, size_t size, zmq_free_fn *ffn, void *hint) noexcept nogil
cdef int zmq_msg_init_size(zmq_msg_t *msg, size_t size) noexcept nogil
cdef int zmq_msg_more(zmq_msg_t *msg) noexcept nogil
cdef int zmq_msg_move(zmq_msg_t *dest, zmq_msg_t *src) noexcept nogil
cdef int zmq_msg_recv(zmq_msg_t *msg, void *s, int flags) noexcept nogil
cdef uint32_t zmq_msg_routing_id(zmq_msg_t *msg) noexcept nogil
cdef int zmq_msg_send(zmq_msg_t *msg, void *s, int flags) noexcept nogil
cdef int zmq_msg_set(zmq_msg_t *msg, int option, int optval) noexcept nogil
cdef int zmq_msg_set_group(zmq_msg_t *msg, const char *group) noexcept nogil
cdef int zmq_msg_set_routing_id(zmq_msg_t *msg, uint32_t routing_id) noexcept nogil
cdef size_t zmq_msg_size(zmq_msg_t *msg) noexcept nogil
cdef int zmq_poll(zmq_pollitem_t *items, int nitems, long timeout) noexcept nogil
cdef int zmq_poller_add(void *poller, void *socket, void *user_data, short events) noexcept nogil
cdef int zmq_poller_destroy(void **poller_p) noexcept nogil
cdef int zmq_poller_fd(void *poller, fd_t *fd) noexcept nogil
cdef int zmq_poller_modify(void *poller, void *socket, short events) noexcept nogil
cdef void *zmq_poller_new() noexcept nogil
cdef int zmq_poller_remove(void *poller, void *socket) noexcept nogil
cdef int zmq_proxy(void *frontend, void *backend, void *capture) noexcept nogil
cdef int zmq_proxy_steerable(void *frontend, void *backend, void *capture, void *control) noexcept nogil
cdef int zmq_recv(void *s, void *buf, size_t n, int flags) noexcept nogil
cdef int zmq_send(void *s, const void *buf, size_t n, int flags) noexcept nogil
cdef int zmq_setsockopt(void *s, int option, const void *optval, size_t optvallen) noexcept nogil
cdef void *zmq_socket(void *context, int type) noexcept nogil
cdef int zmq_socket_monitor(void *s, const char *addr, int events) noexcept nogil
cdef const char *zmq_strerror(int errnum) noexcept nogil
cdef int zmq_term(void *context) noexcept nogil
cdef int zmq_unbind(void *s, const char *addr) noexcept nogil
cdef void zmq_version(int *major, int *minor, int *patch) noexcept nogil
cdef void *zmq_init(int io_threads) noexcept nogil
