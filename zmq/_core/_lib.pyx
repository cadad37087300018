"""libzmq, one checked function per call; the only module that is linked with it.

Nothing here waits for a peer except `try_context_term` and `try_poll`: the wait itself is done on descriptors (see handle.pyx), so
that signals, deadlines and other threads keep their say.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.exc cimport PyErr_Clear, PyErr_SetObject
from cpython.ref cimport PyObject
from libc.errno cimport EFAULT, EINTR, EINVAL, ENOMEM
from libc.stdint cimport int64_t, uint32_t
from libc.string cimport memcpy

from . cimport libzmq as z
from .libzmq cimport fd_t, zmq_free_fn, zmq_msg_t, zmq_pollitem_t

from zmq import error as _error

cdef extern from "Python.h":
    # of borrowed pointers, without the GIL
    const char *PyBytes_AS_STRING_OF "PyBytes_AS_STRING"(PyObject *) nogil
    Py_ssize_t PyBytes_GET_SIZE_OF "PyBytes_GET_SIZE"(PyObject *) nogil
    # NULL, instead of an exception that Cython would hand on
    PyObject *new_bytes "PyBytes_FromStringAndSize"(const char *data, Py_ssize_t size)

cdef extern from "capi_table.h":
    const void *capi_filled()

cdef extern from "faults.h":
    # of a build with ZMQ_BUILD_FAULTS; else it does nothing
    int faults_install(dict namespace) except -1

cdef extern from *:
    """
    #include <stddef.h>
    #include <stdlib.h>
    #include "atomics.h"
    #ifndef _WIN32
    #include <sys/un.h>
    #include <signal.h>
    #define PYZMQ_IPC_PATH_MAX_LEN (sizeof(((struct sockaddr_un *) 0)->sun_path) - 1)
    #else
    #define PYZMQ_IPC_PATH_MAX_LEN 107
    #endif
    #ifndef ZMQ_BUILD_ORIGIN
    #define ZMQ_BUILD_ORIGIN "unknown"
    #endif
    #ifndef ZMQ_BUILD_DETAIL
    #define ZMQ_BUILD_DETAIL ""
    #endif
    #ifndef ZMQ_BUILD_PATCHES
    #define ZMQ_BUILD_PATCHES ""
    #endif
    #ifndef ZMQ_BUILD_FLAGS
    #define ZMQ_BUILD_FLAGS ""
    #endif
    #if defined __clang__
    #define PYZMQ_COMPILER "clang " __clang_version__
    #elif defined __GNUC__
    #define PYZMQ_COMPILER "gcc " __VERSION__
    #elif defined _MSC_VER
    #define PYZMQ_COMPILER "MSVC"
    #else
    #define PYZMQ_COMPILER "unknown"
    #endif

    /* Once in a process: what any program does that frees a block of this size. It makes glibc keep as much freed memory as would
       hold two of them, instead of 128 KiB, for the messages that come next (mallopt(3), M_MMAP_THRESHOLD). Without it an I/O
       thread has pages taken away and given anew for each message of 64 KiB, which costs as much as copying it. Users' own
       mallopt() and MALLOC_ variables win. */
    #define KEEP_FREED (4 * 1024 * 1024)

    static void keep_freed_memory(void)
    {
    #ifdef __GLIBC__
        static atomic_long_t times = 0;
        if (atomic_add_long(&times, 1) == 1) {
            /* volatile: or the compiler leaves both calls out */
            void *volatile block = malloc(KEEP_FREED);
            free(block);
        }
    #endif
    }

    /* zmq_ctx_term in a native thread, for those who do not wait for it or only so long. `done` is held until it has returned. */
    typedef struct {
        void *context;
        PyThread_type_lock done;
        atomic_long_t error; /* what zmq_ctx_term last failed with; 0: it did not */
        atomic_long_t references;
    } term_job;

    static void term_job_unref(void *job)
    {
        if (job != NULL && atomic_add_long(&((term_job *) job)->references, -1) == 0) {
            PyThread_free_lock(((term_job *) job)->done);
            PyMem_RawFree(job);
        }
    }

    static void term_job_run(void *argument)
    {
        term_job *job = (term_job *) argument;
    #ifndef _WIN32
        /* no signal for this thread: a handler's EINTR belongs to the threads of the program */
        sigset_t all;
        sigfillset(&all);
        pthread_sigmask(SIG_BLOCK, &all, NULL);
    #endif
        do {
            atomic_store_long(&job->error, zmq_ctx_term(job->context) == 0 ? 0 : zmq_errno());
        } while (atomic_load_long(&job->error) == EINTR);
        PyThread_release_lock(job->done);
        term_job_unref(job);
    }

    /* NULL when there is no memory or no thread to be had. */
    static void *term_job_start(void *context)
    {
        term_job *job = (term_job *) PyMem_RawMalloc(sizeof(term_job));
        if (job == NULL)
            return NULL;
        job->context = context;
        job->error = 0;
        job->references = 2;
        job->done = PyThread_allocate_lock();
        if (job->done == NULL) {
            PyMem_RawFree(job);
            return NULL;
        }
        PyThread_acquire_lock(job->done, WAIT_LOCK);
        /* PYTHREAD_INVALID_THREAD_ID, which PyPy does not declare */
        if ((unsigned long) PyThread_start_new_thread(term_job_run, job) == (unsigned long) -1) {
            job->references = 1;
            term_job_unref(job);
            return NULL;
        }
        return job;
    }

    static int term_job_error(void *job)
    {
        return (int) atomic_load_long(&((term_job *) job)->error);
    }

    /* 1: done; 0: not yet, or a signal came. */
    static int term_job_wait(void *job, long long microseconds)
    {
        PyLockStatus status = PyThread_acquire_lock_timed(((term_job *) job)->done, microseconds, 1);
        if (status == PY_LOCK_ACQUIRED)
            PyThread_release_lock(((term_job *) job)->done);
        return status == PY_LOCK_ACQUIRED;
    }
    """
    void set_errno "errno = " (int number) nogil
    int PYZMQ_IPC_PATH_MAX_LEN
    const char *ZMQ_BUILD_ORIGIN
    const char *ZMQ_BUILD_DETAIL
    const char *ZMQ_BUILD_PATCHES
    const char *ZMQ_BUILD_FLAGS
    const char *PYZMQ_COMPILER
    const char *CYTHON_VERSION "CYTHON_ABI"
    void keep_freed_memory()
    void *term_job_start(void *context)
    int term_job_wait(void *job, long long microseconds) nogil
    int term_job_error(void *job)
    void term_job_unref(void *job)

IPC_PATH_MAX_LEN = PYZMQ_IPC_PATH_MAX_LEN
PYZMQ_DRAFT_API = bool(z.COMPAT_DRAFT_API)

# Copies up to this size keep the GIL: giving it up and taking it back costs about as much as copying 32 KiB, and under contention
# far more (tests/bench, tcp_push_pull_64k).
cdef enum:
    COPY_WITHOUT_GIL = 32 * 1024


# ---------------------------------------------------------------- errors

cdef int fail(int number) except -1:
    """Raise the exception of this errno."""
    error = _error.error_for(number)
    PyErr_SetObject(type(error), error)
    return -1


cdef int fail_with(int number, str message) except -1:
    """Raise the exception of this errno with a text of its own."""
    error = _error.error_for(number, message)
    PyErr_SetObject(type(error), error)
    return -1


cdef int _failed() except -1:
    return fail(z.zmq_errno())


cdef int out_of_memory() except -1:
    raise MemoryError("libzmq has no memory for the message")


# ---------------------------------------------------------------- messages

cdef void msg_init(zmq_msg_t *msg) noexcept nogil:
    z.zmq_msg_init(msg)


cdef int try_msg_init_copy(zmq_msg_t *msg, const void *data, size_t size) noexcept nogil:
    if z.zmq_msg_init_size(msg, size) != 0:
        return -ENOMEM
    if size:
        memcpy(z.zmq_msg_data(msg), data, size)
    return 0


cdef int msg_init_copy(zmq_msg_t *msg, const void *data, size_t size) except -1:
    if try_msg_init_copy(msg, data, size) < 0:
        return out_of_memory()
    return 0


cdef int msg_init_lent(zmq_msg_t *msg, void *data, size_t size, zmq_free_fn *release, void *hint) except -1:
    if z.zmq_msg_init_data(msg, data, size, release, hint) != 0:
        return out_of_memory()
    return 0


cdef void msg_close(zmq_msg_t *msg) noexcept nogil:
    z.zmq_msg_close(msg)


cdef void msg_move(zmq_msg_t *to, zmq_msg_t *source) noexcept nogil:
    z.zmq_msg_move(to, source)


cdef int try_msg_copy(zmq_msg_t *to, zmq_msg_t *source) noexcept nogil:
    return _tried(z.zmq_msg_copy(to, source))


cdef int msg_copy(zmq_msg_t *to, zmq_msg_t *source) except -1:
    if z.zmq_msg_copy(to, source) != 0:
        return _failed()
    return 0


cdef void *msg_data(zmq_msg_t *msg) noexcept nogil:
    return z.zmq_msg_data(msg)


cdef size_t msg_size(zmq_msg_t *msg) noexcept nogil:
    return z.zmq_msg_size(msg)


cdef bint msg_more(zmq_msg_t *msg) noexcept nogil:
    return z.zmq_msg_more(msg) != 0


cdef int msg_get(zmq_msg_t *msg, int option) except -1:
    cdef int value = z.zmq_msg_get(msg, option)
    if value < 0:
        return _failed()
    return value


cdef int msg_set(zmq_msg_t *msg, int option, int value) except -1:
    if z.zmq_msg_set(msg, option, value) != 0:
        return _failed()
    return 0


cdef bint msg_shared(zmq_msg_t *msg) noexcept nogil:
    return z.zmq_msg_get(msg, z.ZMQ_SHARED) == 1


cdef bint msg_from_network(zmq_msg_t *msg) noexcept nogil:
    """Only the engines of a network transport attach metadata; a socket strips it from what it sends on."""
    return (z.zmq_msg_gets(msg, b"Socket-Type") != NULL) or (z.zmq_msg_gets(msg, b"Peer-Address") != NULL)


cdef const char *msg_property(zmq_msg_t *msg, const char *name) except NULL:
    cdef const char *value = z.zmq_msg_gets(msg, name)
    if value == NULL:
        _failed()
        return NULL
    return value


cdef int msg_set_routing_id(zmq_msg_t *msg, uint32_t routing_id) except -1:
    if z.zmq_msg_set_routing_id(msg, routing_id) != 0:
        return _failed()
    return 0


cdef uint32_t msg_routing_id(zmq_msg_t *msg) noexcept nogil:
    return z.zmq_msg_routing_id(msg)


cdef int msg_set_group(zmq_msg_t *msg, const char *group) except -1:
    if z.zmq_msg_set_group(msg, group) != 0:
        return _failed()
    return 0


cdef const char *msg_group(zmq_msg_t *msg) noexcept nogil:
    return z.zmq_msg_group(msg)


# ---------------------------------------------------------------- a message through a socket

cdef int try_send(void *socket, zmq_msg_t *msg, int flags) noexcept nogil:
    """Hand the message over (it is then empty), or leave it as it was and return -errno."""
    cdef int error
    while z.zmq_msg_send(msg, socket, flags | z.ZMQ_DONTWAIT) < 0:
        error = z.zmq_errno()
        if error != EINTR:
            return -error
    return 0


cdef int try_send_copy(void *socket, const void *data, size_t size, int flags) noexcept nogil:
    cdef zmq_msg_t msg
    cdef int rc
    if z.zmq_msg_init_size(&msg, size) != 0:
        return -ENOMEM
    memcpy(z.zmq_msg_data(&msg), data, size)
    rc = try_send(socket, &msg, flags)
    if rc < 0:
        z.zmq_msg_close(&msg)
    return rc


cdef int try_send_parts(void *socket, zmq_msg_t *parts, Py_ssize_t count, int flags, Py_ssize_t *sent) noexcept nogil:
    """Send parts from sent[0] on and count them there; `flags` are those of the last part."""
    cdef int rc
    while sent[0] < count:
        rc = try_send(socket, &parts[sent[0]], flags if sent[0] == count - 1 else flags | z.ZMQ_SNDMORE)
        if rc < 0:
            return rc
        sent[0] += 1
    return 0


cdef int try_send_bytes(void *socket, PyObject **items, Py_ssize_t count, int flags, Py_ssize_t *sent) noexcept nogil:
    """The same for at most FEW_PARTS exact bytes objects; with the GIL, although it needs none.

    All are made before the first is sent: half a message for want of memory would be glued to the next.
    """
    cdef zmq_msg_t parts[FEW_PARTS]
    cdef Py_ssize_t made = 0
    cdef int rc = 0
    while made < count and rc == 0:
        rc = try_msg_init_copy(&parts[made], PyBytes_AS_STRING_OF(items[made]), PyBytes_GET_SIZE_OF(items[made]))
        if rc == 0:
            made += 1
    if rc == 0:
        rc = try_send_parts(socket, parts, count, flags, sent)
    while made > sent[0]:
        made -= 1
        z.zmq_msg_close(&parts[made])
    return rc


cdef Py_ssize_t try_recv_parts(void *socket, zmq_msg_t *parts, Py_ssize_t capacity) noexcept nogil:
    """Receive up to the end of the message, or until `parts` is full: how many, or -errno when there is not even one.

    A message is there whole or not at all (zmq_msg_recv(3)), so that only its first part can be waited for.
    """
    cdef Py_ssize_t count = 0
    cdef Py_ssize_t size
    while count < capacity:
        size = try_recv(socket, &parts[count])
        if size < 0:
            return count if count else size
        count += 1
        if not z.zmq_msg_more(&parts[count - 1]):
            break
    return count


cdef Py_ssize_t try_recv_many(void *socket, zmq_msg_t *msgs, Py_ssize_t capacity, Py_ssize_t wanted, bint whole) noexcept nogil:
    """Receive until `msgs` is full or there are `wanted` frames (messages, when `whole`): how many, or -errno without any."""
    cdef Py_ssize_t count = 0
    cdef Py_ssize_t size
    while count < capacity and wanted > 0:
        size = try_recv(socket, &msgs[count])
        if size < 0:
            return count if count else size
        if not whole or not z.zmq_msg_more(&msgs[count]):
            wanted -= 1
        count += 1
    return count


cdef Py_ssize_t try_recv(void *socket, zmq_msg_t *msg) noexcept nogil:
    """Initialise `msg` and receive into it: its size, or -errno with nothing left to close."""
    cdef int error
    z.zmq_msg_init(msg)
    while z.zmq_msg_recv(msg, socket, z.ZMQ_DONTWAIT) < 0:
        error = z.zmq_errno()
        if error != EINTR:
            z.zmq_msg_close(msg)
            return -error
    # zmq_msg_recv returns an int, cut at 2 GiB
    return z.zmq_msg_size(msg)


cdef Py_ssize_t try_recv_bytes(void *socket, zmq_msg_t *msg, PyObject **content, bint *more) noexcept:
    """The same, and a small message becomes bytes at once and is closed; `content` is NULL when there is still a message."""
    cdef Py_ssize_t size = try_recv(socket, msg)
    content[0] = NULL
    if 0 <= size < COPY_WITHOUT_GIL:
        more[0] = z.zmq_msg_more(msg)
        content[0] = new_bytes(<const char *> z.zmq_msg_data(msg), size)
        if content[0] == NULL:
            # whoever takes the message tries again, and can keep it
            PyErr_Clear()
        else:
            z.zmq_msg_close(msg)
    return size


cdef object take_small(zmq_msg_t *msg):
    """The content as bytes, with the message closed unless there is no memory for them; None: it is not small."""
    cdef size_t size = z.zmq_msg_size(msg)
    if size >= COPY_WITHOUT_GIL:
        return None
    content = PyBytes_FromStringAndSize(<const char *> z.zmq_msg_data(msg), size)
    z.zmq_msg_close(msg)
    return content


cdef object take_large(zmq_msg_t *msg):
    """The same for any other, copied without the GIL."""
    cdef size_t size = z.zmq_msg_size(msg)
    content = PyBytes_FromStringAndSize(NULL, size)
    _copy_out(PyBytes_AS_STRING(content), msg, size)
    z.zmq_msg_close(msg)
    return content


cdef Py_ssize_t take_into(zmq_msg_t *msg, void *to, size_t room) noexcept:
    """Copy as much of the content as there is room for; its true size. The message is closed."""
    cdef size_t size = z.zmq_msg_size(msg)
    _copy_out(to, msg, min(size, room))
    z.zmq_msg_close(msg)
    return size


cdef void _copy_out(void *to, zmq_msg_t *msg, size_t size) noexcept:
    if size <= COPY_WITHOUT_GIL:
        memcpy(to, z.zmq_msg_data(msg), size)
    else:
        with nogil:
            memcpy(to, z.zmq_msg_data(msg), size)


# ---------------------------------------------------------------- sockets

cdef int try_socket_new(void *context, int type, void **socket) noexcept nogil:
    socket[0] = z.zmq_socket(context, type)
    return 0 if socket[0] != NULL else -z.zmq_errno()


cdef int socket_close(void *socket) noexcept nogil:
    return z.zmq_close(socket)


cdef int try_getsockopt(void *socket, int option, void *value, size_t *size) noexcept nogil:
    cdef int error
    while z.zmq_getsockopt(socket, option, value, size) != 0:
        error = z.zmq_errno()
        if error != EINTR:
            return -error
    return 0


cdef int try_setsockopt(void *socket, int option, const void *value, size_t size) noexcept nogil:
    cdef int error
    while z.zmq_setsockopt(socket, option, value, size) != 0:
        error = z.zmq_errno()
        if error != EINTR:
            return -error
    return 0


cdef int try_events(void *socket) noexcept nogil:
    cdef int events = 0
    cdef size_t size = sizeof(int)
    cdef int rc = try_getsockopt(socket, z.ZMQ_EVENTS, &events, &size)
    return rc if rc < 0 else events


cdef int try_bind(void *socket, const char *address) noexcept nogil:
    return _tried(z.zmq_bind(socket, address))


cdef int try_connect(void *socket, const char *address) noexcept nogil:
    return _tried(z.zmq_connect(socket, address))


cdef int try_unbind(void *socket, const char *address) noexcept nogil:
    return _tried(z.zmq_unbind(socket, address))


cdef int try_disconnect(void *socket, const char *address) noexcept nogil:
    return _tried(z.zmq_disconnect(socket, address))


cdef int _tried(int rc) noexcept nogil:
    return -z.zmq_errno() if rc != 0 else 0


cdef int try_socket_monitor(void *socket, const char *address, int events) noexcept nogil:
    cdef int error
    while z.zmq_socket_monitor(socket, address, events) != 0:
        error = z.zmq_errno()
        if error != EINTR:
            return -error
    return 0


cdef void socket_monitor_end(void *socket) noexcept nogil:
    z.zmq_socket_monitor(socket, NULL, 0)


cdef uint32_t connect_peer(void *socket, const char *address) except 0:
    cdef uint32_t routing_id = z.zmq_connect_peer(socket, address)
    if routing_id == 0:
        _failed()
    return routing_id


cdef int socket_join(void *socket, const char *group) except -1:
    while z.zmq_join(socket, group) != 0:
        if z.zmq_errno() != EINTR:
            return _failed()
    return 0


cdef int socket_leave(void *socket, const char *group) except -1:
    while z.zmq_leave(socket, group) != 0:
        if z.zmq_errno() != EINTR:
            return _failed()
    return 0


cdef fd_t socket_poller_fd(void *socket, void **poller) except? -1:
    """The descriptor of a thread-safe socket, which has none itself: that of a poller kept for it."""
    cdef fd_t fd = 0
    if poller[0] == NULL:
        poller[0] = z.zmq_poller_new()
        if poller[0] == NULL:
            _failed()
            return -1
        if z.zmq_poller_add(poller[0], socket, NULL, z.ZMQ_POLLIN) != 0:
            error = z.zmq_errno()
            z.zmq_poller_destroy(poller)
            fail(error)
            return -1
    if z.zmq_poller_fd(poller[0], &fd) != 0:
        _failed()
        return -1
    return fd


cdef void poller_destroy(void **poller) noexcept nogil:
    if poller[0] != NULL:
        z.zmq_poller_destroy(poller)
        poller[0] = NULL


cdef int try_poll(zmq_pollitem_t *items, int count, int64_t timeout_ns) noexcept nogil:
    """zmq_poll: the number of ready items or -errno (EINTR included). Only for thread-safe sockets, which have no descriptor."""
    cdef long timeout = -1 if timeout_ns < 0 else <long> ((timeout_ns + 999999) // 1000000)
    cdef int ready = z.zmq_poll(items, count, timeout)
    return ready if ready >= 0 else -z.zmq_errno()


# ---------------------------------------------------------------- contexts

cdef void *context_new() except NULL:
    cdef void *context = z.zmq_ctx_new()
    keep_freed_memory()
    if context == NULL:
        _failed()
        return NULL
    return context


cdef int try_context_term(void *context) noexcept nogil:
    return _tried(z.zmq_ctx_term(context))


cdef void context_term_detached(void *context) noexcept:
    """Terminate in a native thread that nobody waits for: collecting a context must not block."""
    term_job_unref(term_job_start(context))


cdef void *context_term_start(void *context) except NULL:
    """Terminate in a native thread: the job to wait for."""
    cdef void *job = term_job_start(context)
    if job == NULL:
        raise MemoryError("no thread to terminate the context in")
    return job


cdef bint context_term_wait(void *job, int64_t timeout_ns) noexcept:
    """Whether the job is done by then; False also when a signal came."""
    cdef bint done
    with nogil:
        done = term_job_wait(job, (timeout_ns + 999) // 1000 if timeout_ns >= 0 else -1)
    return done


cdef int context_term_result(void *job) noexcept:
    """Of a job that is done: 0 or -errno."""
    return -term_job_error(job)


cdef void context_term_forget(void *job) noexcept:
    term_job_unref(job)


cdef int try_context_set(void *context, int option, int value) noexcept nogil:
    return _tried(z.zmq_ctx_set(context, option, value))


cdef int try_context_get(void *context, int option, int *value) noexcept nogil:
    cdef int error
    value[0] = z.zmq_ctx_get(context, option)
    if value[0] == -1:
        error = z.zmq_errno()
        if error == EINVAL or error == EFAULT:
            return -error
    return 0


# ---------------------------------------------------------------- curve

cdef int curve_keypair(char *public_key, char *secret_key) except -1:
    if z.zmq_curve_keypair(public_key, secret_key) != 0:
        return _failed()
    return 0


cdef int curve_public(char *public_key, const char *secret_key) except -1:
    if z.zmq_curve_public(public_key, secret_key) != 0:
        return _failed()
    return 0


# ---------------------------------------------------------------- seen from Python

def zmq_version_info():
    """Return the version of the libzmq in use as (major, minor, patch)."""
    cdef int major = 0, minor = 0, patch = 0
    z.zmq_version(&major, &minor, &patch)
    return major, minor, patch


def zmq_errno():
    """Return the errno that libzmq set last in this thread (zmq_errno(3))."""
    return z.zmq_errno()


def strerror(int errno):
    """Return libzmq's text for an error number, its own codes included (zmq_strerror(3)).

    Args:
        errno: any int.
    """
    return z.zmq_strerror(errno).decode("utf-8", "replace")


def has(str capability):
    """Tell whether libzmq was built with a capability (zmq_has(3)).

    Args:
        capability: "ipc", "curve", "pgm", "norm", "gssapi", "draft", ...; an unknown one is False.
    """
    cdef bytes name = capability.encode("utf-8")
    return bool(z.zmq_has(name))


def build_info():
    """Return how this module was built: where libzmq came from, its version then and repairs, flags, compiler, Cython."""
    return {
        "origin": (<bytes> ZMQ_BUILD_ORIGIN).decode(),
        "detail": (<bytes> ZMQ_BUILD_DETAIL).decode(),
        "patches": (<bytes> ZMQ_BUILD_PATCHES).decode(),
        "flags": (<bytes> ZMQ_BUILD_FLAGS).decode(),
        "compiled_version": f"{z.ZMQ_VERSION_MAJOR}.{z.ZMQ_VERSION_MINOR}.{z.ZMQ_VERSION_PATCH}",
        "compiler": (<bytes> PYZMQ_COMPILER).decode(),
        "cython": (<bytes> CYTHON_VERSION).decode(),
    }


_error._install(strerror, zmq_errno, zmq_version_info())
faults_install(globals())


cdef const void *functions() noexcept:
    """The table that capi.h declares."""
    return capi_filled()
