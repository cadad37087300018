/* A look into an empty mailbox is no system call and no look at the clock, and a child of fork() is still told apart from its parent. */

#define _GNU_SOURCE
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

#define LOOKS 1000

static volatile int polls, pids;

/* Instead of the C library's, so that libzmq's calls are counted. */
int poll(struct pollfd *items, nfds_t count, int timeout)
{
    __atomic_add_fetch(&polls, 1, __ATOMIC_RELAXED);
    return (int) syscall(SYS_poll, items, count, timeout);
}

pid_t getpid(void)
{
    __atomic_add_fetch(&pids, 1, __ATOMIC_RELAXED);
    return (pid_t) syscall(SYS_getpid);
}

int main(void)
{
    char text[8];
    int patience = 10000, status = 0, polls_before, pids_before;
    void *context = zmq_ctx_new();
    void *pull = zmq_socket(context, ZMQ_PULL), *push = zmq_socket(context, ZMQ_PUSH);
    pid_t child;

    CHECK(zmq_setsockopt(pull, ZMQ_RCVTIMEO, &patience, sizeof patience) == 0);
    CHECK(zmq_bind(pull, "inproc://here") == 0);
    CHECK(zmq_connect(push, "inproc://here") == 0);
    CHECK(zmq_recv(pull, text, sizeof text, ZMQ_DONTWAIT) == -1 && errno == EAGAIN);

    polls_before = polls;
    pids_before = pids;
    for (int i = 0; i < LOOKS; i++)
        CHECK(zmq_recv(pull, text, sizeof text, ZMQ_DONTWAIT) == -1 && errno == EAGAIN);
    fprintf(stderr, "%d looks: %d poll, %d getpid\n", LOOKS, polls - polls_before, pids - pids_before);
    CHECK(polls == polls_before && pids == pids_before);

#ifdef __x86_64__
    /* Who reads the tick counter is ended by SIGSEGV. */
    CHECK(prctl(PR_SET_TSC, PR_TSC_SIGSEGV) == 0);
    for (int i = 0; i < 100; i++)
        CHECK(zmq_send(push, "quick", 5, 0) == 5);
    CHECK(prctl(PR_SET_TSC, PR_TSC_ENABLE) == 0);
    for (int i = 0; i < 100; i++)
        CHECK(zmq_recv(pull, text, sizeof text, 0) == 5);
#endif

    /* The child's signals must not reach the parent's mailboxes, whose threads would find nothing there and abort. */
    child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        alarm(5);
        zmq_send(push, "child", 5, ZMQ_DONTWAIT);
        zmq_close(push);
        _exit(0);
    }
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    CHECK(zmq_recv(pull, text, sizeof text, ZMQ_DONTWAIT) == -1 && errno == EAGAIN);
    CHECK(zmq_send(push, "parent", 6, 0) == 6);
    CHECK(zmq_recv(pull, text, sizeof text, 0) == 6 && memcmp(text, "parent", 6) == 0);

    CHECK(zmq_close(push) == 0 && zmq_close(pull) == 0 && zmq_ctx_term(context) == 0);
    return 0;
}
