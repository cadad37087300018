"""Context: the libzmq context as a Python object."""

from libc.stdint cimport int64_t

from .life cimport closed_context, context_adopt, context_get, context_open, context_set, context_shut
from .wait cimport WAIT_FOREVER, wait_now_ns

cdef extern from "abi.h":
    void abi_take_class(object self)

from errno import ETIMEDOUT

from zmq.constants import ContextOption
from zmq.error import ZMQError

cdef int IO_THREADS = ContextOption.IO_THREADS
cdef int MAX_SOCKETS = ContextOption.MAX_SOCKETS


cdef class Context:
    """A libzmq context, without the conveniences of zmq.Context.

    Args:
        io_threads: I/O threads to start with the first socket; 0 is enough for inproc.
        shadow: an existing Context, or the address of a libzmq context, to be used instead of a new one; 0 makes a new one.
    Raises:
        ZMQError: EINVAL for a negative number of threads (zmq_ctx_set(3)).
    """

    def __cinit__(self, *args, **kwargs):
        # subclasses may have any signature: the arguments are __init__'s
        abi_take_class(self)
        self.handle = closed_context()

    def __init__(self, int io_threads=1, shadow=0):
        if isinstance(shadow, Context):
            # never by its address: when another thread ends it meanwhile, that is nobody's, or another context's
            self.handle = (<Context> shadow).handle
            return
        if shadow:
            self.handle = context_adopt(shadow)
            return
        handle = context_open()
        context_set(handle, IO_THREADS, io_threads)
        self.handle = handle

    @property
    def underlying(self):
        """The address of the libzmq context; 0 once closed."""
        return <size_t> self.handle.ptr

    @property
    def closed(self):
        """Whether the context was terminated."""
        return self.handle.closed

    @property
    def _handle(self):
        return self.handle

    @property
    def _forked(self):
        return self.handle.forked

    def set(self, int option, optval):
        """Set an option of the context.

        Args:
            option: a zmq.ContextOption. optval: int.
        Raises:
            ZMQError: EINVAL, an option that cannot be set or a value out of its range (zmq_ctx_set(3)).
            RuntimeError: the context is closed. TypeError: optval is no int.
        """
        if not isinstance(optval, int):
            raise TypeError(f"context option {option} needs an int, not {type(optval).__name__}")
        self._check_open()
        context_set(self.handle, option, optval)

    def get(self, int option):
        """Return an option of the context as an int.

        Args:
            option: a zmq.ContextOption.
        Raises:
            ZMQError: EINVAL for an option that cannot be read (zmq_ctx_get(3)). RuntimeError: the context is closed.
        """
        self._check_open()
        if option == MAX_SOCKETS and self.handle.limit:
            return self.handle.limit
        return context_get(self.handle, option)

    cdef int _check_open(self) except -1:
        if self.handle.closed:
            raise RuntimeError("context is closed: make a new one with zmq.Context()")
        return 0

    def term(self, timeout=None):
        """Terminate the context: block until its sockets are closed and their lingering messages gone.

        Args:
            timeout: seconds; None: no limit. A later call goes on where this one gave up.
        Raises:
            ZMQError: ETIMEDOUT, what is still open.

        Calls that block in its sockets meanwhile raise ContextTerminated (zmq_ctx_term(3)). Terminating twice is nothing, as is
        terminating a context that a forked child inherited.
        """
        cdef int64_t deadline = WAIT_FOREVER
        if timeout is not None:
            deadline = wait_now_ns() + <int64_t> (max(0.0, min(timeout, 3e8)) * 1e9)
        if not context_shut(self.handle, deadline):
            raise ZMQError(ETIMEDOUT, self._unfinished(timeout))

    def _unfinished(self, timeout):
        return f"context not terminated within {timeout} s: close its sockets, with linger=0 to drop what they have not sent"

    def __reduce__(self):
        raise TypeError("a Context belongs to its process and cannot be pickled: make one where it is needed")
