/*
 * real.c: the real functions; see real.h. Touches nothing but its table.
 */
#include "dl/real.h"

#include <dlfcn.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "dl/libdl.h"
#include "hot_bss.h"

#pragma weak dlerror

/* In the order of struct real. Arrays, not pointers, which the loader would have to relocate at
 * each start. */
static const char names[][sizeof "setsockopt"] = {
    "connect", "setsockopt", "getsockopt", "close",   "fork",   "_Fork",  "dup",
    "dup2",    "dup3",       "fcntl",      "fcntl64", "daemon", "dlopen",
};

enum { FUNCTIONS = sizeof names / sizeof names[0] };
_Static_assert(FUNCTIONS * sizeof(void *) == sizeof(struct real), "a name for each function");

HOT_BSS struct real real_table;
static HOT_BSS atomic_bool resolved;

/*
 * Two threads may come here at once: they write the same values. A symbol that this libc lacks
 * leaves an error behind that the program's own dlerror(3) must not find.
 */
void real_start(void)
{
    bool missing = false;
    for (int i = 0; i < FUNCTIONS; i++) {
        void *found = libdl_next(names[i]);
        __atomic_store_n((void **)(void *)&real_table + i, found, __ATOMIC_RELAXED);
        missing = missing || found == NULL;
    }
    if (missing && dlerror != NULL) /* before glibc 2.34 only where libdl.so.2 is loaded */
        dlerror();
    if (real_table.fcntl64 == NULL) /* musl 1.2.4 and later */
        __atomic_store_n(&real_table.fcntl64, real_table.fcntl, __ATOMIC_RELAXED);
    atomic_store_explicit(&resolved, true, memory_order_release);
}

const struct real *real_functions(void)
{
    if (__builtin_expect(!atomic_load_explicit(&resolved, memory_order_acquire), 0))
        real_start();
    return &real_table;
}
