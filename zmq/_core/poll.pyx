"""Polling many sockets and descriptors at once.

What a socket is ready for is asked of libzmq (EVENTS); only when nothing is ready does the call wait, on the descriptors of all. A
socket's descriptor tells of news, not of readiness, so that EVENTS is asked again after every wait.
"""

from cpython.exc cimport PyErr_CheckSignals
from cpython.ref cimport Py_DECREF, Py_INCREF, PyObject
from libc.errno cimport EINTR, ENOTSOCK
from libc.stdint cimport int64_t
from libc.stdlib cimport calloc, free

from . cimport _lib
from .handle cimport LOOKED, SocketHandle, check_held, enter_to_look, hold, leave, let_go
from .libzmq cimport ZMQ_POLLERR, ZMQ_POLLIN, ZMQ_POLLOUT, ZMQ_POLLPRI, fd_t, zmq_pollitem_t
from .socket cimport Socket
from .wait cimport (
    POLLIN, POLLOUT, POLLPRI, WAIT_SLICE_NS, Waker, deadline_of, time_left, wait_item, wait_poll, wait_waker_drain, waker_get,
    waker_put,
)

from ._lib import build_info

cdef bint LOOKING_IS_FREE = "07-idle-mailbox.patch" in build_info()["patches"].split()


cdef struct Item:
    PyObject *handle       # SocketHandle, owned; NULL for a plain descriptor
    void *ptr              # its socket, entered; NULL before and after
    fd_t fd
    short events
    short ready


cdef int take_item(Item *item, object entry) except -1:
    """Read one (object, flags) pair. May run code of the object's, which may close any socket: none is entered yet."""
    cdef SocketHandle handle
    obj, flags = entry
    item.events = flags
    if isinstance(obj, Socket):
        handle = (<Socket> obj).handle
        Py_INCREF(handle)
        item.handle = <PyObject *> handle
        return 0
    if isinstance(obj, int):
        fd = obj
    else:
        fileno = getattr(obj, "fileno", None)
        if fileno is None:
            raise TypeError(f"{obj!r} cannot be polled: give a zmq socket, a descriptor or an object with fileno()")
        fd = fileno()
        if not isinstance(fd, int):
            raise ValueError(f"{obj!r}.fileno() gave {fd!r}, no descriptor")
    if fd < 0:
        raise ValueError(f"{obj!r} has descriptor {fd}: it is closed")
    item.fd = fd
    return 0


cdef int enter_sockets(Item *items, Py_ssize_t count, list entries) except -1:
    cdef Py_ssize_t i
    cdef SocketHandle handle
    for i in range(count):
        if items[i].handle == NULL:
            continue
        handle = <SocketHandle> items[i].handle
        if handle.closed:
            return _lib.fail_with(ENOTSOCK, f"{entries[i][0]!r} cannot be polled: unregister a socket before closing it")
        items[i].ptr = enter_to_look(handle)
        items[i].fd = handle.fd
    return 0


cdef int release_items(Item *items, Py_ssize_t count) noexcept:
    cdef Py_ssize_t i
    for i in range(count):
        if items[i].handle != NULL:
            if items[i].ptr != NULL:
                leave(<SocketHandle> items[i].handle)
            Py_DECREF(<SocketHandle> items[i].handle)
    free(items)
    return 0


cdef Py_ssize_t look_at_sockets(Item *items, Py_ssize_t count, bint idle_too) except -1:
    """Ask the sockets for their events, if need be without those known to be idle; how many are ready.

    Asking empties a socket's mailbox, so that an idle one can only become ready by a call of ours or through its descriptor.
    Waiting for all descriptors costs one system call, asking one for each socket; with 07-idle-mailbox.patch it costs none.
    """
    cdef Py_ssize_t i
    cdef Py_ssize_t ready = 0
    cdef int events, unknown
    cdef SocketHandle handle
    for i in range(count):
        if items[i].ptr == NULL:
            continue
        handle = <SocketHandle> items[i].handle
        if handle.stash is not None and items[i].events & ZMQ_POLLIN:
            items[i].ready = ZMQ_POLLIN
            ready += 1
            continue
        unknown = items[i].events & ~handle.idle & (ZMQ_POLLIN | ZMQ_POLLOUT)
        if not idle_too and handle.idle & LOOKED and not unknown:
            continue
        events = _lib.try_events(items[i].ptr)
        if events < 0:
            return _lib.fail(-events)
        items[i].ready = events & items[i].events
        if items[i].ready:
            ready += 1
        if not (handle.foreign or handle.thread_safe):
            handle.idle = LOOKED | (~events & (ZMQ_POLLIN | ZMQ_POLLOUT))
    return ready


cdef short to_system(short events) noexcept:
    return (
        (POLLIN if events & ZMQ_POLLIN else 0) | (POLLOUT if events & ZMQ_POLLOUT else 0) | (POLLPRI if events & ZMQ_POLLPRI else 0)
    )


cdef short from_system(short events) noexcept:
    # whatever is neither data nor room nor urgent data is an error, as in zmq_poll(3)
    return (
        (ZMQ_POLLIN if events & POLLIN else 0) | (ZMQ_POLLOUT if events & POLLOUT else 0)
        | (ZMQ_POLLPRI if events & POLLPRI else 0) | (ZMQ_POLLERR if events & ~(POLLIN | POLLOUT | POLLPRI) else 0)
    )


cdef int hold_sockets(Item *items, Py_ssize_t count, Waker *waker) noexcept:
    cdef Py_ssize_t i
    for i in range(count):
        if items[i].ptr != NULL:
            hold(<SocketHandle> items[i].handle, items[i].ptr, waker)
    return 0


cdef int let_sockets_go(Item *items, Py_ssize_t count) noexcept:
    cdef Py_ssize_t i
    for i in range(count):
        if items[i].ptr != NULL:
            let_go(<SocketHandle> items[i].handle)
    return 0


cdef int check_sockets_held(Item *items, Py_ssize_t count, Waker *waker) except -1:
    cdef Py_ssize_t i
    for i in range(count):
        if items[i].ptr != NULL:
            check_held(<SocketHandle> items[i].handle, waker)
    return 0


cdef int wait_for_any(Item *items, wait_item *fds, Py_ssize_t count, int64_t left) except -1:
    """Wait on all descriptors, at most so long; fills `ready` of the plain ones."""
    cdef Py_ssize_t i
    cdef unsigned watched = count
    cdef int ready
    cdef Waker *waker = waker_get() if left != 0 else NULL
    if waker == NULL and (left < 0 or left > WAIT_SLICE_NS):
        left = WAIT_SLICE_NS
    for i in range(count):
        fds[i].fd = items[i].fd
        fds[i].events = POLLIN if items[i].ptr != NULL else to_system(items[i].events)
        fds[i].revents = 0
    if waker != NULL:
        fds[count].fd = waker.fds.reader
        fds[count].events = POLLIN
        fds[count].revents = 0
        watched += 1
    hold_sockets(items, count, waker)
    try:
        if left != 0:
            # a signal that came since the interpreter looked last would not end the wait
            PyErr_CheckSignals()
            check_sockets_held(items, count, waker)
        with nogil:
            ready = wait_poll(fds, watched, left)
        if waker != NULL and ready > 0 and fds[count].revents:
            wait_waker_drain(&waker.fds)
        PyErr_CheckSignals()
        check_sockets_held(items, count, waker)
    finally:
        let_sockets_go(items, count)
        waker_put(waker)
    for i in range(count):
        if items[i].ptr == NULL:
            items[i].ready = from_system(fds[i].revents) if ready > 0 else 0
        elif ready > 0 and fds[i].revents:
            (<SocketHandle> items[i].handle).idle = 0
    return 0


cdef int wait_by_library(Item *items, Py_ssize_t count, int64_t left) except -1:
    """The same by zmq_poll, in slices: for thread-safe sockets, which have no descriptor."""
    cdef zmq_pollitem_t *polled = <zmq_pollitem_t *> calloc(count, sizeof(zmq_pollitem_t))
    cdef Py_ssize_t i
    cdef int ready
    if polled == NULL:
        raise MemoryError(f"no memory to poll {count} sockets")
    if left < 0 or left > WAIT_SLICE_NS:
        left = WAIT_SLICE_NS
    for i in range(count):
        polled[i].socket = items[i].ptr
        polled[i].fd = items[i].fd if items[i].ptr == NULL else 0
        polled[i].events = items[i].events
    hold_sockets(items, count, NULL)
    try:
        with nogil:
            ready = _lib.try_poll(polled, count, left)
        PyErr_CheckSignals()
        check_sockets_held(items, count, NULL)
        if ready < 0 and ready != -EINTR:
            return _lib.fail(-ready)
        for i in range(count):
            if items[i].ptr == NULL:
                items[i].ready = polled[i].revents if ready > 0 else 0
    finally:
        let_sockets_go(items, count)
        free(polled)
    return 0


cdef int poll_items(Item *items, wait_item *fds, Py_ssize_t count, int64_t deadline) except -1:
    cdef Py_ssize_t i, ready
    cdef bint by_library = False
    cdef bint looking_will_do = LOOKING_IS_FREE
    cdef int64_t left
    for i in range(count):
        if items[i].ptr == NULL:
            looking_will_do = False
        elif (<SocketHandle> items[i].handle).thread_safe:
            by_library = True
    while True:
        ready = look_at_sockets(items, count, looking_will_do and deadline == 0)
        left = 0 if ready else time_left(deadline)
        if looking_will_do and left == 0:
            if deadline != 0:
                look_at_sockets(items, count, True)
            return 0
        if by_library:
            wait_by_library(items, count, left)
        else:
            wait_for_any(items, fds, count, left)
        look_at_sockets(items, count, False)
        for i in range(count):
            if items[i].ready:
                return 0
        if left == 0:
            return 0


def zmq_poll(sockets, timeout=-1):
    """Wait until any of several sockets or descriptors is ready.

    Args:
        sockets: list of (object, flags): a zmq socket, a descriptor (int) or an object with fileno(); zmq.POLLIN, POLLOUT, POLLERR.
        timeout: milliseconds; None or negative: no limit. 0 only looks.
    Returns:
        List of (object, mask) for what is ready: sockets as they were given, everything else as its descriptor.
    Raises:
        ZMQError: ENOTSOCK for a closed socket. ContextTerminated. TypeError, ValueError: nothing that can be polled (zmq_poll(3)).
    """
    cdef list entries = list(sockets)
    cdef Py_ssize_t count = len(entries)
    cdef Py_ssize_t made = 0
    cdef Py_ssize_t i
    cdef int64_t deadline = deadline_of(timeout)
    cdef Item *items
    cdef wait_item *fds
    cdef list ready = []
    if count == 0:
        return ready
    items = <Item *> calloc(count, sizeof(Item))
    fds = <wait_item *> calloc(count + 1, sizeof(wait_item))
    try:
        if items == NULL or fds == NULL:
            raise MemoryError(f"no memory to poll {count} sockets")
        for entry in entries:
            take_item(&items[made], entry)
            made += 1
        enter_sockets(items, count, entries)
        poll_items(items, fds, count, deadline)
        for i in range(count):
            if items[i].ready:
                entry = entries[i]
                ready.append((entry[0] if items[i].ptr != NULL else items[i].fd, items[i].ready))
        return ready
    finally:
        release_items(items, made)
        free(fds)
