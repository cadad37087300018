"""The awaited verbs where they need not wait, and one try of those that do.

What can be done at once gives a `_Done`, a future that is born done and costs little. Everything else is left to the event loop's
flavour: `AwaitingSocket` calls its `_receive`, `_transmit` and `_failed`. A receive that waits is a `Receive`, which is tried until
a message is there, and knows how to give it back.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_CheckExact, PyBytes_GET_SIZE
from cpython.exc cimport PyErr_SetObject
from cpython.object cimport PyObject, PyObject_GenericSetAttr
from cpython.ref cimport Py_INCREF
from cython cimport critical_section
from libc.stdint cimport int64_t

from . cimport _lib
from .handle cimport HANDLE_PER_CALL, RECEIVED_MORE, SocketHandle, enter, leave, take_watcher, watch
from .libzmq cimport ZMQ_DONTWAIT, ZMQ_RCVTIMEO
from .receiving cimport TRY, continued_last, give_back, number_received, receive_batch, receive_frame, receive_parts
from .sending cimport SHARE_BYTES_FROM, send_at_once, send_frame, send_parts
from .socket cimport Socket
from .sockopt cimport get_int
from .wait cimport wait_now_ns

from zmq.error import Again

cdef extern from "Python.h":
    ctypedef enum PySendResult:
        PYGEN_RETURN
        PYGEN_ERROR
        PYGEN_NEXT
    ctypedef PySendResult (*sendfunc)(PyObject *iterator, PyObject *value, PyObject **result) except PYGEN_ERROR

    ctypedef PyObject *(*iternextfunc)(PyObject *iterator) except? NULL

cdef extern from *:
    """
    #if PY_VERSION_HEX < 0x030C0000 && !defined(PYPY_VERSION) && !defined(Py_LIMITED_API) && !defined(_WIN32)
    /* Before 3.12 asyncio asks the system for the number of the process whenever it is asked for the running loop. This looks at
       what it keeps for the thread, whose form will not change any more in those versions. */
    typedef struct {
        PyObject_HEAD
        PyObject *loop;
        pid_t process;
    } running_loop_holder;

    static int is_surely_running(PyObject *loop, PyObject *name)
    {
        PyObject *kept = PyThreadState_GetDict();
        PyObject *holder = kept ? PyDict_GetItemWithError(kept, name) : NULL;
        return holder && Py_TYPE(holder)->tp_basicsize == sizeof(running_loop_holder)
               && ((running_loop_holder *) holder)->loop == loop;
    }
    #else
    #define is_surely_running(loop, name) 0
    #endif
    """
    bint is_surely_running(object loop, object name)

cdef extern from "abi.h":
    void abi_set_am_send(type cls, sendfunc function)
    void abi_set_iternext(type cls, iternextfunc function)

cdef enum:
    # in a queue of at most so many, cancelled ones do no harm
    FEW_WAITERS = 32
    # operations that are done at once before the clock is asked, and nanoseconds after which one goes through the event loop, for
    # the sake of everybody else in it
    IN_A_ROW = 64
    TURN_NS = 200000

cdef enum Kind:
    FRAME, MESSAGE, FRAMES, MESSAGES

cdef str RUNNING = "__asyncio_running_event_loop__"

cdef object running_loop = None
cdef object future_class = None
cdef object received_class = None


def use_futures(get_running_loop, type future, type received):
    """Say what tells the running event loop, what class a _Done is taken for, and the class of receives that wait."""
    global running_loop, future_class, received_class
    running_loop = get_running_loop
    future_class = future
    received_class = received


cdef object error_named(str name, str text):
    import asyncio  # whoever comes here has loaded it

    return getattr(asyncio, name)(text)


# ---------------------------------------------------------------- futures that are done

@cython.final
@cython.freelist(64)
cdef class _Done:
    """The future of an operation that was done at once.

    What was received goes back to the socket if the future is cancelled before somebody got it. Awaiting it does not suspend.
    """
    cdef object value
    cdef object loop
    cdef object load
    cdef Socket socket      # to give back to; None: nothing to give back
    cdef int kind
    cdef bint more
    cdef bint given_back
    cdef int64_t number
    cdef list continued
    cdef dict attributes    # of others' making; Cython cannot make a type from a specification that has a __dict__ of its own
    cdef object __weakref__

    cdef object deliver(self):
        if self.given_back:
            raise self._make_cancelled_error()
        if HANDLE_PER_CALL:
            # two threads may ask for one result, or one cancel it meanwhile
            with critical_section(self):
                self.socket = None
                value = self.value
            return value if self.load is None else self.load(value)
        self.socket = None
        return self.value if self.load is None else self.load(self.value)

    @property
    def __class__(self):
        return future_class

    @property
    def _load(self):
        return self.load

    @_load.setter
    def _load(self, load):
        self.load = load

    def __await__(self):
        return self

    def __iter__(self):
        return self

    def __next__(self):
        raise StopIteration(self.deliver())

    def send(self, value):
        """As the iterator that `await` uses."""
        raise StopIteration(self.deliver())

    def done(self):
        """Return True."""
        return True

    def cancelled(self):
        """Return whether cancel() gave a message back."""
        return self.given_back

    def result(self):
        """Return what the operation returned."""
        return self.deliver()

    def exception(self):
        """Return None: the operation did not fail."""
        if self.given_back:
            raise self._make_cancelled_error()
        return None

    def cancel(self, msg=None):
        """Give what was received back to the socket, unless somebody got it; return whether that was so."""
        cdef Socket socket
        value = None
        with critical_section(self):
            socket = self.socket
            self.socket = None
            if socket is not None:
                self.given_back = True
                value = self.value
                self.value = None
        if socket is not None:
            give_back_received(socket, self.kind, value, self.more, self.continued, self.number)
        return self.given_back

    def _make_cancelled_error(self):
        # gather() asks its children for it
        return error_named("CancelledError", "cancel() gave the message back to the socket")

    def add_done_callback(self, function, *, context=None):
        """Have a function called with this future, soon."""
        if context is None:
            self.loop.call_soon(function, self)
        else:
            self.loop.call_soon(function, self, context=context)

    def remove_done_callback(self, function):
        """Return 0: no callback waits."""
        return 0

    def get_loop(self):
        """Return the event loop that it belongs to."""
        return self.loop

    def set_result(self, result):
        """Raise InvalidStateError: it is done."""
        raise error_named("InvalidStateError", "the operation is done")

    def set_exception(self, exception):
        """Raise InvalidStateError: it is done."""
        raise error_named("InvalidStateError", "the operation is done")

    @property
    def _loop(self):
        return self.loop

    @property
    def _state(self):
        return "CANCELLED" if self.given_back else "FINISHED"

    @property
    def _asyncio_future_blocking(self):
        return False

    @_asyncio_future_blocking.setter
    def _asyncio_future_blocking(self, value):
        if value:
            raise error_named("InvalidStateError", "the operation is done")

    cdef dict others(self):
        if self.attributes is None:
            self.attributes = {}
        return self.attributes

    @property
    def __dict__(self):
        return self.others()

    def __getattr__(self, str name):
        if self.attributes is None or name not in self.attributes:
            raise AttributeError(f"{future_class.__name__!r} object has no attribute {name!r}", name=name, obj=self)
        return self.attributes[name]

    def __setattr__(self, str name, value):
        if hasattr(_Done, name):
            PyObject_GenericSetAttr(self, name, value)
        else:
            self.others()[name] = value

    def __delattr__(self, str name):
        if name not in self.others():
            raise AttributeError(f"{future_class.__name__!r} object has no attribute {name!r}", name=name, obj=self)
        del self.attributes[name]

    def __repr__(self):
        return f"<{future_class.__name__} {'cancelled' if self.given_back else 'finished'} result={self.value!r}>"


cdef PySendResult send_to_done(PyObject *iterator, PyObject *value, PyObject **result) except PYGEN_ERROR:
    outcome = (<_Done> iterator).deliver()
    Py_INCREF(outcome)
    result[0] = <PyObject *> outcome
    return PYGEN_RETURN


cdef PyObject *next_of_done(PyObject *iterator) except? NULL:
    outcome = (<_Done> iterator).deliver()
    if outcome is not None:
        PyErr_SetObject(StopIteration, StopIteration(outcome))
    return NULL


# What `await` calls: up to 3.11 the former, which needs no StopIteration; then the latter, which is __next__ without the traceback
# that `raise` would make, and for None without an exception
abi_set_am_send(_Done, send_to_done)
abi_set_iternext(_Done, next_of_done)


cdef _Done done_sending(object loop, object value):
    cdef _Done done = _Done.__new__(_Done)
    done.loop = loop
    done.value = value
    return done


cdef _Done done_receiving(object loop, object value, Socket socket, int kind):
    """Right after it was received."""
    cdef _Done done = _Done.__new__(_Done)
    done.loop = loop
    done.value = value
    done.socket = socket
    done.kind = kind
    done.number = number_received(socket.handle)
    done.more = socket.handle.idle & RECEIVED_MORE
    if kind == FRAMES:
        done.continued = continued_last(socket.handle)
    return done


# ---------------------------------------------------------------- receives that may have to wait

@cython.final
@cython.freelist(64)
cdef class Receive:
    """A receive that can be tried any number of times, never waiting; called, it raises Again when nothing is there."""

    cdef object attempt(self):
        """What was received, or None."""
        received = receive_now(self.socket.handle, self.kind, self.wanted, self.copy, self.track)
        if received is not None:
            self.note(self.socket.handle)
        return received

    cdef int note(self, SocketHandle handle) except -1:
        """Remember where it belongs, right after it was received."""
        self.number = number_received(handle)
        self.more = handle.idle & RECEIVED_MORE
        if self.kind == FRAMES:
            self.continued = continued_last(handle)
        return 0

    def __call__(self):
        received = self.attempt()
        if received is None:
            raise Again()
        return received

    def done(self, loop, received):
        """Return the future of what was received last, at once."""
        cdef _Done done = done_sending(loop, received)
        done.socket = self.socket
        done.kind = self.kind
        done.number = self.number
        done.more = self.more
        done.continued = self.continued
        return done

    def give_back(self, received):
        """Put what was received last back in front of the socket."""
        give_back_received(self.socket, self.kind, received, self.more, self.continued, self.number)


cdef object receive_now(SocketHandle handle, int kind, Py_ssize_t wanted, bint copy, bint track):
    """What can be received without waiting, or None."""
    if kind == FRAME:
        return receive_frame(handle, TRY, copy, track)
    if kind == MESSAGE:
        return receive_parts(handle, TRY, copy, track)
    return receive_batch(handle, wanted, TRY, copy, kind == MESSAGES)


cdef int give_back_received(
    Socket socket, int kind, object received, bint more, list continued, int64_t number
) except -1:
    cdef list frames
    if kind == FRAME:
        frames = [(received, more)]
    elif kind == MESSAGE:
        frames = continued_frames(received)
    elif kind == MESSAGES:
        frames = [frame for message in received for frame in continued_frames(message)]
    else:
        places = continued or ()
        frames = [(frame, i in places) for i, frame in enumerate(received)]
    return give_back(socket.handle, frames, number)


cdef list continued_frames(list message):
    cdef Py_ssize_t last = len(message) - 1
    return [(frame, i < last) for i, frame in enumerate(message)]


cdef Receive new_receive(Socket socket, int kind, Py_ssize_t wanted, bint copy, bint track):
    cdef Receive receive = Receive.__new__(Receive)
    receive.socket = socket
    receive.kind = kind
    receive.wanted = wanted
    receive.copy = copy
    receive.track = track
    return receive


def receive_frames(Socket socket, Py_ssize_t wanted=1, bint copy=True, bint multipart=False, bint batch=False):
    """Return a Receive of one message, or of up to `wanted` in a list when it is a batch."""
    cdef int kind
    if batch:
        kind = MESSAGES if multipart else FRAMES
    else:
        kind = MESSAGE if multipart else FRAME
    return new_receive(socket, kind, wanted, copy, False)


def serve(queue):
    """Run the operations of a queue of (waiter, operation) until one would have to wait; return whether any ran."""
    cdef bint served = False
    while queue:
        waiter, operation = queue[0]
        if not waiter.done():
            try:
                if type(operation) is Receive:
                    result = (<Receive> operation).attempt()
                    if result is None:
                        break
                else:
                    result = operation()
            except Again:
                break
            except Exception as error:
                waiter.fail(error)
            else:
                waiter.settle(result)
            served = True
        queue.popleft()
    return served


# ---------------------------------------------------------------- what a socket and its readiness share

cdef class Turns:
    """The part of a Readiness that is asked at every call: whose turn it is, and whether anybody waits."""

    cdef bint allow(self, object queue) except -1:
        """Whether an operation may be tried at once, here and now."""
        return (self.budget > 0 or self.go_on()) and not len(queue) and \
            (is_surely_running(self.loop, RUNNING) or self.loop is running_loop())

    cdef bint go_on(self) noexcept:
        """Whether this turn may last longer, though its budget is used up."""
        if self.left or wait_now_ns() - self.began > TURN_NS:
            return False
        self.budget = IN_A_ROW
        return True

    def begin_turn(self):
        """Come from the event loop: others in it had their turn."""
        self.budget = IN_A_ROW
        self.began = wait_now_ns()

    def spend(self, Py_ssize_t operations):
        """Count operations that were done at once."""
        self.budget = max(0, self.budget - operations)

    def look_for_messages(self):
        """Serve those who wait if they all wait for messages; return whether that was so.

        The most frequent case needs no EVENTS: a receive that finds nothing has emptied the mailbox.
        """
        if not self.receivers or self.senders or self.pollers:
            return False
        take_watcher(self.core.handle)
        serve(self.receivers)
        if self.receivers:
            watch(self.core.handle, self.look_soon)
        return True

    def sleep(self):
        """After a receive that found nothing, which emptied the mailbox: the descriptor, or the core, will tell of news."""
        take_watcher(self.core.handle)
        watch(self.core.handle, self.look_soon)


cdef Turns turns_of(AwaitingSocket socket):
    if HANDLE_PER_CALL:
        # another thread's event loop may be replacing it
        with critical_section(socket):
            return socket._here
    return socket._here


cdef class AwaitingSocket(Socket):
    """A socket whose verbs return futures; how they wait is a subclass's."""

    cdef object _try_receive(self, int kind, Py_ssize_t wanted, int flags, bint copy, bint track):
        cdef Turns here = turns_of(self)
        cdef SocketHandle handle = self.handle
        if here is None or handle.closed or not here.allow(here.receivers):
            return self._receive(new_receive(self, kind, wanted, copy, track), flags)
        try:
            received = receive_now(handle, kind, wanted, copy, track)
        except Exception as error:
            return self._failed(error)
        if received is None:
            if flags & ZMQ_DONTWAIT:
                return self._failed(Again())
            return self._await_message(new_receive(self, kind, wanted, copy, track), here)
        if kind == FRAME or kind == MESSAGE:
            here.budget -= 1
        else:
            here.spend(len(received))
        return done_receiving(here.loop, received, self, kind)

    cdef object _await_message(self, Receive receive, Turns here):
        """The future of a receive that has just found nothing."""
        cdef int timeout = -1
        get_int(self.handle, ZMQ_RCVTIMEO, &timeout)
        future = received_class(loop=here.loop)
        future._receive = receive
        if timeout >= 0:
            future.expire_in(timeout)
        if len(here.receivers) < FEW_WAITERS:
            here.receivers.append((future, receive))
        else:
            here.enqueue(here.receivers, future, receive)
        if here.senders:
            here.look()
        else:
            take_watcher(self.handle)
            watch(self.handle, here.look_soon)
        return future

    def recv(self, int flags=0, bint copy=True, bint track=False):
        return self._try_receive(FRAME, 1, flags, copy, track)

    def recv_multipart(self, int flags=0, bint copy=True, bint track=False):
        return self._try_receive(MESSAGE, 1, flags, copy, track)

    def recv_many(self, Py_ssize_t n, int flags=0, bint copy=True, bint multipart=False):
        if n < 1:
            raise ValueError(f"recv_many() receives at least one message, not {n}")
        return self._try_receive(MESSAGES if multipart else FRAMES, n, flags, copy, False)

    def send(self, data, int flags=0, bint copy=True, bint track=False, routing_id=None, group=None):
        cdef Turns here = turns_of(self)
        cdef SocketHandle handle = self.handle
        cdef void *ptr
        cdef int rc
        if here is not None and not handle.closed and here.allow(here.senders):
            try:
                if copy and PyBytes_CheckExact(data) and PyBytes_GET_SIZE(data) < SHARE_BYTES_FROM and routing_id is None \
                        and group is None:
                    ptr = enter(handle)
                    rc = _lib.try_send_copy(ptr, PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data), flags)
                    leave(handle)
                    if rc == 0:
                        here.budget -= 1
                        return done_sending(here.loop, None)
                else:
                    result = send_frame(handle, self.copy_threshold, data, flags | ZMQ_DONTWAIT, copy, track, routing_id, group)
                    here.budget -= 1
                    return done_sending(here.loop, result)
            except Again:
                # the long way tries again, and waits or tells
                pass
            except Exception as error:
                return self._failed(error)
        return self._transmit(Socket.send, data, flags, copy, track, routing_id, group)

    def send_multipart(self, msg_parts, int flags=0, bint copy=True, bint track=False, routing_id=None, group=None, **kwargs):
        cdef Turns here = turns_of(self)
        cdef SocketHandle handle = self.handle
        if here is not None and not handle.closed and here.allow(here.senders):
            try:
                if copy and routing_id is None and group is None and isinstance(msg_parts, (list, tuple)) and \
                        send_at_once(handle, msg_parts, flags):
                    result = None
                else:
                    result = send_parts(
                        handle, self.copy_threshold, msg_parts, flags | ZMQ_DONTWAIT, copy, track, routing_id, group
                    )
                here.budget -= 1
                return done_sending(here.loop, result)
            except Again:
                # the long way tries again, and waits or tells
                pass
            except Exception as error:
                return self._failed(error)
        return self._transmit(Socket.send_multipart, msg_parts, flags, copy, track, routing_id, group)


@cython.final
cdef class Stream:
    """An endless asynchronous iterator over what a receiving verb returns."""
    cdef object receive

    def __init__(self, receive):
        self.receive = receive

    def __aiter__(self):
        return self

    def __anext__(self):
        return self.receive()


for _verb in ("recv", "recv_multipart", "recv_many", "send", "send_multipart"):
    getattr(AwaitingSocket, _verb).__doc__ = getattr(Socket, _verb).__doc__
del _verb
