"""Inproc connections that nobody has bound yet, where libzmq aborts the process over them.

The bundled one is repaired (bundled/patches/05 and 06), and nothing here is called. With any other, a context remembers the
addresses that were connected to before they were bound, and keeps a socket that binds all of them right before zmq_ctx_term:
that would make one for each connection, whether there is a place or not. What aborts when it is bound is refused beforehand.

Too many addresses do no harm: what other code binds is not known here. Those that are missed, when threads without the GIL race,
are left to libzmq, which has RESERVED_SOCKETS places for them.
"""

from _weakref import ref

from cython cimport critical_section

from . cimport _lib
from .handle cimport ContextHandle, SocketHandle, atomic_swap_ptr, enter, enter_context, leave, monitored_at
from .life cimport context_enter, context_leave, need_descriptors, socket_new
from .libzmq cimport (
    ENOTSUP, ZMQ_CONFLATE, ZMQ_DEALER, ZMQ_PAIR, ZMQ_PUB, ZMQ_PULL, ZMQ_PUSH, ZMQ_REP, ZMQ_ROUTER, ZMQ_SUB,
)

from ._lib import build_info, zmq_version_info

cdef bint _REPAIRED = {"05-term-places.patch", "06-pending-inproc.patch"} <= set(build_info()["patches"].split())


cdef bint repaired() noexcept:
    """Whether libzmq needs nothing of what follows."""
    return _REPAIRED


class _Binder(ref):
    """Weakly, the handle that bound an address; collected, it takes its entry along."""

    __slots__ = ("address", "bound")


def _forget(gone):
    if gone.bound.get(gone.address) is gone:
        del gone.bound[gone.address]


cdef bint _is_bound(ContextHandle context, bytes address) except -1:
    cdef SocketHandle binder
    found = context.bound.get(address)
    binder = found() if found is not None else None
    return binder is not None and not binder.closed or monitored_at(address) is not None


cdef int before_connect(SocketHandle handle, bytes address) except -1:
    """Remember the address, unless somebody has bound it."""
    cdef ContextHandle context = handle.context
    if not _kept(context) or _is_bound(context, address):
        return 0
    if _conflates(handle):
        return _refuse(address, "a conflating socket can connect only after another has bound the address")
    if context.taker == NULL:
        _make_taker(context)
    # term() waits until this is done, or it is too late for connecting
    context_enter(context)
    try:
        with critical_section(context):
            context.waiting[address] = context.waiting.get(address, 0) + (handle.type in (ZMQ_ROUTER, ZMQ_REP))
    finally:
        context_leave(context)
    return 0


cdef bint _kept(ContextHandle context) except -1:
    """Whether the context is one that keeps books: its end is up to us."""
    if context is None or context.foreign:
        return False
    if context.waiting is None:
        with critical_section(context):
            if context.waiting is None:
                context.bound = {}
                context.waiting = {}
    return True


cdef bint _conflates(SocketHandle handle) except -1:
    cdef int conflate = 0
    cdef size_t size = sizeof(int)
    if handle.type not in (ZMQ_DEALER, ZMQ_PULL, ZMQ_PUSH, ZMQ_PUB, ZMQ_SUB):
        return False
    _lib.try_getsockopt(enter(handle), ZMQ_CONFLATE, &conflate, &size)
    leave(handle)
    return conflate


cdef int _make_taker(ContextHandle context) except -1:
    cdef void *taker
    need_descriptors(1)
    # of a type that keeps every peer
    taker = socket_new(context, ZMQ_PULL)
    if enter_context(context) != NULL:
        # without the GIL another thread may have made one
        taker = atomic_swap_ptr(&context.taker, taker)
        context_leave(context)
    # or term() has begun, which closes the other one
    if taker != NULL:
        _lib.socket_close(taker)
    return 0


cdef int before_bind(SocketHandle handle, bytes address) except -1:
    if handle.type == ZMQ_PAIR and _routing(handle, address):
        return _refuse(address, "a PAIR cannot be bound where a ROUTER or REP has connected")
    return 0


cdef int after_bind(SocketHandle handle, bytes address) except -1:
    cdef ContextHandle context = handle.context
    if _kept(context):
        forget(handle, address)
        binder = _Binder(handle, _forget)
        binder.address, binder.bound = address, context.bound
        context.bound[address] = binder
    return 0


cdef int forget(SocketHandle handle, bytes address) except -1:
    """Who waited has found a socket, or the monitor of this one."""
    if _kept(handle.context):
        handle.context.waiting.pop(address, None)
    return 0


cdef int before_unbind(SocketHandle handle, bytes address) except -1:
    if _kept(handle.context):
        handle.context.bound.pop(address, None)
    return 0


cdef int before_disconnect(SocketHandle handle, bytes address) except -1:
    if handle.type in (ZMQ_ROUTER, ZMQ_REP) and _routing(handle, address):
        return _refuse(address, "a ROUTER or REP can disconnect only after another has bound the address: close it instead")
    return 0


cdef bint _routing(SocketHandle handle, bytes address) except -1:
    """Whether a ROUTER or REP waits for the address to be bound, and libzmq would write a routing id for it then."""
    return _kept(handle.context) and handle.context.waiting.get(address, 0) > 0


cdef int _refuse(bytes address, str rule) except -1:
    return _lib.fail_with(ENOTSUP, (
        f"with this libzmq ({'.'.join(map(str, zmq_version_info()))}), which would abort the process, {rule} "
        f"(addr={address.decode('utf-8', 'replace')!r})"
    ))
