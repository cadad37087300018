"""Zero-copy: memory lent to libzmq, and the trackers that tell when it came back.

The message holds the buffer's export, so that resizing a bytearray or closing an mmap in flight is a BufferError. release.h has the
path back, which runs on libzmq's threads.
"""

import atexit
import os

from cpython.buffer cimport Py_buffer
from cpython.bytes cimport PyBytes_CheckExact
from cpython.exc cimport PyErr_CheckSignals
from cpython.ref cimport PyObject
from libc.stdint cimport int64_t

from . cimport _lib
from .buffer cimport release_buffer
from .handle cimport (
    atomic_add_long, atomic_load_long, atomic_load_ptr, atomic_long_t, atomic_store_long, atomic_swap_ptr,
    fetch_back_by,
)
from .libzmq cimport zmq_msg_t
from .wait cimport WAIT_FOREVER, Waker, time_left, wait_now_ns, wait_waker_drain, waker_get, waker_put

from zmq.error import ForkedError, NotDone

cdef extern from "Python.h":
    ctypedef void *PyThread_type_lock
    ctypedef enum PyLockStatus:
        PY_LOCK_FAILURE
        PY_LOCK_ACQUIRED
        PY_LOCK_INTR
    PyLockStatus PyThread_acquire_lock_timed(PyThread_type_lock lock, long long microseconds, int interruptible) nogil
    void PyThread_release_lock(PyThread_type_lock lock) nogil

cdef extern from "atomics.h" nogil:
    bint atomic_cas_ptr(void **p, void *expected, void *value)

cdef extern from "release.h":
    ctypedef struct lent_tracker:
        atomic_long_t references
        atomic_long_t live
        PyThread_type_lock lock
        void *waker
    ctypedef struct lent_node:
        pass
    ctypedef struct lent_home:
        int64_t interpreter
        void *returned
        atomic_long_t scheduled
        atomic_long_t leaking
        atomic_long_t count
        atomic_long_t quiet
    int64_t lent_interpreter()
    lent_tracker *lent_tracker_new()
    void lent_tracker_unref(lent_tracker *tracker)
    void lent_tracker_settle(lent_tracker *tracker) nogil
    lent_node *lent_node_new(lent_home *home, Py_buffer *view, lent_tracker *tracker)
    void lent_released(void *data, void *hint) noexcept nogil
    void lent_drain(lent_home *home)
    void **lent_slot(lent_home *home, const void *data)
    PyObject *lent_bytes_at(lent_home *home, const void *data, Py_ssize_t size)

cdef object ONE_WEEK = 7 * 24 * 3600

cdef lent_home home  # one for each interpreter, as all such variables are (module_state.h)
home.interpreter = lent_interpreter()

cdef long process_number = 0  # grows with every fork on the way to this process


def _after_fork_in_child():
    global process_number
    process_number += 1
    # one of libzmq's threads may have been between asking for a drain and having asked; they are gone
    atomic_store_long(&home.scheduled, 0)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)


cdef int lend(zmq_msg_t *msg, Py_buffer *view, ReleaseEvent event) except -1:
    """Initialise `msg` over the memory of `view`, which it takes over; `event` (or None) waits for its return."""
    cdef lent_node *node = lent_node_new(&home, view, <lent_tracker *> event.tracker if event is not None else NULL)
    if node == NULL:
        release_buffer(view)
        raise MemoryError("no memory to keep track of a zero-copy buffer")
    try:
        _lib.msg_init_lent(msg, view.buf, view.len, lent_released, node)
    except MemoryError:
        lent_released(NULL, node)
        raise
    if PyBytes_CheckExact(<object> view.obj):
        atomic_swap_ptr(lent_slot(&home, view.buf), node)
    return 0


cdef object lent_bytes(const void *data, Py_ssize_t size):
    """The bytes object whose content a received message is, when this interpreter sent it; else None."""
    cdef PyObject *found = lent_bytes_at(&home, data, size)
    return None if found == NULL else <object> found


cdef bint drain() noexcept:
    """Release the buffers that libzmq has returned; whether there were any.

    May run Python code: never while a socket is held.
    """
    if atomic_load_ptr(&home.returned) == NULL:
        return False
    lent_drain(&home)
    return True


fetch_back_by(drain)


cdef void close_and_drain(zmq_msg_t *msg) noexcept:
    """Close a message that may hold the last use of a buffer, which is then released at once."""
    atomic_add_long(&home.quiet, 1)
    _lib.msg_close(msg)
    atomic_add_long(&home.quiet, -1)
    drain()


def live_buffers():
    """Return how many zero-copy buffers this interpreter has lent to libzmq: what a leak test asserts."""
    drain()
    return home.count


@atexit.register
def _begin_shutdown():
    """From here on returned buffers leak: asking the interpreter for anything would be too late."""
    atomic_store_long(&home.leaking, 1)


cdef class ReleaseEvent:
    """Set once libzmq has returned every buffer of a message: the part of threading.Event that a reader needs."""

    def __cinit__(self):
        self.tracker = lent_tracker_new()
        if self.tracker == NULL:
            raise MemoryError("no memory for a message tracker")
        self.process = process_number

    def __dealloc__(self):
        if self.tracker != NULL:
            lent_tracker_unref(<lent_tracker *> self.tracker)

    def is_set(self):
        """Return whether every buffer has come back."""
        if atomic_load_long(&(<lent_tracker *> self.tracker).live) != 0:
            drain()
            return False
        # only then: the last buffer may have come back this moment, and can be resized when this returns
        drain()
        return True

    def wait(self, timeout=None):
        """Block until every buffer has come back, or for `timeout` seconds; return whether it has.

        Args:
            timeout: seconds (float), or None for no limit. Signal handlers run meanwhile.
        """
        cdef lent_tracker *tracker = <lent_tracker *> self.tracker
        cdef int64_t deadline = WAIT_FOREVER
        cdef int64_t left
        cdef long long microseconds
        cdef PyLockStatus status
        if self.process != process_number and not self.is_set():
            raise ForkedError("message was sent before a fork, in the parent process: only there can it be waited for")
        if timeout is not None:
            deadline = wait_now_ns() + <int64_t> (max(0.0, timeout) * 1e9)
        while not self.is_set():
            left = time_left(deadline)
            if left == 0:
                return False
            microseconds = -1 if left < 0 else (left + 999) // 1000
            with nogil:
                status = PyThread_acquire_lock_timed(tracker.lock, microseconds, 1)
                if status == PY_LOCK_ACQUIRED:
                    PyThread_release_lock(tracker.lock)
            PyErr_CheckSignals()
        return True


cdef class ReleaseWaker:
    """A descriptor that becomes readable when one of the events that it watches is set: for event loops."""
    cdef Waker *waker

    def __cinit__(self):
        self.waker = waker_get()
        if self.waker == NULL:
            raise OSError("no descriptors to wait for a message tracker with: raise the limit (ulimit -n)")

    def __dealloc__(self):
        # kept for others; what still watches wakes them in vain, which does no harm
        waker_put(self.waker)

    def fileno(self):
        """Return the descriptor."""
        return self.waker.fds.reader

    def watch(self, ReleaseEvent event):
        """Have the descriptor become readable when the event is set; return False if another one has that task.

        An event that is set already need not do so.
        """
        cdef lent_tracker *tracker = <lent_tracker *> event.tracker
        return atomic_cas_ptr(&tracker.waker, NULL, &self.waker.fds) or atomic_load_ptr(&tracker.waker) == &self.waker.fds

    def forget(self, ReleaseEvent event):
        """Take back watch()."""
        atomic_cas_ptr(&(<lent_tracker *> event.tracker).waker, &self.waker.fds, NULL)

    def drain(self):
        """Make the descriptor unreadable until the next event is set."""
        wait_waker_drain(&self.waker.fds)


cdef ReleaseEvent new_event():
    """An event that cannot be set before settle(), so that a message may be built buffer by buffer."""
    return ReleaseEvent.__new__(ReleaseEvent)


cdef void settle(ReleaseEvent event) noexcept:
    lent_tracker_settle(<lent_tracker *> event.tracker)


cdef object await_tracker = None


def set_tracker_awaiter(function):
    """Say what awaits a tracker: called with it, returns something to await."""
    global await_tracker
    await_tracker = function


class MessageTracker:
    """Tells when libzmq has let go of the memory of a message sent without a copy.

    Args:
        *towatch: events (anything with ``is_set()`` and ``wait(timeout)``), other trackers, tracked Frames. None at all: done.
    Raises:
        ValueError: a Frame made without ``track=True``. TypeError: anything else.

    A message is done when every buffer of every frame is free to be changed again, never earlier (zmq_msg_init_data(3)).
    """

    def __init__(self, *towatch):
        self.events = set()
        self.peers = set()
        for item in towatch:
            if isinstance(item, MessageTracker):
                self.peers.add(item)
            elif hasattr(item, "is_set") and hasattr(item, "wait"):
                self.events.add(item)
            elif hasattr(item, "tracker_event"):
                if item.tracker is None:
                    raise ValueError(f"{item!r} is not tracked: make it with zmq.Frame(data, track=True)")
                self.peers.add(item.tracker)
            else:
                raise TypeError(f"cannot watch {item!r}: give events, MessageTrackers or Frames made with track=True")

    @property
    def done(self):
        """Whether libzmq has let go of every buffer."""
        return all(event.is_set() for event in events_of(self))

    def wait(self, timeout=-1):
        """Block until the message is done.

        Args:
            timeout: seconds for all that is watched together; negative or False: one week.
        Raises:
            NotDone: the time is over and libzmq still holds a buffer.
        """
        if timeout is False or timeout < 0:
            timeout = ONE_WEEK
        deadline = wait_now_ns() + int(timeout * 1e9)
        for event in events_of(self):
            event.wait(timeout=max(0.0, (deadline - wait_now_ns()) / 1e9))
            if not event.is_set():
                raise NotDone(f"libzmq still holds the message after {timeout} s")

    def __await__(self):
        """Wait in the running event loop until the message is done: ``await tracker``."""
        if await_tracker is None:
            raise TypeError("a MessageTracker is awaited in an event loop: import zmq.asyncio or zmq.anyio first")
        return await_tracker(self).__await__()


def events_of(tracker):
    """Return the set of all events that a tracker waits for. No recursion: a chain of trackers may be long, or a ring."""
    cdef set events = set()
    cdef set seen = {tracker}
    cdef list trackers = [tracker]
    while trackers:
        tracker = trackers.pop()
        events.update(tracker.events)
        for peer in tracker.peers:
            if peer not in seen:
                seen.add(peer)
                trackers.append(peer)
    return events


_FINISHED_TRACKER = MessageTracker()


cdef object new_tracker(ReleaseEvent event, list peers):
    """A tracker over an event and the trackers in `peers`; the finished one when there is neither."""
    if event is None and not peers:
        return _FINISHED_TRACKER
    if event is None and len(peers) == 1:
        return peers[0]
    tracker = MessageTracker.__new__(MessageTracker)
    tracker.events = set() if event is None else {event}
    tracker.peers = set(peers) if peers else set()
    return tracker
