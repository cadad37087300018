/* What the interpreters of a process have to know of each other's sockets and contexts: which address belongs to whom, and whether a
   context still lives. Python's objects for them are each interpreter's own. */
#ifndef PYZMQ_SHARED_H
#define PYZMQ_SHARED_H

#include <Python.h>
#include <stdint.h>
#include <stdlib.h>
#include "atomics.h"

static inline int64_t shared_interpreter(void)
{
#ifdef PYPY_VERSION
    return 0;
#else
    return PyInterpreterState_GetID(PyInterpreterState_Get());
#endif
}

static atomic_long_t shared_lock = 0;

typedef struct shared_socket {
    struct shared_socket *next, **link;
    void *address;
    int64_t interpreter;
} shared_socket;

static shared_socket *shared_sockets = NULL;

/* NULL: no memory. */
static void *shared_socket_new(void *address)
{
    shared_socket *socket = (shared_socket *) malloc(sizeof(shared_socket));
    if (socket == NULL)
        return NULL;
    socket->address = address;
    socket->interpreter = shared_interpreter();
    spin_lock(&shared_lock);
    socket->next = shared_sockets;
    socket->link = &shared_sockets;
    if (socket->next != NULL)
        socket->next->link = &socket->next;
    shared_sockets = socket;
    spin_unlock(&shared_lock);
    return socket;
}

/* Before the socket is closed: its address may be another one's a moment later. */
static void shared_socket_end(void *argument)
{
    shared_socket *socket = (shared_socket *) argument;
    if (socket == NULL)
        return;
    spin_lock(&shared_lock);
    *socket->link = socket->next;
    if (socket->next != NULL)
        socket->next->link = socket->link;
    spin_unlock(&shared_lock);
    free(socket);
}

/* Whether another interpreter uses the socket. */
static int shared_socket_elsewhere(void *address)
{
    int64_t interpreter = shared_interpreter();
    shared_socket *socket;
    spin_lock(&shared_lock);
    socket = shared_sockets;
    while (socket != NULL && (socket->address != address || socket->interpreter == interpreter))
        socket = socket->next;
    spin_unlock(&shared_lock);
    return socket != NULL;
}

typedef struct shared_context {
    struct shared_context *next;
    void *address;            /* NULL: somebody terminates it, or has */
    long references;          /* handles, of whatever interpreter */
    atomic_long_t users;      /* calls on it, none of which waits */
    int limit;                /* of sockets, as the user knows it; 0: nobody has made one yet */
} shared_context;

static shared_context *shared_contexts = NULL;

/* The one of this address, or a new one; NULL: no memory. */
static void *shared_context_new(void *address)
{
    shared_context *context, *fresh = (shared_context *) malloc(sizeof(shared_context));
    if (fresh == NULL)
        return NULL;
    spin_lock(&shared_lock);
    context = shared_contexts;
    while (context != NULL && context->address != address)
        context = context->next;
    if (context == NULL) {
        context = fresh;
        fresh = NULL;
        context->address = address;
        context->references = 0;
        context->users = 0;
        context->limit = 0;
        context->next = shared_contexts;
        shared_contexts = context;
    }
    context->references++;
    spin_unlock(&shared_lock);
    free(fresh);
    return context;
}

static void shared_context_unref(void *argument)
{
    shared_context *context = (shared_context *) argument, **link = &shared_contexts;
    if (context == NULL)
        return;
    spin_lock(&shared_lock);
    if (--context->references > 0) {
        spin_unlock(&shared_lock);
        return;
    }
    while (*link != context)
        link = &(*link)->next;
    *link = context->next;
    spin_unlock(&shared_lock);
    free(context);
}

/* The address until shared_context_leave(); NULL: it is gone, and there is nothing to leave. */
static void *shared_context_enter(void *argument)
{
    shared_context *context = (shared_context *) argument;
    void *address;
    atomic_add_long(&context->users, 1);
    address = atomic_load_ptr(&context->address);
    if (address == NULL)
        atomic_add_long(&context->users, -1);
    return address;
}

static void shared_context_leave(void *argument) { atomic_add_long(&((shared_context *) argument)->users, -1); }

/* Whether the caller is to terminate the context: nobody else has begun. Then it waits until no call is inside any more. */
static int shared_context_end(void *argument)
{
    return atomic_swap_ptr(&((shared_context *) argument)->address, NULL) != NULL;
}

static int shared_context_alive(void *argument)
{
    return argument != NULL && atomic_load_ptr(&((shared_context *) argument)->address) != NULL;
}

static int shared_context_used(void *argument) { return atomic_load_long(&((shared_context *) argument)->users) > 0; }

/* Whether the caller is the first who says the limit; otherwise it learns what that was. */
static int shared_context_limit(void *argument, int *limit)
{
    shared_context *context = (shared_context *) argument;
    int first;
    spin_lock(&shared_lock);
    first = context->limit == 0;
    if (first)
        context->limit = *limit;
    *limit = context->limit;
    spin_unlock(&shared_lock);
    return first;
}

/* In a forked child: an interpreter that did not come along may have been about to change something. */
static void shared_forget_all(void)
{
    shared_sockets = NULL;
    shared_contexts = NULL;
    atomic_store_long(&shared_lock, 0);
}

#endif
