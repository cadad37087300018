/* Whether memory may be read. libzmq recognises its sockets and contexts by a tag inside them, so that it has to look at an address
   before it can refuse it. */
#ifndef PYZMQ_READABLE_H
#define PYZMQ_READABLE_H

#include <stddef.h>
#ifdef _WIN32
#include <windows.h>
#else
#include <errno.h>
#include <unistd.h>
#endif

/* 1: so many bytes can be read there; 0: they cannot; -1 with errno: no descriptors to find out. */
static int memory_readable(const void *address, size_t size)
{
#ifdef _WIN32
    MEMORY_BASIC_INFORMATION info;
    const char *at = (const char *) address;
    const char *end = at + size;
    while (at < end) {
        if (VirtualQuery(at, &info, sizeof info) == 0 || info.State != MEM_COMMIT || info.Protect & (PAGE_NOACCESS | PAGE_GUARD))
            return 0;
        at = (const char *) info.BaseAddress + info.RegionSize;
    }
    return 1;
#else
    /* the kernel answers EFAULT, or writes less, where a read of ours would end the process */
    int ends[2];
    ssize_t written;
    if (pipe(ends) != 0)
        return -1;
    do {
        written = write(ends[1], address, size);
    } while (written < 0 && errno == EINTR);
    close(ends[0]);
    close(ends[1]);
    return written == (ssize_t) size;
#endif
}

#endif
