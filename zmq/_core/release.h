/* How memory lent to libzmq comes back.

   libzmq calls lent_released() on any of its threads, without the GIL, at any time up to the end of the process. It touches no
   Python object: it settles the tracker, pushes the node on a lock-free stack, and asks the interpreter to drain the
   stack. Draining (with the GIL) releases the Py_buffer, which may run arbitrary Python code. */
#ifndef PYZMQ_RELEASE_H
#define PYZMQ_RELEASE_H

#include <Python.h>
#include <stdint.h>
#include "atomics.h"
#include "wait.h"

/* One message's lent buffers, counted. The lock is held from creation until the count reaches zero, so that a waiter can
   block on it without the GIL; whoever acquires it passes it on at once. */
typedef struct {
    atomic_long_t references;
    atomic_long_t live;
    PyThread_type_lock lock;
    void *waker; /* wait_waker of an event loop that somebody awaits this in; NULL: nobody */
} lent_tracker;

typedef struct lent_node {
    struct lent_node *next;
    lent_tracker *tracker;
    Py_buffer view;
} lent_node;

static void *lent_returned = NULL;       /* top of the stack of nodes */
static atomic_long_t lent_scheduled = 0; /* a drain is due in the interpreter's pending calls */
static atomic_long_t lent_leaking = 0;   /* interpreter shutdown has begun: never ask for anything any more */
static atomic_long_t lent_count = 0;     /* nodes alive: lent, or returned and not yet drained */
static atomic_long_t lent_quiet = 0;     /* calls of ours that will drain before they end: no need to ask for it */

/* Lent bytes objects by address, so that a receiver in this process gets the object itself instead of a copy. One slot for each
   hash, the last one wins: a miss only costs the copy. Nodes are freed with the GIL, under which the table is read. */
#define LENT_SLOTS 256
static void *lent_bytes[LENT_SLOTS];

static inline void **lent_slot(const void *data)
{
    uintptr_t address = (uintptr_t) data;
    return &lent_bytes[((address >> 4) ^ (address >> 12) ^ (address >> 20)) % LENT_SLOTS];
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

static int lent_drain_callback(void *unused);

static void lent_released(void *data, void *hint)
{
    lent_node *node = (lent_node *) hint;
    lent_tracker *tracker = node->tracker;
    void *top;
    if (data != NULL)
        atomic_cas_ptr(lent_slot(data), node, NULL);
    node->tracker = NULL;
    do {
        top = atomic_load_ptr(&lent_returned);
        node->next = (lent_node *) top;
    } while (!atomic_cas_ptr(&lent_returned, top, node));
    if (!atomic_load_long(&lent_leaking) && !atomic_load_long(&lent_quiet) && !atomic_load_long(&lent_scheduled)) {
        atomic_store_long(&lent_scheduled, 1);
        /* the queue of pending calls is short: when it is full, the next node or the next call into us drains */
        if (Py_AddPendingCall(lent_drain_callback, NULL) != 0)
            atomic_store_long(&lent_scheduled, 0);
    }
    /* last, so that whoever sees the message done finds the buffer on the stack and can release it */
    if (tracker != NULL) {
        lent_tracker_settle(tracker);
        lent_tracker_unref(tracker);
    }
}

/* With the GIL. PyBuffer_Release may call back into here: the list is private by then. */
static void lent_drain(void)
{
    lent_node *node = (lent_node *) atomic_swap_ptr(&lent_returned, NULL);
    while (node != NULL) {
        lent_node *next = node->next;
        PyBuffer_Release(&node->view);
        PyMem_RawFree(node);
        atomic_add_long(&lent_count, -1);
        node = next;
    }
}

static int lent_drain_callback(void *unused)
{
    PyObject *type, *value, *traceback;
    (void) unused;
    atomic_store_long(&lent_scheduled, 0);
    /* a finaliser run by the release must not disturb the exception that the interrupted code is raising */
    PyErr_Fetch(&type, &value, &traceback);
    lent_drain();
    PyErr_Restore(type, value, traceback);
    return 0;
}

/* Takes over the view. Returns NULL without an exception when memory is out. */
static lent_node *lent_node_new(Py_buffer *view, lent_tracker *tracker)
{
    lent_node *node = (lent_node *) PyMem_RawMalloc(sizeof(lent_node));
    if (node == NULL)
        return NULL;
    node->view = *view;
    node->tracker = tracker;
    if (tracker != NULL) {
        atomic_add_long(&tracker->references, 1);
        atomic_add_long(&tracker->live, 1);
    }
    atomic_add_long(&lent_count, 1);
    return node;
}

/* With the GIL: the bytes object whose whole content lies at `data`, or NULL. Borrowed from the message that is being received. */
static PyObject *lent_bytes_at(const void *data, Py_ssize_t size)
{
#ifdef Py_GIL_DISABLED
    (void) data, (void) size;
    return NULL; /* another thread may be freeing the node in that slot */
#else
    lent_node *node = (lent_node *) atomic_load_ptr(lent_slot(data));
    if (node == NULL || node->view.buf != data || node->view.len != size || !PyBytes_CheckExact(node->view.obj))
        return NULL;
    return node->view.obj;
#endif
}

#endif
