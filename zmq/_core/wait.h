/* Waiting on descriptors with a deadline, a monotonic clock, and wakers: descriptors by which another thread ends a wait. */
#ifndef PYZMQ_WAIT_H
#define PYZMQ_WAIT_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* ppoll */
#endif
#include <errno.h>
#include <stdint.h>
#include <limits.h>

/* How it is done: by ppoll() and eventfd, by poll() and a pipe, or (Windows) in slices. PYZMQ_WAIT_BY_PIPE and PYZMQ_WAIT_IN_SLICES are for
   tests: the ways of other systems, on Linux (tests/sanitizers/run.py pipes, slices). */
#if defined __linux__ && !defined PYZMQ_WAIT_BY_PIPE && !defined PYZMQ_WAIT_IN_SLICES
#define WAIT_BY_EVENTFD
#elif !defined _WIN32 && !defined PYZMQ_WAIT_IN_SLICES
#define WAIT_BY_PIPE
#endif

#ifdef _WIN32
#include <winsock2.h>
#include <windows.h>
typedef WSAPOLLFD wait_item;
typedef SOCKET wait_fd;
#else
#include <fcntl.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>
#ifdef WAIT_BY_EVENTFD
#include <sys/eventfd.h>
#endif
typedef struct pollfd wait_item;
typedef int wait_fd;
#endif

#define WAIT_FOREVER (-1)
/* Where no waker exists (Windows, or out of descriptors), a wait is cut into slices this long, so that a close from another
   thread and Ctrl-C are noticed. Any value from 20 to 100 ms does: shorter costs wake-ups, longer costs response. */
#define WAIT_SLICE_NS 50000000LL

static inline int64_t wait_now_ns(void)
{
#ifdef _WIN32
    LARGE_INTEGER now, frequency;
    QueryPerformanceCounter(&now);
    QueryPerformanceFrequency(&frequency);
    return (int64_t) ((double) now.QuadPart * 1e9 / (double) frequency.QuadPart);
#else
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t) now.tv_sec * 1000000000LL + now.tv_nsec;
#endif
}

/* poll() with nanoseconds (WAIT_FOREVER: no limit); the number of ready items, 0 on timeout, -1 with errno. */
static inline int wait_poll(wait_item *items, unsigned count, int64_t timeout_ns)
{
#ifdef WAIT_BY_EVENTFD
    struct timespec limit;
    if (timeout_ns < 0)
        return ppoll(items, count, NULL, NULL);
    limit.tv_sec = timeout_ns / 1000000000LL;
    limit.tv_nsec = timeout_ns % 1000000000LL;
    return ppoll(items, count, &limit, NULL);
#else
    /* rounded up: waking a little late is right, waking early would spin */
    int64_t ms = timeout_ns < 0 ? -1 : (timeout_ns + 999999) / 1000000;
    int timeout = ms > INT_MAX ? INT_MAX : (int) ms;
#ifdef _WIN32
    int rc;
    if (count == 0) {
        Sleep(timeout < 0 ? INFINITE : (DWORD) timeout);
        return 0;
    }
    rc = WSAPoll(items, count, timeout);
    if (rc < 0)
        errno = WSAGetLastError() == WSAENOTSOCK ? ENOTSOCK : EINVAL;
    return rc;
#else
    return poll(items, (nfds_t) count, timeout);
#endif
#endif
}

static inline void wait_sleep_ns(int64_t ns)
{
#ifdef _WIN32
    Sleep((DWORD) ((ns + 999999) / 1000000));
#else
    struct timespec span;
    span.tv_sec = ns / 1000000000LL;
    span.tv_nsec = ns % 1000000000LL;
    nanosleep(&span, NULL);
#endif
}

/* Whether so many descriptors could be opened now: libzmq aborts the process in places where one is refused. */
static inline int wait_descriptors_left(int wanted)
{
#ifdef _WIN32
    (void) wanted;
    return 1;
#else
    int opened[16];
    int count = 0, i;
    if (wanted > 16)
        wanted = 16;
    while (count < wanted && (opened[count] = open("/", O_RDONLY | O_CLOEXEC)) >= 0)
        count++;
    for (i = 0; i < count; i++)
        close(opened[i]);
    return count == wanted;
#endif
}

typedef struct {
    int reader; /* -1: none */
    int writer;
} wait_waker;

static inline void wait_waker_open(wait_waker *waker)
{
    waker->reader = waker->writer = -1;
#if defined WAIT_BY_EVENTFD
    waker->reader = waker->writer = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
#elif defined WAIT_BY_PIPE
    {
        int fds[2];
        if (pipe(fds) == 0) {
            int i;
            for (i = 0; i < 2; i++) {
                fcntl(fds[i], F_SETFD, FD_CLOEXEC);
                fcntl(fds[i], F_SETFL, O_NONBLOCK);
            }
            waker->reader = fds[0];
            waker->writer = fds[1];
        }
    }
#endif
}

static inline void wait_waker_close(wait_waker *waker)
{
#ifndef _WIN32
    if (waker->reader >= 0)
        close(waker->reader);
    if (waker->writer >= 0 && waker->writer != waker->reader)
        close(waker->writer);
#endif
    waker->reader = waker->writer = -1;
}

static inline void wait_waker_wake(wait_waker *waker)
{
#ifndef _WIN32
    uint64_t one = 1;
    if (waker->writer >= 0 && write(waker->writer, &one, sizeof one) < 0)
        return; /* full: it is awake already */
#else
    (void) waker;
#endif
}

static inline void wait_waker_drain(wait_waker *waker)
{
#ifndef _WIN32
    uint64_t rest[8];
    if (waker->reader >= 0)
        while (read(waker->reader, rest, sizeof rest) == (long) sizeof rest) {
        }
#else
    (void) waker;
#endif
}

#endif
