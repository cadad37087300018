"""Who may touch a libzmq socket or context, and the one way to wait for it.

libzmq trusts its caller: two threads in one socket, a socket used after its close, or a call in a forked child corrupt memory or
abort the process. Every Python object that stands for a socket (shadows included) shares one SocketHandle, and goes through it:

* `enter` gives the pointer. It is NULL while a thread waits, when the socket is closed, and after a fork; `enter_slow` tells which.
* `wait_ready` is the only place where a call gives up the GIL while it owns a socket. It waits on the socket's descriptor, not
  inside libzmq, so that a deadline is exact, signal handlers run, and another thread can end the wait.
* `socket_shut` takes the pointer out first and closes it afterwards, once no thread is inside.
"""

import atexit
import os
from _thread import RLock
from _weakref import ref

from libc.errno cimport EFAULT, EINTR, EINVAL, EMFILE, ENOTSOCK, errno
from libc.stdint cimport int64_t
from libc.stdlib cimport calloc, free
from cpython.exc cimport PyErr_CheckSignals
from cython cimport critical_section

from . cimport _lib
from .libzmq cimport (
    ENOTSUP, ETERM, ZMQ_FD, ZMQ_IO_THREADS, ZMQ_LINGER, ZMQ_MAX_SOCKETS, ZMQ_RCVHWM, ZMQ_SOCKET_LIMIT, ZMQ_TYPE, fd_t,
    zmq_pollitem_t,
)

from zmq.error import ForkedError, ThreadError

cdef extern from "Python.h":
    unsigned long PyThread_get_thread_ident() nogil

cdef extern from "readable.h":
    int memory_readable(const void *address, size_t size) nogil

cdef enum:
    # libzmq 4.3 has the tag of a socket about 1,560 bytes behind its address, no socket is smaller than 1,780, no context than 640
    SOCKET_BYTES = 1700
    CONTEXT_BYTES = 600


cdef bint shutdown_begun = False


@atexit.register
def _begin_shutdown():
    global shutdown_begun
    shutdown_begun = True


def exiting():
    """Return whether the interpreter's exit handlers have run: from then on nothing is closed or warned about."""
    return shutdown_begun


cdef bint shutting_down() noexcept:
    """From the interpreter's exit handlers on, libzmq is left alone: its threads end with the process."""
    return shutdown_begun


cdef enum:
    # Terminating, libzmq makes a socket for each inproc connection that nobody has bound yet, and aborts the process when the limit
    # does not allow it. So libzmq's limit is higher than the user's, which is kept here.
    RESERVED_SOCKETS = 1024


cdef class _Registry:
    """All live handles, so that a forked child can disown them and a shadow can find the handle of an address."""
    cdef void *sockets
    cdef Py_ssize_t socket_count
    cdef void *contexts
    cdef Waker *wakers


cdef _Registry registry = _Registry()


cdef void _register(SocketHandle handle) noexcept:
    with critical_section(registry):
        handle.previous_handle = NULL
        handle.next_handle = registry.sockets
        if registry.sockets != NULL:
            (<SocketHandle> registry.sockets).previous_handle = <void *> handle
        registry.sockets = <void *> handle
        registry.socket_count += 1


cdef void _unregister(SocketHandle handle) noexcept:
    with critical_section(registry):
        if handle.previous_handle == NULL and registry.sockets != <void *> handle:
            return
        if handle.previous_handle != NULL:
            (<SocketHandle> handle.previous_handle).next_handle = handle.next_handle
        else:
            registry.sockets = handle.next_handle
        if handle.next_handle != NULL:
            (<SocketHandle> handle.next_handle).previous_handle = handle.previous_handle
        handle.next_handle = handle.previous_handle = NULL
        registry.socket_count -= 1
        if handle.context is not None:
            handle.context.sockets -= 1


def live_sockets():
    """Return how many libzmq sockets of this process are open or not yet collected: what a leak test asserts."""
    return registry.socket_count


def _after_fork_in_child():
    """Disown what the parent owns: its I/O threads and locks did not come along."""
    cdef void *item = registry.sockets
    cdef SocketHandle handle
    cdef ContextHandle context
    while item != NULL:
        handle = <SocketHandle> item
        handle.forked = True
        handle.inherited = pointer_of(handle)
        handle.ptr = handle.parked = handle.watched = NULL
        handle.watcher = None
        handle.owner = handle.depth = 0
        item = handle.next_handle
    item = registry.contexts
    while item != NULL:
        context = <ContextHandle> item
        context.forked = True
        context.inherited = context.ptr if context.ptr != NULL else context.terminating
        context.ptr = context.terminating = NULL
        item = context.next_handle
    # a waker shared with the parent would wake the wrong process
    while registry.wakers != NULL:
        wait_waker_close(&registry.wakers.fds)
        registry.wakers = registry.wakers.next


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)


cdef class SocketHandle:
    def __dealloc__(self):
        # never waits for a peer: libzmq's reaper thread sends what lingers
        if self.closed:
            return
        unwatch(self)
        end_monitored(self)
        _end_monitor(self)
        if self.ptr != NULL and not self.foreign and not shutting_down():
            _lib.poller_destroy(&self.poller)
            _lib.socket_close(self.ptr)
        _unregister(self)


cdef class ContextHandle:
    def __dealloc__(self):
        cdef void *ptr = self.ptr if self.ptr != NULL else self.terminating
        if self.job != NULL:
            _lib.context_term_forget(self.job)
        elif ptr != NULL and not self.foreign and not shutting_down():
            _lib.context_term_detached(ptr)
        with critical_section(registry):
            if self.previous_handle != NULL:
                (<ContextHandle> self.previous_handle).next_handle = self.next_handle
            elif registry.contexts == <void *> self:
                registry.contexts = self.next_handle
            if self.next_handle != NULL:
                (<ContextHandle> self.next_handle).previous_handle = self.previous_handle


# ---------------------------------------------------------------- wakers

cdef Waker *waker_get() noexcept:
    """A waker of this thread's own until waker_put(); NULL when none can be had (the wait is then cut into slices)."""
    cdef Waker *waker
    with critical_section(registry):
        waker = registry.wakers
        if waker != NULL:
            registry.wakers = waker.next
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
    if waker == NULL:
        return
    # never freed: a thread that is closing a socket may still hold the pointer, and a late wake-up does no harm
    with critical_section(registry):
        waker.next = registry.wakers
        registry.wakers = waker


# ---------------------------------------------------------------- entering and leaving

cdef void *enter_slow(SocketHandle handle) except NULL:
    cdef void *ptr
    cdef unsigned long me
    if handle.watcher is not None:
        _tell_watcher(handle)
        return enter_to_look(handle)
    if handle.forked:
        raise ForkedError(
            f"socket of type {handle.type} was made before a fork, in the parent process: "
            "make a new Context and new sockets in the child"
        )
    if handle.closed or atomic_load_long(&handle.closing):
        _lib.fail(ENOTSOCK)
        return NULL
    if handle.thread_safe:
        atomic_add_long(&handle.users, 1)
        ptr = atomic_load_ptr(&handle.ptr)
        if ptr != NULL:
            if not HANDLE_PER_CALL:
                atomic_add_long(&handle.users, -1)
            return ptr
        atomic_add_long(&handle.users, -1)
        _lib.fail(ENOTSOCK)
        return NULL
    me = PyThread_get_thread_ident()
    if handle.owner == me and handle.parked != NULL:
        # a signal handler inside this thread's own wait
        if HANDLE_PER_CALL:
            handle.depth += 1
        return handle.parked
    if HANDLE_PER_CALL:
        ptr = atomic_swap_ptr(&handle.ptr, NULL)
        if ptr != NULL:
            handle.owner = me
            handle.parked = ptr
            handle.depth = 1
            return ptr
    raise ThreadError(_two_threads(handle))


cdef void *pointer_of(SocketHandle handle) noexcept:
    """The libzmq socket, wherever the handle keeps it now: for comparing, not for use."""
    if handle.ptr != NULL:
        return handle.ptr
    return handle.parked if handle.parked != NULL else handle.watched


cdef int watch(SocketHandle handle, object watcher) except -1:
    """Have `watcher` called before the next call of anybody on this socket: any call may take news off the descriptor."""
    if handle.thread_safe:
        return 0
    handle.watched = enter(handle)
    handle.watcher = watcher
    atomic_swap_ptr(&handle.ptr, NULL)
    leave(handle)
    return 0


cdef bint unwatch(SocketHandle handle) noexcept:
    if handle.watcher is None:
        return False
    handle.watcher = None
    atomic_swap_ptr(&handle.ptr, handle.watched)
    handle.watched = NULL
    return True


cdef int _tell_watcher(SocketHandle handle) except -1:
    watcher = handle.watcher
    if unwatch(handle):
        watcher()
    return 0


cdef str _two_threads(SocketHandle handle):
    import threading  # only here: `import zmq` need not load it

    names = {thread.ident: thread.name for thread in threading.enumerate()}
    owner = handle.owner
    return (
        f"thread {threading.current_thread().name!r} used socket 0x{<size_t> handle.parked:x} (type {handle.type}) while thread "
        f"{names.get(owner, owner)!r} is in a call on it: a socket belongs to one thread at a time (zmq_socket(3)); give each "
        "thread a socket of its own, or hand it over between calls"
    )


cdef void leave_slow(SocketHandle handle) noexcept:
    if handle.thread_safe:
        atomic_add_long(&handle.users, -1)
    else:
        let_go(handle)


cdef int hold(SocketHandle handle, void *ptr, Waker *waker) noexcept:
    """Keep other threads out while the GIL is given up."""
    if handle.thread_safe:
        atomic_add_long(&handle.users, 1)
        return 0
    if handle.depth:
        handle.depth += 1
    else:
        handle.owner = PyThread_get_thread_ident()
        handle.parked = ptr
        handle.ptr = NULL
        handle.depth = 1
    handle.waker = waker
    return 0


cdef void let_go(SocketHandle handle) noexcept:
    cdef void *ptr
    if handle.thread_safe:
        atomic_add_long(&handle.users, -1)
        return
    handle.depth -= 1
    if handle.depth > 0:
        return
    handle.waker = NULL
    handle.owner = 0
    if not atomic_load_long(&handle.closing) and handle.parked != NULL:
        ptr = handle.parked
        handle.parked = NULL
        atomic_swap_ptr(&handle.ptr, ptr)


cdef int check_held(SocketHandle handle, Waker *waker) except -1:
    """After signal handlers ran: ENOTSOCK when another thread wants the socket closed, or a handler closed it."""
    if atomic_load_long(&handle.closing) or handle.closed or (not handle.thread_safe and handle.parked == NULL):
        _lib.fail(ENOTSOCK)
    # a handler that waited in the same socket left its own here
    handle.waker = waker
    return 0


# ---------------------------------------------------------------- waiting

cdef int64_t deadline_in(long milliseconds) noexcept:
    """The moment so many milliseconds from now; WAIT_FOREVER for a negative number."""
    return WAIT_FOREVER if milliseconds < 0 else wait_now_ns() + <int64_t> milliseconds * 1000000


cdef int64_t deadline_of(object milliseconds) except? -2:
    """The same for a user's timeout: None or negative is forever; fractions of a millisecond are cut off."""
    cdef long span
    if milliseconds is None:
        return WAIT_FOREVER
    if not isinstance(milliseconds, (int, float)):
        raise TypeError(f"a timeout is a number of milliseconds or None, not {milliseconds!r}")
    # anything over ten years is forever, and must not overflow
    span = -1 if milliseconds < 0 or milliseconds > 3e11 else int(milliseconds)
    return deadline_in(span)


cdef int64_t time_left(int64_t deadline) noexcept nogil:
    cdef int64_t left
    if deadline == WAIT_FOREVER:
        return WAIT_FOREVER
    left = deadline - wait_now_ns()
    return left if left > 0 else 0


cdef int _find_fd(SocketHandle handle, void *ptr) except -1:
    cdef size_t size = sizeof(fd_t)
    cdef int rc = _lib.try_getsockopt(ptr, ZMQ_FD, &handle.fd, &size)
    if rc < 0:
        _lib.fail(-rc)
    return 0


cdef int wait_ready(SocketHandle handle, void *ptr, short events, int64_t deadline) except -1:
    """Give up the GIL until the socket may be worth another try (1), or the deadline passes (0).

    Only right after a try failed with EAGAIN: that try emptied the socket's mailbox, so the descriptor will tell of news. Runs
    signal handlers; raises what they raise, ENOTSOCK when the socket is closed meanwhile.
    """
    cdef wait_item items[2]
    cdef zmq_pollitem_t poll_items[1]
    cdef int ready
    cdef unsigned count = 1
    cdef int64_t left = time_left(deadline)
    cdef Waker *waker
    cdef bint sliced
    if left == 0:
        return 0
    if not handle.thread_safe and handle.fd == <fd_t> -1:
        _find_fd(handle, ptr)
    waker = NULL if handle.thread_safe else waker_get()
    sliced = waker == NULL
    if sliced and (left < 0 or left > WAIT_SLICE_NS):
        left = WAIT_SLICE_NS
    hold(handle, ptr, waker)
    try:
        # a signal that came since the interpreter looked last would not end the wait
        PyErr_CheckSignals()
        check_held(handle, waker)
        if handle.thread_safe:
            poll_items[0].socket = ptr
            poll_items[0].fd = 0
            poll_items[0].events = events
            poll_items[0].revents = 0
            with nogil:
                ready = _lib.try_poll(poll_items, 1, left)
        else:
            items[0].fd = handle.fd
            items[0].events = POLLIN
            items[0].revents = 0
            if waker != NULL:
                items[1].fd = waker.fds.reader
                items[1].events = POLLIN
                items[1].revents = 0
                count = 2
            with nogil:
                ready = wait_poll(items, count, left)
            if count == 2 and ready > 0 and items[1].revents:
                wait_waker_drain(&waker.fds)
        # also without EINTR: a handler may be due that another thread's system call received
        PyErr_CheckSignals()
        check_held(handle, waker)
    finally:
        let_go(handle)
        waker_put(waker)
    return 1


# ---------------------------------------------------------------- sockets

cdef SocketHandle _socket_handle(void *ptr, int type):
    cdef SocketHandle handle = SocketHandle.__new__(SocketHandle)
    cdef size_t size = sizeof(fd_t)
    cdef int rc
    handle.type = type
    handle.fd = <fd_t> -1
    rc = _lib.try_getsockopt(ptr, ZMQ_FD, &handle.fd, &size)
    # libzmq gives no descriptor to the types that it locks itself
    handle.thread_safe = rc == -EINVAL
    handle.ptr = ptr
    _register(handle)
    return handle


cdef int need_descriptors(int wanted) except -1:
    """EMFILE with the limit, when there are not so many left: where libzmq would abort the process."""
    if wait_descriptors_left(wanted):
        return 0
    return _lib.fail_with(EMFILE, f"out of descriptors: {_descriptor_limit()}")


cdef str _descriptor_limit():
    try:
        import resource  # not on Windows, and only for this text
    except ImportError:
        return "close some sockets"
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return f"the process may have {limit}; close some sockets, or raise the limit with `ulimit -n`"


cdef SocketHandle socket_open(ContextHandle context, int type):
    """A new libzmq socket; EMFILE names the limit that was met."""
    cdef SocketHandle handle
    cdef void *ptr = NULL
    cdef int tries = 0
    if not context.started:
        # two for each thread (I/O, reaper), one for the socket
        need_descriptors(3 + 2 * min(6, _lib.context_get(context_enter(context), ZMQ_IO_THREADS)))
        context.limit = _lib.context_get(context_enter(context), ZMQ_MAX_SOCKETS)
        reserved = min(context.limit + RESERVED_SOCKETS, _lib.context_get(context_enter(context), ZMQ_SOCKET_LIMIT))
        _lib.context_set(context_enter(context), ZMQ_MAX_SOCKETS, reserved)
        context.started = True
    if context.limit and context.sockets >= context.limit:
        too_many_sockets(context)
    while ptr == NULL:
        try:
            ptr = _lib.socket_new(context_enter(context), type)
        except Exception as error:
            if getattr(error, "errno", None) != EMFILE:
                raise
            need_descriptors(1)
            # closed sockets keep their place until libzmq's reaper has come by
            tries += 1
            if tries == 1000:
                too_many_sockets(context)
            _let_others_run()
    handle = _socket_handle(ptr, type)
    handle.context = context
    context.sockets += 1
    return handle


cdef int too_many_sockets(ContextHandle context) except -1:
    return _lib.fail_with(EMFILE, (
        f"too many sockets: this context allows {context.limit}; raise it with context.set(zmq.MAX_SOCKETS, n) before its first "
        "socket"
    ))


cdef SocketHandle socket_adopt(size_t address):
    """The handle of an address: the one that exists, or a new one for a socket made by other code."""
    cdef void *item
    cdef SocketHandle handle
    cdef int type = -1
    cdef size_t size = sizeof(int)
    cdef int rc
    with critical_section(registry):
        item = registry.sockets
        while item != NULL:
            handle = <SocketHandle> item
            if not handle.closed and pointer_of(handle) == <void *> address:
                return handle
            if handle.inherited == <void *> address:
                return handle
            item = handle.next_handle
    _check_readable(address, SOCKET_BYTES, "socket")
    rc = _lib.try_getsockopt(<void *> address, ZMQ_TYPE, &type, &size)
    if rc < 0 and rc != -ETERM:
        _lib.fail_with(-rc, f"no socket at address 0x{address:x}: it was closed, or is something else")
    handle = _socket_handle(<void *> address, type)
    handle.foreign = True
    return handle


cdef int _check_readable(size_t address, size_t size, str kind) except -1:
    """Refuse an address that libzmq could not even look at."""
    cdef int readable
    # no allocator gives odd addresses; the end of the address space would wrap around
    if address % sizeof(void *) or address > <size_t> -1 - size:
        readable = 0
    else:
        readable = memory_readable(<void *> address, size)
        if readable < 0:
            need_descriptors(2)
            return _lib.fail(errno)
    if readable:
        return 0
    return _lib.fail_with(
        ENOTSOCK if kind == "socket" else EFAULT, f"no {kind} at address 0x{address:x}: no memory of this process"
    )


cdef SocketHandle closed_socket():
    """What a socket object has before it was given a socket."""
    cdef SocketHandle handle = SocketHandle.__new__(SocketHandle)
    handle.closed = True
    return handle


cdef int socket_shut(SocketHandle handle, int linger) except -1:
    """Close, once no other thread is inside: a thread that waits is woken and gets ENOTSOCK. Closing twice is nothing."""
    cdef void *ptr
    if handle.closed or handle.forked:
        handle.closed = True
        return 0
    if handle.watcher is not None:
        _tell_watcher(handle)
    end_monitored(handle)
    _end_monitor(handle)
    if handle.thread_safe:
        atomic_store_long(&handle.closing, 1)
        ptr = atomic_swap_ptr(&handle.ptr, NULL)
        while atomic_load_long(&handle.users) > 0:
            _let_others_run()
    else:
        ptr = atomic_swap_ptr(&handle.ptr, NULL)
        if ptr == NULL and handle.owner == PyThread_get_thread_ident():
            ptr = atomic_swap_ptr(&handle.parked, NULL)
        elif ptr == NULL:
            atomic_store_long(&handle.closing, 1)
            while handle.owner != 0:
                if handle.waker != NULL:
                    wait_waker_wake(&handle.waker.fds)
                _let_others_run()
            ptr = atomic_swap_ptr(&handle.parked, NULL)
            if ptr == NULL:
                ptr = atomic_swap_ptr(&handle.ptr, NULL)
    handle.closed = True
    if ptr == NULL:
        return 0
    if linger != KEEP_LINGER:
        # ETERM: too late to change it, and no reason not to close
        _lib.try_setsockopt(ptr, ZMQ_LINGER, &linger, sizeof(int))
    _lib.poller_destroy(&handle.poller)
    # ENOTSOCK: the context that other code owns is gone, and the socket with it
    _lib.socket_close(ptr)
    _unregister(handle)
    return 0


# ---------------------------------------------------------------- monitors

# libzmq waits, for ever and with the socket's lock, to tell a monitor's reader of an event: when the reader is closed or does not
# read, the next event stops an I/O thread or the thread that uses the socket. So a reader's queue has no limit, and the monitor
# ends before its reader does; also before its own socket, whose last events could otherwise come after the reader was closed.

cdef dict monitors = {}  # the handles that are monitored, weakly, by address


cdef int monitor_begun(SocketHandle handle, bytes address) except -1:
    """Remember where the socket is monitored; None: no more."""
    handle.monitoring += 1
    if address is not None:
        monitors[address] = ref(handle, _forget_monitor)
    return 0


def _forget_monitor(gone):
    for address, handle in list(monitors.items()):
        if handle is gone:
            del monitors[address]


cdef int read_monitor(SocketHandle handle, bytes address) except -1:
    """Before a PAIR connects: when there is a monitor at that address, become its reader."""
    cdef SocketHandle watched
    cdef int no_limit = 0
    found = monitors.get(address)
    watched = found() if found is not None else None
    if watched is None or watched.closed:
        return 0
    _lib.try_setsockopt(enter(handle), ZMQ_RCVHWM, &no_limit, sizeof(int))
    leave(handle)
    handle.monitored = found
    handle.monitored_count = watched.monitoring
    watched.reader = ref(handle)
    return 0


cdef void _end_monitor(SocketHandle handle) noexcept:
    """End the monitor of this socket, which is about to go, if it has a reader: then that does not wait."""
    cdef SocketHandle reader
    cdef void *ptr = pointer_of(handle)
    if handle.reader is None:
        return
    reader = handle.reader()
    handle.reader = None
    if ptr == NULL or reader is None or reader.closed or reader.monitored_count != handle.monitoring or shutting_down():
        return
    reader.monitored = None
    handle.monitoring += 1
    _lib.socket_monitor_end(ptr)


cdef void end_monitored(SocketHandle handle) noexcept:
    """End the monitor that this socket reads, which is about to go."""
    cdef SocketHandle watched
    cdef void *ptr
    if handle.monitored is None:
        return
    watched = handle.monitored()
    handle.monitored = None
    if watched is None or handle.closed:
        return
    # libzmq has a lock for this, so that it matters not who uses the socket
    ptr = pointer_of(watched)
    if ptr != NULL and not watched.closed and watched.monitoring == handle.monitored_count and not shutting_down():
        watched.monitoring += 1
        _lib.socket_monitor_end(ptr)


cdef int _let_others_run() except -1:
    with nogil:
        wait_sleep_ns(100000)
    return PyErr_CheckSignals()


# ---------------------------------------------------------------- contexts

cdef ContextHandle _context_handle(void *ptr):
    cdef ContextHandle handle = ContextHandle.__new__(ContextHandle)
    handle.ptr = ptr
    handle.lock = RLock()
    with critical_section(registry):
        handle.next_handle = registry.contexts
        if registry.contexts != NULL:
            (<ContextHandle> registry.contexts).previous_handle = <void *> handle
        registry.contexts = <void *> handle
    return handle


cdef ContextHandle closed_context():
    """What a context object has before it was given a context."""
    cdef ContextHandle handle = ContextHandle.__new__(ContextHandle)
    handle.closed = True
    return handle


cdef ContextHandle context_open():
    return _context_handle(_lib.context_new())


cdef ContextHandle context_adopt(size_t address):
    """The handle of an address: the one that exists, or a new one for a context made by other code."""
    cdef void *item
    cdef ContextHandle handle
    with critical_section(registry):
        item = registry.contexts
        while item != NULL:
            handle = <ContextHandle> item
            if handle.ptr == <void *> address or handle.inherited == <void *> address:
                return handle
            item = handle.next_handle
    _check_readable(address, CONTEXT_BYTES, "context")
    try:
        _lib.context_get(<void *> address, ZMQ_IO_THREADS)
    except Exception:
        _lib.fail_with(EFAULT, f"no context at address 0x{address:x}: it was terminated, or is something else")
    handle = _context_handle(<void *> address)
    handle.foreign = True
    return handle


cdef void *context_enter(ContextHandle handle) except NULL:
    """The libzmq context, or the exception that says why it cannot be used."""
    if handle.forked:
        raise ForkedError("context was made before a fork, in the parent process: make a new Context in the child")
    if handle.ptr != NULL:
        return handle.ptr
    if handle.terminating != NULL:
        _lib.fail(ETERM)
        return NULL
    _lib.fail_with(ENOTSUP, "context is closed: make a new one with zmq.Context()")
    return NULL


cdef bint context_shut(ContextHandle handle, int64_t deadline) except -1:
    """Terminate: blocks until the sockets are closed and their lingering messages gone (zmq_ctx_term(3)); whether it is done.

    Signal handlers run; after what they raise, and after the deadline, the context is half terminated, and a later call goes on.
    """
    cdef int rc = 0
    cdef int64_t left
    if handle.forked:
        handle.closed = True
    if handle.closed:
        return True
    left = time_left(deadline)
    if not handle.lock.acquire(timeout=-1 if left < 0 else left / 1e9):
        return False
    try:
        if handle.closed:
            return True
        if handle.ptr != NULL:
            handle.terminating = atomic_swap_ptr(&handle.ptr, NULL)
        if deadline != WAIT_FOREVER and handle.job == NULL:
            handle.job = _lib.context_term_start(handle.terminating)
        while handle.job != NULL:
            if _lib.context_term_wait(handle.job, time_left(deadline)):
                _lib.context_term_forget(handle.job)
                handle.job = NULL
                break
            PyErr_CheckSignals()
            if handle.closed:
                return True
            if time_left(deadline) == 0:
                return False
        else:
            rc = -EINTR
        while rc == -EINTR:
            with nogil:
                rc = _lib.try_context_term(handle.terminating)
            if rc == -EINTR:
                PyErr_CheckSignals()
                if handle.closed:
                    return True
        # EFAULT: the code that made the context has terminated it already
        handle.terminating = NULL
        handle.closed = True
        return True
    finally:
        handle.lock.release()
