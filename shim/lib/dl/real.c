/*
 * real.c: the real functions; see real.h. Touches nothing but its table.
 */
#include "dl/real.h"

#include <link.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "dl/elf.h"
#include "hot_bss.h"

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

struct search {
    uint32_t hashes[FUNCTIONS];
    uintptr_t found[FUNCTIONS];
    bool is_past_this; /* object, in the loader's list */
};

static int look_into(struct dl_phdr_info *info, size_t size, void *argument)
{
    (void)size;
    struct search *search = argument;
    struct object object;
    if (!object_read_info(&object, info))
        return 0;
    if (object_covers(&object, (uintptr_t)&real_table, PF_W)) {
        search->is_past_this = true;
        return 0;
    }
    int missing = FUNCTIONS;
    for (int i = 0; i < FUNCTIONS && search->is_past_this; i++) {
        if (search->found[i] == 0)
            search->found[i] = object_defines(&object, names[i], search->hashes[i], 0);
        missing -= search->found[i] != 0 ? 1 : 0;
    }
    return missing == 0 ? 1 : 0;
}

/*
 * What dlsym(RTLD_NEXT) finds, the first definition in what the loader lists behind this library;
 * where that has nothing, since the program has opened this library later, in what comes before.
 * dlsym would cost a start as much as all the rest, and before glibc 2.34 is in libdl.so.2, which
 * would have to be loaded for it. Two threads may come here at once: they write the same values.
 */
void real_start(void)
{
    struct search search = {.is_past_this = false};
    for (int i = 0; i < FUNCTIONS; i++)
        search.hashes[i] = object_hash(names[i]);
    dl_iterate_phdr(look_into, &search);
    if (search.found[0] == 0)
        dl_iterate_phdr(look_into, &search);
    for (int i = 0; i < FUNCTIONS; i++)
        __atomic_store_n((uintptr_t *)(void *)&real_table + i, search.found[i], __ATOMIC_RELAXED);
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
