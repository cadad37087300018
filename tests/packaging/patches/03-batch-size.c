/* A burst of messages of 1000 bytes is read in runs that no 8 KiB hold: messages of one read lie side by side in its buffer. */

#include "check.h"

#define COUNT 400
#define SIZE 1000
#define HEADER 9 /* of a frame over 255 bytes */

int main(void)
{
    static zmq_msg_t messages[COUNT];
    char endpoint[256], payload[SIZE];
    size_t length = sizeof endpoint;
    int patience = 60000, run = 1, longest = 1;
    void *context = zmq_ctx_new();
    void *pull = zmq_socket(context, ZMQ_PULL), *push = zmq_socket(context, ZMQ_PUSH);

    memset(payload, 'x', sizeof payload);
    CHECK(zmq_setsockopt(pull, ZMQ_RCVTIMEO, &patience, sizeof patience) == 0);
    CHECK(zmq_bind(pull, "tcp://127.0.0.1:*") == 0);
    CHECK(zmq_getsockopt(pull, ZMQ_LAST_ENDPOINT, endpoint, &length) == 0);
    CHECK(zmq_connect(push, endpoint) == 0);
    for (int i = 0; i < COUNT; i++)
        CHECK(zmq_send(push, payload, sizeof payload, 0) == SIZE);
    for (int i = 0; i < COUNT; i++) {
        CHECK(zmq_msg_init(&messages[i]) == 0);
        CHECK(zmq_msg_recv(&messages[i], pull, 0) == SIZE);
        if (i > 0) {
            char *before = zmq_msg_data(&messages[i - 1]);
            run = (char *) zmq_msg_data(&messages[i]) == before + SIZE + HEADER ? run + 1 : 1;
            longest = run > longest ? run : longest;
        }
    }
    fprintf(stderr, "longest run: %d messages\n", longest);
    CHECK(longest > 16);

    for (int i = 0; i < COUNT; i++)
        CHECK(zmq_msg_close(&messages[i]) == 0);
    CHECK(zmq_close(push) == 0 && zmq_close(pull) == 0 && zmq_ctx_term(context) == 0);
    return 0;
}
