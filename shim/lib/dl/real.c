/*
 * real.c: the next definition of every hooked symbol; see real.h. Touches nothing but its table.
 */
#include "dl/real.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "hot_bss.h"

static const struct {
    const char *name;
    size_t place;
} symbols[] = {
    {"connect", offsetof(struct real, connect)}, {"setsockopt", offsetof(struct real, setsockopt)},
    {"getsockopt", offsetof(struct real, getsockopt)}, {"close", offsetof(struct real, close)},
    {"fork", offsetof(struct real, fork)},       {"_Fork", offsetof(struct real, fork_no_handlers)},
    {"dup", offsetof(struct real, dup)},         {"dup2", offsetof(struct real, dup2)},
    {"dup3", offsetof(struct real, dup3)},       {"fcntl", offsetof(struct real, fcntl)},
    {"fcntl64", offsetof(struct real, fcntl64)}, {"daemon", offsetof(struct real, daemon)},
    {"dlopen", offsetof(struct real, dlopen)},
};

enum { SYMBOLS = sizeof symbols / sizeof symbols[0] };

HOT_BSS struct real real_table;
static HOT_BSS atomic_bool resolved;

/*
 * Before glibc 2.34 these two were in libdl.so.2. To need that file would have every program load
 * it at its start, which doubles what the guard costs there, and since then for nothing. So where
 * nobody has loaded it, it is fetched by the entrances that libc itself had for that.
 */
#pragma weak dlsym
#pragma weak dlerror
extern void *__libc_dlopen_mode(const char *file, int mode) __attribute__((weak));
extern void *__libc_dlsym(void *module, const char *symbol) __attribute__((weak));

static HOT_BSS struct {
    void *(*dlsym)(void *module, const char *symbol);
    char *(*dlerror)(void);
} loader;

enum { AS_LIBC_ITSELF = INT_MIN }; /* glibc's __RTLD_DLOPEN */

static void *open_as_libc(const char *file)
{
    bool possible = __libc_dlopen_mode != NULL && __libc_dlsym != NULL;
    return possible ? __libc_dlopen_mode(file, RTLD_NOW | AS_LIBC_ITSELF) : NULL;
}

static void fetch_loader(void)
{
    loader.dlsym = dlsym;
    loader.dlerror = dlerror;
    if (loader.dlsym != NULL)
        return;
    void *libdl = open_as_libc("libdl.so.2");
    if (libdl == NULL)
        return;
    *(void **)(void *)&loader.dlsym = __libc_dlsym(libdl, "dlsym");
    *(void **)(void *)&loader.dlerror = __libc_dlsym(libdl, "dlerror");
}

/* Where libdl.so.2 is not to be had, in an image that was trimmed say, libc's own definition must
 * do: a hook with nothing to go on to would end the program. */
static void *definition_of(const char *symbol)
{
    if (loader.dlsym != NULL)
        return loader.dlsym(RTLD_NEXT, symbol);
    void *libc = open_as_libc("libc.so.6");
    return libc == NULL ? NULL : __libc_dlsym(libc, symbol);
}

/*
 * Two threads may come here at once: they write the same values. A symbol that this libc lacks
 * leaves an error behind that the program's own dlerror(3) must not find.
 */
static void resolve(void)
{
    bool missing = false;
    fetch_loader();
    for (int i = 0; i < SYMBOLS; i++) {
        void *found = definition_of(symbols[i].name);
        __atomic_store_n((void **)(void *)((char *)&real_table + symbols[i].place), found,
                         __ATOMIC_RELAXED);
        missing = missing || found == NULL;
    }
    if (missing && loader.dlerror != NULL)
        loader.dlerror();
    if (real_table.fcntl64 == NULL) /* musl 1.2.4 and later */
        __atomic_store_n(&real_table.fcntl64, real_table.fcntl, __ATOMIC_RELAXED);
    atomic_store_explicit(&resolved, true, memory_order_release);
}

/* The first write of a start: to read from its page first would cost one more page fault. */
void real_start(void)
{
    resolve();
}

const struct real *real_functions(void)
{
    if (__builtin_expect(!atomic_load_explicit(&resolved, memory_order_acquire), 0))
        resolve();
    return &real_table;
}
