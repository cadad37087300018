# C declarations of libzmq 4.2 to 4.3.5, in the order of zmq.h. No logic here.
# compat.h includes zmq.h and gives what an older or draft-less libzmq lacks a stub that fails with ENOTSUP.

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t


cdef extern from "compat.h" nogil:
    # fd_t is SOCKET on Windows, int elsewhere
    ctypedef int fd_t "ZMQ_FD_T"

    int ZMQ_VERSION_MAJOR
    int ZMQ_VERSION_MINOR
    int ZMQ_VERSION_PATCH
    int COMPAT_DRAFT_API

    void zmq_version(int *major, int *minor, int *patch)
    int zmq_errno()
    const char *zmq_strerror(int errnum)

    void *zmq_ctx_new()
    int zmq_ctx_term(void *context)
    int zmq_ctx_shutdown(void *context)
    int zmq_ctx_set(void *context, int option, int optval)
    int zmq_ctx_get(void *context, int option)

    ctypedef struct zmq_msg_t:
        pass
    ctypedef void zmq_free_fn(void *data, void *hint)

    int zmq_msg_init(zmq_msg_t *msg)
    int zmq_msg_init_size(zmq_msg_t *msg, size_t size)
    int zmq_msg_init_data(zmq_msg_t *msg, void *data, size_t size, zmq_free_fn *ffn, void *hint)
    int zmq_msg_send(zmq_msg_t *msg, void *s, int flags)
    int zmq_msg_recv(zmq_msg_t *msg, void *s, int flags)
    int zmq_msg_close(zmq_msg_t *msg)
    int zmq_msg_move(zmq_msg_t *dest, zmq_msg_t *src)
    int zmq_msg_copy(zmq_msg_t *dest, zmq_msg_t *src)
    void *zmq_msg_data(zmq_msg_t *msg)
    size_t zmq_msg_size(zmq_msg_t *msg)
    int zmq_msg_more(zmq_msg_t *msg)
    int zmq_msg_get(zmq_msg_t *msg, int property)
    int zmq_msg_set(zmq_msg_t *msg, int property, int optval)
    const char *zmq_msg_gets(zmq_msg_t *msg, const char *property)

    void *zmq_socket(void *context, int type)
    int zmq_close(void *s)
    int zmq_setsockopt(void *s, int option, const void *optval, size_t optvallen)
    int zmq_getsockopt(void *s, int option, void *optval, size_t *optvallen)
    int zmq_bind(void *s, const char *addr)
    int zmq_connect(void *s, const char *addr)
    int zmq_unbind(void *s, const char *addr)
    int zmq_disconnect(void *s, const char *addr)
    int zmq_socket_monitor(void *s, const char *addr, int events)

    ctypedef struct zmq_pollitem_t:
        void *socket
        fd_t fd
        short events
        short revents
    int zmq_poll(zmq_pollitem_t *items, int nitems, long timeout)

    int zmq_has(const char *capability)
    int zmq_curve_keypair(char *z85_public_key, char *z85_secret_key)
    int zmq_curve_public(char *z85_public_key, const char *z85_secret_key)

    # drafts
    int zmq_join(void *s, const char *group)
    int zmq_leave(void *s, const char *group)
    uint32_t zmq_connect_peer(void *s, const char *addr)
    int zmq_msg_set_routing_id(zmq_msg_t *msg, uint32_t routing_id)
    uint32_t zmq_msg_routing_id(zmq_msg_t *msg)
    int zmq_msg_set_group(zmq_msg_t *msg, const char *group)
    const char *zmq_msg_group(zmq_msg_t *msg)
    void *zmq_poller_new()
    int zmq_poller_destroy(void **poller)
    int zmq_poller_add(void *poller, void *socket, void *user_data, short events)
    int zmq_poller_fd(void *poller, fd_t *fd)

    int ZMQ_DONTWAIT
    int ZMQ_SNDMORE
    int ZMQ_MORE
    int ZMQ_SHARED
    int ZMQ_POLLIN
    int ZMQ_POLLOUT
    int ZMQ_POLLERR
    int ZMQ_POLLPRI

    int ZMQ_TYPE
    int ZMQ_EVENTS
    int ZMQ_FD
    int ZMQ_CONFLATE
    int ZMQ_LINGER
    int ZMQ_RCVHWM
    int ZMQ_RCVMORE
    int ZMQ_RCVTIMEO
    int ZMQ_SNDTIMEO
    int ZMQ_LAST_ENDPOINT
    int ZMQ_IO_THREADS
    int ZMQ_MAX_SOCKETS
    int ZMQ_SOCKET_LIMIT

    int ZMQ_GROUP_MAX_LENGTH

    int ZMQ_PAIR
    int ZMQ_PUSH
    int ZMQ_PULL
    int ZMQ_DEALER
    int ZMQ_STREAM
    int ZMQ_REQ
    int ZMQ_REP
    int ZMQ_ROUTER
    int ZMQ_PUB
    int ZMQ_SUB
    int ZMQ_XSUB

    int ENOTSUP
    int ETERM
    int ENOCOMPATPROTO
    int EFSM
