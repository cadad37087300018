/* Inproc connections that have ended, or conflate, before anybody bound them can be bound: by a socket, and by zmq_ctx_term. */

#include "check.h"

static const char *address = "inproc://pending";

static void *connected(void *context, int type, int conflate)
{
    void *socket = zmq_socket(context, type);
    int one = 1, zero = 0;
    if (zmq_setsockopt(socket, ZMQ_LINGER, &zero, sizeof zero) != 0)
        return NULL;
    if (conflate && zmq_setsockopt(socket, ZMQ_CONFLATE, &one, sizeof one) != 0)
        return NULL;
    return zmq_connect(socket, address) == 0 ? socket : NULL;
}

static int disconnect(void *socket)
{
    int events;
    size_t size = sizeof events;
    if (zmq_disconnect(socket, address) != 0)
        return -1;
    /* the socket hears of it when it looks at its commands */
    return zmq_getsockopt(socket, ZMQ_EVENTS, &events, &size);
}

int main(void)
{
    int conflating[] = {ZMQ_PULL, ZMQ_SUB, ZMQ_PUB, ZMQ_PUSH, ZMQ_DEALER};
    for (size_t i = 0; i < sizeof conflating / sizeof *conflating; i++) {
        /* closed, then bound as the context ends */
        void *context = zmq_ctx_new();
        void *first = connected(context, conflating[i], 1);
        CHECK(first != NULL);
        CHECK(zmq_close(first) == 0);
        CHECK(zmq_ctx_term(context) == 0);

        /* disconnected, then bound */
        context = zmq_ctx_new();
        first = connected(context, conflating[i], 1);
        CHECK(first != NULL);
        CHECK(disconnect(first) == 0);
        void *second = zmq_socket(context, ZMQ_PAIR);
        CHECK(zmq_bind(second, address) == 0);
        CHECK(zmq_close(first) == 0);
        CHECK(zmq_close(second) == 0);
        CHECK(zmq_ctx_term(context) == 0);
    }

    int routing[] = {ZMQ_ROUTER, ZMQ_REP};
    for (size_t i = 0; i < sizeof routing / sizeof *routing; i++) {
        void *context = zmq_ctx_new();
        void *first = connected(context, routing[i], 0);
        CHECK(first != NULL);
        CHECK(disconnect(first) == 0);
        void *second = zmq_socket(context, ZMQ_DEALER);
        CHECK(zmq_bind(second, address) == 0);
        CHECK(zmq_close(first) == 0);
        CHECK(zmq_close(second) == 0);
        CHECK(zmq_ctx_term(context) == 0);

        /* a PAIR keeps one peer, and ends the other connection at once */
        context = zmq_ctx_new();
        first = connected(context, routing[i], 0);
        second = connected(context, routing[i], 0);
        CHECK(first != NULL && second != NULL);
        void *third = zmq_socket(context, ZMQ_PAIR);
        CHECK(zmq_bind(third, address) == 0);
        CHECK(zmq_close(first) == 0);
        CHECK(zmq_close(second) == 0);
        CHECK(zmq_close(third) == 0);
        CHECK(zmq_ctx_term(context) == 0);
    }

    /* who connected before learns the other's routing id all the same */
    void *context = zmq_ctx_new();
    void *router = connected(context, ZMQ_ROUTER, 0);
    CHECK(router != NULL);
    void *dealer = zmq_socket(context, ZMQ_DEALER);
    CHECK(zmq_setsockopt(dealer, ZMQ_ROUTING_ID, "me", 2) == 0);
    CHECK(zmq_bind(dealer, address) == 0);
    CHECK(zmq_send(dealer, "hello", 5, 0) == 5);
    char frame[16];
    CHECK(zmq_recv(router, frame, sizeof frame, 0) == 2 && memcmp(frame, "me", 2) == 0);
    CHECK(zmq_recv(router, frame, sizeof frame, 0) == 5);
    CHECK(zmq_send(router, "me", 2, ZMQ_SNDMORE) == 2);
    CHECK(zmq_send(router, "back", 4, 0) == 4);
    CHECK(zmq_recv(dealer, frame, sizeof frame, 0) == 4);
    CHECK(zmq_close(router) == 0);
    CHECK(zmq_close(dealer) == 0);
    CHECK(zmq_ctx_term(context) == 0);
    return 0;
}
