/* The few atomic operations that the core needs, for gcc, clang and MSVC, in C.
   All are sequentially consistent: none is on a path where a weaker order could be measured. */
#ifndef PYZMQ_ATOMICS_H
#define PYZMQ_ATOMICS_H

#ifdef _WIN32
#include <winsock2.h> /* before windows.h, as zmq.h wants it */
#include <windows.h>
#else
#include <sched.h>
#endif

#ifdef _MSC_VER
#include <intrin.h>
typedef volatile long atomic_long_t;
static __inline long atomic_load_long(atomic_long_t *p) { return _InterlockedOr(p, 0); }
static __inline void atomic_store_long(atomic_long_t *p, long v) { _InterlockedExchange(p, v); }
static __inline long atomic_swap_long(atomic_long_t *p, long v) { return _InterlockedExchange(p, v); }
static __inline long atomic_add_long(atomic_long_t *p, long v) { return _InterlockedExchangeAdd(p, v) + v; }
static __inline void *atomic_load_ptr(void **p)
{
    return _InterlockedCompareExchangePointer((void *volatile *) p, NULL, NULL);
}
static __inline void *atomic_swap_ptr(void **p, void *v)
{
    return _InterlockedExchangePointer((void *volatile *) p, v);
}
static __inline int atomic_cas_ptr(void **p, void *expected, void *v)
{
    return _InterlockedCompareExchangePointer((void *volatile *) p, v, expected) == expected;
}
#else
typedef long atomic_long_t;
static inline long atomic_load_long(atomic_long_t *p) { return __atomic_load_n(p, __ATOMIC_SEQ_CST); }
static inline void atomic_store_long(atomic_long_t *p, long v) { __atomic_store_n(p, v, __ATOMIC_SEQ_CST); }
static inline long atomic_swap_long(atomic_long_t *p, long v) { return __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST); }
static inline long atomic_add_long(atomic_long_t *p, long v) { return __atomic_add_fetch(p, v, __ATOMIC_SEQ_CST); }
static inline void *atomic_load_ptr(void **p) { return __atomic_load_n(p, __ATOMIC_SEQ_CST); }
static inline void *atomic_swap_ptr(void **p, void *v) { return __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST); }
static inline int atomic_cas_ptr(void **p, void *expected, void *v)
{
    return __atomic_compare_exchange_n(p, &expected, v, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}
#endif

/* For a few instructions on what several interpreters share, each with a GIL of its own. */
static inline void spin_lock(atomic_long_t *lock)
{
    while (atomic_swap_long(lock, 1) != 0) {
#ifdef _WIN32
        SwitchToThread();
#else
        sched_yield();
#endif
    }
}
static inline void spin_unlock(atomic_long_t *lock) { atomic_store_long(lock, 0); }
#endif
