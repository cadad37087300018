"""Socket: the verbs (send, recv, recv_into, send_multipart, recv_multipart, send_many, recv_many, poll), endpoints and closing.

What the verbs do is in sending.pyx and receiving.pyx; only their shortest ways are here.
"""

cimport cython
from cpython.buffer cimport Py_buffer
from cpython.bytearray cimport PyByteArray_AS_STRING
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_CheckExact, PyBytes_GET_SIZE
from cpython.exc cimport PyErr_CheckSignals
from libc.errno cimport EAGAIN, EINTR, EINVAL, EMFILE, ENAMETOOLONG, ENOENT, ENOTSOCK
from libc.stdint cimport int64_t
from libc.string cimport memcpy

from . cimport _lib, inproc
from .buffer cimport get_writable_buffer, release_buffer
from .context cimport Context
from .frame cimport Frame, as_group, default_threshold, need_drafts
from .handle cimport (
    RECEIVED_MORE, SocketHandle, end_monitored, enter, hold, leave, let_go, monitor_begun, read_monitor,
    take_watcher, wait_ready, watch,
)
from .life cimport KEEP_LINGER, closed_socket, need_descriptors, socket_adopt, socket_open, socket_shut, wait_for_place
from .libzmq cimport ENOCOMPATPROTO, ENOTSUP, ZMQ_PAIR, ZMQ_POLLIN, ZMQ_POLLOUT, ZMQ_STREAM, zmq_msg_t
from .receiving cimport (
    continued_last, from_stash, give_back, number_received, receive_at_once, receive_batch, receive_parts,
    take_frame, wait_to_receive,
)
from .release cimport drain
from .sending cimport SHARE_BYTES_FROM, check_batch, send_batch, send_frame, send_parts
from .sockopt cimport get_option, set_option
from .wait cimport deadline_of

cdef extern from "abi.h":
    void abi_take_class(object self)

from ._lib import IPC_PATH_MAX_LEN, strerror

cdef enum:
    # the options of bundled/patches/04-count-peers.patch
    COUNT_PEERS = 0x70790001
    COUNT_SUBSCRIBERS = 0x70790002

# ---------------------------------------------------------------- verbs of a program's own

# of zmq/_by_frame.py, once there is a class with a `send` or `recv` of its own
cdef object send_by_frame = None
cdef object recv_by_frame = None


def go_by_frame(send, recv):
    """Name what the multipart verbs call instead for a class that has the verb in its `_own_verbs`."""
    global send_by_frame, recv_by_frame
    send_by_frame = send
    recv_by_frame = recv


cdef object own_verbs(Socket socket):
    return getattr(type(socket), "_own_verbs", ())


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


cdef int call_monitored(SocketHandle handle, void *ptr, endpoint_call call, const char *address) noexcept:
    """Without the GIL: libzmq may wait for the monitor's reader, whom another thread is about to connect."""
    cdef int rc
    hold(handle, ptr, NULL)
    with nogil:
        rc = call(ptr, address)
    let_go(handle)
    return rc


cdef int call_endpoint(SocketHandle handle, endpoint_call call, object address) except -1:
    cdef bytes name = as_address(address)
    cdef void *ptr
    cdef int rc
    cdef bint is_inproc = name.startswith(b"inproc:")
    if b"\0" in name:
        return endpoint_failed(EINVAL, name)
    if is_inproc:
        if handle.type == ZMQ_STREAM and (call is _lib.try_bind or call is _lib.try_connect):
            # it is for TCP alone (zmq_socket(3)), and libzmq aborts when a message of several frames comes from within the process
            return endpoint_failed(ENOCOMPATPROTO, name)
        before_inproc(handle, call, name)
    elif call is _lib.try_bind or call is _lib.try_connect or not name.startswith(b"ipc:"):
        # to resolve an address takes one too, and libzmq does so to find what it has bound
        need_descriptors(2)
    while True:
        ptr = enter(handle)
        if handle.monitoring:
            rc = call_monitored(handle, ptr, call, PyBytes_AS_STRING(name))
        else:
            rc = call(ptr, PyBytes_AS_STRING(name))
        leave(handle)
        if rc != -EINTR:
            break
        PyErr_CheckSignals()
    if rc < 0:
        return endpoint_failed(-rc, name)
    if is_inproc and call is _lib.try_bind and not inproc.repaired():
        inproc.after_bind(handle, name)
    return 0


cdef int before_inproc(SocketHandle handle, endpoint_call call, bytes name) except -1:
    if inproc.repaired():
        return 0
    if call is _lib.try_connect:
        return inproc.before_connect(handle, name)
    if call is _lib.try_bind:
        return inproc.before_bind(handle, name)
    if call is _lib.try_unbind:
        return inproc.before_unbind(handle, name)
    return inproc.before_disconnect(handle, name)


cdef class Socket(OptionHolder):
    """A libzmq socket, without the conveniences of zmq.Socket.

    Args:
        context: the Context that the socket lives in.
        socket_type: a zmq.SocketType.
        shadow: an existing Socket, or the address of a libzmq socket, to be used instead of a new one; 0 makes a new one.
        copy_threshold: bytes; with copy=False, smaller messages are copied all the same. Default zmq.COPY_THRESHOLD.
    Raises:
        ZMQError: EINVAL for an unknown type, EMFILE for too many sockets (zmq_socket(3)), ENOTSOCK for a shadow of a closed one.
    """

    def __cinit__(self, *args, **kwargs):
        # subclasses may have any signature: the arguments are __init__'s
        abi_take_class(self)
        self.handle = closed_socket()

    def __init__(self, context=None, int socket_type=-1, shadow=0, copy_threshold=None):
        cdef SocketHandle handle
        self.context = context
        self.copy_threshold = default_threshold() if copy_threshold is None else copy_threshold
        if isinstance(shadow, Socket):
            # never by its address: when another thread closes it meanwhile, that is nobody's, or another socket's
            handle = (<Socket> shadow).handle
            if handle.closed:
                _lib.fail_with(ENOTSOCK, f"{shadow!r} cannot be shadowed: it is closed")
            self.handle = handle
            return
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
        return <size_t> self.handle.address

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
        if name.startswith(b"inproc:"):
            before_inproc(self.handle, _lib.try_connect, name)
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
        cdef SocketHandle handle = self.handle
        cdef void *ptr
        cdef int64_t deadline = 0
        cdef int rc
        while True:
            ptr = enter(handle)
            # as in call_monitored(): to end a monitor is an event of it
            hold(handle, ptr, NULL)
            with nogil:
                rc = _lib.try_socket_monitor(ptr, address, events)
            let_go(handle)
            leave(handle)
            if rc != -EMFILE or handle.context is None:
                break
            wait_for_place(handle.context, &deadline)
        if rc < 0:
            _lib.fail(-rc)
        monitor_begun(handle, name)
        if name is not None and not inproc.repaired():
            inproc.forget(handle, name)

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

    # those for each message are built-in methods, which are called without Cython's function objects between; their signature is in
    # the docstring

    @cython.binding(False)
    @cython.embedsignature(True)
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
        return send_frame(handle, self.copy_threshold, data, flags, copy, track, routing_id, group)

    @cython.binding(False)
    @cython.embedsignature(True)
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
        if send_by_frame is not None and "send" in own_verbs(self):
            return send_by_frame(self, msg_parts, flags, copy, track, routing_id, group)
        return send_parts(self.handle, self.copy_threshold, msg_parts, flags, copy, track, routing_id, group)

    def send_many(self, messages, int flags=0, bint copy=True, bint multipart=False):
        """Send many messages in one call, each of them whole.

        Args:
            messages: list or tuple of what send() takes, or with multipart=True of what send_multipart() takes; all of them are
                checked before the first goes. flags: zmq.DONTWAIT. copy: as for send().
        Returns:
            How many were sent: fewer than all only with DONTWAIT, or when SNDTIMEO, which is for the whole call, has passed.
        Raises:
            Again: not even one could be sent. TypeError, IndexError, BufferError: a message cannot be sent; none was.
            What send() and signal handlers raise; the exception's attribute `sent` tells how many went before.
        """
        return send_batch(self.handle, self.copy_threshold, check_batch(messages, multipart), 0, flags, copy, multipart)

    @cython.binding(False)
    @cython.embedsignature(True)
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
        cdef Py_ssize_t size
        if self.handle.stash is not None:
            return from_stash(self.handle, copy, track)
        content = receive_at_once(self.handle, &msg, copy, &size)
        if content is not None:
            return content
        if size < 0:
            wait_to_receive(self.handle, &msg, flags, -size)
        return take_frame(self.handle, &msg, copy, track)

    @cython.binding(False)
    @cython.embedsignature(True)
    def recv_multipart(self, int flags=0, bint copy=True, bint track=False):
        """Receive all frames of a message.

        Args:
            As for recv().
        Returns:
            A list of bytes, or of Frames.
        Raises:
            As recv().
        """
        if recv_by_frame is not None and "recv" in own_verbs(self):
            return recv_by_frame(self, flags, copy, track)
        return receive_parts(self.handle, flags, copy, track)

    def recv_many(self, Py_ssize_t n, int flags=0, bint copy=True, bint multipart=False):
        """Receive up to n messages in one call, waiting only for the first.

        Args:
            n: at least 1. flags: zmq.DONTWAIT. copy: as for recv(). multipart: messages of several frames.
        Returns:
            A list of 1 to n frames, each as recv() gives it; with multipart=True of messages as recv_multipart() gives them.
        Raises:
            ValueError: n is less than 1. As recv(), when there is not even one. No message is lost by an error.
        """
        return receive_batch(self.handle, n, flags, copy, multipart)

    @cython.binding(False)
    @cython.embedsignature(True)
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
            release_buffer(&view)

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

    def _count_peers(self):
        """Connections whose handshake has succeeded; -1 when this libzmq does not count them (bundled/patches/03)."""
        cdef int number = -1
        cdef size_t size = sizeof(int)
        cdef int rc = _lib.try_getsockopt(enter(self.handle), COUNT_PEERS, &number, &size)
        leave(self.handle)
        return number if rc >= 0 else -1 if rc == -EINVAL else _lib.fail(-rc)

    def _count_subscribers(self, bytes topic):
        """Peers to which a message that begins like this would go; -1: this libzmq does not count them. ENOTSUP for other types."""
        cdef int64_t number = -1
        cdef bytearray buffer = bytearray(sizeof(int64_t)) + topic
        cdef size_t size = len(buffer)
        cdef int rc = _lib.try_getsockopt(enter(self.handle), COUNT_SUBSCRIBERS, PyByteArray_AS_STRING(buffer), &size)
        leave(self.handle)
        memcpy(&number, PyByteArray_AS_STRING(buffer), sizeof(int64_t))
        return number if rc >= 0 else -1 if rc == -EINVAL else _lib.fail(-rc)

    # ------------------------------------------------------------ for the flavours that wait in an event loop

    def _watch(self, watcher):
        """Have `watcher` called, once, before anybody's next call on this socket, which may take news off its descriptor."""
        watch(self.handle, watcher)

    def _unwatch(self):
        """Take back _watch()."""
        take_watcher(self.handle)

    @property
    def _more(self):
        """Whether the frame received last has another behind it, if that was the last call."""
        return bool(self.handle.idle & RECEIVED_MORE)

    @property
    def _continued(self):
        """The places, in what recv_many() gave last, of frames with another behind them; None: there are none."""
        return continued_last(self.handle)

    def _check_many(self, messages, bint multipart):
        """The messages as a tuple for _send_from(), all of them found fit to be sent."""
        return check_batch(messages, multipart)

    def _send_from(self, tuple batch, Py_ssize_t start, int flags, bint copy, bint multipart):
        """Send from the message with the number `start` on; the number of the first that was not sent."""
        return send_batch(self.handle, self.copy_threshold, batch, start, flags, copy, multipart)

    def _number(self):
        """Number what was received last, right after the call: the number to give it back with."""
        return number_received(self.handle)

    def _give_back(self, frames, int64_t number):
        """Put received frames back in front of what is still to be received, by whatever object stands for this socket.

        Args:
            frames: list of (bytes or Frame, whether the message goes on). number: from _number(), which keeps the order of messages
                that several awaiters give back.
        """
        give_back(self.handle, frames, number)

    def __reduce__(self):
        raise TypeError("a Socket belongs to its process and cannot be pickled: make one where it is needed")
