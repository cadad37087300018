/* The functions of libzmq that capi.pyx offers to other people's Cython programs, as a table: those programs cannot be linked with
   the libzmq inside _lib, which shows no symbol. Messages are `void *` here, so that capi.pyx needs no zmq.h. */
#ifndef PYZMQ_CAPI_H
#define PYZMQ_CAPI_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    int (*bind)(void *, const char *);
    int (*close)(void *);
    int (*connect)(void *, const char *);
    int (*ctx_get)(void *, int);
    void *(*ctx_new)(void);
    int (*ctx_set)(void *, int, int);
    int (*ctx_term)(void *);
    int (*curve_keypair)(char *, char *);
    int (*curve_public)(char *, const char *);
    int (*disconnect)(void *, const char *);
    int (*errno_)(void);
    int (*getsockopt)(void *, int, void *, size_t *);
    int (*has)(const char *);
    int (*join)(void *, const char *);
    int (*leave)(void *, const char *);
    int (*msg_close)(void *);
    int (*msg_copy)(void *, void *);
    void *(*msg_data)(void *);
    int (*msg_get)(void *, int);
    const char *(*msg_gets)(void *, const char *);
    const char *(*msg_group)(void *);
    int (*msg_init)(void *);
    int (*msg_init_data)(void *, void *, size_t, void (*)(void *, void *), void *);
    int (*msg_init_size)(void *, size_t);
    int (*msg_more)(void *);
    int (*msg_move)(void *, void *);
    int (*msg_recv)(void *, void *, int);
    uint32_t (*msg_routing_id)(void *);
    int (*msg_send)(void *, void *, int);
    int (*msg_set)(void *, int, int);
    int (*msg_set_group)(void *, const char *);
    int (*msg_set_routing_id)(void *, uint32_t);
    size_t (*msg_size)(void *);
    int (*poll)(void *, int, long);
    int (*poller_add)(void *, void *, void *, short);
    int (*poller_destroy)(void **);
    int (*poller_fd)(void *, void *);
    int (*poller_modify)(void *, void *, short);
    void *(*poller_new)(void);
    int (*poller_remove)(void *, void *);
    int (*proxy)(void *, void *, void *);
    int (*proxy_steerable)(void *, void *, void *, void *);
    int (*recv)(void *, void *, size_t, int);
    int (*send)(void *, const void *, size_t, int);
    int (*setsockopt)(void *, int, const void *, size_t);
    void *(*socket)(void *, int);
    int (*socket_monitor)(void *, const char *, int);
    const char *(*strerror)(int);
    int (*unbind)(void *, const char *);
    void (*version)(int *, int *, int *);
} capi_table;

#endif
