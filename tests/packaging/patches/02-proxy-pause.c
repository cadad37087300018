/* A steerable proxy forwards until PAUSE, holds back until RESUME, and loses nothing in between. */

#include "check.h"

static void *context;

static void *made(int type, const char *bound, const char *connected)
{
    int zero = 0, patience = 60000;
    void *socket = zmq_socket(context, type);
    zmq_setsockopt(socket, ZMQ_LINGER, &zero, sizeof zero);
    zmq_setsockopt(socket, ZMQ_RCVTIMEO, &patience, sizeof patience);
    if ((bound && zmq_bind(socket, bound)) || (connected && zmq_connect(socket, connected)))
        return NULL;
    return socket;
}

static void proxy(void *control)
{
    void *front = made(ZMQ_PULL, "inproc://front", NULL), *back = made(ZMQ_PUSH, "inproc://back", NULL);
    zmq_proxy_steerable(front, back, NULL, control);
    zmq_close(front);
    zmq_close(back);
    zmq_close(control);
}

/* The proxy answers STATISTICS after it has obeyed what came before. */
static int obeyed(void *control)
{
    char frame[8];
    int frames = 0, more = 1;
    size_t size = sizeof more;
    if (zmq_send(control, "STATISTICS", 10, 0) != 10)
        return 0;
    while (frames < 8) {
        int length = zmq_recv(control, frame, sizeof frame, 0);
        if (length == 0)
            continue; /* 4.3.5 also answers PAUSE and RESUME, with an empty message */
        if (length != 8 || zmq_getsockopt(control, ZMQ_RCVMORE, &more, &size))
            return 0;
        frames++;
    }
    return !more;
}

int main(void)
{
    char frame[8];
    int moment = 200, patience = 60000;
    context = zmq_ctx_new();
    void *theirs = made(ZMQ_PAIR, "inproc://control", NULL);
    void *ours = made(ZMQ_PAIR, NULL, "inproc://control");
    void *thread = zmq_threadstart(proxy, theirs);
    void *push = made(ZMQ_PUSH, NULL, "inproc://front"), *pull = made(ZMQ_PULL, NULL, "inproc://back");
    CHECK(ours && thread && push && pull);

    CHECK(zmq_send(push, "one", 3, 0) == 3);
    CHECK(zmq_recv(pull, frame, sizeof frame, 0) == 3);

    CHECK(zmq_send(ours, "PAUSE", 5, 0) == 5);
    CHECK(obeyed(ours));
    CHECK(zmq_send(push, "two", 3, 0) == 3);
    CHECK(zmq_setsockopt(pull, ZMQ_RCVTIMEO, &moment, sizeof moment) == 0);
    CHECK(zmq_recv(pull, frame, sizeof frame, 0) == -1 && errno == EAGAIN);

    CHECK(zmq_setsockopt(pull, ZMQ_RCVTIMEO, &patience, sizeof patience) == 0);
    CHECK(zmq_send(ours, "RESUME", 6, 0) == 6);
    CHECK(zmq_recv(pull, frame, sizeof frame, 0) == 3 && memcmp(frame, "two", 3) == 0);

    CHECK(zmq_send(ours, "TERMINATE", 9, 0) == 9);
    zmq_threadclose(thread);
    CHECK(zmq_close(push) == 0 && zmq_close(pull) == 0 && zmq_close(ours) == 0);
    CHECK(zmq_ctx_term(context) == 0);
    return 0;
}
