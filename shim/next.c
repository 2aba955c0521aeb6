/*
 * next.c: the next definition of every hooked symbol; see next.h. Touches nothing but its table.
 */
#include "next.h"

#include <dlfcn.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

static const struct {
    const char *name;
    size_t place;
} symbols[] = {
    {"connect", offsetof(struct next, connect)}, {"setsockopt", offsetof(struct next, setsockopt)},
    {"fork", offsetof(struct next, fork)},       {"_Fork", offsetof(struct next, fork_only)},
    {"dup", offsetof(struct next, dup)},         {"dup2", offsetof(struct next, dup2)},
    {"dup3", offsetof(struct next, dup3)},       {"fcntl", offsetof(struct next, fcntl)},
    {"fcntl64", offsetof(struct next, fcntl64)}, {"daemon", offsetof(struct next, daemon)},
    {"dlopen", offsetof(struct next, dlopen)},
};

enum { SYMBOLS = sizeof symbols / sizeof symbols[0] };

static struct next table;
static atomic_bool resolved;

/*
 * Two threads may come here at once: they write the same values. A symbol that this libc lacks
 * leaves an error behind that the program's own dlerror(3) must not find.
 */
static void resolve(void)
{
    bool missing = false;
    for (int i = 0; i < SYMBOLS; i++) {
        void *found = dlsym(RTLD_NEXT, symbols[i].name);
        __atomic_store_n((void **)(void *)((char *)&table + symbols[i].place), found,
                         __ATOMIC_RELAXED);
        missing = missing || found == NULL;
    }
    if (missing)
        dlerror();
    if (table.fcntl64 == NULL) /* musl 1.2.4 and later */
        __atomic_store_n(&table.fcntl64, table.fcntl, __ATOMIC_RELAXED);
    atomic_store_explicit(&resolved, true, memory_order_release);
}

const struct next *next(void)
{
    if (__builtin_expect(!atomic_load_explicit(&resolved, memory_order_acquire), 0))
        resolve();
    return &table;
}
