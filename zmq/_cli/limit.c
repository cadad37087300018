/* The limit for `python -m zmq bench`: the loops of workloads.py in C, under the same names.
 *
 *     limit about                  prints the version of libzmq
 *     limit run NAME SECONDS       prints one number, operations per second
 *
 * SECONDS 0 does a handful of operations. The far end of a tcp workload is a forked child,
 * which reads from a pipe how many operations to do, as the Python peer reads them from stdin.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

#define MIB (1 << 20)
#define MANY 1000

/* What a loop works on; a workload fills in what its loop reads. */
typedef struct {
    void *context;
    void *left;
    void *right;
    char *payload;
    char *space;
    size_t size;
    int items;
    zmq_pollitem_t *poll;
    int order; /* pipe to the peer: how many operations to do */
} state_t;

typedef void (*loop_t)(state_t *, long);

static void fail(const char *what)
{
    fprintf(stderr, "limit: %s: %s\n", what, zmq_strerror(zmq_errno()));
    exit(1);
}

static void check(int rc, const char *what)
{
    if (rc == -1)
        fail(what);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}

static void *open_socket(void *context, int type)
{
    void *socket = zmq_socket(context, type);
    if (!socket)
        fail("zmq_socket");
    return socket;
}

static void set_int(void *socket, int option, int value)
{
    check(zmq_setsockopt(socket, option, &value, sizeof value), "zmq_setsockopt");
}

static void *context_new(void)
{
    void *context = zmq_ctx_new();
    if (!context)
        fail("zmq_ctx_new");
    return context;
}

/* As tune() in workloads.py. */
static void tune(void *socket, size_t size)
{
    size_t mark = (size_t)64 * MIB / size;
    int hwm = mark < 4 ? 4 : mark > 1000 ? 1000 : (int)mark;
    set_int(socket, ZMQ_SNDHWM, hwm);
    set_int(socket, ZMQ_RCVHWM, hwm);
    set_int(socket, ZMQ_LINGER, 0);
    set_int(socket, ZMQ_RCVTIMEO, 60000);
    set_int(socket, ZMQ_SNDTIMEO, 60000);
}

/* --- the loops: exactly what is timed ------------------------------------------------------- */

static void send_one(void *socket, const char *data, size_t size, int flags)
{
    check(zmq_send(socket, data, size, flags), "zmq_send");
}

static void recv_one(void *socket, char *space, size_t size)
{
    check(zmq_recv(socket, space, size, 0), "zmq_recv");
}

static void loop_pair(state_t *s, long count)
{
    for (long i = 0; i < count; i++) {
        send_one(s->left, s->payload, s->size, 0);
        recv_one(s->right, s->space, s->size);
    }
}

static void loop_multipart(state_t *s, long count)
{
    for (long i = 0; i < count; i++) {
        for (int part = 0; part < 4; part++)
            send_one(s->left, s->payload, s->size, part < 3 ? ZMQ_SNDMORE : 0);
        int more = 1;
        while (more) {
            zmq_msg_t message;
            zmq_msg_init(&message);
            check(zmq_msg_recv(&message, s->right, 0), "zmq_msg_recv");
            memcpy(s->space, zmq_msg_data(&message), zmq_msg_size(&message));
            more = zmq_msg_more(&message);
            zmq_msg_close(&message);
        }
    }
}

static void loop_recv(state_t *s, long count)
{
    for (long i = 0; i < count; i++)
        recv_one(s->left, s->space, s->size);
}

static void loop_round_trip(state_t *s, long count)
{
    for (long i = 0; i < count; i++) {
        send_one(s->left, s->payload, s->size, 0);
        recv_one(s->left, s->space, s->size);
    }
}

static void loop_poll(state_t *s, long count)
{
    for (long i = 0; i < count; i++)
        check(zmq_poll(s->poll, s->items, 0), "zmq_poll");
}

static void loop_socket(state_t *s, long count)
{
    for (long i = 0; i < count; i++) {
        void *socket;
        while (!(socket = zmq_socket(s->context, ZMQ_PAIR))) {
            if (zmq_errno() != EMFILE)
                fail("zmq_socket");
            usleep(200); /* closed sockets wait for libzmq's own thread */
        }
        zmq_close(socket);
    }
}

/* --- pace: as Pace.rate() in workloads.py ---------------------------------------------------- */

static double timed(loop_t loop, state_t *s, long count)
{
    if (s->order >= 0) {
        /* One more than is timed: the first waits for the peer to start. */
        long order = count + 1;
        if (write(s->order, &order, sizeof order) != sizeof order)
            fail("write");
        loop(s, 1);
    }
    double start = now();
    loop(s, count);
    return now() - start;
}

static double rate(loop_t loop, state_t *s, double seconds)
{
    long count = 16;
    double elapsed = timed(loop, s, count);
    if (seconds <= 0)
        return count / elapsed;
    while (elapsed < seconds / 4) {
        double grow = seconds / 3 / (elapsed > 1e-9 ? elapsed : 1e-9);
        long more = (long)(count * (grow < 10 ? grow : 10));
        count = more > count ? more : count + 1;
        elapsed = timed(loop, s, count);
    }
    count = (long)(count * seconds / elapsed);
    if (count < 1)
        count = 1;
    return count / timed(loop, s, count);
}

/* --- the workloads --------------------------------------------------------------------------- */

static state_t state_new(size_t size)
{
    state_t s = {.size = size, .order = -1};
    s.payload = malloc(size);
    s.space = malloc(size);
    if (!s.payload || !s.space)
        fail("malloc");
    memset(s.payload, 'x', size);
    memset(s.space, 0, size);
    return s;
}

static double run_inproc(loop_t loop, size_t size, double seconds)
{
    state_t s = state_new(size);
    s.context = context_new();
    s.left = open_socket(s.context, ZMQ_PAIR);
    s.right = open_socket(s.context, ZMQ_PAIR);
    check(zmq_bind(s.left, "inproc://bench"), "zmq_bind");
    check(zmq_connect(s.right, "inproc://bench"), "zmq_connect");
    double result = rate(loop, &s, seconds);
    zmq_close(s.left);
    zmq_close(s.right);
    zmq_ctx_term(s.context);
    return result;
}

static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < 4096) {
        limit.rlim_cur = limit.rlim_max < 4096 ? limit.rlim_max : 4096;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static double run_poll(int sockets, double seconds)
{
    raise_descriptor_limit();
    state_t s = state_new(1);
    s.context = context_new();
    s.items = sockets;
    s.poll = calloc(sockets, sizeof *s.poll);
    for (int i = 0; i < sockets; i++) {
        s.poll[i].socket = open_socket(s.context, ZMQ_PULL);
        s.poll[i].events = ZMQ_POLLIN;
    }
    double result = rate(loop_poll, &s, seconds);
    for (int i = 0; i < sockets; i++)
        zmq_close(s.poll[i].socket);
    zmq_ctx_term(s.context);
    return result;
}

static double run_sockets(double seconds)
{
    raise_descriptor_limit();
    state_t s = state_new(1);
    s.context = context_new();
    double result = rate(loop_socket, &s, seconds);
    zmq_ctx_term(s.context);
    return result;
}

static void peer(int type, size_t size, int orders)
{
    char endpoint[256] = "";
    if (read(orders, endpoint, sizeof endpoint) != sizeof endpoint)
        exit(1);
    state_t s = state_new(size);
    s.context = context_new();
    s.left = open_socket(s.context, type);
    tune(s.left, size);
    check(zmq_connect(s.left, endpoint), "zmq_connect");
    long count;
    while (read(orders, &count, sizeof count) == sizeof count)
        for (long i = 0; i < count; i++) {
            if (type == ZMQ_REP)
                recv_one(s.left, s.payload, s.size);
            send_one(s.left, s.payload, s.size, 0);
        }
    zmq_close(s.left);
    zmq_ctx_term(s.context);
    exit(0);
}

static double run_tcp(int type, int peer_type, loop_t loop, size_t size, double seconds)
{
    int ends[2];
    check(pipe(ends), "pipe");
    /* Before any context: its threads would not survive the fork. */
    pid_t child = fork();
    check(child, "fork");
    if (child == 0) {
        close(ends[1]);
        peer(peer_type, size, ends[0]);
    }
    close(ends[0]);
    state_t s = state_new(size);
    s.context = context_new();
    s.left = open_socket(s.context, type);
    tune(s.left, size);
    check(zmq_bind(s.left, "tcp://127.0.0.1:*"), "zmq_bind");
    char endpoint[256] = "";
    size_t length = sizeof endpoint;
    check(zmq_getsockopt(s.left, ZMQ_LAST_ENDPOINT, endpoint, &length), "zmq_getsockopt");
    if (write(ends[1], endpoint, sizeof endpoint) != sizeof endpoint)
        fail("write");
    s.order = ends[1];
    double result = rate(loop, &s, seconds);
    close(ends[1]);
    waitpid(child, NULL, 0);
    zmq_close(s.left);
    zmq_ctx_term(s.context);
    return result;
}

static double run(const char *name, double seconds)
{
    static const struct {
        const char *name;
        size_t size;
    } push_pull[] = {{"tcp_push_pull_16", 16},
                     {"tcp_push_pull_1k", 1 << 10},
                     {"tcp_push_pull_64k", 1 << 16},
                     {"tcp_push_pull_1M", MIB}};
    for (size_t i = 0; i < sizeof push_pull / sizeof *push_pull; i++)
        if (!strcmp(name, push_pull[i].name))
            return run_tcp(ZMQ_PULL, ZMQ_PUSH, loop_recv, push_pull[i].size, seconds);
    if (!strcmp(name, "tcp_reqrep_16"))
        return run_tcp(ZMQ_REQ, ZMQ_REP, loop_round_trip, 16, seconds);
    if (!strcmp(name, "inproc_pair_16"))
        return run_inproc(loop_pair, 16, seconds);
    if (!strcmp(name, "inproc_multipart_4x16"))
        return run_inproc(loop_multipart, 16, seconds);
    if (!strcmp(name, "inproc_bytes_1M"))
        return run_inproc(loop_pair, MIB, seconds);
    if (!strcmp(name, "poll0_1"))
        return run_poll(1, seconds);
    if (!strcmp(name, "poll0_1000"))
        return run_poll(MANY, seconds);
    if (!strcmp(name, "socket_create_close"))
        return run_sockets(seconds);
    fprintf(stderr, "limit: no workload %s\n", name);
    exit(2);
}

int main(int argc, char **argv)
{
    if (argc == 2 && !strcmp(argv[1], "about")) {
        int major, minor, patch;
        zmq_version(&major, &minor, &patch);
        printf("%d.%d.%d\n", major, minor, patch);
        return 0;
    }
    if (argc == 4 && !strcmp(argv[1], "run")) {
        printf("%.17g\n", run(argv[2], atof(argv[3])));
        return 0;
    }
    fprintf(stderr, "usage: limit about | limit run NAME SECONDS\n");
    return 2;
}
