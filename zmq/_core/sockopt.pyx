"""Socket options: reading and writing them by C type, and as attributes that tools can see.

The table is zmq/options.py, by way of constants.py; what a value means is zmq_setsockopt(3) and zmq_getsockopt(3).
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_CheckExact, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.exc cimport PyErr_WarnEx
from cpython.object cimport PyTypeObject, Py_TYPE
from cython cimport critical_section
from libc.errno cimport EFAULT, EINVAL
from libc.stdint cimport int64_t, uint64_t

from . cimport _lib
from .handle cimport (
    HANDLE_PER_CALL, RECEIVED_LAST, RECEIVED_MORE, SocketHandle, atomic_load_long, atomic_load_ptr, enter, leave,
)
from .libzmq cimport ZMQ_EVENTS, ZMQ_FD, ZMQ_POLLIN, ZMQ_RCVMORE, ZMQ_TYPE, fd_t

from zmq.constants import SocketOption
from zmq.error import DraftFDWarning, ThreadError, ZMQError

from ._lib import PYZMQ_DRAFT_API

cdef enum Kind:
    UNKNOWN, INT, INT64, BYTES, DESCRIPTOR

cdef enum:
    ROUTING_ID = 5
    CURVE_PUBLICKEY = 48
    CURVE_SERVERKEY = 50
    CURVE_KEY_SIZE = 41          # z85 with its NUL; libzmq wants exactly this
    LARGEST_VALUE = 1024         # bytes; no option of libzmq is longer
    OPTION_COUNT = 256

cdef Kind[OPTION_COUNT] kinds


cdef Kind kind_of(int option) noexcept:
    # an unknown number may be one of a newer libzmq: it is tried as an int
    return kinds[option] if 0 <= option < OPTION_COUNT else UNKNOWN


# ---------------------------------------------------------------- reading

cdef int _get(SocketHandle handle, int option, void *value, size_t *size) except -1:
    cdef void *ptr = enter(handle)
    cdef int rc = _lib.try_getsockopt(ptr, option, value, size)
    leave(handle)
    if rc < 0:
        return _lib.fail(-rc)
    return 0


cdef int get_int(SocketHandle handle, int option, int *value) except -1:
    cdef size_t size = sizeof(int)
    return _get(handle, option, value, &size)


cdef object get_option(SocketHandle handle, int option):
    cdef int number = 0
    cdef int64_t wide = 0
    cdef size_t size
    cdef Kind kind = kind_of(option)
    if kind == INT or kind == UNKNOWN:
        if option == ZMQ_TYPE and _is_in_use(handle):
            # another thread is inside; what never changes need not wait for it, nor be refused
            return handle.type
        if option == ZMQ_RCVMORE and handle.idle & (RECEIVED_MORE | RECEIVED_LAST):
            return 1 if handle.idle & RECEIVED_MORE else 0
        if HANDLE_PER_CALL and option == ZMQ_TYPE:
            try:
                get_int(handle, option, &number)
            except ThreadError:
                # it has come inside since
                return handle.type
        else:
            get_int(handle, option, &number)
        if option == ZMQ_EVENTS and handle.stash is not None:
            number |= ZMQ_POLLIN
        return number
    if kind == INT64:
        size = sizeof(int64_t)
        _get(handle, option, &wide, &size)
        return wide
    if kind == DESCRIPTOR:
        return _get_descriptor(handle)
    return _get_bytes(handle, option)


cdef bint _is_in_use(SocketHandle handle) noexcept:
    return atomic_load_ptr(&handle.ptr) == NULL and not (handle.closed or handle.forked or atomic_load_long(&handle.closing))


cdef object _get_bytes(SocketHandle handle, int option):
    cdef char value[LARGEST_VALUE]
    cdef size_t size = LARGEST_VALUE
    if CURVE_PUBLICKEY <= option <= CURVE_SERVERKEY:
        size = CURVE_KEY_SIZE
    _get(handle, option, value, &size)
    # strings come with their NUL; a routing id may end in one of its own
    if option != ROUTING_ID and size > 0 and value[size - 1] == 0:
        size -= 1
    return PyBytes_FromStringAndSize(value, size)


cdef object _get_descriptor(SocketHandle handle):
    cdef fd_t fd = 0
    cdef size_t size = sizeof(fd_t)
    cdef void *ptr
    if not handle.thread_safe:
        _get(handle, ZMQ_FD, &fd, &size)
        return fd
    if not PYZMQ_DRAFT_API:
        raise RuntimeError("a thread-safe socket has no descriptor of its own: build pyzmq with ZMQ_DRAFT_API=1")
    if handle.poller == NULL:
        PyErr_WarnEx(DraftFDWarning, str(DraftFDWarning()).encode(), 1)
    ptr = enter(handle)
    try:
        with critical_section(handle):
            return _lib.socket_poller_fd(ptr, &handle.poller)
    finally:
        leave(handle)


# ---------------------------------------------------------------- writing

cdef int set_option(SocketHandle handle, int option, object value) except -1:
    cdef Kind kind = kind_of(option)
    cdef int number
    cdef int64_t wide
    if isinstance(value, str):
        raise TypeError(f"option {_name(option)} cannot be set to a str: use set_string(), or encode it to bytes")
    if kind == BYTES:
        if not PyBytes_CheckExact(value):
            raise TypeError(f"option {_name(option)} needs bytes, not {type(value).__name__}")
        return _set(handle, option, PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value))
    if not isinstance(value, int):
        raise TypeError(f"option {_name(option)} needs an int, not {type(value).__name__}")
    if kind == INT64:
        # AFFINITY is a mask of 64 bits
        wide = <int64_t> <uint64_t> value if value >= 1 << 63 else value
        return _set(handle, option, &wide, sizeof(int64_t))
    number = value
    return _set(handle, option, &number, sizeof(int))


cdef int _set(SocketHandle handle, int option, const void *value, size_t size) except -1:
    cdef void *ptr = enter(handle)
    cdef int rc = _lib.try_setsockopt(ptr, option, value, size)
    leave(handle)
    return _lib.fail(-rc) if rc < 0 else 0


cdef object _name(int option):
    try:
        return SocketOption(option).name
    except ValueError:
        return option


# ---------------------------------------------------------------- attributes

cdef class OptionHolder:
    """What a socket is to its options."""


cdef PyTypeObject *plain_class = NULL


def set_plain_class(type cls):
    """Name the class whose get() and set() are the core's own, so that its attributes may skip them."""
    global plain_class
    plain_class = <PyTypeObject *> cls


cdef class OptionAttribute:
    """A socket option as an attribute: ``socket.linger``."""
    cdef int number
    cdef readonly str name

    def __init__(self, int number, str name):
        self.number = number
        self.name = name

    @property
    def __doc__(self):
        from zmq.options import ALIASES, SOCKET_OPTIONS  # prose, which takes 1 % of the time of `import zmq`

        name = self.name.upper()
        return next(row.meaning for row in SOCKET_OPTIONS if row.name == ALIASES.get(name, name))

    def __get__(self, socket, owner):
        if socket is None:
            return self
        try:
            if Py_TYPE(socket) == plain_class:
                return get_option((<OptionHolder> socket).handle, self.number)
            return socket.get(self.number)
        except ZMQError as error:
            # EFAULT is what unittest.mock meets on a context that is gone
            if error.errno == EINVAL or error.errno == EFAULT:
                raise AttributeError(f"{self.name} attribute is write-only, or unknown to this libzmq") from None
            raise

    def __set__(self, socket, value):
        if Py_TYPE(socket) == plain_class:
            set_option((<OptionHolder> socket).handle, self.number, value)
        else:
            socket.set(self.number, value)

    def __delete__(self, socket):
        raise AttributeError(f"option {self.name} cannot be deleted: set it to its default")


def _define():
    about = "Every socket option as an attribute, by its lower and upper case name."
    namespace = {"__doc__": about, "__module__": __name__, "__slots__": ()}
    names = {"int": INT, "int64": INT64, "bytes": BYTES, "fd": DESCRIPTOR}
    for name, option in SocketOption.__members__.items():
        kinds[<int> option] = names[option._opt_type._name_]
        namespace[name] = OptionAttribute(option, name)
        # lower-case hwm sets both directions, subscribe and unsubscribe are methods, type is the enum member
        if name not in ("HWM", "SUBSCRIBE", "UNSUBSCRIBE", "TYPE"):
            namespace[name.lower()] = OptionAttribute(option, name.lower())
    return type("SocketOptions", (), namespace)


SocketOptions = _define()
