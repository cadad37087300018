/* zmq_ctx_term ends a context with more inproc connections that nobody bound than there are places for sockets, and none left. */

#include "check.h"

#include <sys/resource.h>
#include <unistd.h>

enum { LIMIT = 5, CONNECTIONS = 50 };

int main(void)
{
    /* every place is taken: by sockets that are closed, but whose connections wait */
    void *context = zmq_ctx_new();
    CHECK(zmq_ctx_set(context, ZMQ_MAX_SOCKETS, LIMIT) == 0);
    for (int i = 0; i < LIMIT; i++) {
        void *socket = zmq_socket(context, i % 2 ? ZMQ_ROUTER : ZMQ_DEALER);
        CHECK(socket != NULL);
        for (int j = 0; j < CONNECTIONS; j++) {
            char address[64];
            snprintf(address, sizeof address, "inproc://nobody-%d", i % 2 ? j : i * CONNECTIONS + j);
            CHECK(zmq_connect(socket, address) == 0);
        }
        CHECK(zmq_close(socket) == 0);
    }
    CHECK(zmq_socket(context, ZMQ_PAIR) == NULL && errno == EMFILE);
    CHECK(zmq_ctx_term(context) == 0);

    /* there is no descriptor left: an error, and again when there is */
    struct rlimit few = {100, 100};
    int held[100], count = 0;
    context = zmq_ctx_new();
    void *socket = zmq_socket(context, ZMQ_PAIR);
    CHECK(zmq_connect(socket, "inproc://nobody") == 0);
    CHECK(zmq_close(socket) == 0);
    CHECK(setrlimit(RLIMIT_NOFILE, &few) == 0);
    while (count < 100 && (held[count] = dup(2)) != -1)
        count++;
    CHECK(zmq_ctx_term(context) == -1 && errno == EMFILE);
    while (count > 0)
        close(held[--count]);
    CHECK(zmq_ctx_term(context) == 0);
    return 0;
}
