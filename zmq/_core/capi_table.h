/* Fills in the table of capi.h; only _lib includes this. */
#ifndef PYZMQ_CAPI_TABLE_H
#define PYZMQ_CAPI_TABLE_H

#include "compat.h"
#include "capi.h"

/* functions, not the addresses of libzmq's own: a message has another type there, and a call through a pointer of another type
   would be undefined */
#define MSG(pointer) ((zmq_msg_t *) (pointer))
static int capi_msg_close(void *m) { return zmq_msg_close(MSG(m)); }
static int capi_msg_copy(void *to, void *m) { return zmq_msg_copy(MSG(to), MSG(m)); }
static void *capi_msg_data(void *m) { return zmq_msg_data(MSG(m)); }
static int capi_msg_get(void *m, int property) { return zmq_msg_get(MSG(m), property); }
static const char *capi_msg_gets(void *m, const char *property) { return zmq_msg_gets(MSG(m), property); }
static const char *capi_msg_group(void *m) { return zmq_msg_group(MSG(m)); }
static int capi_msg_init(void *m) { return zmq_msg_init(MSG(m)); }
static int capi_msg_init_data(void *m, void *data, size_t size, void (*release)(void *, void *), void *hint)
{
    return zmq_msg_init_data(MSG(m), data, size, release, hint);
}
static int capi_msg_init_size(void *m, size_t size) { return zmq_msg_init_size(MSG(m), size); }
static int capi_msg_more(void *m) { return zmq_msg_more(MSG(m)); }
static int capi_msg_move(void *to, void *m) { return zmq_msg_move(MSG(to), MSG(m)); }
static int capi_msg_recv(void *m, void *s, int flags) { return zmq_msg_recv(MSG(m), s, flags); }
static uint32_t capi_msg_routing_id(void *m) { return zmq_msg_routing_id(MSG(m)); }
static int capi_msg_send(void *m, void *s, int flags) { return zmq_msg_send(MSG(m), s, flags); }
static int capi_msg_set(void *m, int property, int value) { return zmq_msg_set(MSG(m), property, value); }
static int capi_msg_set_group(void *m, const char *group) { return zmq_msg_set_group(MSG(m), group); }
static int capi_msg_set_routing_id(void *m, uint32_t id) { return zmq_msg_set_routing_id(MSG(m), id); }
static size_t capi_msg_size(void *m) { return zmq_msg_size(MSG(m)); }
static int capi_poll(void *items, int count, long timeout) { return zmq_poll((zmq_pollitem_t *) items, count, timeout); }
static int capi_poller_fd(void *poller, void *fd) { return zmq_poller_fd(poller, (ZMQ_FD_T *) fd); }

typedef char capi_msg_has_the_size_of_capi_pxd[sizeof(zmq_msg_t) == 64 ? 1 : -1];

/* The other functions have the same types. Filled in when the module starts: on Windows the address of a function in a DLL is no
   constant. */
static capi_table *capi_filled(void)
{
    static capi_table table;
    table.bind = zmq_bind;
    table.close = zmq_close;
    table.connect = zmq_connect;
    table.ctx_get = zmq_ctx_get;
    table.ctx_new = zmq_ctx_new;
    table.ctx_set = zmq_ctx_set;
    table.ctx_term = zmq_ctx_term;
    table.curve_keypair = zmq_curve_keypair;
    table.curve_public = zmq_curve_public;
    table.disconnect = zmq_disconnect;
    table.errno_ = zmq_errno;
    table.getsockopt = zmq_getsockopt;
    table.has = zmq_has;
    table.join = zmq_join;
    table.leave = zmq_leave;
    table.msg_close = capi_msg_close;
    table.msg_copy = capi_msg_copy;
    table.msg_data = capi_msg_data;
    table.msg_get = capi_msg_get;
    table.msg_gets = capi_msg_gets;
    table.msg_group = capi_msg_group;
    table.msg_init = capi_msg_init;
    table.msg_init_data = capi_msg_init_data;
    table.msg_init_size = capi_msg_init_size;
    table.msg_more = capi_msg_more;
    table.msg_move = capi_msg_move;
    table.msg_recv = capi_msg_recv;
    table.msg_routing_id = capi_msg_routing_id;
    table.msg_send = capi_msg_send;
    table.msg_set = capi_msg_set;
    table.msg_set_group = capi_msg_set_group;
    table.msg_set_routing_id = capi_msg_set_routing_id;
    table.msg_size = capi_msg_size;
    table.poll = capi_poll;
    table.poller_add = zmq_poller_add;
    table.poller_destroy = zmq_poller_destroy;
    table.poller_fd = capi_poller_fd;
    table.poller_modify = zmq_poller_modify;
    table.poller_new = zmq_poller_new;
    table.poller_remove = zmq_poller_remove;
    table.proxy = zmq_proxy;
    table.proxy_steerable = zmq_proxy_steerable;
    table.recv = zmq_recv;
    table.send = zmq_send;
    table.setsockopt = zmq_setsockopt;
    table.socket = zmq_socket;
    table.socket_monitor = zmq_socket_monitor;
    table.strerror = zmq_strerror;
    table.unbind = zmq_unbind;
    table.version = zmq_version;
    return &table;
}
#endif
