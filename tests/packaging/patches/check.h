/* What the programs of this directory begin with. */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <zmq.h>

/* Say which line failed, and why libzmq says so, and end with status 1. */
#define CHECK(condition)                                                                     \
    do {                                                                                     \
        if (!(condition)) {                                                                  \
            fprintf(stderr, "line %d: %s: %s\n", __LINE__, #condition, zmq_strerror(errno)); \
            return 1;                                                                        \
        }                                                                                    \
    } while (0)
