/* Messages that arrive change no count that the receiving thread changes too, and what they refer to outlives the connection. */

#include <stdint.h>
#include <stdlib.h>

#include "check.h"

#define MESSAGES 3000

/* libzmq's msg_t begins with the address of the metadata, and that with the count of its references. */
static uint32_t references(zmq_msg_t *message)
{
    return __atomic_load_n(*(uint32_t **) message, __ATOMIC_SEQ_CST);
}

int main(void)
{
    static zmq_msg_t messages[MESSAGES];
    char endpoint[256];
    size_t length = sizeof endpoint;
    int patience = 10000, none = 0, changes = 0;
    void *context = zmq_ctx_new();
    void *push = zmq_socket(context, ZMQ_PUSH), *pull = zmq_socket(context, ZMQ_PULL);

    CHECK(zmq_setsockopt(pull, ZMQ_RCVTIMEO, &patience, sizeof patience) == 0);
    CHECK(zmq_setsockopt(pull, ZMQ_RCVHWM, &none, sizeof none) == 0);
    CHECK(zmq_setsockopt(push, ZMQ_SNDHWM, &none, sizeof none) == 0);
    CHECK(zmq_bind(pull, "tcp://127.0.0.1:*") == 0);
    CHECK(zmq_getsockopt(pull, ZMQ_LAST_ENDPOINT, endpoint, &length) == 0);
    CHECK(zmq_connect(push, endpoint) == 0);

    for (int i = 0; i < MESSAGES; i++) {
        uint32_t before = i ? references(&messages[i - 1]) : 0;
        CHECK(zmq_send(push, "words", 5, 0) == 5);
        CHECK(zmq_msg_init(&messages[i]) == 0 && zmq_msg_recv(&messages[i], pull, 0) == 5);
        changes += references(&messages[i]) != before;
    }
    fprintf(stderr, "%d messages: the count changed %d times\n", MESSAGES, changes);
    CHECK(changes < MESSAGES / 100);

    CHECK(zmq_close(push) == 0 && zmq_close(pull) == 0 && zmq_ctx_term(context) == 0);
    for (int i = 0; i < MESSAGES; i++) {
        const char *peer = zmq_msg_gets(&messages[i], "Peer-Address");
        CHECK(peer && strcmp(peer, "127.0.0.1") == 0);
    }
    for (int i = 0; i < MESSAGES - 1; i++)
        CHECK(zmq_msg_close(&messages[i]) == 0);
    CHECK(references(&messages[MESSAGES - 1]) == 1);
    CHECK(zmq_msg_close(&messages[MESSAGES - 1]) == 0);
    return 0;
}
