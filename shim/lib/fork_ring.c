/*
 * fork_ring.c: the forks that are under way, and what the registry replaced meanwhile; see
 * fork_ring.h.
 *
 * A thread that replaces a record after the descriptors were copied sees that a fork is under way:
 * the count was raised before the call. It adds to the ring first and replaces then, and a child's
 * memory is what each thread had done up to some instant: a child that has the replacement has what
 * was added too.
 */
#include "fork_ring.h"

#include <stdatomic.h>
#include <stddef.h>

#include "hot_bss.h"
#include "this_thread.h"

/* Copying 400 MB of 4 KB pages leaves the time for some thousands. Untouched, it takes no memory.
 */
enum { RING_SIZE = 1 << 14 };

static struct {
    _Atomic uint64_t identity;
    atomic_int fd;
} ring[RING_SIZE];

/* How many, ever: the next goes to this place modulo RING_SIZE. And the forks, of all threads. */
static HOT_BSS atomic_uint added;
static HOT_BSS atomic_uint under_way;

/* A signal handler may fork within this thread's fork: then the outer one's beginning counts. */
static OF_THIS_THREAD unsigned depth;
static OF_THIS_THREAD unsigned added_before;

/* glibc has it since 2.32: true means one thread, which cannot replace a record while it forks. */
extern char __libc_single_threaded __attribute__((weak));

static bool is_single_threaded(void)
{
    const char *known = &__libc_single_threaded;
    return known != NULL && *known != 0;
}

void fork_ring_begin(void)
{
    unsigned so_far = atomic_load(&added);
    if (depth == 0 && added_before != so_far) /* else not written, to the same effect */
        added_before = so_far;
    if (depth == 0 && is_single_threaded())
        return;
    depth++;
    atomic_fetch_add(&under_way, 1);
}

void fork_ring_end(bool in_child)
{
    if (depth == 0)
        return;
    depth--;
    if (in_child)
        atomic_store(&under_way, depth); /* the other threads' forks are their own affair */
    else
        atomic_fetch_sub(&under_way, 1);
}

void fork_ring_add(int fd, uint64_t identity)
{
    if (atomic_load(&under_way) == 0)
        return;
    unsigned place = atomic_fetch_add(&added, 1) % RING_SIZE;
    atomic_store_explicit(&ring[place].fd, fd, memory_order_relaxed);
    atomic_store_explicit(&ring[place].identity, identity, memory_order_release);
}

bool fork_ring_next(unsigned *nth, int *fd, uint64_t *identity)
{
    unsigned count = atomic_load(&added) - added_before;
    if (*nth >= count || *nth >= RING_SIZE)
        return false;
    unsigned place = (added_before + count - 1 - *nth) % RING_SIZE;
    *fd = atomic_load_explicit(&ring[place].fd, memory_order_relaxed);
    *identity = atomic_load_explicit(&ring[place].identity, memory_order_acquire);
    ++*nth;
    return true;
}
