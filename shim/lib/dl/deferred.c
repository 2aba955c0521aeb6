/*
 * deferred.c: when a module is rebound; see rebind.h. Touches the thread's own record of what it
 * has deferred. A module's own constructors run before it is rebound, either way.
 *
 * What a bare name or $ORIGIN means may depend on the caller, which dlopen knows by its return
 * address. Such a call must reach the real dlopen by a tail jump, and is rebound by the next hook.
 */
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

#include "arch/stack.h"
#include "config.h"
#include "dl/elf.h"
#include "dl/real.h"
#include "dl/rebind.h"
#include "dl/scope.h"
#include "kernel.h"
#include "text.h"
#include "this_thread.h"

static OF_THIS_THREAD struct {
    const uintptr_t *stack; /* NULL: nothing is deferred */
    uintptr_t return_address;
    char name[NAME_MAX + 1];
} deferred;

static const struct hook *hooks; /* hooks.c's one list, known from the first dlopen on */

/* ---- at once ---- */

/* The loader takes this library for the caller. Without libdl.so.2, before glibc 2.34, nobody opens
 * anything; a weak reference to dlopen, which the hook has resolved, may be called all the same. */
static void *dlopen_and_rebind(const char *file, int mode)
{
    __typeof__(&dlopen) real = real_functions()->dlopen;
    void *handle = real == NULL ? NULL : real(file, mode);
    if (handle != NULL)
        rebind(hooks, handle, NULL);
    return handle;
}

/*
 * Could the loader find the name in one of these directories, which have ':' between them, or in
 * one of those within that are for some processors only, before glibc 2.37 by the names behind the
 * first? $ORIGIN is not looked into.
 */
static bool path_may_hold(const char *path, const char *name)
{
    const char *const parts[] = {name, "glibc-hwcaps", "tls", ARCH_LIBRARY_DIRECTORIES};
    char file[PATH_MAX];
    for (size_t length;; path += length + 1) {
        length = text_until(path, ':');
        for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
            size_t rest = text_length(parts[i]) + 1;
            if (length == 0 || length + 1 + rest > sizeof file || text_has(path, '$'))
                return true;
            memcpy(file, path, length);
            file[length] = '/';
            memcpy(file + length + 1, parts[i], rest);
            long error = kernel_call(SYS_faccessat, AT_FDCWD, kernel_pointer(file), 0, 0, 0, 0);
            if (error != -ENOENT && error != -ENOTDIR)
                return true;
        }
        if (path[length] == '\0')
            return false;
    }
}

struct search {
    const char *name;
    uintptr_t caller;
    bool caller_is_known;
    bool depends_on_caller;
};

/*
 * ld.so(8) looks for a bare name by the caller's DT_RUNPATH or, where it has none, by the DT_RPATH
 * of the caller, of what has loaded that, and of the program. So it finds the same for this
 * library, which has neither, as for the caller where none of these has the name, and the caller
 * does not want DF_1_NODEFLIB.
 */
static int look_at_search_path(struct dl_phdr_info *info, size_t size, void *argument)
{
    (void)size;
    struct search *search = argument;
    struct object object;
    if (!object_read_info(&object, info))
        return 0;
    bool is_caller = object_covers(&object, search->caller, PF_X);
    for (const ElfW(Dyn) *entry = object.dynamic; entry->d_tag != DT_NULL; entry++) {
        uintptr_t value = entry->d_un.d_val;
        bool is_path = entry->d_tag == DT_RPATH || (entry->d_tag == DT_RUNPATH && is_caller);
        if ((is_path && path_may_hold(object.strings + value, search->name)) ||
            (entry->d_tag == DT_FLAGS_1 && is_caller && (value & DF_1_NODEFLIB) != 0))
            search->depends_on_caller = true;
    }
    search->caller_is_known = search->caller_is_known || is_caller;
    return 0;
}

static bool depends_on_caller(const char *file, uintptr_t caller)
{
    struct search search = {.name = file, .caller = caller};
    if (text_has(file, '/') || text_has(file, '$'))
        return text_has(file, '$');
    dl_iterate_phdr(look_at_search_path, &search);
    return search.depends_on_caller || !search.caller_is_known;
}

/* ---- by the next hook ---- */

/* One pending began earlier, and needs what is opened within it. No file has a longer name. */
static void defer_rebind(const char *file, const uintptr_t *stack)
{
    const char *name = text_last_part(file);
    size_t length = text_length(name);
    if (deferred.stack != NULL || length > NAME_MAX)
        return;
    memcpy(deferred.name, name, length + 1);
    deferred.return_address = *stack;
    __atomic_store_n(&deferred.stack, stack, __ATOMIC_RELEASE); /* a signal handler may look */
}

/* A signal handler may run while that dlopen() is still on the stack, its module not relocated yet.
 * `present` is where the return address of the dlopen() is that has called us, or NULL.
 * Not in line: nearly every hook has nothing to do here. */
static __attribute__((noinline)) void rebind_now(const uintptr_t *present)
{
    if (call_may_be_on_the_stack(deferred.stack, deferred.return_address, present))
        return;
    deferred.stack = NULL;
    rebind(hooks, NULL, deferred.name);
}

void rebind_deferred(void)
{
    if (__builtin_expect(deferred.stack != NULL, 0))
        rebind_now(NULL);
}

/* ---- the way of a dlopen ---- */

#ifndef RTLD_DEEPBIND
#define RTLD_DEEPBIND 0 /* musl has no such thing */
#endif

function rebind_route(const struct hook list[], const char *file, int mode, const uintptr_t *stack)
{
    if (deferred.stack != NULL)
        rebind_now(stack);
    if (real_functions()->dlopen == NULL) /* libdl.so.2 may have come later */
        real_start();
    if (real_functions()->dlopen == NULL)
        return (function)dlopen_and_rebind;
    if ((mode & RTLD_DEEPBIND) == 0 || file == NULL || config()->disable || !config()->rebind)
        return (function)real_functions()->dlopen;
    scope_start();
    __atomic_store_n(&hooks, list, __ATOMIC_RELAXED);
    if (depends_on_caller(file, *stack)) {
        defer_rebind(file, stack);
        return (function)real_functions()->dlopen;
    }
    return (function)dlopen_and_rebind;
}
