/* How memory lent to libzmq comes back.

   libzmq calls lent_released() on any of its threads, without the GIL, at any time up to the end of the process. It touches no
   Python object: it settles the tracker, pushes the node on a lock-free stack of the interpreter that lent the memory, and asks
   for the stack to be drained. Draining (with that interpreter's GIL) releases the Py_buffer, which may run arbitrary Python code.

   Only the main interpreter can be asked (Py_AddPendingCall). The others drain in their own calls; what comes back to one that has
   ended leaks, with the object that it belongs to. */
#ifndef PYZMQ_RELEASE_H
#define PYZMQ_RELEASE_H

#include <Python.h>
#include <stdint.h>
#include "atomics.h"
#include "exports.h"
#include "wait.h"

/* One message's lent buffers, counted. The lock is held from creation until the count reaches zero, so that a waiter can
   block on it without the GIL; whoever acquires it passes it on at once. */
typedef struct {
    atomic_long_t references;
    atomic_long_t live;
    PyThread_type_lock lock;
    void *waker; /* wait_waker of an event loop that somebody awaits this in; NULL: nobody */
} lent_tracker;

/* Lent bytes objects by address, so that a receiver in this interpreter gets the object itself instead of a copy. One slot for each
   hash, the last one wins: a miss only costs the copy. Nodes are freed with the GIL, under which the table is read. */
#define LENT_SLOTS 256

/* What an interpreter has lent. It is never freed. */
typedef struct {
    int64_t interpreter;     /* its id; 0 is the main one's */
    void *returned;          /* top of the stack of nodes */
    atomic_long_t scheduled; /* a drain is due in the interpreter's pending calls */
    atomic_long_t leaking;   /* its shutdown has begun: never ask for anything any more */
    atomic_long_t count;     /* nodes alive: lent, or returned and not yet drained */
    atomic_long_t quiet;     /* calls of ours that will drain before they end: no need to ask for it */
    void *bytes[LENT_SLOTS];
} lent_home;

typedef struct lent_node {
    struct lent_node *next;
    lent_home *home;
    lent_tracker *tracker;
    Py_buffer view;
} lent_node;

static inline int64_t lent_interpreter(void)
{
#ifdef PYPY_VERSION
    return 0;
#else
    return PyInterpreterState_GetID(PyInterpreterState_Get());
#endif
}

static inline void **lent_slot(lent_home *home, const void *data)
{
    uintptr_t address = (uintptr_t) data;
    return &home->bytes[((address >> 4) ^ (address >> 12) ^ (address >> 20)) % LENT_SLOTS];
}

static lent_tracker *lent_tracker_new(void)
{
    lent_tracker *tracker = (lent_tracker *) PyMem_RawMalloc(sizeof(lent_tracker));
    if (tracker == NULL)
        return NULL;
    tracker->lock = PyThread_allocate_lock();
    if (tracker->lock == NULL) {
        PyMem_RawFree(tracker);
        return NULL;
    }
    PyThread_acquire_lock(tracker->lock, WAIT_LOCK);
    tracker->references = 1;
    tracker->live = 1;
    tracker->waker = NULL;
    return tracker;
}

static void lent_tracker_unref(lent_tracker *tracker)
{
    if (atomic_add_long(&tracker->references, -1) == 0) {
        PyThread_free_lock(tracker->lock);
        PyMem_RawFree(tracker);
    }
}

static void lent_tracker_settle(lent_tracker *tracker)
{
    if (atomic_add_long(&tracker->live, -1) == 0) {
        /* after the count: whoever sets it looks at the count afterwards */
        void *waker = atomic_load_ptr(&tracker->waker);
        PyThread_release_lock(tracker->lock);
        if (waker != NULL)
            wait_waker_wake((wait_waker *) waker);
    }
}

static int lent_drain_callback(void *home);

static void lent_released(void *data, void *hint)
{
    lent_node *node = (lent_node *) hint;
    lent_tracker *tracker = node->tracker;
    lent_home *home = node->home;
    void *top;
    if (data != NULL)
        atomic_cas_ptr(lent_slot(home, data), node, NULL);
    node->tracker = NULL;
    do {
        top = atomic_load_ptr(&home->returned);
        node->next = (lent_node *) top;
    } while (!atomic_cas_ptr(&home->returned, top, node));
    if (home->interpreter == 0 && !atomic_load_long(&home->leaking) && !atomic_load_long(&home->quiet)
        && !atomic_load_long(&home->scheduled)) {
        atomic_store_long(&home->scheduled, 1);
        /* the queue of pending calls is short: when it is full, the next node or the next call into us drains */
        if (Py_AddPendingCall(lent_drain_callback, home) != 0)
            atomic_store_long(&home->scheduled, 0);
    }
    /* last, so that whoever sees the message done finds the buffer on the stack and can release it */
    if (tracker != NULL) {
        lent_tracker_settle(tracker);
        lent_tracker_unref(tracker);
    }
}

/* With the GIL of that interpreter. PyBuffer_Release may call back into here: the list is private by then. */
static void lent_drain(lent_home *home)
{
    lent_node *node = (lent_node *) atomic_swap_ptr(&home->returned, NULL);
    while (node != NULL) {
        lent_node *next = node->next;
        export_release(&node->view);
        PyMem_RawFree(node);
        atomic_add_long(&home->count, -1);
        node = next;
    }
}

static int lent_drain_callback(void *argument)
{
    lent_home *home = (lent_home *) argument;
    PyObject *type, *value, *traceback;
    atomic_store_long(&home->scheduled, 0);
    /* CPython before 3.12 runs it in the interpreter of the thread that asked */
    if (lent_interpreter() != home->interpreter)
        return 0;
    /* a finaliser run by the release must not disturb the exception that the interrupted code is raising */
    PyErr_Fetch(&type, &value, &traceback);
    lent_drain(home);
    PyErr_Restore(type, value, traceback);
    return 0;
}

/* Takes over the view. Returns NULL without an exception when memory is out. */
static lent_node *lent_node_new(lent_home *home, Py_buffer *view, lent_tracker *tracker)
{
    lent_node *node = (lent_node *) PyMem_RawMalloc(sizeof(lent_node));
    if (node == NULL)
        return NULL;
    node->home = home;
    node->view = *view;
    node->tracker = tracker;
    if (tracker != NULL) {
        atomic_add_long(&tracker->references, 1);
        atomic_add_long(&tracker->live, 1);
    }
    atomic_add_long(&home->count, 1);
    return node;
}

/* With the GIL: the bytes object whose whole content lies at `data`, or NULL. Borrowed from the message that is being received. */
static PyObject *lent_bytes_at(lent_home *home, const void *data, Py_ssize_t size)
{
#ifdef Py_GIL_DISABLED
    (void) home, (void) data, (void) size;
    return NULL; /* another thread may be freeing the node in that slot */
#else
    lent_node *node = (lent_node *) atomic_load_ptr(lent_slot(home, data));
    if (node == NULL || node->view.buf != data || node->view.len != size || !PyBytes_CheckExact(node->view.obj))
        return NULL;
    return node->view.obj;
#endif
}

#endif
