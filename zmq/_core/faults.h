/* Failure injection, in builds with ZMQ_BUILD_FAULTS only: every call of libzmq that can fail can be told to.

   Included last by compat.h, so that the stubs of an older libzmq can fail too. Each call is counted; those numbered first to
   last - 1 of a function fail with its errno. The table belongs to the module that calls libzmq, which is _lib. */
#ifndef PYZMQ_FAULTS_H
#define PYZMQ_FAULTS_H

#include <Python.h>

#ifndef ZMQ_BUILD_FAULTS

static inline int faults_install(PyObject *globals)
{
    (void) globals;
    return 0;
}

#else

#include "atomics.h"

#define FAULT_NAMES(X) \
    X(ctx_new) X(ctx_term) X(ctx_shutdown) X(ctx_set) X(ctx_get) \
    X(msg_init_size) X(msg_init_data) X(msg_send) X(msg_recv) X(msg_close) X(msg_move) X(msg_copy) X(msg_get) X(msg_set) X(msg_gets) \
    X(socket) X(close) X(setsockopt) X(getsockopt) X(bind) X(connect) X(unbind) X(disconnect) X(socket_monitor) X(poll) \
    X(curve_keypair) X(curve_public) \
    X(join) X(leave) X(connect_peer) X(msg_set_routing_id) X(msg_set_group) \
    X(poller_new) X(poller_destroy) X(poller_add) X(poller_fd)

#define FAULT_NUMBER(name) FAULT_##name,
enum { FAULT_NAMES(FAULT_NUMBER) FAULT_COUNT };

#define FAULT_TEXT(name) "zmq_" #name,
static const char *const fault_names[] = {FAULT_NAMES(FAULT_TEXT)};

typedef struct {
    atomic_long_t calls, failures;
    atomic_long_t first, last;
    atomic_long_t error;
} fault_entry;

static fault_entry fault_table[FAULT_COUNT];

/* Count a call; whether it is to fail. */
static inline int fault_due(int function)
{
    fault_entry *entry = &fault_table[function];
    long call = atomic_add_long(&entry->calls, 1) - 1;
    if (call >= atomic_load_long(&entry->last) || call < atomic_load_long(&entry->first))
        return 0;
    atomic_add_long(&entry->failures, 1);
    return 1;
}

static inline void fault_set_errno(int function)
{
    errno = (int) atomic_load_long(&fault_table[function].error);
}

#define FAULT(type, failure, name, parameters, arguments) \
    static inline type faulty_##name parameters \
    { \
        if (fault_due(FAULT_##name)) { \
            fault_set_errno(FAULT_##name); \
            return failure; \
        } \
        return zmq_##name arguments; \
    }

/* What ends a thing fails with EINTR, and nothing happened, or because the thing is gone already: so it goes first. */
#define FAULT_GONE(name, parameters, arguments) \
    static inline int faulty_##name parameters \
    { \
        int due = fault_due(FAULT_##name); \
        if (!due) \
            return zmq_##name arguments; \
        if (atomic_load_long(&fault_table[FAULT_##name].error) != EINTR) \
            zmq_##name arguments; \
        fault_set_errno(FAULT_##name); \
        return -1; \
    }

FAULT(void *, NULL, ctx_new, (void), ())
FAULT_GONE(ctx_term, (void *context), (context))
FAULT(int, -1, ctx_shutdown, (void *context), (context))
FAULT(int, -1, ctx_set, (void *context, int option, int value), (context, option, value))
FAULT(int, -1, ctx_get, (void *context, int option), (context, option))

FAULT(int, -1, msg_init_size, (zmq_msg_t * msg, size_t size), (msg, size))
FAULT(int, -1, msg_init_data, (zmq_msg_t * msg, void *data, size_t size, zmq_free_fn *f, void *hint), (msg, data, size, f, hint))
FAULT(int, -1, msg_send, (zmq_msg_t * msg, void *s, int flags), (msg, s, flags))
FAULT(int, -1, msg_recv, (zmq_msg_t * msg, void *s, int flags), (msg, s, flags))
FAULT_GONE(msg_close, (zmq_msg_t * msg), (msg))
FAULT(int, -1, msg_move, (zmq_msg_t * to, zmq_msg_t *source), (to, source))
FAULT(int, -1, msg_copy, (zmq_msg_t * to, zmq_msg_t *source), (to, source))
FAULT(int, -1, msg_get, (const zmq_msg_t *msg, int property), (msg, property))
FAULT(int, -1, msg_set, (zmq_msg_t * msg, int property, int value), (msg, property, value))
FAULT(const char *, NULL, msg_gets, (const zmq_msg_t *msg, const char *property), (msg, property))

FAULT(void *, NULL, socket, (void *context, int type), (context, type))
FAULT_GONE(close, (void *s), (s))
FAULT(int, -1, setsockopt, (void *s, int option, const void *value, size_t size), (s, option, value, size))
FAULT(int, -1, getsockopt, (void *s, int option, void *value, size_t *size), (s, option, value, size))
FAULT(int, -1, bind, (void *s, const char *address), (s, address))
FAULT(int, -1, connect, (void *s, const char *address), (s, address))
FAULT(int, -1, unbind, (void *s, const char *address), (s, address))
FAULT(int, -1, disconnect, (void *s, const char *address), (s, address))
FAULT(int, -1, socket_monitor, (void *s, const char *address, int events), (s, address, events))
FAULT(int, -1, poll, (zmq_pollitem_t * items, int count, long timeout), (items, count, timeout))

FAULT(int, -1, curve_keypair, (char *public_key, char *secret_key), (public_key, secret_key))
FAULT(int, -1, curve_public, (char *public_key, const char *secret_key), (public_key, secret_key))

FAULT(int, -1, join, (void *s, const char *group), (s, group))
FAULT(int, -1, leave, (void *s, const char *group), (s, group))
FAULT(uint32_t, 0, connect_peer, (void *s, const char *address), (s, address))
FAULT(int, -1, msg_set_routing_id, (zmq_msg_t * msg, uint32_t routing_id), (msg, routing_id))
FAULT(int, -1, msg_set_group, (zmq_msg_t * msg, const char *group), (msg, group))
FAULT(void *, NULL, poller_new, (void), ())
FAULT_GONE(poller_destroy, (void **poller), (poller))
FAULT(int, -1, poller_add, (void *poller, void *socket, void *data, short events), (poller, socket, data, events))
FAULT(int, -1, poller_fd, (void *poller, ZMQ_FD_T *fd), (poller, fd))

#undef zmq_join
#undef zmq_leave
#undef zmq_connect_peer
#undef zmq_msg_set_routing_id
#undef zmq_msg_set_group
#undef zmq_poller_new
#undef zmq_poller_destroy
#undef zmq_poller_add
#undef zmq_poller_fd
#define zmq_ctx_new faulty_ctx_new
#define zmq_ctx_term faulty_ctx_term
#define zmq_ctx_shutdown faulty_ctx_shutdown
#define zmq_ctx_set faulty_ctx_set
#define zmq_ctx_get faulty_ctx_get
#define zmq_msg_init_size faulty_msg_init_size
#define zmq_msg_init_data faulty_msg_init_data
#define zmq_msg_send faulty_msg_send
#define zmq_msg_recv faulty_msg_recv
#define zmq_msg_close faulty_msg_close
#define zmq_msg_move faulty_msg_move
#define zmq_msg_copy faulty_msg_copy
#define zmq_msg_get faulty_msg_get
#define zmq_msg_set faulty_msg_set
#define zmq_msg_gets faulty_msg_gets
#define zmq_socket faulty_socket
#define zmq_close faulty_close
#define zmq_setsockopt faulty_setsockopt
#define zmq_getsockopt faulty_getsockopt
#define zmq_bind faulty_bind
#define zmq_connect faulty_connect
#define zmq_unbind faulty_unbind
#define zmq_disconnect faulty_disconnect
#define zmq_socket_monitor faulty_socket_monitor
#define zmq_poll faulty_poll
#define zmq_curve_keypair faulty_curve_keypair
#define zmq_curve_public faulty_curve_public
#define zmq_join faulty_join
#define zmq_leave faulty_leave
#define zmq_connect_peer faulty_connect_peer
#define zmq_msg_set_routing_id faulty_msg_set_routing_id
#define zmq_msg_set_group faulty_msg_set_group
#define zmq_poller_new faulty_poller_new
#define zmq_poller_destroy faulty_poller_destroy
#define zmq_poller_add faulty_poller_add
#define zmq_poller_fd faulty_poller_fd

/* ---------------------------------------------------------------- seen from Python */

static PyObject *fault_inject(PyObject *self, PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {"name", "errno", "skip", "times", NULL};
    const char *name;
    long error, skip = 0, times = 1;
    int i;
    (void) self;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "sl|ll", keywords, &name, &error, &skip, &times))
        return NULL;
    for (i = 0; i < FAULT_COUNT; i++) {
        if (strcmp(fault_names[i], name) == 0) {
            fault_entry *entry = &fault_table[i];
            atomic_store_long(&entry->last, 0); /* off while it is set */
            atomic_store_long(&entry->error, error);
            atomic_store_long(&entry->first, atomic_load_long(&entry->calls) + skip);
            atomic_store_long(&entry->last, atomic_load_long(&entry->first) + times);
            Py_RETURN_NONE;
        }
    }
    return PyErr_Format(PyExc_ValueError, "%s is not among the functions that can fail: see faults_seen()", name);
}

static PyObject *fault_seen(PyObject *self, PyObject *unused)
{
    PyObject *counts = PyDict_New();
    int i;
    (void) self, (void) unused;
    for (i = 0; counts != NULL && i < FAULT_COUNT; i++) {
        PyObject *pair = Py_BuildValue("(ll)", atomic_load_long(&fault_table[i].calls), atomic_load_long(&fault_table[i].failures));
        if (pair == NULL || PyDict_SetItemString(counts, fault_names[i], pair) != 0)
            Py_CLEAR(counts);
        Py_XDECREF(pair);
    }
    return counts;
}

static PyObject *fault_clear(PyObject *self, PyObject *unused)
{
    int i;
    (void) self, (void) unused;
    for (i = 0; i < FAULT_COUNT; i++) {
        atomic_store_long(&fault_table[i].last, 0);
        atomic_store_long(&fault_table[i].failures, 0);
        atomic_store_long(&fault_table[i].calls, 0);
    }
    Py_RETURN_NONE;
}

static PyMethodDef fault_methods[] = {
    {"inject_fault", (PyCFunction) (void (*)(void)) fault_inject, METH_VARARGS | METH_KEYWORDS,
     "inject_fault(name, errno, skip=0, times=1)\n--\n\nMake calls of a libzmq function fail, after the next `skip` ones."},
    {"faults_seen", fault_seen, METH_NOARGS,
     "faults_seen()\n--\n\nReturn {name: (calls, failures)} of every function that can fail, since clear_faults()."},
    {"clear_faults", fault_clear, METH_NOARGS, "clear_faults()\n--\n\nLet every call work again and count from zero."},
    {NULL, NULL, 0, NULL},
};

/* Put the functions into a module's namespace. */
static inline int faults_install(PyObject *globals)
{
    PyMethodDef *method;
    for (method = fault_methods; method->ml_name != NULL; method++) {
        PyObject *function = PyCFunction_New(method, NULL);
        int rc = function == NULL ? -1 : PyDict_SetItemString(globals, method->ml_name, function);
        Py_XDECREF(function);
        if (rc != 0)
            return -1;
    }
    return 0;
}

#endif
#endif
