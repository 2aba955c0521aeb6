/*
 * dlopen.c: the way of a call of dlopen; see dlopen.h. A module's own constructors run before it is
 * rebound, either way.
 */
#include "dl/dlopen.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <stdbool.h>
#include <stddef.h>

#include "config.h"
#include "dl/deferred.h"
#include "dl/elf.h"
#include "dl/real.h"
#include "dl/scope.h"
#include "text.h"

#ifndef RTLD_DEEPBIND
#define RTLD_DEEPBIND 0 /* musl has no such thing */
#endif

static const struct hook *hooks_for_dlopen; /* the same for every caller: hooks.c's one list */

/* The loader takes this library for the caller. */
static void *dlopen_and_rebind(const char *file, int mode)
{
    void *handle = real_functions()->dlopen(file, mode);
    if (handle != NULL)
        rebind(hooks_for_dlopen, handle, NULL);
    return handle;
}

struct search {
    uintptr_t caller;
    bool caller_is_known;
    bool is_first;
    bool depends_on_caller;
};

static bool is_within(const struct dl_phdr_info *info, uintptr_t address)
{
    const struct object object = {
        .base = info->dlpi_addr, .headers = info->dlpi_phdr, .header_count = info->dlpi_phnum};
    return object_covers(&object, address, PF_X);
}

/*
 * ld.so(8) looks for a bare name by the DT_RPATH of the caller, of what has loaded that, and of the
 * program; then by the caller's DT_RUNPATH. So it finds the same for this library as for the caller
 * where neither has a DT_RUNPATH or DF_1_NODEFLIB, and nobody but the program a DT_RPATH.
 */
static int look_at_search_path(struct dl_phdr_info *info, size_t size, void *argument)
{
    (void)size;
    struct search *search = argument;
    bool is_caller = is_within(info, search->caller);
    bool counts = is_caller || is_within(info, (uintptr_t)dlopen_and_rebind);
    const ElfW(Dyn) *entry = object_dynamic(info);
    for (; entry != NULL && entry->d_tag != DT_NULL; entry++)
        if ((entry->d_tag == DT_RPATH && !search->is_first) ||
            (entry->d_tag == DT_RUNPATH && counts) ||
            (entry->d_tag == DT_FLAGS_1 && counts && (entry->d_un.d_val & DF_1_NODEFLIB) != 0))
            search->depends_on_caller = true;
    search->caller_is_known = search->caller_is_known || is_caller;
    search->is_first = false; /* the program is the first */
    return 0;
}

static bool depends_on_caller(const char *file, uintptr_t caller)
{
    struct search search = {.caller = caller, .is_first = true};
    if (text_has(file, '$'))
        return true;
    if (text_has(file, '/'))
        return false;
    dl_iterate_phdr(look_at_search_path, &search);
    return search.depends_on_caller || !search.caller_is_known;
}

function rebind_route(const struct hook hooks[], const char *file, int mode, const uintptr_t *stack)
{
    rebind_deferred(hooks);
    if ((mode & RTLD_DEEPBIND) == 0 || file == NULL || config()->disable || !config()->rebind)
        return (function)real_functions()->dlopen;
    scope_start(); /* where a library's constructor came before ours */
    if (depends_on_caller(file, *stack)) {
        defer_rebind(file, stack);
        return (function)real_functions()->dlopen;
    }
    hooks_for_dlopen = hooks;
    return (function)dlopen_and_rebind;
}
