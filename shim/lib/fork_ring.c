/*
 * fork_ring.c: the forks that are under way, and what the registry replaced meanwhile; see
 * fork_ring.h.
 *
 * A thread that replaces a record after the descriptors were copied sees that a fork is under way:
 * the count was raised before the call. It notes first and replaces then, and a child's memory is
 * what each thread had done up to some instant: whoever finds the replacement finds the note.
 */
#include "fork_ring.h"

#include <stdatomic.h>
#include <stddef.h>

#include "hot_bss.h"
#include "this_thread.h"

/* Copying 400 MB of 4 KB pages leaves the time for some thousands. Untouched, it takes no memory.
 */
enum { NOTES = 1 << 14 };

static struct {
    _Atomic uint64_t identity;
    atomic_int fd;
} notes[NOTES];

/* How many, ever: the next goes to this place modulo NOTES. And the forks, of all threads. */
static HOT_BSS atomic_uint noted;
static HOT_BSS atomic_uint under_way;

/* A signal handler may fork within this thread's fork: then the outer one's beginning counts. */
static OF_THIS_THREAD unsigned depth;
static OF_THIS_THREAD unsigned noted_before;

/* glibc has it since 2.32: true means one thread, which cannot replace a record while it forks. */
extern char __libc_single_threaded __attribute__((weak));

static bool is_single_threaded(void)
{
    const char *known = &__libc_single_threaded;
    return known != NULL && *known != 0;
}

void fork_ring_begin(void)
{
    unsigned so_far = atomic_load(&noted);
    if (depth == 0 && noted_before != so_far) /* else not written, to the same effect */
        noted_before = so_far;
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

void fork_ring_note_replaced(int fd, uint64_t identity)
{
    if (atomic_load(&under_way) == 0)
        return;
    unsigned place = atomic_fetch_add(&noted, 1) % NOTES;
    atomic_store_explicit(&notes[place].fd, fd, memory_order_relaxed);
    atomic_store_explicit(&notes[place].identity, identity, memory_order_release);
}

bool fork_ring_replaced(unsigned *nth, int *fd, uint64_t *identity)
{
    unsigned count = atomic_load(&noted) - noted_before;
    if (*nth >= count || *nth >= NOTES)
        return false;
    unsigned place = (noted_before + count - 1 - *nth) % NOTES;
    *fd = atomic_load_explicit(&notes[place].fd, memory_order_relaxed);
    *identity = atomic_load_explicit(&notes[place].identity, memory_order_acquire);
    ++*nth;
    return true;
}
