"""Who may touch a libzmq socket or context, and the one way to wait for it.

libzmq trusts its caller: two threads in one socket, a socket used after its close, or a call in a forked child corrupt memory or
abort the process. Every Python object that stands for a socket (shadows included) shares one SocketHandle, and goes through it:

* `enter` gives the pointer. It is NULL while a thread waits, when the socket is closed, and after a fork; `enter_slow` tells which.
* `wait_ready` is the only place where a call gives up the GIL while it owns a socket. It waits on the socket's descriptor, not
  inside libzmq, so that a deadline is exact, signal handlers run, and another thread can end the wait.
* life.pyx opens and closes: it takes the pointer out first and closes it afterwards, once no thread is inside.

The pointer in `ptr` is a token: whoever swaps it for NULL owns the socket, and puts it back last of all.
"""

import atexit
import os
from _weakref import ref

from libc.errno cimport ENOTSOCK
from libc.stdint cimport int64_t
from cpython.bytes cimport PyBytes_AS_STRING
from cpython.exc cimport PyErr_CheckSignals
from cython cimport critical_section, no_gc_clear

from . cimport _lib
from .libzmq cimport ZMQ_RCVHWM, zmq_pollitem_t
from .wait cimport (
    POLLIN, WAIT_SLICE_NS, Waker, time_left, wait_item, wait_poll, wait_sleep_ns, wait_waker_drain, wait_waker_wake, waker_get,
    waker_put,
)

from zmq.error import ForkedError, ThreadError

cdef extern from "Python.h":
    unsigned long PyThread_get_thread_ident() nogil

cdef extern from "shared.h":
    int64_t shared_interpreter()
    void *shared_socket_new(void *address)
    void shared_socket_end(void *socket)
    bint shared_socket_elsewhere(void *address)
    void *shared_context_new(void *address)
    void shared_context_unref(void *context)
    void *shared_context_enter(void *context)
    void shared_context_leave(void *context)
    bint shared_context_end(void *context)
    bint shared_context_used(void *context)
    bint shared_context_alive(void *context)
    bint shared_context_limit(void *context, int *limit)
    void shared_forget_all()

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


cdef class _Registry:
    """All live handles, so that a forked child can disown them and a shadow can find the handle of an address."""
    cdef void *sockets
    cdef Py_ssize_t socket_count
    cdef void *contexts


cdef _Registry registry = _Registry()


cdef void register_socket(SocketHandle handle) noexcept:
    # without memory other interpreters are not kept out
    handle.shared = shared_socket_new(handle.ptr)
    with critical_section(registry):
        handle.previous_handle = NULL
        handle.next_handle = registry.sockets
        if registry.sockets != NULL:
            (<SocketHandle> registry.sockets).previous_handle = <void *> handle
        registry.sockets = <void *> handle
        registry.socket_count += 1
        if handle.context is not None:
            handle.context.sockets += 1


cdef void unregister_socket(SocketHandle handle) noexcept:
    give_up_address(handle)
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


cdef int register_context(ContextHandle handle) except -1:
    handle.shared = shared_context_new(handle.ptr)
    if handle.shared == NULL:
        raise MemoryError("no memory for a context")
    with critical_section(registry):
        handle.previous_handle = NULL
        handle.next_handle = registry.contexts
        if registry.contexts != NULL:
            (<ContextHandle> registry.contexts).previous_handle = <void *> handle
        registry.contexts = <void *> handle


cdef void _unregister_context(ContextHandle handle) noexcept:
    with critical_section(registry):
        if handle.previous_handle != NULL:
            (<ContextHandle> handle.previous_handle).next_handle = handle.next_handle
        elif registry.contexts == <void *> handle:
            registry.contexts = handle.next_handle
        if handle.next_handle != NULL:
            (<ContextHandle> handle.next_handle).previous_handle = handle.previous_handle


def live_sockets():
    """Return how many libzmq sockets of this process are open or not yet collected: what a leak test asserts."""
    return registry.socket_count


cdef SocketHandle find_socket(void *address):
    """The handle of a libzmq socket, also of one inherited through fork(); None when there is none."""
    cdef void *item
    with critical_section(registry):
        item = registry.sockets
        while item != NULL:
            if (<SocketHandle> item).inherited == address or (<SocketHandle> item).address == address:
                # free-threaded, it may be about to be collected by another thread: the weak reference knows
                return (<SocketHandle> item).myself() if HANDLE_PER_CALL else <SocketHandle> item
            item = (<SocketHandle> item).next_handle
    return None


cdef ContextHandle find_context(void *address):
    """The same for a context."""
    cdef void *item
    with critical_section(registry):
        item = registry.contexts
        while item != NULL:
            if (<ContextHandle> item).inherited == address or (
                (<ContextHandle> item).ptr == address and shared_context_alive((<ContextHandle> item).shared)
            ):
                return (<ContextHandle> item).myself() if HANDLE_PER_CALL else <ContextHandle> item
            item = (<ContextHandle> item).next_handle
    return None


cdef list open_handles():
    """Of this interpreter, the open sockets and then the contexts."""
    cdef list handles = []
    cdef void *item
    with critical_section(registry):
        item = registry.sockets
        while item != NULL:
            handles.append((<SocketHandle> item).myself() if HANDLE_PER_CALL else <SocketHandle> item)
            item = (<SocketHandle> item).next_handle
        item = registry.contexts
        while item != NULL:
            handles.append((<ContextHandle> item).myself() if HANDLE_PER_CALL else <ContextHandle> item)
            item = (<ContextHandle> item).next_handle
    return handles


def _after_fork_in_child():
    """Disown what the parent owns: its I/O threads and locks did not come along."""
    cdef void *item = registry.sockets
    cdef SocketHandle handle
    cdef ContextHandle context
    shared_forget_all()
    while item != NULL:
        handle = <SocketHandle> item
        handle.forked = True
        handle.shared = NULL
        handle.inherited = handle.address
        handle.ptr = handle.parked = handle.watched = handle.address = NULL
        handle.watcher = None
        handle.owner = handle.depth = 0
        item = handle.next_handle
    item = registry.contexts
    while item != NULL:
        context = <ContextHandle> item
        context.forked = True
        context.inherited = context.ptr if context.ptr != NULL else context.terminating
        context.ptr = context.terminating = context.shared = NULL
        item = context.next_handle


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)


@no_gc_clear  # its end needs the context and whom it monitors; a cycle always goes through an object of Python's as well
cdef class SocketHandle:
    def __dealloc__(self):
        # never waits for a peer: libzmq's reaper thread sends what lingers
        # first, so that no shadow finds it; a forked child closes what is still in the list
        unregister_socket(self)
        if self.closed:
            return
        take_watcher(self)
        end_monitored(self)
        end_monitor(self)
        if self.ptr != NULL and not self.foreign and not shutting_down():
            _lib.poller_destroy(&self.poller)
            _lib.socket_close(self.ptr)


@no_gc_clear  # its end needs the addresses, of which no cycle can be made
cdef class ContextHandle:
    def __dealloc__(self):
        # first, so that no shadow finds it
        _unregister_context(self)
        if self.job != NULL:
            _lib.context_term_forget(self.job)
        elif not self.foreign and not shutting_down():
            abandon_context(self)
        shared_context_unref(self.shared)


# ---------------------------------------------------------------- other interpreters of the process

# Each has handles of its own, for the same context as well. What they have to know of each other is in shared.h.

cdef bint in_main_interpreter() noexcept:
    return shared_interpreter() == 0


cdef bint socket_elsewhere(void *address) noexcept:
    """Whether another interpreter has a handle of this socket."""
    return shared_socket_elsewhere(address)


cdef void give_up_address(SocketHandle handle) noexcept:
    """Before the socket is closed."""
    shared_socket_end(handle.shared)
    handle.shared = NULL


cdef void *enter_context(ContextHandle handle) noexcept:
    """The libzmq context, which stays one until leave_context(); NULL: it is terminated, and there is nothing to leave."""
    return shared_context_enter(handle.shared) if handle.shared != NULL else NULL


cdef void leave_context(ContextHandle handle) noexcept:
    shared_context_leave(handle.shared)


cdef bint end_context(ContextHandle handle) noexcept:
    """Let nobody enter any more; whether the caller is to terminate it, once it is not used: nobody else has begun."""
    return shared_context_end(handle.shared)


cdef bint context_used(ContextHandle handle) noexcept:
    return shared_context_used(handle.shared)


cdef bint limit_context(ContextHandle handle, int *limit) noexcept:
    """Whether nobody else has said the limit of sockets; otherwise learn it."""
    return shared_context_limit(handle.shared, limit)


cdef void abandon_context(ContextHandle handle) noexcept:
    """Terminate without waiting for that."""
    cdef void *ptr = handle.terminating
    if handle.ptr != NULL:
        ptr = handle.ptr
        handle.ptr = NULL
        if handle.shared != NULL and not end_context(handle):
            bind_waiting(handle)
            return
        # another interpreter, for a moment
        while handle.shared != NULL and context_used(handle):
            wait_sleep_ns(1000)
    if ptr != NULL:
        handle.terminating = NULL
        bind_waiting(handle)
        _lib.context_term_detached(ptr)


cdef void bind_waiting(ContextHandle context) noexcept:
    """Right before zmq_ctx_term: bind what was connected to and never bound (inproc.pyx)."""
    cdef void *taker = atomic_swap_ptr(&context.taker, NULL)
    if taker == NULL:
        return
    for address in list(context.waiting):
        # EADDRINUSE: other code has bound it
        _lib.try_bind(taker, PyBytes_AS_STRING(address))
    _lib.socket_close(taker)


# ---------------------------------------------------------------- entering and leaving

cdef bint (*drain_lent)() noexcept
drain_lent = NULL


cdef void fetch_back_by(bint (*drain)() noexcept) noexcept:
    """Say what takes back the memory that libzmq has returned."""
    global drain_lent
    drain_lent = drain


cdef void fetch_back() noexcept:
    """Where nothing interrupts the interpreter for that: each call does it."""
    if drain_lent != NULL:
        drain_lent()


cdef void *enter_slow(SocketHandle handle) except NULL:
    cdef void *ptr
    cdef unsigned long me
    if handle.watcher is not None:
        tell_watcher(handle)
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
            if handle.watcher is None:
                return ptr
            # it came meanwhile
            let_go(handle)
            return enter_slow(handle)
        if atomic_load_long(&handle.closing):
            # since it was asked above
            _lib.fail(ENOTSOCK)
            return NULL
    raise ThreadError(_two_threads(handle))


cdef int watch(SocketHandle handle, object watcher) except -1:
    """Have `watcher` called before the next call of anybody on this socket: any call may take news off the descriptor."""
    cdef void *ptr
    if handle.thread_safe:
        return 0
    if atomic_load_long(&handle.closing) or handle.owner == PyThread_get_thread_ident():
        # another thread waits for the pointer, and would never find it in its place; or this is a signal handler inside this
        # thread's own wait, which keeps the pointer and may take any news
        watcher()
        return 0
    ptr = enter(handle)
    with critical_section(handle):
        handle.watcher = watcher
        if not HANDLE_PER_CALL:
            # free-threaded, every call comes by enter_slow() anyway
            handle.watched = ptr
            handle.ptr = NULL
    leave(handle)
    return 0


cdef object take_watcher(SocketHandle handle):
    """The watcher, which then is none any more; or None."""
    with critical_section(handle):
        watcher = handle.watcher
        if watcher is not None:
            handle.watcher = None
            if not HANDLE_PER_CALL:
                handle.ptr = handle.watched
                handle.watched = NULL
    return watcher


cdef int tell_watcher(SocketHandle handle) except -1:
    watcher = take_watcher(handle)
    if watcher is not None:
        watcher()
    return 0


cdef void wake_owner(SocketHandle handle) noexcept:
    """End the wait of the thread that is in the socket, if it waits."""
    # read once: it may be gone the next moment
    cdef Waker *waker = <Waker *> atomic_load_ptr(<void **> &handle.waker)
    if waker != NULL:
        wait_waker_wake(&waker.fds)


cdef str _two_threads(SocketHandle handle):
    import threading  # only here: `import zmq` need not load it

    names = {thread.ident: thread.name for thread in threading.enumerate()}
    owner = handle.owner
    return (
        f"thread {threading.current_thread().name!r} used socket 0x{<size_t> handle.address:x} (type {handle.type}) while thread "
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
    ptr = handle.parked
    handle.waker = NULL
    handle.parked = NULL
    handle.owner = 0
    # NULL: a signal handler closed it
    if ptr != NULL:
        atomic_swap_ptr(&handle.ptr, ptr)


cdef int check_held(SocketHandle handle, Waker *waker) except -1:
    """After signal handlers ran: ENOTSOCK when another thread wants the socket closed, or a handler closed it."""
    if atomic_load_long(&handle.closing) or handle.closed or (not handle.thread_safe and handle.parked == NULL):
        _lib.fail(ENOTSOCK)
    # a handler that waited in the same socket left its own here
    handle.waker = waker
    return 0


# ---------------------------------------------------------------- waiting

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
    for address in list(monitors):
        with critical_section(monitors):
            if monitors.get(address) is gone:
                del monitors[address]


cdef SocketHandle monitored_at(bytes address):
    """The socket that is, or was, monitored at an address; None: none that is open."""
    cdef SocketHandle watched
    found = monitors.get(address)
    watched = found() if found is not None else None
    return None if watched is None or watched.closed else watched


cdef int read_monitor(SocketHandle handle, bytes address) except -1:
    """Before a PAIR connects: when there is a monitor at that address, become its reader."""
    cdef SocketHandle watched = monitored_at(address)
    cdef int no_limit = 0
    if watched is None:
        return 0
    _lib.try_setsockopt(enter(handle), ZMQ_RCVHWM, &no_limit, sizeof(int))
    leave(handle)
    with critical_section(handle):
        handle.monitored_count = watched.monitoring
        handle.monitored = ref(watched)
    with critical_section(watched):
        watched.reader = ref(handle)
    return 0


cdef void end_monitor(SocketHandle handle) noexcept:
    """End the monitor of this socket, which is about to go, if it has a reader: then that does not wait."""
    cdef SocketHandle reader
    with critical_section(handle):
        found = handle.reader
        handle.reader = None
    if found is None:
        return
    reader = found()
    if reader is not None and not reader.closed and reader.monitored_count == handle.monitoring:
        with critical_section(reader):
            reader.monitored = None
        _stop_telling(handle)


cdef void end_monitored(SocketHandle handle) noexcept:
    """End the monitor that this socket reads, which is about to go."""
    cdef SocketHandle watched
    with critical_section(handle):
        found = handle.monitored
        handle.monitored = None
    if found is None:
        return
    watched = found()
    if watched is not None and not handle.closed and watched.monitoring == handle.monitored_count:
        _stop_telling(watched)


cdef void _stop_telling(SocketHandle handle) noexcept:
    """libzmq has a lock for this, so that it matters not who uses the socket; but nobody may close it meanwhile."""
    cdef void *ptr
    atomic_add_long(&handle.users, 1)
    # who closes it says so first, and then waits for its users
    if not (handle.closed or handle.forked or atomic_load_long(&handle.closing) or shutting_down()):
        ptr = atomic_load_ptr(&handle.address)
        if ptr != NULL:
            handle.monitoring += 1
            _lib.socket_monitor_end(ptr)
    atomic_add_long(&handle.users, -1)
