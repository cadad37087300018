"""Python objects on their way into a socket: one frame, one message of several, many messages.

Objects are turned into messages before the socket is entered, so that no Python code runs while it is held. Each call first tries
without waiting, GIL held; only when libzmq says EAGAIN does it wait on the descriptor (handle.pyx).
"""

from cpython.buffer cimport Py_buffer, PyObject_CheckBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_CheckExact, PyBytes_GET_SIZE
from cpython.exc cimport PyErr_CheckSignals
from cpython.list cimport PyList_AsTuple
from cpython.ref cimport PyObject
from libc.errno cimport EAGAIN
from libc.stdint cimport int64_t
from libc.stdlib cimport free, malloc

cdef extern from "Python.h":
    Py_ssize_t PY_SSIZE_T_MAX

from . cimport _lib
from ._lib cimport FEW_PARTS
from .buffer cimport get_buffer, release_buffer
from .frame cimport Frame, as_group, check_track, need_drafts, share_message
from .handle cimport HANDLE_PER_CALL, SocketHandle, enter, leave, wait_ready
from .libzmq cimport ZMQ_DEALER, ZMQ_DONTWAIT, ZMQ_PUSH, ZMQ_REQ, ZMQ_SNDMORE, ZMQ_SNDTIMEO, zmq_msg_t
from .release cimport ReleaseEvent, drain, lend, new_event, new_tracker, settle
from .sockopt cimport get_int
from .wait cimport POLLOUT, deadline_in

from zmq.error import Again

from .release import _FINISHED_TRACKER

cdef extern from "abi.h":
    PyObject **abi_items(object sequence, PyObject **few, Py_ssize_t room, Py_ssize_t *count)

cdef enum Prepared:
    COPIED, LENT, FRAME

cdef enum:
    # after so many messages of a batch, signal handlers and other threads have their turn
    BATCH_TURN = 1024


cdef Prepared prepare(object data, zmq_msg_t *msg, bint copy, Py_ssize_t threshold, ReleaseEvent event) except *:
    """Make a message of a Python object; the caller closes it if it is not sent."""
    cdef Py_buffer view
    cdef int rc
    if isinstance(data, Frame):
        _lib.msg_init(msg)
        share_message(msg, <Frame> data)
        return FRAME
    if PyBytes_CheckExact(data):
        if PyBytes_GET_SIZE(data) < (SHARE_BYTES_FROM if copy else threshold):
            _lib.msg_init_copy(msg, PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))
            return COPIED
        get_buffer(data, &view)
        lend(msg, &view, None if copy else event)
        return COPIED if copy else LENT
    get_buffer(data, &view)
    if not copy and view.len >= threshold and view.len > 0:
        lend(msg, &view, event)
        return LENT
    try:
        if view.len < SHARE_BYTES_FROM:
            _lib.msg_init_copy(msg, view.buf, view.len)
        else:
            with nogil:
                rc = _lib.try_msg_init_copy(msg, view.buf, view.len)
            if rc < 0:
                _lib.out_of_memory()
    finally:
        release_buffer(&view)
    return COPIED


cdef int set_draft_properties(zmq_msg_t *msg, object routing_id, object group) except -1:
    need_drafts("routing_id and group")
    if routing_id is not None:
        _lib.msg_set_routing_id(msg, routing_id)
    if group is not None:
        _lib.msg_set_group(msg, as_group(group))
    return 0


cdef bint deliver(
    SocketHandle handle, zmq_msg_t *parts, Py_ssize_t count, int flags, Py_ssize_t *sent, int64_t *deadline
) except -1:
    """Send all parts, waiting before the first unless told not to; False: the message was dropped half way, make it anew.

    Half way only a peer's death stops a message. The first wait of a call sets its `deadline`, until then 0.
    """
    cdef void *ptr = enter(handle)
    cdef bint looked = False
    cdef int timeout = -1
    cdef int rc
    try:
        while True:
            rc = _lib.try_send_parts(ptr, parts, count, flags, sent)
            if rc == 0:
                return True
            if rc != -EAGAIN:
                return _lib.fail(-rc)
            if sent[0] > 0:
                if drops_the_rest(handle):
                    sent[0] += 1
                    _lib.try_send_parts(ptr, parts, count, flags, sent)
                return False
            if not looked:
                # sending looks at the mailbox only now and then; EVENTS empties it, as wait_ready() needs
                rc = _lib.try_events(ptr)
                if rc < 0:
                    return _lib.fail(-rc)
                looked = True
                continue
            if flags & ZMQ_DONTWAIT:
                return _lib.fail(EAGAIN)
            if deadline[0] == 0:
                get_int(handle, ZMQ_SNDTIMEO, &timeout)
                deadline[0] = deadline_in(timeout)
            if not wait_ready(handle, ptr, POLLOUT, deadline[0]):
                return _lib.fail(EAGAIN)
            looked = False
    finally:
        leave(handle)


# ---------------------------------------------------------------- one frame

cdef object send_frame(
    SocketHandle handle, Py_ssize_t threshold, object data, int flags, bint copy, bint track, object routing_id, object group
):
    """Socket.send, the long way."""
    cdef int64_t deadline = 0
    return _send_frame(handle, threshold, data, flags, copy, track, routing_id, group, &deadline)


cdef object _send_frame(
    SocketHandle handle, Py_ssize_t threshold, object data, int flags, bint copy, bint track, object routing_id, object group,
    int64_t *deadline
):
    cdef zmq_msg_t msg
    cdef Py_ssize_t sent = 0
    cdef Prepared prepared
    cdef ReleaseEvent event = None
    if isinstance(data, Frame):
        check_track(<Frame> data, track)
    elif track and not copy:
        event = new_event()
    drain()
    prepared = prepare(data, &msg, copy, threshold, event)
    try:
        if routing_id is not None or group is not None:
            set_draft_properties(&msg, routing_id, group)
        deliver(handle, &msg, 1, flags, &sent, deadline)
    finally:
        if sent == 0:
            _lib.msg_close(&msg)
        if event is not None:
            settle(event)
    if prepared == FRAME:
        return (<Frame> data).tracker
    if copy:
        return None
    if prepared == COPIED:
        return _FINISHED_TRACKER
    return new_tracker(event, None) if track else None


# ---------------------------------------------------------------- a message of several frames

cdef bint few_small_bytes(PyObject **items, Py_ssize_t count) noexcept:
    """Whether these are bytes that may be copied one by one while they are sent: the common message."""
    cdef Py_ssize_t i
    for i in range(count):
        if not PyBytes_CheckExact(<object> items[i]) or PyBytes_GET_SIZE(<object> items[i]) >= SHARE_BYTES_FROM:
            return False
    return 0 < count <= FEW_PARTS


cdef bint send_bytes(SocketHandle handle, PyObject **items, Py_ssize_t count, int flags) except -1:
    """Send such a message without waiting; False when it must be done the long way, and nothing was sent."""
    cdef Py_ssize_t sent = 0
    cdef Py_ssize_t dropped = 0
    cdef void *ptr = enter(handle)
    cdef int rc = _lib.try_send_bytes(ptr, items, count, flags, &sent)
    if rc == -EAGAIN and sent > 0 and drops_the_rest(handle):
        _lib.try_send_bytes(ptr, items + sent + 1, count - sent - 1, flags, &dropped)
    leave(handle)
    if rc < 0 and rc != -EAGAIN:
        return _lib.fail(-rc)
    return rc == 0


cdef bint drops_the_rest(SocketHandle handle) noexcept:
    """Whether the type balances load: when a peer dies in the middle of a message, it drops what follows up to its end."""
    return handle.type == ZMQ_PUSH or handle.type == ZMQ_DEALER or handle.type == ZMQ_REQ


cdef int close_parts(zmq_msg_t *parts, Py_ssize_t first, Py_ssize_t count) noexcept:
    while first < count:
        _lib.msg_close(&parts[first])
        first += 1
    return 0


cdef object check_parts(object msg_parts):
    """The parts as a list or tuple, each known to be sendable."""
    cdef Py_ssize_t i
    if not isinstance(msg_parts, (list, tuple)):
        if not hasattr(msg_parts, "__getitem__"):
            raise TypeError(f"{type(msg_parts).__name__} is no sequence of frames: give a list or tuple of buffers")
        msg_parts = list(msg_parts)
    if len(msg_parts) == 0:
        raise IndexError("a message has at least one frame: msg_parts is empty")
    for i, part in enumerate(msg_parts):
        if not (PyBytes_CheckExact(part) or isinstance(part, Frame) or PyObject_CheckBuffer(part)):
            text = repr(part)
            if len(text) > 60:
                text = text[:57] + "..."
            raise TypeError(f"Frame {i} ({text}) does not support the buffer interface")
    return msg_parts


cdef object send_parts(
    SocketHandle handle, Py_ssize_t threshold, object msg_parts, int flags, bint copy, bint track, object routing_id, object group
):
    """Socket.send_multipart."""
    cdef int64_t deadline = 0
    if copy and routing_id is None and group is None and isinstance(msg_parts, (list, tuple)):
        if send_at_once(handle, msg_parts, flags):
            return None
    return _send_parts(handle, threshold, check_parts(msg_parts), flags, copy, track, routing_id, group, &deadline)


cdef bint send_at_once(SocketHandle handle, object msg_parts, int flags) except -1:
    """Send a list or tuple if that takes neither waiting nor anything but copies of small bytes."""
    cdef Py_ssize_t count
    cdef PyObject *few[FEW_PARTS]
    cdef PyObject **items
    if (HANDLE_PER_CALL or handle.watcher is not None) and isinstance(msg_parts, list):
        # another thread may change it meanwhile, or while entering tells the watcher
        msg_parts = PyList_AsTuple(msg_parts)
    items = abi_items(msg_parts, few, FEW_PARTS, &count)
    return few_small_bytes(items, count) and send_bytes(handle, items, count, flags)


cdef object _send_parts(
    SocketHandle handle, Py_ssize_t threshold, object msg_parts, int flags, bint copy, bint track, object routing_id, object group,
    int64_t *deadline
):
    cdef zmq_msg_t few[FEW_PARTS]
    cdef zmq_msg_t *parts = few
    cdef Py_ssize_t count = len(msg_parts)
    cdef Py_ssize_t made, sent
    cdef Prepared prepared = COPIED
    cdef ReleaseEvent event = None
    cdef bint lent = False
    cdef bint done = False
    cdef list peers = []
    for part in msg_parts:
        if isinstance(part, Frame):
            check_track(<Frame> part, track)
            if track:
                peers.append((<Frame> part).tracker)
    if track and not copy:
        event = new_event()
    drain()
    if count > FEW_PARTS:
        # a class of the program's may say any length
        if <size_t> count <= PY_SSIZE_T_MAX // sizeof(zmq_msg_t):
            parts = <zmq_msg_t *> malloc(count * sizeof(zmq_msg_t))
        else:
            parts = NULL
        if parts == NULL:
            raise MemoryError(f"no memory for a message of {count} frames")
    try:
        while not done:
            made = sent = 0
            try:
                for part in msg_parts:
                    if made == count:
                        raise RuntimeError("msg_parts grew while its buffers were taken")
                    prepared = prepare(part, &parts[made], copy, threshold, event)
                    made += 1
                    if prepared == LENT:
                        lent = True
                if routing_id is not None or group is not None:
                    set_draft_properties(&parts[0], routing_id, group)
                done = deliver(handle, parts, made, flags, &sent, deadline)
                if not done and flags & ZMQ_DONTWAIT:
                    _lib.fail(EAGAIN)
            finally:
                close_parts(parts, sent, made)
    finally:
        if parts != few:
            free(parts)
        if event is not None:
            settle(event)
    if track and not copy:
        return new_tracker(event if lent else None, peers)
    if prepared == FRAME:
        return new_tracker(None, peers) if track else (<Frame> part).tracker
    if copy:
        return None
    return _FINISHED_TRACKER if prepared == COPIED else None


# ---------------------------------------------------------------- many messages

cdef tuple check_batch(object messages, bint multipart):
    """The messages, which nobody can change any more, each known to be sendable."""
    cdef tuple batch = tuple(messages)
    cdef Py_ssize_t i
    for i, message in enumerate(batch):
        if multipart:
            try:
                parts = check_parts(message)
                for part in parts:
                    check_contiguous(part)
            except (TypeError, IndexError, BufferError) as error:
                raise type(error)(f"message {i}: {error}") from None
        elif not PyBytes_CheckExact(message):
            try:
                check_contiguous(message)
            except (TypeError, BufferError) as error:
                raise type(error)(f"message {i}: {error}") from None
    return batch


cdef int check_contiguous(object data) except -1:
    cdef Py_buffer view
    if not PyBytes_CheckExact(data) and not isinstance(data, Frame):
        get_buffer(data, &view)
        release_buffer(&view)
    return 0


cdef Py_ssize_t send_batch(
    SocketHandle handle, Py_ssize_t threshold, tuple batch, Py_ssize_t start, int flags, bint copy, bint multipart
) except -1:
    """Send checked messages from `start` on; the number of the first that was not sent."""
    cdef Py_ssize_t count = len(batch)
    cdef Py_ssize_t sent = start
    cdef int64_t deadline = 0
    if flags & ZMQ_SNDMORE:
        raise ValueError("send_many() sends whole messages: no SNDMORE; give multipart=True for messages of several frames")
    try:
        while sent < count:
            _send_one_of(handle, threshold, batch[sent], flags, copy, multipart, &deadline)
            sent += 1
            if sent % BATCH_TURN == 0:
                PyErr_CheckSignals()
                with nogil:
                    pass
    except Again:
        if sent == start:
            raise
    except BaseException as error:
        error.sent = sent
        raise
    return sent


cdef int _send_one_of(
    SocketHandle handle, Py_ssize_t threshold, object message, int flags, bint copy, bint multipart, int64_t *deadline
) except -1:
    cdef void *ptr
    cdef int rc
    if multipart:
        if not copy or not isinstance(message, (list, tuple)) or not send_at_once(handle, message, flags):
            _send_parts(handle, threshold, check_parts(message), flags, copy, False, None, None, deadline)
        return 0
    if copy and PyBytes_CheckExact(message) and PyBytes_GET_SIZE(message) < SHARE_BYTES_FROM:
        ptr = enter(handle)
        rc = _lib.try_send_copy(ptr, PyBytes_AS_STRING(message), PyBytes_GET_SIZE(message), flags)
        leave(handle)
        if rc == 0:
            return 0
        if rc != -EAGAIN:
            return _lib.fail(-rc)
    _send_frame(handle, threshold, message, flags, copy, False, None, None, deadline)
    return 0
