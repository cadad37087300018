"""Socket: the six verbs (send, recv, recv_into, send_multipart, recv_multipart, poll), endpoints and closing.

Each call first tries without waiting, GIL held; only when libzmq says EAGAIN does it wait on the descriptor (handle.pyx). Python
objects are turned into messages before the socket is entered and back after it is left, so no Python code runs in between.
"""

from cpython.buffer cimport Py_buffer, PyBuffer_Release, PyObject_CheckBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_CheckExact, PyBytes_GET_SIZE
from cpython.list cimport PyList_New, PyList_SET_ITEM
from cpython.ref cimport Py_INCREF, PyObject
from libc.errno cimport EAGAIN, EINTR, EINVAL, ENAMETOOLONG, ENOENT, ENOTSOCK
from libc.stdint cimport int64_t
from libc.stdlib cimport free, malloc
from cpython.exc cimport PyErr_CheckSignals

from . cimport _lib
from ._lib cimport FEW_PARTS
from .buffer cimport get_buffer, get_writable_buffer
from .frame cimport Frame, as_group, check_track, default_threshold, frame_received, need_drafts
from .handle cimport (
    KEEP_LINGER, POLLIN, POLLOUT, RECEIVED_FROM_STASH, RECEIVED_LAST, RECEIVED_MORE, SocketHandle, closed_socket, deadline_in,
    deadline_of, end_monitored, enter, leave, monitor_begun, need_descriptors, pointer_of, read_monitor, socket_adopt,
    socket_open, socket_shut, unwatch, wait_ready, watch,
)
from .context cimport Context
from .libzmq cimport (
    ENOTSUP, ZMQ_DEALER, ZMQ_DONTWAIT, ZMQ_PAIR, ZMQ_POLLIN, ZMQ_POLLOUT, ZMQ_PUSH, ZMQ_RCVTIMEO, ZMQ_REQ, ZMQ_SNDTIMEO,
    zmq_msg_t,
)
from .release cimport ReleaseEvent, close_and_drain, drain, lend, lent_bytes, new_event, new_tracker, settle
from .sockopt cimport get_int, get_option, set_option

from ._lib import IPC_PATH_MAX_LEN, strerror
from .frame import Frame as _frame_base
from .release import _FINISHED_TRACKER

cdef extern from "Python.h":
    Py_ssize_t PySequence_Fast_GET_SIZE(object sequence)
    PyObject **PySequence_Fast_ITEMS(object sequence)

cdef enum:
    # bytes cannot change, so a large one is lent to libzmq even with copy=True; below this copying is cheaper (tests/bench)
    SHARE_BYTES_FROM = 32 * 1024

cdef enum Prepared:
    COPIED, LENT, FRAME

cdef type frame_class = _frame_base


def set_frame_class(type cls):
    """Name the class of received frames: the public one, which the core cannot import."""
    global frame_class
    frame_class = cls


# ---------------------------------------------------------------- sending

cdef Prepared prepare(object data, zmq_msg_t *msg, bint copy, Py_ssize_t threshold, ReleaseEvent event) except *:
    """Make a message of a Python object; the caller closes it if it is not sent."""
    cdef Py_buffer view
    if isinstance(data, Frame):
        _lib.msg_init(msg)
        _lib.msg_copy(msg, &(<Frame> data).msg)
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
                _lib.msg_init_copy(msg, view.buf, view.len)
    finally:
        PyBuffer_Release(&view)
    return COPIED


cdef int set_draft_properties(zmq_msg_t *msg, object routing_id, object group) except -1:
    need_drafts("routing_id and group")
    if routing_id is not None:
        _lib.msg_set_routing_id(msg, routing_id)
    if group is not None:
        _lib.msg_set_group(msg, as_group(group))
    return 0


cdef bint deliver(SocketHandle handle, zmq_msg_t *parts, Py_ssize_t count, int flags, Py_ssize_t *sent) except -1:
    """Send all parts, waiting before the first unless told not to; False: the message was dropped half way, make it anew.

    Half way only a peer's death stops a message.
    """
    cdef void *ptr = enter(handle)
    cdef int64_t deadline = 0
    cdef bint waited = False
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
            if not waited:
                get_int(handle, ZMQ_SNDTIMEO, &timeout)
                deadline = deadline_in(timeout)
                waited = True
            if not wait_ready(handle, ptr, POLLOUT, deadline):
                return _lib.fail(EAGAIN)
            looked = False
    finally:
        leave(handle)


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


# ---------------------------------------------------------------- receiving

cdef int wait_to_receive(SocketHandle handle, zmq_msg_t *msg, int flags, int error) except -1:
    """After a try that failed with `error`: wait for a message as RCVTIMEO allows, and receive it."""
    cdef void *ptr
    cdef int64_t deadline
    cdef int timeout = -1
    cdef Py_ssize_t size = -error
    # draining may run Python code that uses this very socket: the try that failed says nothing any more
    cdef bint again = drain()
    if error != EAGAIN or flags & ZMQ_DONTWAIT:
        return _lib.fail(error)
    get_int(handle, ZMQ_RCVTIMEO, &timeout)
    deadline = deadline_in(timeout)
    ptr = enter(handle)
    try:
        while True:
            if not again and not wait_ready(handle, ptr, POLLIN, deadline):
                return _lib.fail(EAGAIN)
            again = False
            size = _lib.try_recv(ptr, msg)
            if size >= 0:
                return 0
            if size != -EAGAIN:
                return _lib.fail(-size)
    finally:
        leave(handle)


cdef object take(zmq_msg_t *msg, bint copy, bint track):
    """Python's form of a received message, which is closed."""
    cdef Frame frame
    cdef size_t size
    if copy:
        size = _lib.msg_size(msg)
        if size < SHARE_BYTES_FROM:
            return _lib.take_bytes(msg)
        content = lent_bytes(_lib.msg_data(msg), size)
        if content is None:
            return _lib.take_bytes(msg)
        close_and_drain(msg)
        return content
    try:
        frame = frame_received(frame_class, msg)
    finally:
        _lib.msg_close(msg)
    if track:
        frame.tracker = _FINISHED_TRACKER
    return frame


cdef object from_stash(SocketHandle handle, bint copy, bint track):
    """The oldest frame that a cancelled receive gave back."""
    cdef Frame frame
    cdef bint more
    enter(handle)
    leave(handle)
    content, more, handle.stash_number = handle.stash.pop(0)
    if not handle.stash:
        handle.stash = None
    handle.idle = RECEIVED_FROM_STASH | (RECEIVED_MORE if more else RECEIVED_LAST)
    if copy:
        return content.bytes if isinstance(content, Frame) else content
    if not isinstance(content, Frame):
        content = frame_class(content)
    frame = content
    frame.more = more
    if track:
        frame.tracker = _FINISHED_TRACKER
    return frame


# ---------------------------------------------------------------- endpoints

cdef bytes as_address(object address):
    if isinstance(address, str):
        address = address.encode("utf-8")
    if not isinstance(address, bytes):
        raise TypeError(f"an address is a str such as 'tcp://127.0.0.1:5555', not {address!r}")
    return address


cdef int endpoint_failed(int error, bytes address) except -1:
    """Raise the error of a bind or connect, with the address and what to do."""
    text = address.decode("utf-8", "replace")
    reason = strerror(error)
    if address.startswith(b"ipc://"):
        path = text[6:]
        if error == ENAMETOOLONG:
            reason = (
                f"ipc path is {len(address) - 6} bytes long and may have at most {IPC_PATH_MAX_LEN} (zmq.IPC_PATH_MAX_LEN): use a "
                "shorter directory"
            )
        elif error == ENOENT:
            reason = f"no such file or directory for ipc path {path!r}: make the directory first"
    return _lib.fail_with(error, f"{reason} (addr={text!r})")


ctypedef int (*endpoint_call)(void *socket, const char *address) noexcept nogil


cdef int call_endpoint(SocketHandle handle, endpoint_call call, object address) except -1:
    cdef bytes name = as_address(address)
    cdef void *ptr
    cdef int rc
    if b"\0" in name:
        return endpoint_failed(EINVAL, name)
    if (call is _lib.try_bind or call is _lib.try_connect) and not name.startswith(b"inproc:"):
        need_descriptors(2)
    while True:
        ptr = enter(handle)
        rc = call(ptr, PyBytes_AS_STRING(name))
        leave(handle)
        if rc != -EINTR:
            break
        PyErr_CheckSignals()
    return endpoint_failed(-rc, name) if rc < 0 else 0


cdef class Socket(OptionHolder):
    """A libzmq socket, without the conveniences of zmq.Socket.

    Args:
        context: the Context that the socket lives in.
        socket_type: a zmq.SocketType.
        shadow: the address of an existing socket, to be used instead of a new one; 0 makes a new one.
        copy_threshold: bytes; with copy=False, smaller messages are copied all the same. Default zmq.COPY_THRESHOLD.
    Raises:
        ZMQError: EINVAL for an unknown type, EMFILE for too many sockets (zmq_socket(3)).
    """

    def __cinit__(self, *args, **kwargs):
        # subclasses may have any signature: the arguments are __init__'s
        self.handle = closed_socket()

    def __init__(self, context=None, int socket_type=-1, size_t shadow=0, copy_threshold=None):
        self.context = context
        self.copy_threshold = default_threshold() if copy_threshold is None else copy_threshold
        if shadow:
            self.handle = socket_adopt(shadow)
            return
        if not isinstance(context, Context):
            raise TypeError(f"a socket needs a Context, not {context!r}: use context.socket(type)")
        if socket_type < 0:
            raise TypeError("a socket needs a type such as zmq.PUSH")
        self.handle = socket_open((<Context> context).handle, socket_type)

    @property
    def underlying(self):
        """The address of the libzmq socket; 0 once closed."""
        if self.handle.closed:
            return 0
        return <size_t> pointer_of(self.handle)

    @property
    def closed(self):
        """Whether the socket was closed, by whatever object stands for it."""
        return self.handle.closed

    @property
    def _closed(self):
        return self.handle.closed

    @property
    def _handle(self):
        return self.handle

    @property
    def _forked(self):
        return self.handle.forked

    def close(self, linger=None):
        """Close the socket. A call that blocks in it in another thread raises ZMQError ENOTSOCK.

        Args:
            linger: milliseconds to keep unsent messages after closing; None leaves the option LINGER as it is, -1 is no limit.

        Never blocks; closing twice is nothing, as is closing a socket that a forked child inherited (zmq_close(3)).
        """
        socket_shut(self.handle, KEEP_LINGER if linger is None else max(-1, linger))
        drain()

    def get(self, int option):
        """Return a socket option: an int, or bytes for those of type bytes.

        Args:
            option: a zmq.SocketOption, or the number of a newer one.
        Raises:
            ZMQError: EINVAL for an option that cannot be read or is unknown, ENOTSOCK for a closed socket (zmq_getsockopt(3)).
        """
        return get_option(self.handle, option)

    def set(self, int option, optval):
        """Set a socket option.

        Args:
            option: a zmq.SocketOption, or the number of a newer one (tried as an int). optval: int or bytes, by the option's type.
        Raises:
            TypeError: the wrong type; a str is for set_string(). OverflowError: too large for the option's C type.
            ZMQError: EINVAL, an unknown option or value; ENOTSOCK, a closed socket (zmq_setsockopt(3)).
        """
        if self.handle.closed:
            _lib.fail(ENOTSOCK)
        set_option(self.handle, option, optval)

    getsockopt = get
    setsockopt = set

    # ------------------------------------------------------------ endpoints

    def bind(self, addr):
        """Accept peers on an address.

        Args:
            addr: str or bytes, such as "tcp://127.0.0.1:5555", "tcp://*:*" (any free port, see last_endpoint), "ipc:///tmp/x",
                "inproc://name".
        Raises:
            ZMQError: EADDRINUSE, EADDRNOTAVAIL, ENODEV, EINVAL, EPROTONOSUPPORT, ENAMETOOLONG..., with the address in its text
                (zmq_bind(3)). TypeError: addr is neither str nor bytes.
        """
        call_endpoint(self.handle, _lib.try_bind, addr)

    def connect(self, addr):
        """Connect to a peer, which need not be there yet.

        Args:
            addr: str or bytes, as for bind(), with an address that exists instead of a wildcard.
        Raises:
            ZMQError: EINVAL, EPROTONOSUPPORT..., with the address in its text (zmq_connect(3)). TypeError: neither str nor bytes.
        """
        if self.handle.type == ZMQ_PAIR:
            read_monitor(self.handle, as_address(addr))
        call_endpoint(self.handle, _lib.try_connect, addr)

    def connect_peer(self, addr):
        """Connect a PEER socket and return the routing id of the peer, to send to it at once (draft).

        Args:
            addr: as for connect().
        Raises:
            RuntimeError: built without drafts. ZMQError: ENOTSUP, another type of socket (zmq_connect_peer(3)).
        """
        cdef bytes name = as_address(addr)
        cdef void *ptr
        need_drafts("connect_peer")
        ptr = enter(self.handle)
        try:
            return _lib.connect_peer(ptr, PyBytes_AS_STRING(name))
        finally:
            leave(self.handle)

    def unbind(self, addr):
        """Stop accepting peers on an address.

        Args:
            addr: as it was resolved: what last_endpoint said after binding a wildcard.
        Raises:
            ZMQError: ENOENT when it was not bound (zmq_unbind(3)).
        """
        call_endpoint(self.handle, _lib.try_unbind, addr)

    def disconnect(self, addr):
        """Disconnect from an address; messages queued for it may be dropped, as LINGER says.

        Args:
            addr: as it was given to connect().
        Raises:
            ZMQError: ENOENT when it was not connected (zmq_disconnect(3)).
        """
        if self.handle.monitored is not None:
            end_monitored(self.handle)
        call_endpoint(self.handle, _lib.try_disconnect, addr)

    def monitor(self, addr, int events=0xFFFF):
        """Publish the socket's connection events on an inproc address, which a PAIR socket connects to.

        Args:
            addr: "inproc://..." as str or bytes; None stops. events: mask of zmq.Event, default all of them.
        Raises:
            ZMQError: EPROTONOSUPPORT for another transport (zmq_socket_monitor(3)).
        """
        cdef bytes name = None if addr is None else as_address(addr)
        cdef const char *address = NULL if name is None else PyBytes_AS_STRING(name)
        cdef void *ptr = enter(self.handle)
        try:
            _lib.socket_monitor(ptr, address, events)
        finally:
            leave(self.handle)
        monitor_begun(self.handle, name)

    def join(self, group):
        """Join a group of a DISH socket (draft).

        Args:
            group: str or bytes of at most 15 bytes.
        Raises:
            RuntimeError: built without drafts. ZMQError: EINVAL, already joined or too long (zmq_join(3)).
        """
        cdef bytes name = as_group(group)
        cdef void *ptr = enter(self.handle)
        try:
            _lib.socket_join(ptr, PyBytes_AS_STRING(name))
        finally:
            leave(self.handle)

    def leave(self, group):
        """Leave a group of a DISH socket (draft).

        Args:
            group: as given to join().
        Raises:
            RuntimeError: built without drafts. ZMQError: EINVAL, not joined (zmq_leave(3)).
        """
        cdef bytes name = as_group(group)
        cdef void *ptr = enter(self.handle)
        try:
            _lib.socket_leave(ptr, PyBytes_AS_STRING(name))
        finally:
            leave(self.handle)

    # ------------------------------------------------------------ the six verbs

    def send(self, data, int flags=0, bint copy=True, bint track=False, routing_id=None, group=None):
        """Send one frame; see zmq.Socket.send, which this is.

        Args:
            data: any C-contiguous buffer, or a Frame. flags: zmq.DONTWAIT, zmq.SNDMORE.
            copy: False lends the memory to libzmq (from copy_threshold bytes on): it stays pinned until sent.
            track: return a MessageTracker of lent memory. routing_id: int, SERVER and PEER (draft). group: str, RADIO (draft).
        Returns:
            None; for a Frame its tracker; with copy=False a finished tracker for what was copied, or what `track` asks for.
        Raises:
            Again: it would block (DONTWAIT), or SNDTIMEO passed. TypeError: no buffer. BufferError: not contiguous.
            ZMQError: what zmq_msg_send(3) says: EFSM, EHOSTUNREACH, ENOTSOCK... Nothing was sent then.
        """
        cdef SocketHandle handle = self.handle
        cdef void *ptr
        cdef int rc
        if copy and PyBytes_CheckExact(data) and PyBytes_GET_SIZE(data) < SHARE_BYTES_FROM and routing_id is None and group is None:
            ptr = enter(handle)
            rc = _lib.try_send_copy(ptr, PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data), flags)
            leave(handle)
            if rc == 0:
                return None
            if rc != -EAGAIN:
                _lib.fail(-rc)
        return self._send(data, flags, copy, track, routing_id, group)

    cdef object _send(self, object data, int flags, bint copy, bint track, object routing_id, object group):
        cdef zmq_msg_t msg
        cdef Py_ssize_t sent = 0
        cdef Prepared prepared
        cdef ReleaseEvent event = None
        if isinstance(data, Frame):
            check_track(<Frame> data, track)
        elif track and not copy:
            event = new_event()
        drain()
        prepared = prepare(data, &msg, copy, self.copy_threshold, event)
        try:
            if routing_id is not None or group is not None:
                set_draft_properties(&msg, routing_id, group)
            deliver(self.handle, &msg, 1, flags, &sent)
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

    def send_multipart(self, msg_parts, int flags=0, bint copy=True, bint track=False, routing_id=None, group=None, **kwargs):
        """Send a message of several frames, whole or not at all.

        Args:
            msg_parts: list or tuple of buffers and Frames, all checked before the first is sent.
            flags: zmq.DONTWAIT; zmq.SNDMORE when more frames follow in another call.
            copy, track, routing_id, group: as for send(); one tracker covers all frames.
        Returns:
            With track the tracker of the whole message; else what send() returns for the last frame.
        Raises:
            As send(): nothing was sent then. IndexError: no frame at all.
        """
        cdef zmq_msg_t few[FEW_PARTS]
        cdef zmq_msg_t *parts = few
        cdef Py_ssize_t count, made, sent
        cdef Prepared prepared = COPIED
        cdef ReleaseEvent event = None
        cdef bint lent = False
        cdef bint done = False
        cdef list peers = []
        cdef PyObject **items
        if copy and routing_id is None and group is None and isinstance(msg_parts, (list, tuple)):
            count = PySequence_Fast_GET_SIZE(msg_parts)
            items = PySequence_Fast_ITEMS(msg_parts)
            if few_small_bytes(items, count):
                if send_bytes(self.handle, items, count, flags):
                    return None
        msg_parts = check_parts(msg_parts)
        count = len(msg_parts)
        for part in msg_parts:
            if isinstance(part, Frame):
                check_track(<Frame> part, track)
                if track:
                    peers.append((<Frame> part).tracker)
        if track and not copy:
            event = new_event()
        drain()
        if count > FEW_PARTS:
            parts = <zmq_msg_t *> malloc(count * sizeof(zmq_msg_t))
            if parts == NULL:
                raise MemoryError(f"no memory for a message of {count} frames")
        try:
            while not done:
                made = sent = 0
                try:
                    for part in msg_parts:
                        if made == count:
                            raise RuntimeError("msg_parts grew while its buffers were taken")
                        prepared = prepare(part, &parts[made], copy, self.copy_threshold, event)
                        made += 1
                        if prepared == LENT:
                            lent = True
                    if routing_id is not None or group is not None:
                        set_draft_properties(&parts[0], routing_id, group)
                    done = deliver(self.handle, parts, made, flags, &sent)
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

    def recv(self, int flags=0, bint copy=True, bint track=False):
        """Receive one frame.

        Args:
            flags: zmq.DONTWAIT. copy: False gives a Frame over libzmq's memory. track: give that Frame a finished tracker.
        Returns:
            bytes, or a Frame whose `more` tells whether the message goes on.
        Raises:
            Again: nothing there (DONTWAIT), or RCVTIMEO passed. ContextTerminated.
            ZMQError: what zmq_msg_recv(3) says: EFSM, ENOTSUP, ENOTSOCK...
        """
        cdef zmq_msg_t msg
        cdef void *ptr
        cdef Py_ssize_t size
        if self.handle.stash is not None:
            return from_stash(self.handle, copy, track)
        ptr = enter(self.handle)
        size = _lib.try_recv(ptr, &msg)
        leave(self.handle)
        if size < 0:
            wait_to_receive(self.handle, &msg, flags, -size)
        self.handle.idle = RECEIVED_MORE if _lib.msg_more(&msg) else RECEIVED_LAST
        return take(&msg, copy, track)

    def recv_multipart(self, int flags=0, bint copy=True, bint track=False):
        """Receive all frames of a message.

        Args:
            As for recv().
        Returns:
            A list of bytes, or of Frames.
        Raises:
            As recv().
        """
        cdef zmq_msg_t few[FEW_PARTS]
        cdef zmq_msg_t *parts = few
        cdef zmq_msg_t *grown
        cdef SocketHandle handle = self.handle
        cdef Py_ssize_t capacity = FEW_PARTS
        cdef Py_ssize_t count, got, i
        cdef Py_ssize_t taken = 0
        cdef void *ptr
        cdef list message
        if handle.stash is not None:
            message = [from_stash(handle, copy, track)]
            while handle.idle & RECEIVED_MORE:
                if handle.stash is None:
                    return message + self.recv_multipart(0, copy, track)
                message.append(from_stash(handle, copy, track))
            return message
        ptr = enter(handle)
        count = _lib.try_recv_parts(ptr, parts, capacity)
        leave(handle)
        if count < 0:
            wait_to_receive(handle, parts, flags, -count)
            count = 1
        try:
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
                ptr = enter(handle)
                got = _lib.try_recv_parts(ptr, &parts[count], capacity - count)
                leave(handle)
                if got < 0:
                    wait_to_receive(handle, &parts[count], 0, -got)
                    got = 1
                count += got
            message = PyList_New(count)
            while taken < count:
                i = taken
                taken += 1
                part = take(&parts[i], copy, track)
                Py_INCREF(part)
                PyList_SET_ITEM(message, i, part)
            return message
        finally:
            close_parts(parts, taken, count)
            if parts != few:
                free(parts)

    def recv_into(self, buffer, /, *, Py_ssize_t nbytes=0, int flags=0):
        """Receive one frame into memory of the caller's.

        Args:
            buffer: writable and C-contiguous: bytearray, memoryview, array. nbytes: use only so many bytes of it; 0: all.
            flags: zmq.DONTWAIT.
        Returns:
            The frame's true length in bytes; what does not fit is dropped, so a value over the buffer's size means truncation.
        Raises:
            TypeError: no buffer. BufferError: read-only or not contiguous. ValueError: nbytes negative or too large. As recv().
        """
        cdef Py_buffer view
        cdef zmq_msg_t msg
        cdef void *ptr
        cdef Py_ssize_t size, room
        get_writable_buffer(buffer, &view)
        try:
            if nbytes < 0 or nbytes > view.len:
                raise ValueError(f"nbytes={nbytes} is outside the buffer's 0 to {view.len} bytes")
            room = nbytes if nbytes else view.len
            if self.handle.stash is not None:
                frame = from_stash(self.handle, False, False)
                _lib.msg_init(&msg)
                _lib.msg_move(&msg, &(<Frame> frame).msg)
                return _lib.take_into(&msg, view.buf, room)
            ptr = enter(self.handle)
            size = _lib.try_recv(ptr, &msg)
            leave(self.handle)
            if size < 0:
                wait_to_receive(self.handle, &msg, flags, -size)
            return _lib.take_into(&msg, view.buf, room)
        finally:
            PyBuffer_Release(&view)

    def poll(self, timeout=None, int flags=ZMQ_POLLIN):
        """Wait until the socket is ready.

        Args:
            timeout: milliseconds; None or negative: no limit. flags: zmq.POLLIN, zmq.POLLOUT or both.
        Returns:
            The mask of what is ready; 0 when the time is over.
        Raises:
            ZMQError: ENOTSUP for a closed socket; ENOTSOCK when it is closed meanwhile. ContextTerminated (zmq_poll(3)).
        """
        cdef SocketHandle handle = self.handle
        cdef int64_t deadline = deadline_of(timeout)
        cdef void *ptr
        cdef int events
        if handle.closed:
            _lib.fail_with(ENOTSUP, "socket is closed: it cannot be polled")
        ptr = enter(handle)
        try:
            while True:
                events = _lib.try_events(ptr)
                if events < 0:
                    _lib.fail(-events)
                if handle.stash is not None:
                    events |= ZMQ_POLLIN
                if events & flags or not wait_ready(handle, ptr, flags & (ZMQ_POLLIN | ZMQ_POLLOUT), deadline):
                    return events & flags
        finally:
            leave(handle)

    def _read_monitor(self, addr):
        """Become the reader of the monitor at an address that this PAIR socket was connected to before it began."""
        read_monitor(self.handle, as_address(addr))

    # ------------------------------------------------------------ for the flavours that wait in an event loop

    def _watch(self, watcher):
        """Have `watcher` called, once, before anybody's next call on this socket, which may take news off its descriptor."""
        watch(self.handle, watcher)

    def _unwatch(self):
        """Take back _watch()."""
        unwatch(self.handle)

    @property
    def _more(self):
        """Whether the frame received last has another behind it, if that was the last call."""
        return bool(self.handle.idle & RECEIVED_MORE)

    def _number(self):
        """Number what was received last, right after the call: the number to give it back with."""
        cdef SocketHandle handle = self.handle
        if handle.idle & RECEIVED_FROM_STASH:
            return handle.stash_number
        handle.number += 1
        return handle.number

    def _give_back(self, frames, int64_t number):
        """Put received frames back in front of what is still to be received, by whatever object stands for this socket.

        Args:
            frames: list of (bytes or Frame, whether the message goes on). number: from _number(), which keeps the order of messages
                that several awaiters give back.
        """
        cdef list stash
        cdef Py_ssize_t place = 0
        if self.handle.closed or not frames:
            return
        stash = self.handle.stash or []
        while place < len(stash) and stash[place][2] < number:
            place += 1
        stash[place:place] = [(content, more, number) for content, more in frames]
        self.handle.stash = stash
        self.handle.idle = 0
        if self.handle.watcher is not None:
            enter(self.handle)
            leave(self.handle)

    def __reduce__(self):
        raise TypeError("a Socket belongs to its process and cannot be pickled: make one where it is needed")
