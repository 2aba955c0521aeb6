/*
 * real.c: the real functions; see real.h. Touches nothing but its table.
 */
#include "dl/real.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "dl/libdl.h"
#include "hot_bss.h"

static const struct {
    const char *name;
    size_t offset;
} symbols[] = {
    {"connect", offsetof(struct real, connect)},
    {"setsockopt", offsetof(struct real, setsockopt)},
    {"getsockopt", offsetof(struct real, getsockopt)},
    {"close", offsetof(struct real, close)},
    {"fork", offsetof(struct real, fork)},
    {"_Fork", offsetof(struct real, fork_no_handlers)},
    {"dup", offsetof(struct real, dup)},
    {"dup2", offsetof(struct real, dup2)},
    {"dup3", offsetof(struct real, dup3)},
    {"fcntl", offsetof(struct real, fcntl)},
    {"fcntl64", offsetof(struct real, fcntl64)},
    {"daemon", offsetof(struct real, daemon)},
    {"dlopen", offsetof(struct real, dlopen)},
};

enum { SYMBOLS = sizeof symbols / sizeof symbols[0] };

HOT_BSS struct real real_table;
static HOT_BSS atomic_bool resolved;

/*
 * Two threads may come here at once: they write the same values. A symbol that this libc lacks
 * leaves an error behind that the program's own dlerror(3) must not find.
 */
void real_start(void)
{
    bool missing = false;
    for (int i = 0; i < SYMBOLS; i++) {
        void *found = libdl_next(symbols[i].name);
        __atomic_store_n((void **)(void *)((char *)&real_table + symbols[i].offset), found,
                         __ATOMIC_RELAXED);
        missing = missing || found == NULL;
    }
    if (missing)
        libdl_clear_error();
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
