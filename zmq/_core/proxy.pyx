"""Proxies: zmq.proxy, proxy_steerable and monitored_queue are one loop of ours over the sockets.

libzmq's own loop cannot be left by a signal, by closing a socket or by term() from another thread, and in 4.3.5 its PAUSE is never
recognised. Ours holds the sockets for its whole run, gives up the GIL, and comes back for signals.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.exc cimport PyErr_CheckSignals
from libc.errno cimport EAGAIN, EINTR, ENOMEM, ENOTSOCK
from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcmp, memset

from . cimport _lib
from .handle cimport SocketHandle, atomic_load_long, atomic_long_t, check_held, enter, hold, leave, let_go
from .libzmq cimport ZMQ_POLLIN, ZMQ_POLLOUT, ZMQ_ROUTER, fd_t, zmq_msg_t
from .socket cimport Socket
from .wait cimport (
    POLLIN, WAIT_SLICE_NS, Waker, wait_item, wait_now_ns, wait_poll, wait_waker_drain, waker_get, waker_put,
)

cdef enum:
    FRONTEND, BACKEND, CAPTURE, CONTROL, SIDES

cdef enum:
    # messages in one direction before the other has its turn: zmq_proxy's own number
    BURST = 1000
    # how late Ctrl-C may be when it came while messages were moved; an idle proxy wakes up so often
    LOOK_FOR_SIGNALS_NS = 500000000
    # what pump() may return besides -errno
    GO_ON = 0
    TERMINATED = 1


cdef struct Parts:
    zmq_msg_t *items
    Py_ssize_t count
    Py_ssize_t capacity


cdef struct Prefix:
    const char *data       # NULL: the capture socket gets no extra frame
    Py_ssize_t size


cdef struct Proxy:
    void *sockets[SIDES]   # NULL: not used
    fd_t fds[SIDES]
    atomic_long_t *closing[SIDES]
    Waker *waker
    Parts message          # received and not yet sent, to `target`
    Parts copies           # of it, for the capture socket
    int target
    Prefix prefixes[2]     # by the side that a message comes from
    bint swap              # exchange the first two frames: both ends are ROUTER
    bint paused
    uint64_t received[2][2]    # by side: messages, bytes
    uint64_t sent[2][2]


# ---------------------------------------------------------------- messages

cdef int reserve(Parts *parts, Py_ssize_t capacity) noexcept nogil:
    cdef zmq_msg_t *items
    cdef Py_ssize_t i
    if capacity <= parts.capacity:
        return 0
    capacity = max(capacity, 2 * parts.capacity)
    items = <zmq_msg_t *> malloc(capacity * sizeof(zmq_msg_t))
    if items == NULL:
        return -ENOMEM
    for i in range(parts.count):
        _lib.msg_init(&items[i])
        _lib.msg_move(&items[i], &parts.items[i])
    free(parts.items)
    parts.items = items
    parts.capacity = capacity
    return 0


cdef void clear(Parts *parts, Py_ssize_t first) noexcept nogil:
    while first < parts.count:
        _lib.msg_close(&parts.items[first])
        first += 1
    parts.count = 0


cdef int receive(void *socket, Parts *message) noexcept nogil:
    """A whole message: 0, or -errno."""
    cdef Py_ssize_t got
    while True:
        if reserve(message, message.count + 4) < 0:
            return -ENOMEM
        got = _lib.try_recv_parts(socket, &message.items[message.count], message.capacity - message.count)
        if got < 0:
            return <int> got
        message.count += got
        if not _lib.msg_more(&message.items[message.count - 1]):
            return 0


cdef int send(Proxy *proxy, int side, Parts *message) noexcept nogil:
    """A whole message, waiting for room: 0, or -errno. Consumes it, except for -EINTR: to be called again."""
    cdef Py_ssize_t sent = 0
    cdef bint looked = False
    cdef int rc
    while True:
        rc = _lib.try_send_parts(proxy.sockets[side], message.items, message.count, 0, &sent)
        if rc != -EAGAIN or sent > 0:
            break
        if not looked:
            # sending looks at the mailbox only now and then; EVENTS empties it, as waiting on descriptors needs
            rc = _lib.try_events(proxy.sockets[side])
            if rc < 0:
                break
            looked = True
            continue
        looked = False
        rc = wait_for_news(proxy, side)
        if rc == -EINTR:
            return rc
        if rc < 0:
            break
    clear(message, sent)
    return rc if rc != -EAGAIN else 0


cdef int flush(Proxy *proxy) noexcept nogil:
    """Send what was received, and then its copy: 0, or -errno; after -EINTR to be called again."""
    cdef int rc = 0
    if proxy.message.count > 0:
        rc = send(proxy, proxy.target, &proxy.message)
    if rc == 0 and proxy.copies.count > 0:
        rc = send(proxy, CAPTURE, &proxy.copies)
    return rc


cdef int copy_for_capture(Proxy *proxy, int side) noexcept nogil:
    cdef Parts *copies = &proxy.copies
    cdef Prefix *prefix = &proxy.prefixes[side]
    cdef Py_ssize_t i
    cdef int rc = reserve(copies, proxy.message.count + 1)
    if rc == 0 and prefix.data != NULL:
        rc = _lib.try_msg_init_copy(&copies.items[0], prefix.data, prefix.size)
        if rc == 0:
            copies.count = 1
    for i in range(proxy.message.count):
        if rc < 0:
            break
        _lib.msg_init(&copies.items[copies.count])
        copies.count += 1
        rc = _lib.try_msg_copy(&copies.items[copies.count - 1], &proxy.message.items[i])
    if rc < 0:
        clear(copies, 0)
    return rc


# ---------------------------------------------------------------- the loop

cdef bint must_close(Proxy *proxy) noexcept nogil:
    cdef int side
    for side in range(SIDES):
        if proxy.closing[side] != NULL and atomic_load_long(proxy.closing[side]):
            return True
    return False


cdef int wait_for_news(Proxy *proxy, int only) noexcept nogil:
    """Wait for the descriptor of one side, or of all (only < 0), or for the waker: 0, or -errno.

    A descriptor stays readable until its socket is used or asked for its events: one whose mailbox was not emptied right before
    would make this a busy loop.
    """
    cdef wait_item items[SIDES + 1]
    cdef unsigned count = 0
    cdef int side
    cdef int ready
    if must_close(proxy):
        return -ENOTSOCK
    for side in range(SIDES):
        if proxy.sockets[side] != NULL and (only < 0 or side == only):
            items[count].fd = proxy.fds[side]
            items[count].events = POLLIN
            items[count].revents = 0
            count += 1
    if proxy.waker != NULL:
        items[count].fd = proxy.waker.fds.reader
        items[count].events = POLLIN
        items[count].revents = 0
        count += 1
    # a signal that came since its handlers ran last does not end the wait, hence the limit
    ready = wait_poll(items, count, LOOK_FOR_SIGNALS_NS if proxy.waker != NULL else WAIT_SLICE_NS)
    if ready <= 0:
        return -EINTR
    if proxy.waker != NULL and items[count - 1].revents:
        wait_waker_drain(&proxy.waker.fds)
    return -ENOTSOCK if must_close(proxy) else 0


cdef int room_to_capture(Proxy *proxy) noexcept nogil:
    cdef int events
    if proxy.sockets[CAPTURE] == NULL:
        return 1
    events = _lib.try_events(proxy.sockets[CAPTURE])
    return events if events < 0 else events & ZMQ_POLLOUT


cdef int forward(Proxy *proxy, int source, int target) noexcept nogil:
    """Move what is there, up to BURST messages: how many, or -errno."""
    cdef Parts *message = &proxy.message
    cdef int moved = 0
    cdef int events
    cdef int rc
    cdef Py_ssize_t i
    cdef zmq_msg_t first
    while moved < BURST:
        events = _lib.try_events(proxy.sockets[target])
        if events < 0:
            return events
        if not events & ZMQ_POLLOUT and proxy.sockets[source] != proxy.sockets[target]:
            break
        # nothing is received that could not be sent on, so that a signal handler's exception loses nothing
        events = room_to_capture(proxy)
        if events < 0:
            return events
        if not events:
            break
        rc = receive(proxy.sockets[source], message)
        if rc == -EAGAIN:
            break
        if rc < 0:
            return rc
        proxy.received[source][0] += 1
        proxy.sent[target][0] += 1
        for i in range(message.count):
            proxy.received[source][1] += _lib.msg_size(&message.items[i])
            proxy.sent[target][1] += _lib.msg_size(&message.items[i])
        if proxy.swap and message.count > 1:
            _lib.msg_init(&first)
            _lib.msg_move(&first, &message.items[0])
            _lib.msg_move(&message.items[0], &message.items[1])
            _lib.msg_move(&message.items[1], &first)
            _lib.msg_close(&first)
        if proxy.sockets[CAPTURE] != NULL:
            rc = copy_for_capture(proxy, source)
            if rc < 0:
                return rc
        proxy.target = target
        rc = flush(proxy)
        if rc < 0:
            return rc
        moved += 1
    return moved


cdef bint is_command(zmq_msg_t *msg, const char *command, size_t size) noexcept nogil:
    return _lib.msg_size(msg) == size and memcmp(_lib.msg_data(msg), command, size) == 0


cdef int obey(Proxy *proxy) noexcept nogil:
    """Do what the control socket says: GO_ON, TERMINATED or -errno."""
    cdef zmq_msg_t command
    cdef uint64_t *figures[8]
    cdef int result = GO_ON
    cdef int i
    cdef bint report
    cdef Py_ssize_t sent = 0
    cdef Py_ssize_t size = _lib.try_recv(proxy.sockets[CONTROL], &command)
    if size == -EAGAIN:
        return GO_ON
    if size < 0:
        return <int> size
    report = is_command(&command, b"STATISTICS", 10)
    if is_command(&command, b"PAUSE", 5):
        proxy.paused = True
    elif is_command(&command, b"RESUME", 6):
        proxy.paused = False
    elif is_command(&command, b"TERMINATE", 9):
        result = TERMINATED
    _lib.msg_close(&command)
    # each command is answered, so that a REQ may steer; a control socket that cannot send (SUB, PULL) is none the worse for it
    if not report:
        _lib.try_send_copy(proxy.sockets[CONTROL], b"", 0, 0)
        return result
    for i in range(2):
        figures[4 * i] = &proxy.received[i][0]
        figures[4 * i + 1] = &proxy.received[i][1]
        figures[4 * i + 2] = &proxy.sent[i][0]
        figures[4 * i + 3] = &proxy.sent[i][1]
    proxy.copies.count = 0
    if reserve(&proxy.copies, 8) < 0:
        return -ENOMEM
    for i in range(8):
        if _lib.try_msg_init_copy(&proxy.copies.items[i], figures[i], sizeof(uint64_t)) < 0:
            clear(&proxy.copies, 0)
            return -ENOMEM
        proxy.copies.count += 1
    # who asks and does not listen gets no answer, rather than stop the proxy
    _lib.try_send_parts(proxy.sockets[CONTROL], proxy.copies.items, 8, 0, &sent)
    clear(&proxy.copies, sent)
    return result


cdef int pump(Proxy *proxy) noexcept nogil:
    """Run until something needs Python: GO_ON (look for signals), TERMINATED or -errno."""
    cdef int64_t started = wait_now_ns()
    cdef int front, back, room, rc
    cdef bint there, here
    cdef bint same = proxy.sockets[BACKEND] == proxy.sockets[FRONTEND]
    while True:
        rc = flush(proxy)
        if rc < 0:
            return GO_ON if rc == -EINTR else rc
        if proxy.sockets[CONTROL] != NULL:
            rc = obey(proxy)
            if rc != GO_ON:
                return rc
        # both are asked before either is used: asking or using one takes news off its descriptor
        front = _lib.try_events(proxy.sockets[FRONTEND])
        if front < 0:
            return front
        # the same socket is not asked twice: the second answer would have taken the news off the first
        back = front
        if not same:
            back = _lib.try_events(proxy.sockets[BACKEND])
        if back < 0:
            return back
        room = room_to_capture(proxy)
        if room < 0:
            return room
        # a REP that answers itself can send only once it has received
        there = room and front & ZMQ_POLLIN and (same or back & ZMQ_POLLOUT)
        here = room and back & ZMQ_POLLIN and front & ZMQ_POLLOUT and not same
        if not proxy.paused and (there or here):
            if there:
                rc = forward(proxy, FRONTEND, BACKEND)
                if rc < 0:
                    return GO_ON if rc == -EINTR else rc
            if here:
                rc = forward(proxy, BACKEND, FRONTEND)
                if rc < 0:
                    return GO_ON if rc == -EINTR else rc
            if wait_now_ns() - started > WAIT_SLICE_NS:
                return GO_ON
            continue
        if proxy.sockets[CONTROL] != NULL:
            rc = _lib.try_events(proxy.sockets[CONTROL])
            if rc < 0:
                return rc
            if rc & ZMQ_POLLIN:
                continue
        rc = wait_for_news(proxy, -1)
        if rc == -EINTR:
            return GO_ON
        if rc < 0:
            return rc
        if proxy.waker == NULL:
            return GO_ON


cdef int run(Proxy *proxy, list handles) except -1:
    """Hold the sockets and pump until an exception or TERMINATE."""
    cdef SocketHandle handle
    cdef Py_ssize_t entered = 0
    cdef Py_ssize_t i
    cdef int rc
    try:
        for i, handle in enumerate(handles):
            if handle is not None:
                proxy.sockets[i] = enter(handle)
                proxy.fds[i] = handle.fd
                proxy.closing[i] = &handle.closing
            entered = i + 1
        proxy.waker = waker_get()
        for i, handle in enumerate(handles):
            if handle is not None:
                hold(handle, proxy.sockets[i], proxy.waker)
        try:
            # a signal that came since the interpreter looked last would not end the wait
            PyErr_CheckSignals()
            while True:
                with nogil:
                    rc = pump(proxy)
                PyErr_CheckSignals()
                for handle in handles:
                    if handle is not None:
                        check_held(handle, proxy.waker)
                if rc == TERMINATED:
                    return 0
                if rc < 0:
                    return _lib.fail(-rc)
        finally:
            for handle in handles:
                if handle is not None:
                    let_go(handle)
            waker_put(proxy.waker)
    finally:
        for handle in handles[:entered]:
            if handle is not None:
                leave(handle)
        clear(&proxy.message, 0)
        clear(&proxy.copies, 0)
        free(proxy.message.items)
        free(proxy.copies.items)


cdef SocketHandle handle_of(object socket, str role):
    if not isinstance(socket, Socket):
        raise TypeError(f"{role} must be a zmq socket, not {socket!r}")
    handle = (<Socket> socket).handle
    if (<SocketHandle> handle).closed:
        _lib.fail_with(ENOTSOCK, f"{role} {socket!r} is closed")
    if (<SocketHandle> handle).thread_safe:
        raise TypeError(f"{role} {socket!r} is of a thread-safe draft type, which has no frames to forward")
    return handle


def proxy(frontend, backend, capture=None):
    """Forward messages between two sockets until an exception ends it.

    Args:
        frontend, backend: sockets; the same one twice is allowed. capture: a PUB, PUSH, PAIR or DEALER socket that gets a copy.
    Raises:
        ContextTerminated: the context was terminated. ZMQError: ENOTSOCK, a socket was closed, also by another thread.
        TypeError: no socket. What a signal handler raises (zmq_proxy(3)).
    """
    proxy_steerable(frontend, backend, capture, None)


def proxy_steerable(frontend, backend, capture=None, control=None):
    """Forward messages between two sockets, steered by commands on a third.

    Args:
        frontend, backend, capture: as for proxy(). control: a PAIR, REP, PULL or SUB socket that receives b"PAUSE", b"RESUME",
            b"TERMINATE" or b"STATISTICS". The last is answered by eight frames of native uint64 (frontend messages received, bytes
            received, messages sent, bytes sent, then backend's), every other command by an empty one.
    Returns:
        0 after TERMINATE.
    Raises:
        As proxy() (zmq_proxy_steerable(3)).
    """
    cdef Proxy state
    memset(&state, 0, sizeof(Proxy))
    run(&state, [
        handle_of(frontend, "frontend"),
        handle_of(backend, "backend"),
        None if capture is None else handle_of(capture, "capture"),
        None if control is None else handle_of(control, "control"),
    ])
    return 0


def monitored_queue(in_socket, out_socket, mon_socket, bytes in_prefix=b"in", bytes out_prefix=b"out"):
    """Forward messages between two sockets, and each with a prefix frame to a third.

    Args:
        in_socket, out_socket: sockets; between two ROUTERs the first two frames (sender, addressee) are exchanged.
        mon_socket: gets a copy of every message. in_prefix, out_prefix: bytes, the copy's first frame by the side it came from.
    Raises:
        As proxy().
    """
    cdef Proxy state
    cdef SocketHandle front = handle_of(in_socket, "in_socket")
    cdef SocketHandle back = handle_of(out_socket, "out_socket")
    memset(&state, 0, sizeof(Proxy))
    state.prefixes[FRONTEND].data = PyBytes_AS_STRING(in_prefix)
    state.prefixes[FRONTEND].size = PyBytes_GET_SIZE(in_prefix)
    state.prefixes[BACKEND].data = PyBytes_AS_STRING(out_prefix)
    state.prefixes[BACKEND].size = PyBytes_GET_SIZE(out_prefix)
    state.swap = front.type == ZMQ_ROUTER and back.type == ZMQ_ROUTER
    run(&state, [front, back, handle_of(mon_socket, "mon_socket"), None])
    return 0
