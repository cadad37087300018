"""Messages on their way out of a socket, and back into it: one frame, one message of several, many messages, the stash.

Messages become Python objects after the socket is left, so that no Python code runs while it is held. What is received and cannot
be handed over goes to the stash of the socket's handle, which every receive consults first.
"""

from cpython.list cimport PyList_New, PyList_SET_ITEM
from cpython.ref cimport Py_INCREF
from cython cimport critical_section
from libc.errno cimport EAGAIN
from libc.stdint cimport int64_t
from libc.stdlib cimport free, malloc

from . cimport _lib
from ._lib cimport FEW_PARTS
from .frame cimport Frame, frame_received
from .handle cimport HANDLE_PER_CALL, RECEIVED_FROM_STASH, RECEIVED_LAST, RECEIVED_MORE, SocketHandle, enter, leave, wait_ready
from .libzmq cimport ZMQ_DONTWAIT, ZMQ_RCVTIMEO, zmq_msg_t
from .release cimport close_and_drain, drain, lent_bytes
from .sockopt cimport get_int
from .wait cimport POLLIN, deadline_in

from zmq.error import ThreadError

from .frame import Frame as _frame_base
from .release import _FINISHED_TRACKER

cdef enum:
    # received in one go, on the C stack
    BATCH = 64

cdef type frame_class = _frame_base


def set_frame_class(type cls):
    """Name the class of received frames: the public one, which the core cannot import."""
    global frame_class
    frame_class = cls


# ---------------------------------------------------------------- one frame

cdef int wait_to_receive(SocketHandle handle, zmq_msg_t *msg, int flags, int error) except -1:
    """After a try that failed with `error`: wait for a message as RCVTIMEO allows, and receive it (0).

    With TRY it does not wait, and 1 is the answer when there is no message.
    """
    cdef void *ptr
    cdef int64_t deadline = 0
    cdef int timeout = -1
    cdef Py_ssize_t size = -error
    # draining may run Python code that uses this very socket: the try that failed says nothing any more
    cdef bint again = drain()
    if error != EAGAIN or flags & ZMQ_DONTWAIT:
        return _lib.fail(error)
    if not flags & TRY:
        get_int(handle, ZMQ_RCVTIMEO, &timeout)
        deadline = deadline_in(timeout)
    elif not again:
        return 1
    ptr = enter(handle)
    try:
        while True:
            if not again:
                if flags & TRY:
                    return 1
                if not wait_ready(handle, ptr, POLLIN, deadline):
                    return _lib.fail(EAGAIN)
            again = False
            size = _lib.try_recv(ptr, msg)
            if size >= 0:
                return 0
            if size != -EAGAIN:
                return _lib.fail(-size)
    finally:
        leave(handle)


cdef object receive_frame(SocketHandle handle, int flags, bint copy, bint track):
    """Socket.recv; None only with TRY, as for the other two."""
    cdef zmq_msg_t msg
    cdef Py_ssize_t size
    if handle.stash is not None:
        return from_stash(handle, copy, track)
    content = receive_at_once(handle, &msg, copy, &size)
    if content is not None:
        return content
    if size < 0 and wait_to_receive(handle, &msg, flags, -size):
        return None
    return take_frame(handle, &msg, copy, track)


cdef object take(zmq_msg_t *msg, bint copy, bint track):
    """Python's form of a received message, which is closed, unless there is no memory for that."""
    cdef Frame frame
    if copy:
        content = _lib.take_small(msg)
        if content is None:
            content = lent_bytes(_lib.msg_data(msg), _lib.msg_size(msg))
            if content is None:
                return _lib.take_large(msg)
            close_and_drain(msg)
        return content
    frame = frame_received(frame_class, msg)
    _lib.msg_close(msg)
    if track:
        frame.tracker = _FINISHED_TRACKER
    return frame


cdef object take_frame(SocketHandle handle, zmq_msg_t *msg, bint copy, bint track):
    """The same for the frame that was received last; without memory it goes to the stash."""
    handle.idle = RECEIVED_MORE if _lib.msg_more(msg) else RECEIVED_LAST
    content = None
    try:
        content = take(msg, copy, track)
    finally:
        if content is None:
            keep(handle, [], [], msg, 0, 1)
    return content


cdef object as_bytes(object content):
    return content.bytes if isinstance(content, Frame) else content


cdef object from_stash(SocketHandle handle, bint copy, bint track):
    """The oldest frame that a cancelled receive gave back."""
    cdef Frame frame
    cdef bint more
    cdef int64_t number
    received = None
    enter(handle)
    leave(handle)
    # out of the stash first: making a frame may run code that receives from this socket
    with critical_section(handle):
        if handle.stash is None:
            # whom entering told, or without the GIL another thread
            raise ThreadError("another thread received from this socket at the same time: a socket belongs to one thread at a time")
        content, more, number = handle.stash.pop(0)
        if not handle.stash:
            handle.stash = None
    try:
        if copy:
            received = as_bytes(content)
        else:
            frame = content if isinstance(content, Frame) else frame_class(content)
            frame.more = more
            if track:
                frame.tracker = _FINISHED_TRACKER
            received = frame
    finally:
        if received is None:
            give_back(handle, [(content, more)], number)
        # also then: what came before it is given back with its number, which puts it in front
        with critical_section(handle):
            handle.stash_number = number
            handle.idle = RECEIVED_FROM_STASH
            if received is not None:
                handle.idle |= RECEIVED_MORE if more else RECEIVED_LAST
    return received


# ---------------------------------------------------------------- a message of several frames

cdef list receive_parts(SocketHandle handle, int flags, bint copy, bint track):
    """Socket.recv_multipart."""
    cdef zmq_msg_t few[FEW_PARTS]
    cdef zmq_msg_t *parts = few
    cdef zmq_msg_t *grown
    cdef Py_ssize_t capacity = FEW_PARTS
    cdef Py_ssize_t got, i
    cdef Py_ssize_t count = 0
    cdef Py_ssize_t taken = 0
    cdef void *ptr
    cdef int64_t number = 0
    cdef list message = None
    if handle.stash is not None:
        enter(handle)
        try:
            message = [from_stash(handle, copy, track)]
            number = handle.stash_number
            while handle.idle & RECEIVED_MORE:
                if handle.stash is None:
                    return message + receive_parts(handle, 0, copy, track)
                message.append(from_stash(handle, copy, track))
            return message
        except BaseException:
            if message:
                give_back(handle, [(part, True) for part in message], number)
            raise
        finally:
            leave(handle)
    try:
        # up to the last frame: without the GIL another thread would take some of them
        ptr = enter(handle)
        try:
            count = _lib.try_recv_parts(ptr, parts, capacity)
            if count < 0:
                if wait_to_receive(handle, parts, flags, -count):
                    return None
                count = 1
            while _lib.msg_more(&parts[count - 1]):
                if count == capacity:
                    grown = <zmq_msg_t *> malloc(2 * capacity * sizeof(zmq_msg_t))
                    if grown == NULL:
                        raise MemoryError(f"no memory for a message of more than {count} frames")
                    for i in range(count):
                        _lib.msg_init(&grown[i])
                        _lib.msg_move(&grown[i], &parts[i])
                    if parts != few:
                        free(parts)
                    parts = grown
                    capacity *= 2
                got = _lib.try_recv_parts(ptr, &parts[count], capacity - count)
                if got < 0:
                    wait_to_receive(handle, &parts[count], 0, -got)
                    got = 1
                count += got
        finally:
            leave(handle)
        message = PyList_New(count)
        while taken < count:
            part = take(&parts[taken], copy, track)
            Py_INCREF(part)
            PyList_SET_ITEM(message, taken, part)
            taken += 1
        return message
    except BaseException:
        if count > 0:
            keep(handle, message[:taken] if taken else [], list(range(taken)), parts, taken, count)
        raise
    finally:
        if parts != few:
            free(parts)


# ---------------------------------------------------------------- many messages

cdef list receive_batch(SocketHandle handle, Py_ssize_t wanted, int flags, bint copy, bint multipart):
    """Socket.recv_many. What an error in the middle leaves without an owner goes to the stash."""
    if not HANDLE_PER_CALL:
        return _receive_batch(handle, wanted, flags, copy, multipart)
    # from the first message to the last: another thread would take frames of one that is torn by the size of a batch
    enter(handle)
    try:
        return _receive_batch(handle, wanted, flags, copy, multipart)
    finally:
        leave(handle)


cdef list _receive_batch(SocketHandle handle, Py_ssize_t wanted, int flags, bint copy, bint multipart):
    cdef zmq_msg_t msgs[BATCH]
    cdef list frames = []     # flat
    cdef list continued = []  # the places of those with another behind them
    cdef Py_ssize_t count = 0
    cdef Py_ssize_t taken = 0
    cdef bint more = False
    cdef bint dry = False
    cdef void *ptr
    if wanted < 1:
        raise ValueError(f"recv_many() receives at least one message, not {wanted}")
    note_continued(handle, None)
    try:
        while wanted > 0:
            if handle.stash is not None:
                frames.append(from_stash(handle, copy, False))
                more = handle.idle & RECEIVED_MORE
                if more:
                    continued.append(len(frames) - 1)
                if not (multipart and more):
                    wanted -= 1
                continue
            if dry and not (multipart and more):
                break
            ptr = enter(handle)
            count = _lib.try_recv_many(ptr, msgs, BATCH, wanted, multipart)
            leave(handle)
            taken = 0
            if count < 0:
                if frames and not (multipart and more):
                    # an error shows itself to the next call
                    break
                if wait_to_receive(handle, msgs, 0 if frames else flags, -count):
                    return None
                count = 1
            else:
                dry = count < BATCH
            while taken < count:
                more = _lib.msg_more(&msgs[taken])
                frames.append(take(&msgs[taken], copy, False))
                taken += 1
                if more:
                    continued.append(len(frames) - 1)
                if not (multipart and more):
                    wanted -= 1
        handle.idle = (handle.idle & RECEIVED_FROM_STASH) | (RECEIVED_MORE if more else RECEIVED_LAST)
        if multipart:
            return in_messages(frames, continued)
        if continued:
            note_continued(handle, continued)
        return frames
    except BaseException:
        keep(handle, frames, continued, msgs, taken, count)
        raise


cdef int note_continued(SocketHandle handle, list continued) except -1:
    with critical_section(handle):
        handle.continued = continued
    return 0


cdef list continued_last(SocketHandle handle):
    """The places, in what recv_many() gave last, of frames with another behind them; None: there are none."""
    with critical_section(handle):
        return handle.continued


cdef list in_messages(list frames, list continued):
    """Frames put together to messages."""
    cdef list messages = []
    cdef list message = []
    cdef set places
    if not continued:
        return [[frame] for frame in frames]
    places = set(continued)
    for i, frame in enumerate(frames):
        message.append(frame)
        if i not in places:
            messages.append(message)
            message = []
    return messages


cdef int keep(
    SocketHandle handle, list frames, list continued, zmq_msg_t *msgs, Py_ssize_t taken, Py_ssize_t count
) except -1:
    """Stash what was received before an error."""
    cdef bint more
    places = set(continued)
    kept = [(frame, i in places) for i, frame in enumerate(frames)]
    try:
        while taken < count:
            more = _lib.msg_more(&msgs[taken])
            taken += 1
            try:
                kept.append((frame_received(frame_class, &msgs[taken - 1]), more))
            finally:
                _lib.msg_close(&msgs[taken - 1])
    finally:
        while taken < count:
            _lib.msg_close(&msgs[taken])
            taken += 1
        give_back(handle, kept, number_received(handle))
    return 0


# ---------------------------------------------------------------- the stash

cdef int64_t number_received(SocketHandle handle) noexcept:
    """Number what was received last, right after the call: the number to give it back with."""
    if handle.idle & RECEIVED_FROM_STASH:
        return handle.stash_number
    handle.number += 1
    return handle.number


cdef int give_back(SocketHandle handle, list frames, int64_t number) except -1:
    """Put received frames back in front of what is still to be received, in the order of their numbers."""
    cdef list stash
    cdef Py_ssize_t place = 0
    if handle.closed or not frames:
        return 0
    with critical_section(handle):
        stash = handle.stash or []
        while place < len(stash) and stash[place][2] < number:
            place += 1
        stash[place:place] = [(content, more, number) for content, more in frames]
        handle.stash = stash
        handle.idle = 0
    if handle.watcher is not None:
        enter(handle)
        leave(handle)
    return 0
