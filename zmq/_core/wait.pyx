"""Deadlines, and wakers: descriptors by which one thread ends the wait of another. wait.h has the system calls."""

import os

from cpython.exc cimport PyErr_CheckSignals
from libc.stdint cimport int64_t
from libc.stdlib cimport calloc, free

cdef extern from "Python.h":
    double PyLong_AsDouble(object) except? -1.0

cdef extern from "atomics.h" nogil:
    ctypedef long atomic_long_t
    void spin_lock(atomic_long_t *lock)
    void spin_unlock(atomic_long_t *lock)

cdef extern from *:
    """
    /* Of the process, not of one interpreter: a waker is two descriptors and knows no Python object. */
    static void *idle_wakers = NULL;
    static atomic_long_t idle_lock = 0;
    """
    void *idle_wakers
    atomic_long_t idle_lock


cdef Waker *waker_get() noexcept:
    """A waker of this thread's own until waker_put(); NULL when none can be had (the wait is then cut into slices)."""
    global idle_wakers
    cdef Waker *waker
    spin_lock(&idle_lock)
    waker = <Waker *> idle_wakers
    if waker != NULL:
        idle_wakers = waker.next
    spin_unlock(&idle_lock)
    if waker != NULL:
        return waker
    waker = <Waker *> calloc(1, sizeof(Waker))
    if waker == NULL:
        return NULL
    wait_waker_open(&waker.fds)
    if waker.fds.reader < 0:
        free(waker)
        return NULL
    return waker


cdef void waker_put(Waker *waker) noexcept:
    global idle_wakers
    if waker == NULL:
        return
    # never freed: a thread that is closing a socket may still hold the pointer, and a late wake-up does no harm
    spin_lock(&idle_lock)
    waker.next = <Waker *> idle_wakers
    idle_wakers = waker
    spin_unlock(&idle_lock)


def _after_fork_in_child():
    """Forget the wakers: one shared with the parent would wake the wrong process."""
    global idle_wakers
    # a thread that is gone may have held it
    spin_unlock(&idle_lock)
    while idle_wakers != NULL:
        wait_waker_close(&(<Waker *> idle_wakers).fds)
        idle_wakers = (<Waker *> idle_wakers).next


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)


cdef int64_t deadline_in(long milliseconds) noexcept:
    """The moment so many milliseconds from now; WAIT_FOREVER for a negative number, and for 0 one long ago, without the clock."""
    if milliseconds <= 0:
        return 0 if milliseconds == 0 else WAIT_FOREVER
    return wait_now_ns() + <int64_t> milliseconds * 1000000


cdef int64_t deadline_of(object milliseconds) except? -2:
    """The same for a user's timeout: None or negative is forever; fractions of a millisecond are cut off."""
    cdef double span
    if milliseconds is None:
        return WAIT_FOREVER
    if not isinstance(milliseconds, (int, float)) and not hasattr(milliseconds, "__float__"):
        raise TypeError(f"a timeout is a number of milliseconds or None, not {milliseconds!r}")
    try:
        span = PyLong_AsDouble(milliseconds) if type(milliseconds) is int else float(milliseconds)
    except OverflowError:
        return WAIT_FOREVER
    # anything over ten years is forever, and must not overflow
    return deadline_in(-1 if span <= -1 or span > 3e11 or span != span else <long> span)


cdef int64_t time_left(int64_t deadline) noexcept nogil:
    cdef int64_t left
    if deadline == WAIT_FOREVER or deadline == 0:
        return deadline
    left = deadline - wait_now_ns()
    return left if left > 0 else 0


cdef int let_others_run() except -1:
    """Give up the GIL for a moment, and run signal handlers."""
    with nogil:
        wait_sleep_ns(100000)
    return PyErr_CheckSignals()
