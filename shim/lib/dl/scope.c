/*
 * scope.c: the local scope of a module; see scope.h. Writes down where the objects of the start
 * end, and where libc is, under the loader's lock.
 */
#include "dl/scope.h"

#include <stdatomic.h>

#include "dl/elf.h"
#include "hot_bss.h"
#include "kernel.h"
#include "text.h"

/* Before glibc 2.34 some of its functions were in the other two. */
static const char *const libc_files[] = {"libc.so.6", "libpthread.so.0", "libdl.so.2"};

enum { LIBC_FILES = sizeof libc_files / sizeof libc_files[0] };

/* Those that were loaded when it was last asked for them: none goes away. */
static HOT_BSS struct object libc[LIBC_FILES];
static HOT_BSS int libc_count;

/* The loader's list, which begins with the program and to which it appends what it loads: ld.so has
 * it for debuggers, <link.h>. */
extern struct r_debug _r_debug __attribute__((weak)); /* musl declares none */
static const struct link_map *list(void)
{
    return &_r_debug == NULL ? NULL : _r_debug.r_map;
}

/* ---- the start ---- */

/* NULL: nobody has looked yet. Should it be closed, as what an early constructor has opened may be,
 * nothing is rebound any more. */
static HOT_BSS const struct link_map *_Atomic last_at_start;

/* Of two threads the one that is done first is right: neither has opened anything before that. */
void scope_start(void)
{
    const struct link_map *none = NULL;
    const struct link_map *last = list();
    if (atomic_load(&last_at_start) != NULL)
        return;
    while (last != NULL && last->l_next != NULL)
        last = last->l_next;
    atomic_compare_exchange_strong(&last_at_start, &none, last);
}

/* An object that is not on the list may be anything: another libc's handle. */
static bool is_loaded_later(const struct link_map *object)
{
    bool start_has_ended = false;
    const struct link_map *last = atomic_load(&last_at_start);
    const struct link_map *map = list();
    for (; map != NULL && map != object; map = map->l_next)
        start_has_ended = start_has_ended || map == last;
    return map != NULL && start_has_ended;
}

/* ---- the module and its dependencies ---- */

/* A deferred rebind may run in a signal handler that interrupted dlclose(3) in this thread: an
 * object can be unmapped and still be listed. */
static bool read_if_mapped(const struct scope *scope, struct object *object,
                           const struct link_map *map)
{
    return (!scope->may_be_unmapped || kernel_can_read(map->l_ld)) && object_read(object, map);
}

/* By its path or the last part of that; only where none is, its SONAME is read. */
static bool is_called(const struct scope *scope, const struct link_map *map, const char *name,
                      bool by_soname)
{
    struct object object;
    if (!by_soname)
        return text_is(text_last_part(map->l_name), name) || text_is(map->l_name, name);
    return read_if_mapped(scope, &object, map) && object.soname != NULL &&
           text_is(object.soname, name);
}

/* The object that is called so. What a dlopen loads it lists behind the module, by the name that
 * DT_NEEDED has; what was there before may have another name, and is looked for if `anywhere`. */
static const struct link_map *find(const struct scope *scope, const char *name, bool anywhere)
{
    const struct link_map *first = scope->size > 0 ? scope->objects[0] : list();
    for (int by_soname = 0; by_soname <= (anywhere ? 1 : 0); by_soname++) {
        const struct link_map *map = first;
        do {
            map = map->l_next != NULL || !anywhere ? map->l_next : list();
            if (map != NULL && is_called(scope, map, name, by_soname))
                return map;
        } while (map != NULL && map != first);
    }
    return NULL;
}

static void add_called(struct scope *scope, const char *name, bool anywhere)
{
    bool is_libcs = text_is_one_of(name, libc_files, LIBC_FILES);
    if (is_libcs && !text_is(name, libc_files[0])) /* it may have come with this module */
        libc_count = 0;
    const struct link_map *map = is_libcs ? NULL : find(scope, name, anywhere);
    for (int i = 0; i < scope->size && map != NULL; i++)
        if (map == scope->objects[i])
            map = NULL;
    if (map != NULL && scope->size < SCOPE_AT_MOST)
        scope->objects[scope->size++] = map;
    else if (map != NULL)
        scope->is_too_large = true;
}

/* What its objects need; the scope grows by that. */
static void add_dependencies(struct scope *scope, bool anywhere)
{
    struct object object;
    for (int i = 0; i < scope->size; i++)
        if (object_read(&object, scope->objects[i]))
            for (const ElfW(Dyn) *entry = object.dynamic; entry->d_tag != DT_NULL; entry++)
                if (entry->d_tag == DT_NEEDED)
                    add_called(scope, object.strings + entry->d_un.d_val, anywhere);
}

/* What was there before has been rebound by the dlopen that loaded it, or had no need of it. */
void scope_find(struct scope *scope, const struct link_map *module, const char *name)
{
    scope->may_be_unmapped = module == NULL;
    if (module == NULL)
        module = find(scope, name, true);
    if (is_loaded_later(module))
        scope->objects[scope->size++] = module;
    add_dependencies(scope, false);
}

bool scope_defines(struct scope *scope, const char *symbol)
{
    struct object object;
    if (!scope->is_whole)
        add_dependencies(scope, true);
    scope->is_whole = true;
    for (int i = 0; i < scope->size; i++)
        if (object_read(&object, scope->objects[i]) && object_defines(&object, symbol, 0) != 0)
            return true;
    return scope->is_too_large;
}

bool scope_is_libcs(const struct scope *scope, const char *symbol, uintptr_t address)
{
    struct object file;
    for (const struct link_map *map = libc_count == 0 ? list() : NULL;
         map != NULL && libc_count < LIBC_FILES; map = map->l_next)
        if (read_if_mapped(scope, &file, map) && file.soname != NULL &&
            text_is_one_of(file.soname, libc_files, LIBC_FILES))
            libc[libc_count++] = file;
    for (int i = 0; i < libc_count && address != 0; i++)
        if (object_defines(&libc[i], symbol, address) != 0)
            return true;
    return false;
}
