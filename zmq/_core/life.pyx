"""How sockets and contexts begin and end.

What libzmq would answer with an abort is asked beforehand: descriptors, limits, addresses that hold no socket.
"""

import atexit
from _thread import RLock
from _weakref import ref

from libc.errno cimport EFAULT, EINTR, EINVAL, EMFILE, ENOTSOCK, errno
from libc.stdint cimport int64_t
from cpython.exc cimport PyErr_CheckSignals
from cython cimport critical_section

from . cimport _lib
from .handle cimport (
    HANDLE_PER_CALL, ContextHandle, SocketHandle, abandon_context, atomic_load_long, atomic_store_long, atomic_swap_ptr,
    bind_waiting, context_used, end_context, end_monitor, end_monitored, enter_context, find_context, find_socket,
    give_up_address, in_main_interpreter, leave_context, limit_context, open_handles, register_context, register_socket,
    socket_elsewhere, take_watcher, tell_watcher, unregister_socket, wake_owner,
)
from .libzmq cimport (
    ENOTSUP, ETERM, ZMQ_FD, ZMQ_IO_THREADS, ZMQ_LINGER, ZMQ_MAX_SOCKETS, ZMQ_SOCKET_LIMIT, ZMQ_TYPE, fd_t,
)
from .wait cimport WAIT_FOREVER, deadline_in, let_others_run, time_left, wait_descriptors_left, wait_sleep_ns

from zmq.error import ForkedError, ThreadError

cdef extern from "Python.h":
    unsigned long PyThread_get_thread_ident() nogil

cdef extern from "readable.h":
    int memory_readable(const void *address, size_t size) nogil

cdef enum:
    # libzmq 4.3 has the tag of a socket about 1,560 bytes behind its address, no socket is smaller than 1,780, no context than 640
    SOCKET_BYTES = 1700
    CONTEXT_BYTES = 600

cdef enum:
    # An installed libzmq, terminating, makes a socket for each inproc connection that nobody has bound yet, and aborts the process
    # when the limit does not allow it (inproc.pyx). So libzmq's limit is higher than the user's, which is kept here.
    RESERVED_SOCKETS = 1024
    PATIENCE_MS = 5000           # with the reaper of a machine that has much else to do


# ---------------------------------------------------------------- sockets

cdef SocketHandle _socket_handle(void *ptr, int type, ContextHandle context):
    cdef SocketHandle handle = SocketHandle.__new__(SocketHandle)
    cdef size_t size = sizeof(fd_t)
    cdef int rc
    handle.type = type
    handle.context = context
    handle.fd = <fd_t> -1
    rc = _lib.try_getsockopt(ptr, ZMQ_FD, &handle.fd, &size)
    # libzmq gives no descriptor to the types that it locks itself
    handle.thread_safe = rc == -EINVAL
    handle.ptr = handle.address = ptr
    if HANDLE_PER_CALL:
        handle.myself = ref(handle)
    register_socket(handle)
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
    if not context.started:
        _before_the_first_socket(context)
    if context.limit and context.sockets >= context.limit:
        too_many_sockets(context)
    return _socket_handle(socket_new(context, type), type, context)


cdef void *socket_new(ContextHandle context, int type) except NULL:
    """A libzmq socket that no handle stands for yet, and that takes any place there is."""
    cdef void *ptr = NULL
    cdef int64_t deadline = 0
    cdef int rc = _try_socket(context, type, &ptr)
    while rc == -EMFILE:
        wait_for_place(context, &deadline)
        rc = _try_socket(context, type, &ptr)
    if rc < 0:
        _lib.fail(-rc)
    return ptr


cdef int wait_for_place(ContextHandle context, int64_t *deadline) except -1:
    """After libzmq's EMFILE: closed sockets keep their place until its reaper has come by, so give it a moment, or say the limit.

    The deadline is 0 before the first of the calls that belong together.
    """
    need_descriptors(1)
    if deadline[0] == 0:
        deadline[0] = deadline_in(PATIENCE_MS)
    elif time_left(deadline[0]) == 0:
        return too_many_sockets(context)
    return let_others_run()


cdef int _before_the_first_socket(ContextHandle context) except -1:
    """See that libzmq can start its threads, and give it more places than the user may take."""
    cdef int limit
    # two for each thread (I/O, reaper), one for the socket
    need_descriptors(3 + 2 * min(6, context_get(context, ZMQ_IO_THREADS)))
    limit = context_get(context, ZMQ_MAX_SOCKETS)
    with critical_section(context):
        if context.started:
            return 0
        first = limit_context(context, &limit)
        context.limit = limit
        if first:
            context_set(context, ZMQ_MAX_SOCKETS, min(limit + RESERVED_SOCKETS, context_get(context, ZMQ_SOCKET_LIMIT)))
        # last: nobody may make a socket before
        context.started = True
    return 0


cdef int _try_socket(ContextHandle context, int type, void **socket) except? -1:
    cdef int rc = _lib.try_socket_new(context_enter(context), type, socket)
    context_leave(context)
    return rc


cdef int too_many_sockets(ContextHandle context) except -1:
    return _lib.fail_with(EMFILE, (
        f"too many sockets: this context allows {context.limit}; raise it with context.set(zmq.MAX_SOCKETS, n) before its first "
        "socket"
    ))


cdef SocketHandle socket_adopt(size_t address):
    """The handle of an address: the one that exists, or a new one for a socket made by other code."""
    cdef SocketHandle handle = find_socket(<void *> address)
    cdef int type = -1
    cdef size_t size = sizeof(int)
    cdef int rc
    if handle is not None:
        return handle
    if socket_elsewhere(<void *> address):
        raise ThreadError(
            f"socket 0x{address:x} belongs to another interpreter of this process: shadow its context instead, "
            "zmq.Context.shadow(address), and connect a socket of that over inproc"
        )
    _check_readable(address, SOCKET_BYTES, "socket")
    rc = _lib.try_getsockopt(<void *> address, ZMQ_TYPE, &type, &size)
    if rc < 0 and rc != -ETERM:
        _lib.fail_with(-rc, f"no socket at address 0x{address:x}: it was closed, or is something else")
    handle = _socket_handle(<void *> address, type, None)
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
        tell_watcher(handle)
    end_monitored(handle)
    end_monitor(handle)
    ptr = _take_out(handle)
    if ptr == NULL:
        return 0
    if linger != KEEP_LINGER:
        # ETERM: too late to change it, and no reason not to close
        _lib.try_setsockopt(ptr, ZMQ_LINGER, &linger, sizeof(int))
    _lib.poller_destroy(&handle.poller)
    # libzmq may give it to the next socket
    handle.address = NULL
    give_up_address(handle)
    # ENOTSOCK: the context that other code owns is gone, and the socket with it
    _lib.socket_close(ptr)
    handle.closed = True
    unregister_socket(handle)
    if HANDLE_PER_CALL and handle.watcher is not None:
        # its thread was inside, on the way to watch, when the first was told
        tell_watcher(handle)
    return 0


cdef void *_take_out(SocketHandle handle) except? NULL:
    """The socket, which nobody uses any more nor will; NULL: another thread, or a signal handler, closed it."""
    cdef void *ptr
    # first: from now on nobody enters, waits in it, or has it watched; who finds no pointer knows why
    atomic_store_long(&handle.closing, 1)
    ptr = atomic_swap_ptr(&handle.ptr, NULL)
    while ptr == NULL:
        if handle.closed or handle.forked:
            return NULL
        if handle.owner == PyThread_get_thread_ident():
            # in a signal handler, or a finalizer, inside this thread's own call
            ptr = atomic_swap_ptr(&handle.parked, NULL)
            break
        tell_watcher(handle)
        wake_owner(handle)
        let_others_run()
        ptr = atomic_swap_ptr(&handle.ptr, NULL)
    # those of a thread-safe socket wait in slices; others are in for a moment to end its monitor
    while atomic_load_long(&handle.users) > 0:
        with nogil:
            wait_sleep_ns(100000)
    return ptr


# ---------------------------------------------------------------- contexts

cdef ContextHandle _context_handle(void *ptr, bint foreign):
    cdef ContextHandle handle = ContextHandle.__new__(ContextHandle)
    handle.ptr = ptr
    handle.foreign = foreign
    handle.lock = RLock()
    if HANDLE_PER_CALL:
        handle.myself = ref(handle)
    register_context(handle)
    return handle


cdef ContextHandle closed_context():
    """What a context object has before it was given a context."""
    cdef ContextHandle handle = ContextHandle.__new__(ContextHandle)
    handle.closed = True
    return handle


cdef ContextHandle context_open():
    return _context_handle(_lib.context_new(), False)


cdef ContextHandle context_adopt(size_t address):
    """The handle of an address: the one that exists, or a new one for a context made by other code."""
    cdef ContextHandle handle = find_context(<void *> address)
    cdef int value
    if handle is not None:
        return handle
    _check_readable(address, CONTEXT_BYTES, "context")
    if _lib.try_context_get(<void *> address, ZMQ_IO_THREADS, &value) < 0:
        _lib.fail_with(EFAULT, f"no context at address 0x{address:x}: it was terminated, or is something else")
    return _context_handle(<void *> address, True)


cdef void *context_enter(ContextHandle handle) except NULL:
    """The libzmq context until context_leave(), or the exception that says why it cannot be used.

    Between the two no Python code may run: whoever ends the context waits for it, maybe in that very code.
    """
    cdef void *ptr
    if handle.forked:
        raise ForkedError("context was made before a fork, in the parent process: make a new Context in the child")
    ptr = enter_context(handle)
    if ptr != NULL:
        return ptr
    if not handle.closed:
        _lib.fail(ETERM)
        return NULL
    _lib.fail_with(ENOTSUP, "context is closed: make a new one with zmq.Context()")
    return NULL


cdef void context_leave(ContextHandle handle) noexcept:
    leave_context(handle)


cdef int context_get(ContextHandle handle, int option) except? -1:
    cdef int value
    cdef int rc = _lib.try_context_get(context_enter(handle), option, &value)
    context_leave(handle)
    return value if rc == 0 else _lib.fail(-rc)


cdef int context_set(ContextHandle handle, int option, int value) except -1:
    cdef int rc = _lib.try_context_set(context_enter(handle), option, value)
    context_leave(handle)
    return 0 if rc == 0 else _lib.fail(-rc)


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
            if not end_context(handle):
                # another interpreter terminates it
                bind_waiting(handle)
                handle.terminating = NULL
                handle.closed = True
                return True
        # others may be in a call on it, which does not wait: free-threaded, or in another interpreter
        while context_used(handle):
            with nogil:
                wait_sleep_ns(1000)
        bind_waiting(handle)
        while True:
            # asked each time: a signal handler may have begun a job, beside which libzmq must not be called
            if deadline != WAIT_FOREVER and handle.job == NULL:
                handle.job = _lib.context_term_start(handle.terminating)
            if handle.job != NULL:
                if _lib.context_term_wait(handle.job, time_left(deadline)):
                    rc = _lib.context_term_result(handle.job)
                    _lib.context_term_forget(handle.job)
                    handle.job = NULL
                    break
            else:
                with nogil:
                    rc = _lib.try_context_term(handle.terminating)
                if rc != -EINTR:
                    break
            PyErr_CheckSignals()
            if handle.closed:
                return True
            if time_left(deadline) == 0:
                return False
        if rc < 0 and rc != -EFAULT:
            return _lib.fail_with(-rc, (
                "term() needs a descriptor or memory, because an inproc address was connected to and never bound: call it again "
                f"({_descriptor_limit()})"
            ))
        # EFAULT: the code that made the context has terminated it already
        handle.terminating = NULL
        handle.closed = True
        return True
    finally:
        handle.lock.release()


# ---------------------------------------------------------------- the end of a subinterpreter

@atexit.register
def _close_all():
    """Close what a subinterpreter leaves open: libzmq's threads go on, while those of the main one end with the process."""
    cdef SocketHandle handle
    if in_main_interpreter():
        return
    for item in open_handles():
        if isinstance(item, SocketHandle):
            handle = item
            # its event loop has ended
            take_watcher(handle)
            if handle.foreign:
                # others may shadow it from now on
                give_up_address(handle)
            else:
                socket_shut(handle, KEEP_LINGER)
        elif isinstance(item, ContextHandle) and not (<ContextHandle> item).foreign:
            abandon_context(item)
            (<ContextHandle> item).closed = True
