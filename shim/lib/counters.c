/*
 * counters.c: see counters.h.
 */
#include "counters.h"

#include <stdatomic.h>
#include <stdint.h>

#include "hot_bss.h"

HOT_BSS _Atomic uint32_t redisguard_counters[COUNTERS]; /* note.c names it */

void count(enum counter counter)
{
    atomic_fetch_add_explicit(&redisguard_counters[counter], 1, memory_order_relaxed);
}

/* What is zero is not written: the first write to a page after a fork costs a page fault. */
void counters_forget(void)
{
    for (int i = 0; i < COUNTERS; i++)
        if (atomic_load_explicit(&redisguard_counters[i], memory_order_relaxed) != 0)
            atomic_store_explicit(&redisguard_counters[i], 0, memory_order_relaxed);
}
