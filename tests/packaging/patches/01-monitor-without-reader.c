/* A monitored socket binds, connects and ends its monitor though nobody reads the monitor; later events reach a reader, whole. */

#include "check.h"

#include <assert.h>
#include <stdint.h>

int main(void)
{
    int zero = 0, more = 0, events = 0;
    size_t size = sizeof more;
    char frame[256];
    void *context = zmq_ctx_new();
    void *socket = zmq_socket(context, ZMQ_PAIR);

    /* nobody reads: none of these may wait */
    CHECK(zmq_setsockopt(socket, ZMQ_LINGER, &zero, sizeof zero) == 0);
    CHECK(zmq_socket_monitor(socket, "inproc://first", ZMQ_EVENT_ALL) == 0);
    CHECK(zmq_bind(socket, "tcp://127.0.0.1:*") == 0);
    CHECK(zmq_socket_monitor(socket, NULL, 0) == 0);

    /* a reader that stops reading: 2000 events find room, what does not is dropped */
    void *reader = zmq_socket(context, ZMQ_PAIR);
    CHECK(zmq_setsockopt(reader, ZMQ_LINGER, &zero, sizeof zero) == 0);
    CHECK(zmq_connect(reader, "inproc://second") == 0);
    CHECK(zmq_socket_monitor(socket, "inproc://second", ZMQ_EVENT_LISTENING | ZMQ_EVENT_CLOSED) == 0);
    for (int i = 0; i < 1500; i++) {
        char endpoint[256];
        size_t length = sizeof endpoint;
        CHECK(zmq_bind(socket, "tcp://127.0.0.1:*") == 0);
        CHECK(zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, endpoint, &length) == 0);
        CHECK(zmq_unbind(socket, endpoint) == 0);
    }

    /* what did find room is whole: two frames each */
    CHECK(zmq_setsockopt(reader, ZMQ_RCVTIMEO, &zero, sizeof zero) == 0);
    while (zmq_recv(reader, frame, sizeof frame, 0) == 6) {
        CHECK(zmq_getsockopt(reader, ZMQ_RCVMORE, &more, &size) == 0 && more);
        CHECK(zmq_recv(reader, frame, sizeof frame, 0) > 0);
        CHECK(zmq_getsockopt(reader, ZMQ_RCVMORE, &more, &size) == 0 && !more);
        events++;
    }
    CHECK(errno == EAGAIN);
    CHECK(events >= 1000);

    /* and there is room again: as soon as the sender looks, which it does once a millisecond at most */
    int tries = 1000, briefly = 5, received = -1;
    CHECK(zmq_setsockopt(reader, ZMQ_RCVTIMEO, &briefly, sizeof briefly) == 0);
    while (received != 6 && tries-- > 0) {
        CHECK(zmq_bind(socket, "tcp://127.0.0.1:*") == 0);
        received = zmq_recv(reader, frame, sizeof frame, 0);
    }
    CHECK(received == 6);

    CHECK(zmq_close(reader) == 0);
    CHECK(zmq_close(socket) == 0);
    CHECK(zmq_ctx_term(context) == 0);
    return 0;
}
