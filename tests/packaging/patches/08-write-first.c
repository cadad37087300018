/* A dialogue over tcp does not register for writing, and deregister, with each message; a burst and a message that no buffer holds arrive. */

#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "check.h"

#define TURNS 200
#define BURST 20000
#define LARGE (16 << 20)

static volatile int changes;

/* Instead of the C library's, so that libzmq's calls are counted. */
int epoll_ctl(int poller, int operation, int descriptor, struct epoll_event *event)
{
    __atomic_add_fetch(&changes, 1, __ATOMIC_RELAXED);
    return (int) syscall(SYS_epoll_ctl, poller, operation, descriptor, event);
}

int main(void)
{
    char endpoint[256], text[16];
    char *large = calloc(1, LARGE);
    size_t length = sizeof endpoint;
    int patience = 10000, none = 0, before;
    void *context = zmq_ctx_new();
    void *left = zmq_socket(context, ZMQ_PAIR), *right = zmq_socket(context, ZMQ_PAIR);

    CHECK(large);
    for (int i = 0; i < 2; i++) {
        void *socket = i ? right : left;
        CHECK(zmq_setsockopt(socket, ZMQ_RCVTIMEO, &patience, sizeof patience) == 0);
        CHECK(zmq_setsockopt(socket, ZMQ_SNDTIMEO, &patience, sizeof patience) == 0);
        CHECK(zmq_setsockopt(socket, ZMQ_SNDHWM, &none, sizeof none) == 0);
        CHECK(zmq_setsockopt(socket, ZMQ_RCVHWM, &none, sizeof none) == 0);
    }
    CHECK(zmq_bind(left, "tcp://127.0.0.1:*") == 0);
    CHECK(zmq_getsockopt(left, ZMQ_LAST_ENDPOINT, endpoint, &length) == 0);
    CHECK(zmq_connect(right, endpoint) == 0);
    CHECK(zmq_send(right, "hello", 5, 0) == 5 && zmq_recv(left, text, sizeof text, 0) == 5);

    before = changes;
    for (int i = 0; i < TURNS; i++) {
        CHECK(zmq_send(left, "there", 5, 0) == 5 && zmq_recv(right, text, sizeof text, 0) == 5);
        CHECK(zmq_send(right, "back", 4, 0) == 4 && zmq_recv(left, text, sizeof text, 0) == 4);
    }
    fprintf(stderr, "%d messages: %d times epoll_ctl\n", 2 * TURNS, changes - before);
    CHECK(changes - before < TURNS);

    for (int i = 0; i < BURST; i++)
        CHECK(zmq_send(left, &i, sizeof i, 0) == sizeof i);
    CHECK(zmq_send(left, large, LARGE, 0) == LARGE && zmq_send(left, "end", 3, 0) == 3);
    for (int i = 0; i < BURST; i++) {
        int number = -1;
        CHECK(zmq_recv(right, &number, sizeof number, 0) == sizeof number && number == i);
    }
    CHECK(zmq_recv(right, large, LARGE, 0) == LARGE && zmq_recv(right, text, sizeof text, 0) == 3);

    free(large);
    CHECK(zmq_close(left) == 0 && zmq_close(right) == 0 && zmq_ctx_term(context) == 0);
    return 0;
}
