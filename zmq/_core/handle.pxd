# Who may touch a libzmq socket or context, and the one way to wait for it.

from libc.stdint cimport int64_t

from .libzmq cimport fd_t
from .wait cimport Waker

cdef extern from "atomics.h" nogil:
    ctypedef long atomic_long_t
    long atomic_load_long(atomic_long_t *p)
    void atomic_store_long(atomic_long_t *p, long value)
    long atomic_add_long(atomic_long_t *p, long value)
    void *atomic_load_ptr(void **p)
    void *atomic_swap_ptr(void **p, void *value)

cdef extern from *:
    """
    #if defined Py_GIL_DISABLED || defined PYZMQ_PER_CALL /* for tests: its paths with the GIL */
    #define HANDLE_PER_CALL 1
    #else
    #define HANDLE_PER_CALL 0
    #endif
    """
    bint HANDLE_PER_CALL

cdef extern from "abi.h":
    bint ABI_PENDING_CALLS


cdef class ContextHandle:
    cdef void *ptr               # NULL from the start of term() on
    cdef void *terminating       # the same while a thread is inside zmq_ctx_term
    cdef readonly bint closed
    cdef readonly bint forked    # inherited through fork(): must never be touched again
    cdef void *inherited         # the address then, to know it again
    cdef bint foreign            # made by other code: not ours to terminate when collected
    cdef bint started            # has made its first socket, and with it its threads
    cdef long limit              # MAX_SOCKETS as the user knows it, from then on
    cdef long sockets            # open, of those made here
    cdef object lock             # of the thread that is inside zmq_ctx_term; its signal handlers may come back
    cdef void *job               # a native thread inside it, left there by a timeout
    cdef void *shared            # shared_context: what the handles of other interpreters have to know; NULL: never was one
    cdef dict bound              # inproc address -> weakly, the handle that bound it; these three: see inproc.pyx
    cdef dict waiting            # inproc address that was connected to first -> how many of those want a routing id
    cdef void *taker             # will bind what waits in the end
    cdef object myself           # free-threaded: a weak reference
    cdef object __weakref__
    # intrusive list of all handles, borrowed both ways: see _Registry
    cdef void *next_handle
    cdef void *previous_handle


cdef class SocketHandle:
    cdef void *ptr               # NULL when closed, and while a thread waits in the socket (free-threaded: is in any call)
    cdef void *parked            # the socket of `owner`, meanwhile; NULL: a signal handler of its closed it
    cdef void *watched           # the socket, while `watcher` waits for somebody to use it
    cdef void *address           # the same wherever the pointer is, until the socket is closed: for comparing
    cdef object watcher          # called once, before the next call of anybody
    cdef list stash              # (content, more, number) of frames given back by cancelled receives, oldest first; or None
    cdef int64_t number          # of the message received last for an awaiter, so that what comes back finds its place
    cdef int64_t stash_number    # of the message taken from the stash last
    cdef list continued          # the places in what recv_many gave last of frames with another behind them; or None
    cdef unsigned long owner     # the thread that waits (free-threaded: is in a call); 0: none
    cdef short idle              # events that EVENTS denied, with no call since: only the descriptor can bring them
    cdef int depth               # calls of `owner` nested by signal handlers
    cdef atomic_long_t users     # threads inside a thread-safe socket, or ending a monitor: closing waits for them
    cdef Waker *waker            # ends the owner's wait
    cdef atomic_long_t closing   # another thread closes: leave at once; read without the GIL by proxies
    cdef readonly bint closed
    cdef readonly bint forked
    cdef void *inherited         # the address before the fork, to know it again
    cdef void *shared            # shared_socket: by which other interpreters know that it is taken; NULL: none
    cdef bint foreign            # made by other code: not ours to close when collected
    cdef readonly int type
    cdef bint thread_safe        # of a draft type that libzmq locks itself; it has no descriptor
    cdef fd_t fd
    cdef void *poller            # gives a thread-safe socket a descriptor; NULL until asked for
    cdef readonly ContextHandle context
    cdef public object readiness  # of the event loop that somebody waits in; shared by all objects for the socket
    cdef public object hub       # what reads this one's monitor for typed events; told when the socket is closed
    cdef public object remote    # the first address that other machines may reach; None: none, or its warning was given
    cdef long monitoring         # counts the monitors begun and ended
    cdef object monitored        # weakly, the socket whose monitor this one reads, and its count then
    cdef long monitored_count
    cdef object reader           # weakly, the socket that reads this one's monitor
    cdef object myself           # free-threaded: a weak reference
    cdef object __weakref__
    # intrusive list of all handles, borrowed both ways: see _Registry
    cdef void *next_handle
    cdef void *previous_handle


cdef void fetch_back_by(bint (*drain)() noexcept) noexcept
cdef void fetch_back() noexcept
cdef void *enter_slow(SocketHandle handle) except NULL
cdef void leave_slow(SocketHandle handle) noexcept
cdef int watch(SocketHandle handle, object watcher) except -1
cdef object take_watcher(SocketHandle handle)
cdef void wake_owner(SocketHandle handle) noexcept
cdef int tell_watcher(SocketHandle handle) except -1
cdef int hold(SocketHandle handle, void *ptr, Waker *waker) noexcept
cdef void let_go(SocketHandle handle) noexcept
cdef int check_held(SocketHandle handle, Waker *waker) except -1
cdef int wait_ready(SocketHandle handle, void *ptr, short events, int64_t deadline) except -1

cdef void register_socket(SocketHandle handle) noexcept
cdef void unregister_socket(SocketHandle handle) noexcept
cdef int register_context(ContextHandle handle) except -1
cdef SocketHandle find_socket(void *address)
cdef ContextHandle find_context(void *address)
cdef list open_handles()
cdef bint socket_elsewhere(void *address) noexcept
cdef void give_up_address(SocketHandle handle) noexcept

# a context, of which another interpreter may have a handle as well
cdef void *enter_context(ContextHandle handle) noexcept
cdef void leave_context(ContextHandle handle) noexcept
cdef bint end_context(ContextHandle handle) noexcept
cdef bint context_used(ContextHandle handle) noexcept
cdef bint limit_context(ContextHandle handle, int *limit) noexcept
cdef void abandon_context(ContextHandle handle) noexcept
cdef bint in_main_interpreter() noexcept

cdef void bind_waiting(ContextHandle context) noexcept

cdef int monitor_begun(SocketHandle handle, bytes address) except -1
cdef SocketHandle monitored_at(bytes address)
cdef int read_monitor(SocketHandle handle, bytes address) except -1
cdef void end_monitor(SocketHandle handle) noexcept
cdef void end_monitored(SocketHandle handle) noexcept

cdef enum:
    # in SocketHandle.idle, beside the events: RCVMORE, when the last call was a receive
    RECEIVED_FROM_STASH = 0x10
    RECEIVED_LAST = 0x20
    RECEIVED_MORE = 0x40
    # EVENTS was asked for, whatever it said
    LOOKED = 0x80


cdef inline void *enter(SocketHandle handle) except NULL:
    """The libzmq socket, or the exception that says why this thread may not use it now.

    Between enter() and leave() no Python code may run, except inside wait_ready(). With the GIL that alone keeps other threads
    out, so that the guard costs one comparison; free-threaded, enter() takes the pointer out of the handle.
    """
    cdef void *ptr
    if not ABI_PENDING_CALLS:
        fetch_back()
    if HANDLE_PER_CALL:
        ptr = enter_slow(handle)
        # not before it is this thread's: another may be looking
        handle.idle = 0
        return ptr
    handle.idle = 0
    if handle.ptr != NULL:
        return handle.ptr
    return enter_slow(handle)


cdef inline void *enter_to_look(SocketHandle handle) except NULL:
    """enter() for a caller that changes nothing but asks for EVENTS, so that `idle` stays true."""
    if not HANDLE_PER_CALL and handle.ptr != NULL:
        return handle.ptr
    return enter_slow(handle)


cdef inline void leave(SocketHandle handle) noexcept:
    if HANDLE_PER_CALL:
        leave_slow(handle)
