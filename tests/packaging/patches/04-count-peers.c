/* A PUB socket counts its peers, and those that want a topic; both numbers fall again. */

#include "check.h"

#include <stdint.h>

static int peers(void *socket)
{
    int number = -1, events;
    size_t size = sizeof events;
    /* a disconnection goes on in the socket's next call */
    zmq_getsockopt(socket, ZMQ_EVENTS, &events, &size);
    return zmq_getsockopt(socket, 0x70790001, &number, &size) == 0 ? number : -1;
}

static int subscribers(void *socket, const char *topic)
{
    char buffer[64];
    int64_t number = -1;
    size_t size = sizeof number + strlen(topic);
    memcpy(buffer + sizeof number, topic, strlen(topic));
    if (zmq_getsockopt(socket, 0x70790002, buffer, &size) != 0)
        return -1;
    memcpy(&number, buffer, sizeof number);
    return (int) number;
}

/* Ask every millisecond, for five seconds. */
static int becomes(int (*ask)(void *, const char *), void *socket, const char *topic, int number)
{
    for (int i = 0; i < 5000; i++) {
        if (ask(socket, topic) == number)
            return 1;
        zmq_poll(NULL, 0, 1);
    }
    return 0;
}

static int peers_of(void *socket, const char *unused)
{
    (void) unused;
    return peers(socket);
}

int main(void)
{
    int zero = 0;
    char endpoint[256];
    size_t length = sizeof endpoint;
    void *context = zmq_ctx_new();
    void *pub = zmq_socket(context, ZMQ_PUB);
    void *one = zmq_socket(context, ZMQ_SUB);
    void *other = zmq_socket(context, ZMQ_SUB);

    CHECK(zmq_setsockopt(pub, ZMQ_LINGER, &zero, sizeof zero) == 0);
    CHECK(zmq_bind(pub, "tcp://127.0.0.1:*") == 0);
    CHECK(zmq_getsockopt(pub, ZMQ_LAST_ENDPOINT, endpoint, &length) == 0);
    CHECK(peers(pub) == 0 && subscribers(pub, "") == 0);

    CHECK(zmq_connect(one, endpoint) == 0);
    CHECK(zmq_connect(other, endpoint) == 0);
    CHECK(becomes(peers_of, pub, "", 2));
    CHECK(becomes(peers_of, one, "", 1));
    CHECK(subscribers(pub, "anything") == 0);

    /* two subscriptions of one peer that both fit are one subscriber */
    CHECK(zmq_setsockopt(one, ZMQ_SUBSCRIBE, "ab", 2) == 0);
    CHECK(zmq_setsockopt(one, ZMQ_SUBSCRIBE, "a", 1) == 0);
    CHECK(zmq_setsockopt(other, ZMQ_SUBSCRIBE, "ab", 2) == 0);
    CHECK(becomes(subscribers, pub, "abc", 2));
    CHECK(becomes(subscribers, pub, "a", 1));
    CHECK(subscribers(pub, "") == 0 && subscribers(pub, "b") == 0);

    CHECK(zmq_setsockopt(other, ZMQ_UNSUBSCRIBE, "ab", 2) == 0);
    CHECK(becomes(subscribers, pub, "ab", 1));
    CHECK(zmq_disconnect(one, endpoint) == 0);
    CHECK(becomes(peers_of, one, "", 0));
    CHECK(becomes(peers_of, pub, "", 1));
    CHECK(becomes(subscribers, pub, "ab", 0));
    CHECK(zmq_close(other) == 0);
    CHECK(becomes(peers_of, pub, "", 0));

    /* other types have no subscribers */
    CHECK(subscribers(one, "") == -1 && errno == ENOTSUP);

    CHECK(zmq_close(one) == 0);
    CHECK(zmq_close(pub) == 0);
    CHECK(zmq_ctx_term(context) == 0);
    return 0;
}
