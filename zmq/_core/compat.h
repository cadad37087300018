/* zmq.h, and a stub for each function that the libzmq compiled against may lack.
   A stub fails as libzmq would: -1 (or NULL) with errno ENOTSUP, so that no caller needs a condition. */
#ifndef PYZMQ_COMPAT_H
#define PYZMQ_COMPAT_H

#include <zmq.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>

#if ZMQ_VERSION < ZMQ_MAKE_VERSION(4, 2, 0)
#error "pyzmq needs libzmq 4.2 or newer: unset ZMQ_PREFIX to build the bundled one"
#endif

#ifdef _WIN32
#include <winsock2.h>
#define ZMQ_FD_T SOCKET
#else
#define ZMQ_FD_T int
#endif

#ifndef ENOTSUP
#define ENOTSUP (ZMQ_HAUSNUMERO + 1)
#endif

#if defined ZMQ_BUILD_DRAFT_API && ZMQ_VERSION >= ZMQ_MAKE_VERSION(4, 3, 3)
#define COMPAT_DRAFT_API 1
#else
#define COMPAT_DRAFT_API 0

#define COMPAT_STUB(type, value, name, args) \
    static inline type compat_##name args \
    { \
        errno = ENOTSUP; \
        return value; \
    }
COMPAT_STUB(int, -1, join, (void *s, const char *group))
COMPAT_STUB(int, -1, leave, (void *s, const char *group))
COMPAT_STUB(uint32_t, 0, connect_peer, (void *s, const char *address))
COMPAT_STUB(int, -1, msg_set_routing_id, (zmq_msg_t * msg, uint32_t routing_id))
COMPAT_STUB(uint32_t, 0, msg_routing_id, (zmq_msg_t * msg))
COMPAT_STUB(int, -1, msg_set_group, (zmq_msg_t * msg, const char *group))
COMPAT_STUB(const char *, NULL, msg_group, (zmq_msg_t * msg))
COMPAT_STUB(void *, NULL, poller_new, (void))
COMPAT_STUB(int, -1, poller_destroy, (void **poller))
COMPAT_STUB(int, -1, poller_add, (void *poller, void *socket, void *data, short events))
COMPAT_STUB(int, -1, poller_modify, (void *poller, void *socket, short events))
COMPAT_STUB(int, -1, poller_remove, (void *poller, void *socket))
COMPAT_STUB(int, -1, poller_fd, (void *poller, ZMQ_FD_T *fd))
#define zmq_join compat_join
#define zmq_leave compat_leave
#define zmq_connect_peer compat_connect_peer
#define zmq_msg_set_routing_id compat_msg_set_routing_id
#define zmq_msg_routing_id compat_msg_routing_id
#define zmq_msg_set_group compat_msg_set_group
#define zmq_msg_group compat_msg_group
#define zmq_poller_new compat_poller_new
#define zmq_poller_destroy compat_poller_destroy
#define zmq_poller_add compat_poller_add
#define zmq_poller_modify compat_poller_modify
#define zmq_poller_remove compat_poller_remove
#define zmq_poller_fd compat_poller_fd
#endif

/* 15 before libzmq 4.3.3, where it was not in the header without drafts */
#ifndef ZMQ_GROUP_MAX_LENGTH
#define ZMQ_GROUP_MAX_LENGTH 15
#endif

#ifndef ZMQ_SHARED
#define ZMQ_SHARED 3
#endif

#include "faults.h" /* last: the stubs above can be made to fail too */

#endif
