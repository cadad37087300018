"""Frame: one zmq_msg_t as a Python object, whose memory is exported without a copy."""

import sys
from _weakref import ref  # all of weakref that is needed, without the time to import it

from cpython.buffer cimport Py_buffer, PyBuffer_FillInfo
from cpython.bytes cimport PyBytes_FromStringAndSize
from cython cimport critical_section

cdef extern from "abi.h":
    object abi_new(type cls, tuple arguments)
    void abi_take_class(object self)


from . cimport _lib
from .buffer cimport get_buffer, release_buffer
from .libzmq cimport ZMQ_GROUP_MAX_LENGTH, zmq_msg_t
from .release cimport ReleaseEvent, close_and_drain, drain, lend, new_event, new_tracker, settle

from errno import EINVAL

from zmq.error import ZMQError

from ._lib import PYZMQ_DRAFT_API
from .release import _FINISHED_TRACKER

cdef tuple NO_ARGUMENTS = ()

cdef enum:
    FEW_BYTES = 4096

cdef object _package = sys.modules["zmq"]


cdef Py_ssize_t default_threshold() except -1:
    """zmq.COPY_THRESHOLD in bytes: programs assign it, so it is read at each construction."""
    return getattr(_package, "COPY_THRESHOLD", 65536)


cdef class Frame:
    """A message frame; its memory is shared with libzmq, not copied, and exported through the buffer protocol.

    Args:
        data: any C-contiguous buffer; None makes an empty frame.
        track: give the frame a MessageTracker of its memory.
        copy: True copies, False shares; None shares from `copy_threshold` bytes on.
        copy_threshold: bytes; default zmq.COPY_THRESHOLD.
    Raises:
        TypeError: data is no buffer. BufferError: it is not contiguous.
    """

    def __cinit__(self, *args, **kwargs):
        # subclasses may have any signature: the arguments are __init__'s
        abi_take_class(self)
        _lib.msg_init(&self.msg)
        self.writable = True

    def __init__(self, data=None, bint track=False, copy=None, copy_threshold=None, **ignored):
        with critical_section(self):
            if self.filled or self.received:
                raise RuntimeError("a Frame is initialised once: its memory may be in use")
            # before any code of data's own runs, which might come back here
            self.filled = data is not None
        if data is not None:
            self._fill(data, track, copy, copy_threshold)
        elif track:
            self.tracker = _FINISHED_TRACKER

    def __dealloc__(self):
        if _lib.msg_size(&self.msg) < FEW_BYTES:
            # hardly ever lent, and if so the interpreter is asked to drain
            _lib.msg_close(&self.msg)
        else:
            close_and_drain(&self.msg)

    cdef int _fill(self, object data, bint track, object copy, object threshold) except -1:
        cdef Py_buffer view
        cdef ReleaseEvent event = new_event() if track else None
        cdef Py_ssize_t limit = 0
        cdef bint copied = False
        # all that may fail comes before the buffer is held
        if copy is not None:
            copied = copy
        else:
            limit = default_threshold() if threshold is None else threshold
        drain()
        get_buffer(data, &view)
        if copied or view.len < limit or view.len == 0:
            try:
                _lib.msg_init_copy(&self.msg, view.buf, view.len)
            finally:
                release_buffer(&view)
            self.writable = True
            if track:
                self.tracker = _FINISHED_TRACKER
            return 0
        self.writable = not view.readonly
        lend(&self.msg, &view, event)
        self.source = data
        if track:
            settle(event)
            self.tracker_event = event
            self.tracker = new_tracker(event, None)
        return 0

    def __copy__(self):
        """Return a frame of the same class over the same memory, with the same tracker."""
        cdef Frame twin = type(self).__new__(type(self))
        share_message(&twin.msg, self)
        twin.source = self.source
        twin.content = self.content
        twin.writable = self.writable
        twin.received = self.received
        twin.filled = True
        twin.more = self.more
        twin.tracker = self.tracker
        twin.tracker_event = self.tracker_event
        return twin

    def __reduce__(self):
        raise TypeError("a Frame stands for memory of this process and cannot be pickled: pickle frame.bytes")

    def __deepcopy__(self, memo):
        raise TypeError("a Frame cannot be deep-copied: use copy.copy(frame), or zmq.Frame(frame.bytes)")

    def __getbuffer__(self, Py_buffer *view, int flags):
        PyBuffer_FillInfo(view, self, _lib.msg_data(&self.msg), _lib.msg_size(&self.msg), not self._is_writable(), flags)

    cdef bint _is_writable(self) noexcept:
        if not self.writable:
            return False
        if _lib.msg_shared(&self.msg):
            return False
        # over inproc the memory is the sender's: only what a network engine read is nobody else's
        return not self.received or _lib.msg_from_network(&self.msg)

    def __len__(self):
        return _lib.msg_size(&self.msg)

    @property
    def buffer(self):
        """A memoryview of the content (format "B", one dimension), which keeps the frame alive."""
        with critical_section(self):
            view = self.view() if self.view is not None else None
            if view is None:
                view = memoryview(self)
                self.view = ref(view)
        return view

    @property
    def bytes(self):
        """The content as bytes: copied at the first access, then the same object."""
        with critical_section(self):
            if self.content is None:
                if type(self.source) is bytes:
                    self.content = self.source
                else:
                    self.content = PyBytes_FromStringAndSize(<char *> _lib.msg_data(&self.msg), _lib.msg_size(&self.msg))
            return self.content

    def get(self, option):
        """Return an option or a property of the frame.

        Args:
            option: an int (zmq.MORE, zmq.SHARED), or the name of a property: "routing_id" and "group" (drafts), or metadata of
                the peer such as "Peer-Address", "Socket-Type", "User-Id" (zmq_msg_gets(3)).
        Raises:
            ZMQError: EINVAL for an unknown option or absent property. TypeError: neither int nor str.
        """
        if isinstance(option, int):
            return _lib.msg_get(&self.msg, option)
        if option == "routing_id":
            need_drafts("routing_id")
            return _lib.msg_routing_id(&self.msg) or None
        if option == "group":
            need_drafts("group")
            return _group(&self.msg)
        if isinstance(option, str):
            option = option.encode("utf-8")
        if not isinstance(option, bytes):
            raise TypeError(f"{option!r} is neither an option (int) nor the name of a property (str)")
        try:
            return _lib.msg_property(&self.msg, option).decode("utf-8", "replace")
        except ZMQError as error:
            raise ZMQError(error.errno, f"this frame has no property {option.decode('utf-8', 'replace')!r}") from None

    def set(self, option, value):
        """Set an option or a draft property of the frame.

        Args:
            option: "routing_id" (value: int), "group" (value: str or bytes), or an int, of which libzmq accepts none today.
        Raises:
            ZMQError: EINVAL from libzmq (zmq_msg_set(3)). RuntimeError: a draft property without drafts.
        """
        if option == "routing_id":
            need_drafts("routing_id")
            _lib.msg_set_routing_id(&self.msg, value)
        elif option == "group":
            value = as_group(value)
            with critical_section(self):
                _lib.msg_set_group(&self.msg, value)
        else:
            _lib.msg_set(&self.msg, option, value)

    def __repr__(self):
        cdef size_t size = _lib.msg_size(&self.msg)
        if size <= 16:
            return f"<zmq.Frame({PyBytes_FromStringAndSize(<char *> _lib.msg_data(&self.msg), size)!r})>"
        head = PyBytes_FromStringAndSize(<char *> _lib.msg_data(&self.msg), 12)
        return f"<zmq.Frame({head!r}...{_size_text(size)})>"


cdef str _size_text(size_t size):
    if size >= 1 << 30:
        return f"{size // 1000000000}GB"
    if size >= 1 << 20:
        return f"{size // 1000000}MB"
    if size >= 1000:
        return f"{size // 1000}kB"
    return f"{size}B"


cdef object _group(zmq_msg_t *msg):
    cdef const char *group = _lib.msg_group(msg)
    if group == NULL:
        raise ZMQError(EINVAL, "this frame has no group")
    return group.decode("utf-8", "replace")


cdef int need_drafts(str feature) except -1:
    if not PYZMQ_DRAFT_API:
        raise RuntimeError(f"{feature}: needs libzmq's draft API, build pyzmq with ZMQ_DRAFT_API=1")
    return 0


cdef bytes as_group(object group):
    need_drafts("group")
    if isinstance(group, str):
        group = group.encode("utf-8")
    if not isinstance(group, bytes):
        raise TypeError(f"a group is a str or bytes, not {group!r}")
    # libzmq cuts a longer one without a word
    if len(group) > ZMQ_GROUP_MAX_LENGTH or b"\0" in group:
        raise ZMQError(EINVAL, f"a group has at most {ZMQ_GROUP_MAX_LENGTH} bytes and no NUL: {group!r}")
    return group


cdef Frame frame_received(type frame_class, zmq_msg_t *msg):
    """A frame that takes over a received message."""
    cdef Frame frame = <Frame> abi_new(frame_class, NO_ARGUMENTS)
    _lib.msg_move(&frame.msg, msg)
    frame.received = True
    frame.more = _lib.msg_more(&frame.msg)
    return frame


cdef int share_message(zmq_msg_t *to, Frame frame) except -1:
    """Make `to`, which was initialised, another message over the frame's memory."""
    # libzmq marks the original, in which it does not expect two threads
    with critical_section(frame):
        return _lib.msg_copy(to, &frame.msg)


cdef int check_track(Frame frame, bint track) except -1:
    if track and frame.tracker is None:
        raise ValueError(f"{frame!r} is not tracked: make it with zmq.Frame(data, track=True)")
    return 0
