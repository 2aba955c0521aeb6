/*
 * scope.c: the local scope of a module; see scope.h. Writes down where the objects of the start
 * end, and where libc is, under the loader's lock.
 */
#include "dl/scope.h"

#include <stdatomic.h>

#include "dl/elf.h"
#include "dl/libdl.h"
#include "hot_bss.h"
#include "kernel.h"
#include "text.h"

static const char *const libc_files[] = {"libc.so.6", LIBDL_FORMER_LIBC_FILES};

enum { LIBC_FILES = sizeof libc_files / sizeof libc_files[0] };

/*
 * A deferred rebind may run in a signal handler that interrupted dlclose(3) in this thread: an
 * object can be unmapped and still be listed.
 */
static bool read_if_mapped(const struct scope *scope, struct object *object,
                           const struct link_map *map)
{
    return (!scope->may_be_unmapped || kernel_can_read(map->l_ld)) && object_read(object, map);
}

/* ---- the start ---- */

/* The loader's list; glibc's handle of the program. */
static const struct link_map *list;

/* Its base, and 1: 0 means that nobody has looked yet. Should it be closed, as what an early
 * constructor has opened may be, nothing is rebound any more. */
static HOT_BSS atomic_uintptr_t last_at_start;

static int note_last(struct dl_phdr_info *info, size_t size, void *last)
{
    (void)size;
    *(uintptr_t *)last = info->dlpi_addr | 1;
    return 0;
}

/* Of two threads the one that is done first is right: neither has opened anything before that. */
void scope_start(const struct link_map *program)
{
    uintptr_t none = 0;
    uintptr_t last = 0;
    if (program != NULL)
        __atomic_store_n(&list, program, __ATOMIC_RELAXED);
    if (atomic_load(&last_at_start) != 0)
        return;
    dl_iterate_phdr(note_last, &last);
    atomic_compare_exchange_strong(&last_at_start, &none, last);
}

/* The loader appends what it loads to its list. */
static const struct link_map *first_after_start(void)
{
    const struct link_map *first = NULL;
    uintptr_t last = atomic_load(&last_at_start);
    for (const struct link_map *map = list; map != NULL; map = map->l_next)
        if ((map->l_addr | 1) == last)
            first = map->l_next;
    return first;
}

/* ---- the module and its dependencies ---- */

static void need(struct scope *scope, const char *name)
{
    if (text_is_one_of(name, libc_files, LIBC_FILES) ||
        text_is_one_of(name, scope->names, scope->needed))
        return;
    if (scope->needed == SCOPE_NAMES_AT_MOST)
        scope->is_too_large = true;
    else
        scope->names[scope->needed++] = name;
}

static bool has(const struct scope *scope, const struct link_map *map)
{
    for (int i = 0; i < scope->size; i++)
        if (scope->objects[i] == map)
            return true;
    return false;
}

static bool append(struct scope *scope, const struct link_map *map)
{
    if (has(scope, map)) /* a dependency by a second name */
        return false;
    if (scope->size == SCOPE_AT_MOST) {
        scope->is_too_large = true;
        return false;
    }
    scope->objects[scope->size++] = map;
    return true;
}

static void need_dependencies(struct scope *scope, const struct object *object)
{
    for (const ElfW(Dyn) *entry = object->dynamic; entry->d_tag != DT_NULL; entry++)
        if (entry->d_tag == DT_NEEDED)
            need(scope, object->strings + entry->d_un.d_val);
}

/* Before those of the start. */
static void add(struct scope *scope, const struct link_map *map, const struct object *object)
{
    if (!append(scope, map))
        return;
    scope->objects[scope->size - 1] = scope->objects[scope->loaded_later];
    scope->objects[scope->loaded_later++] = map;
    need_dependencies(scope, object);
}

/* Is it called what is needed and was not found yet? Then it is found now. */
static bool is_needed(struct scope *scope, const struct object *object)
{
    const char **missing = scope->names + scope->found;
    int which = object_called(object, missing, scope->needed - scope->found);
    if (which < 0)
        return false;
    const char *name = missing[which];
    missing[which] = missing[0];
    missing[0] = name;
    scope->found++;
    return true;
}

/* One way down the list, from `first` to before `end`: a dlopen lists what it loads breadth-first,
 * each object behind the first that needs it. Says whether the scope grew. */
static bool look(struct scope *scope, const struct link_map *first, const struct link_map *end,
                 bool in_start)
{
    int before = scope->size;
    struct object object;
    for (const struct link_map *map = first; map != end && scope->found < scope->needed;
         map = map->l_next) {
        if (!read_if_mapped(scope, &object, map) || !is_needed(scope, &object))
            continue;
        if (in_start)
            append(scope, map);
        else
            add(scope, map, &object);
    }
    return scope->size > before;
}

/*
 * Most needs are met by what the module has brought with it or by the start, so that only these are
 * looked through, however many modules there are. But a dependency may also have been loaded by an
 * earlier module's constructor, say, and not be rebound.
 */
void scope_find(struct scope *scope, const struct link_map *module, const char *called)
{
    struct object object;
    const struct link_map *first = first_after_start();
    scope->may_be_unmapped = module == NULL;
    if (module == NULL)
        need(scope, called);
    for (const struct link_map *map = first; map != NULL && module != NULL; map = map->l_next)
        if (map == module && object_read(&object, module)) {
            add(scope, module, &object);
            look(scope, module->l_next, NULL, false);
        }
    look(scope, list, first, true);
    while (look(scope, first, NULL, false))
        continue;
}

/* Those of the start have their needs, too. */
bool scope_defines(struct scope *scope, const char *symbol)
{
    struct object object;
    for (int i = scope->loaded_later; i < scope->size; i++)
        if (object_read(&object, scope->objects[i]))
            need_dependencies(scope, &object);
    while (look(scope, list, NULL, false))
        continue;
    for (int i = 0; i < scope->size; i++)
        if (object_read(&object, scope->objects[i]) && object_defines(&object, symbol, 0))
            return true;
    return scope->is_too_large;
}

/* ---- libc ---- */

/* As found when it was first asked for: it never goes away. (Nor do its former files, where
 * somebody opened them: libpthread is marked so, and libdl.c holds libdl.) */
static HOT_BSS struct object libc[LIBC_FILES];
static HOT_BSS int libc_count;

static void find_libc(const struct scope *scope)
{
    for (const struct link_map *map = list; map != NULL; map = map->l_next) {
        struct object *file = &libc[libc_count];
        if (libc_count < LIBC_FILES && read_if_mapped(scope, file, map) && file->soname != NULL &&
            text_is_one_of(file->soname, libc_files, LIBC_FILES))
            libc_count++;
    }
}

bool scope_is_libcs(const struct scope *scope, const char *symbol, uintptr_t address)
{
    if (libc_count == 0)
        find_libc(scope);
    for (int i = 0; i < libc_count; i++)
        if (object_defines(&libc[i], symbol, address))
            return true;
    return false;
}
