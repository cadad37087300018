/* What sending changes in a pipe is nowhere within a cache line's length of what receiving changes. */

#define _GNU_SOURCE
#include <stdlib.h>

#include "check.h"

#define BLOCKS 4096
#define LARGEST 4096
#define LINE 64

extern void *__libc_malloc(size_t size);

static struct block {
    unsigned char *memory;
    size_t size;
    unsigned char first[LARGEST], second[LARGEST], third[LARGEST];
} *blocks;
static int count;

/* Instead of the C library's, so that libzmq's objects are known. */
void *malloc(size_t size)
{
    void *memory = __libc_malloc(size);

    if (blocks && memory && count < BLOCKS && size <= LARGEST) {
        blocks[count].memory = memory;
        blocks[count++].size = size;
    }
    return memory;
}

#define REMEMBER(state)                            \
    for (int i = 0; i < known; i++)                \
        memcpy(blocks[i].state, blocks[i].memory, blocks[i].size)

int main(void)
{
    int known, shared = 0, written = 0, too_near = 0;
    char text[8];
    void *context = zmq_ctx_new(), *push, *pull;

    blocks = calloc(BLOCKS, sizeof *blocks);
    CHECK(blocks);
    push = zmq_socket(context, ZMQ_PUSH);
    pull = zmq_socket(context, ZMQ_PULL);
    CHECK(zmq_bind(pull, "inproc://here") == 0 && zmq_connect(push, "inproc://here") == 0);

    /* All three are there for the reader, which need not ask the writer for them any more. */
    for (int i = 0; i < 3; i++)
        CHECK(zmq_send(push, "words", 5, 0) == 5);
    CHECK(zmq_recv(pull, text, sizeof text, 0) == 5);

    known = count;
    REMEMBER(first);
    CHECK(zmq_recv(pull, text, sizeof text, 0) == 5);
    REMEMBER(second);
    CHECK(zmq_send(push, "words", 5, 0) == 5);
    REMEMBER(third);

    for (int i = 0; i < known; i++) {
        int reads = 0, writes = 0;
        for (size_t r = 0; r < blocks[i].size; r++) {
            if (blocks[i].first[r] == blocks[i].second[r])
                continue;
            reads = 1;
            for (size_t w = 0; w < blocks[i].size; w++)
                if (blocks[i].second[w] != blocks[i].third[w] && (r > w ? r - w : w - r) < LINE)
                    too_near++;
        }
        for (size_t w = 0; w < blocks[i].size; w++)
            writes |= blocks[i].second[w] != blocks[i].third[w];
        written += writes;
        shared += reads && writes;
    }
    fprintf(stderr, "%d objects, %d changed by sending, %d by both, %d bytes too near\n", known, written, shared, too_near);
    CHECK(shared == 1 && too_near == 0);

    CHECK(zmq_close(push) == 0 && zmq_close(pull) == 0 && zmq_ctx_term(context) == 0);
    return 0;
}
