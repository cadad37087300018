"""libzmq's functions for other people's Cython programs; loaded by them and by nobody else."""

from libc.stdint cimport uint32_t

from . cimport _lib
from .context cimport Context
from .handle cimport enter, leave
from .life cimport context_enter, context_leave
from .socket cimport Socket

cdef extern from "capi.h":
    ctypedef struct capi_table:
        int (*bind)(void *, const char *) noexcept nogil
        int (*close)(void *) noexcept nogil
        int (*connect)(void *, const char *) noexcept nogil
        int (*ctx_get)(void *, int) noexcept nogil
        void *(*ctx_new)() noexcept nogil
        int (*ctx_set)(void *, int, int) noexcept nogil
        int (*ctx_term)(void *) noexcept nogil
        int (*curve_keypair)(char *, char *) noexcept nogil
        int (*curve_public)(char *, const char *) noexcept nogil
        int (*disconnect)(void *, const char *) noexcept nogil
        int (*errno_)() noexcept nogil
        int (*getsockopt)(void *, int, void *, size_t *) noexcept nogil
        int (*has)(const char *) noexcept nogil
        int (*join)(void *, const char *) noexcept nogil
        int (*leave)(void *, const char *) noexcept nogil
        int (*msg_close)(void *) noexcept nogil
        int (*msg_copy)(void *, void *) noexcept nogil
        void *(*msg_data)(void *) noexcept nogil
        int (*msg_get)(void *, int) noexcept nogil
        const char *(*msg_gets)(void *, const char *) noexcept nogil
        const char *(*msg_group)(void *) noexcept nogil
        int (*msg_init)(void *) noexcept nogil
        int (*msg_init_data)(void *, void *, size_t, zmq_free_fn *, void *) noexcept nogil
        int (*msg_init_size)(void *, size_t) noexcept nogil
        int (*msg_more)(void *) noexcept nogil
        int (*msg_move)(void *, void *) noexcept nogil
        int (*msg_recv)(void *, void *, int) noexcept nogil
        uint32_t (*msg_routing_id)(void *) noexcept nogil
        int (*msg_send)(void *, void *, int) noexcept nogil
        int (*msg_set)(void *, int, int) noexcept nogil
        int (*msg_set_group)(void *, const char *) noexcept nogil
        int (*msg_set_routing_id)(void *, uint32_t) noexcept nogil
        size_t (*msg_size)(void *) noexcept nogil
        int (*poll)(void *, int, long) noexcept nogil
        int (*poller_add)(void *, void *, void *, short) noexcept nogil
        int (*poller_destroy)(void **) noexcept nogil
        int (*poller_fd)(void *, void *) noexcept nogil
        int (*poller_modify)(void *, void *, short) noexcept nogil
        void *(*poller_new)() noexcept nogil
        int (*poller_remove)(void *, void *) noexcept nogil
        int (*proxy)(void *, void *, void *) noexcept nogil
        int (*proxy_steerable)(void *, void *, void *, void *) noexcept nogil
        int (*recv)(void *, void *, size_t, int) noexcept nogil
        int (*send)(void *, const void *, size_t, int) noexcept nogil
        int (*setsockopt)(void *, int, const void *, size_t) noexcept nogil
        void *(*socket)(void *, int) noexcept nogil
        int (*socket_monitor)(void *, const char *, int) noexcept nogil
        const char *(*strerror)(int) noexcept nogil
        int (*unbind)(void *, const char *) noexcept nogil
        void (*version)(int *, int *, int *) noexcept nogil


cdef extern from *:
    """
    static capi_table *table = NULL; /* of the process: the same in each interpreter, and read without a GIL */
    """
    capi_table *table

table = <capi_table *> _lib.functions()

cdef enum:
    ZMQ_IO_THREADS = 1


cdef void *socket_pointer(object socket) except NULL:
    """The libzmq socket of a Socket, as the exception says that this thread may not use it; to be asked for anew for each use.

    enter() makes the core look again at what the caller may change: events, waiting awaiters.
    """
    cdef void *ptr = enter((<Socket?> socket).handle)
    leave((<Socket> socket).handle)
    return ptr


cdef void *context_pointer(object context) except NULL:
    """The libzmq context of a Context, or the exception that says why it cannot be used; to be asked for anew for each use."""
    cdef void *ptr = context_enter((<Context?> context).handle)
    context_leave((<Context> context).handle)
    return ptr


cdef void *zmq_init(int io_threads) noexcept nogil:
    cdef void *context = table.ctx_new()
    if context != NULL and table.ctx_set(context, ZMQ_IO_THREADS, io_threads) < 0:
        table.ctx_term(context)
        return NULL
    return context


cdef int zmq_bind(void *s, const char *addr) noexcept nogil:
    return table.bind(s, addr)


cdef int zmq_close(void *s) noexcept nogil:
    return table.close(s)


cdef int zmq_connect(void *s, const char *addr) noexcept nogil:
    return table.connect(s, addr)


cdef int zmq_ctx_destroy(void *context) noexcept nogil:
    return table.ctx_term(context)


cdef int zmq_ctx_get(void *context, int option) noexcept nogil:
    return table.ctx_get(context, option)


cdef void *zmq_ctx_new() noexcept nogil:
    return table.ctx_new()


cdef int zmq_ctx_set(void *context, int option, int optval) noexcept nogil:
    return table.ctx_set(context, option, optval)


cdef int zmq_ctx_term(void *context) noexcept nogil:
    return table.ctx_term(context)


cdef int zmq_curve_keypair(char *z85_public_key, char *z85_secret_key) noexcept nogil:
    return table.curve_keypair(z85_public_key, z85_secret_key)


cdef int zmq_curve_public(char *z85_public_key, const char *z85_secret_key) noexcept nogil:
    return table.curve_public(z85_public_key, z85_secret_key)


cdef int zmq_disconnect(void *s, const char *addr) noexcept nogil:
    return table.disconnect(s, addr)


cdef int zmq_errno() noexcept nogil:
    return table.errno_()


cdef int zmq_getsockopt(void *s, int option, void *optval, size_t *optvallen) noexcept nogil:
    return table.getsockopt(s, option, optval, optvallen)


cdef int zmq_has(const char *capability) noexcept nogil:
    return table.has(capability)


cdef int zmq_join(void *s, const char *group) noexcept nogil:
    return table.join(s, group)


cdef int zmq_leave(void *s, const char *group) noexcept nogil:
    return table.leave(s, group)


cdef int zmq_msg_close(zmq_msg_t *msg) noexcept nogil:
    return table.msg_close(msg)


cdef int zmq_msg_copy(zmq_msg_t *dest, zmq_msg_t *src) noexcept nogil:
    return table.msg_copy(dest, src)


cdef void *zmq_msg_data(zmq_msg_t *msg) noexcept nogil:
    return table.msg_data(msg)


cdef int zmq_msg_get(zmq_msg_t *msg, int option) noexcept nogil:
    return table.msg_get(msg, option)


cdef const char *zmq_msg_gets(zmq_msg_t *msg, const char *property_name) noexcept nogil:
    return table.msg_gets(msg, property_name)


cdef const char *zmq_msg_group(zmq_msg_t *msg) noexcept nogil:
    return table.msg_group(msg)


cdef int zmq_msg_init(zmq_msg_t *msg) noexcept nogil:
    return table.msg_init(msg)


cdef int zmq_msg_init_data(zmq_msg_t *msg, void *data, size_t size, zmq_free_fn *ffn, void *hint) noexcept nogil:
    return table.msg_init_data(msg, data, size, ffn, hint)


cdef int zmq_msg_init_size(zmq_msg_t *msg, size_t size) noexcept nogil:
    return table.msg_init_size(msg, size)


cdef int zmq_msg_more(zmq_msg_t *msg) noexcept nogil:
    return table.msg_more(msg)


cdef int zmq_msg_move(zmq_msg_t *dest, zmq_msg_t *src) noexcept nogil:
    return table.msg_move(dest, src)


cdef int zmq_msg_recv(zmq_msg_t *msg, void *s, int flags) noexcept nogil:
    return table.msg_recv(msg, s, flags)


cdef uint32_t zmq_msg_routing_id(zmq_msg_t *msg) noexcept nogil:
    return table.msg_routing_id(msg)


cdef int zmq_msg_send(zmq_msg_t *msg, void *s, int flags) noexcept nogil:
    return table.msg_send(msg, s, flags)


cdef int zmq_msg_set(zmq_msg_t *msg, int option, int optval) noexcept nogil:
    return table.msg_set(msg, option, optval)


cdef int zmq_msg_set_group(zmq_msg_t *msg, const char *group) noexcept nogil:
    return table.msg_set_group(msg, group)


cdef int zmq_msg_set_routing_id(zmq_msg_t *msg, uint32_t routing_id) noexcept nogil:
    return table.msg_set_routing_id(msg, routing_id)


cdef size_t zmq_msg_size(zmq_msg_t *msg) noexcept nogil:
    return table.msg_size(msg)


cdef int zmq_poll(zmq_pollitem_t *items, int nitems, long timeout) noexcept nogil:
    return table.poll(items, nitems, timeout)


cdef int zmq_poller_add(void *poller, void *socket, void *user_data, short events) noexcept nogil:
    return table.poller_add(poller, socket, user_data, events)


cdef int zmq_poller_destroy(void **poller_p) noexcept nogil:
    return table.poller_destroy(poller_p)


cdef int zmq_poller_fd(void *poller, fd_t *fd) noexcept nogil:
    return table.poller_fd(poller, fd)


cdef int zmq_poller_modify(void *poller, void *socket, short events) noexcept nogil:
    return table.poller_modify(poller, socket, events)


cdef void *zmq_poller_new() noexcept nogil:
    return table.poller_new()


cdef int zmq_poller_remove(void *poller, void *socket) noexcept nogil:
    return table.poller_remove(poller, socket)


cdef int zmq_proxy(void *frontend, void *backend, void *capture) noexcept nogil:
    return table.proxy(frontend, backend, capture)


cdef int zmq_proxy_steerable(void *frontend, void *backend, void *capture, void *control) noexcept nogil:
    return table.proxy_steerable(frontend, backend, capture, control)


cdef int zmq_recv(void *s, void *buf, size_t n, int flags) noexcept nogil:
    return table.recv(s, buf, n, flags)


cdef int zmq_send(void *s, const void *buf, size_t n, int flags) noexcept nogil:
    return table.send(s, buf, n, flags)


cdef int zmq_setsockopt(void *s, int option, const void *optval, size_t optvallen) noexcept nogil:
    return table.setsockopt(s, option, optval, optvallen)


cdef void *zmq_socket(void *context, int type) noexcept nogil:
    return table.socket(context, type)


cdef int zmq_socket_monitor(void *s, const char *addr, int events) noexcept nogil:
    return table.socket_monitor(s, addr, events)


cdef const char *zmq_strerror(int errnum) noexcept nogil:
    return table.strerror(errnum)


cdef int zmq_term(void *context) noexcept nogil:
    return table.ctx_term(context)


cdef int zmq_unbind(void *s, const char *addr) noexcept nogil:
    return table.unbind(s, addr)


cdef void zmq_version(int *major, int *minor, int *patch) noexcept nogil:
    table.version(major, minor, patch)
