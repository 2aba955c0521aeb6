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
    "connect", "setsockopt", "getsockopt", "close",   "fork",  "dup",    "dup2",
    "dup3",    "fcntl",      "daemon",     "fcntl64", "_Fork", "dlopen",
};

enum { FUNCTIONS = sizeof names / sizeof names[0], IN_EVERY_LIBC = FUNCTIONS - 3 };
_Static_assert(FUNCTIONS * sizeof(void *) == sizeof(struct real), "a name for each function");

HOT_BSS_FIRST struct real real_table;
static HOT_BSS atomic_bool resolved;

struct search {
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
    for (int i = 0; i < FUNCTIONS && search->is_past_this; i++)
        if (search->found[i] == 0)
            search->found[i] = object_defines(&object, names[i], 0);
    return 0;
}

/* Did it find what every libc has? */
static bool look_through_list(struct search *search)
{
    int found = 0;
    dl_iterate_phdr(look_into, search);
    while (found < IN_EVERY_LIBC && search->found[found] != 0)
        found++;
    return found == IN_EVERY_LIBC;
}

/*
 * As dlsym(RTLD_NEXT): the first definition in what the loader lists behind this library; where
 * that lacks one, since the program has opened this library later, in any other. dlsym costs a
 * start as much as all the rest, and is in libdl.so.2 before glibc 2.34.
 * Two threads may come here at once: they write the same values. Where the list seems empty, by a
 * dl_iterate_phdr(3) of the program's own, the next hook looks again.
 */
void real_start(void)
{
    struct search search = {.is_past_this = false};
    bool is_found = look_through_list(&search);
    if (!is_found) /* now from its beginning */
        is_found = look_through_list(&search);
    for (int i = 0; i < FUNCTIONS; i++)
        __atomic_store_n((uintptr_t *)(void *)&real_table + i, search.found[i], __ATOMIC_RELAXED);
    if (real_table.fcntl64 == NULL)
        __atomic_store_n(&real_table.fcntl64, real_table.fcntl, __ATOMIC_RELAXED);
    atomic_store_explicit(&resolved, is_found, memory_order_release);
}

const struct real *real_functions(void)
{
    if (__builtin_expect(!atomic_load_explicit(&resolved, memory_order_acquire), 0))
        real_start();
    return &real_table;
}
