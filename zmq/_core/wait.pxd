# Deadlines, and wakers: what a wait needs besides the thing it waits for.

from libc.stdint cimport int64_t

cdef extern from "wait.h" nogil:
    ctypedef int wait_fd
    ctypedef struct wait_item:
        wait_fd fd
        short events
        short revents
    ctypedef struct wait_waker:
        int reader
        int writer
    int WAIT_FOREVER
    int64_t WAIT_SLICE_NS
    int POLLIN
    int POLLOUT
    int POLLERR
    int POLLPRI
    int POLLHUP
    int POLLNVAL
    int64_t wait_now_ns()
    int wait_poll(wait_item *items, unsigned count, int64_t timeout_ns)
    void wait_sleep_ns(int64_t ns)
    int wait_descriptors_left(int wanted)
    void wait_waker_open(wait_waker *waker)
    void wait_waker_close(wait_waker *waker)
    void wait_waker_wake(wait_waker *waker)
    void wait_waker_drain(wait_waker *waker)


cdef struct Waker:
    wait_waker fds
    Waker *next


cdef Waker *waker_get() noexcept
cdef void waker_put(Waker *waker) noexcept
cdef int64_t deadline_in(long milliseconds) noexcept
cdef int64_t deadline_of(object milliseconds) except? -2
cdef int64_t time_left(int64_t deadline) noexcept nogil
cdef int let_others_run() except -1
