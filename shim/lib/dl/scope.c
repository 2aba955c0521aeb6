/*
 * scope.c: a module and what it needs; see scope.h. Writes down how much of what is loaded needs
 * no more rebinding, and where libc is, under the loader's lock.
 */
#include "dl/scope.h"

#include <stdatomic.h>

#include "hot_bss.h"
#include "kernel.h"
#include "text.h"

/* Where libc's functions are, by SONAME; before glibc 2.34 they came in several files. */
static const char *const libc_files[FAMILY_LIBC_FILES] = {"libc.so.6", "libpthread.so.0",
                                                          "libdl.so.2"};

static bool is_libc(const struct object *object)
{
    return object->soname != NULL && text_is_one_of(object->soname, libc_files, FAMILY_LIBC_FILES);
}

/*
 * What was put off may be done by a signal handler, and that may have struck in the midst of the
 * thread's own dlclose, with an object unmapped but still on the list.
 */
static bool read_if_mapped(const struct family *family, struct object *object,
                           const struct link_map *map)
{
    return (family->called == NULL || kernel_can_read(map->l_ld)) && object_read(object, map);
}

/* ---- what is settled ---- */

/*
 * How many objects had ever been loaded (dlpi_adds, modulo 2^32) when all that was there was bound
 * by the loader as it should be, or had been seen to by us. 0: nobody has looked yet.
 */
static HOT_BSS atomic_uint settled;

/* By its base. Should it be closed, as what an early constructor has opened may be, nothing is
 * rebound any more. */
static HOT_BSS uintptr_t last_at_start;

static int note_last(struct dl_phdr_info *info, size_t size, void *last)
{
    (void)size;
    *(struct dl_phdr_info *)last = *info;
    return 0;
}

static int begin(struct dl_phdr_info *program, size_t size, void *unused)
{
    struct dl_phdr_info last = *program;
    (void)size;
    (void)unused;
    if (atomic_load(&settled) != 0)
        return 1; /* another thread was first */
    dl_iterate_phdr(note_last, &last);
    last_at_start = last.dlpi_addr;
    atomic_store(&settled, (unsigned)last.dlpi_adds);
    return 1;
}

void family_start(void)
{
    if (atomic_load(&settled) == 0)
        dl_iterate_phdr(begin, NULL);
}

/* How many were loaded after the program had begun. */
static unsigned loaded_later(const struct link_map *list)
{
    bool is_later = false;
    unsigned count = 0;
    for (const struct link_map *map = list; map != NULL; map = map->l_next) {
        count += is_later ? 1 : 0;
        if (map->l_addr == last_at_start) {
            is_later = true;
            count = 0;
        }
    }
    return count;
}

static const struct link_map *last_of(const struct link_map *list, unsigned count)
{
    const struct link_map *first = list;
    for (const struct link_map *map = list; map != NULL; map = map->l_next)
        if (count > 0)
            count--;
        else
            first = first->l_next;
    return first;
}

/*
 * The loader appends to its list, so what is not settled is among as many at its end as were loaded
 * since then. (Others may be as well, where some were closed.) What was put off is looked for
 * further back: a signal handler may find one more on the list than its thread's dlopen has
 * counted.
 */
static const struct link_map *first_to_look_at(const struct family *family, unsigned loaded)
{
    unsigned later = loaded_later(family->list);
    unsigned since = loaded - atomic_load(&settled);
    bool all = family->module == NULL || later < since;
    return last_of(family->list, all ? later : since);
}

/* ---- who belongs to the module ---- */

static bool is_member(const struct family *family, const struct link_map *map)
{
    for (int i = 0; i < family->size; i++)
        if (family->members[i].map == map)
            return true;
    return false;
}

static bool is_needed(const struct family *family, const struct object *object)
{
    for (int i = 0; i < family->size; i++)
        if (object_needs(family->members[i].map->l_ld, family->members[i].strings, object))
            return true;
    return false;
}

/* Of most objects it can be told, without reading them, that they are no concern of the module. */
static bool may_belong(const struct family *family, const struct link_map *map)
{
    if (family->size > 0)
        return family->needs_others;
    return family->module == NULL || family->module == map;
}

static bool belongs(const struct family *family, const struct object *object)
{
    if (family->size > 0)
        return is_needed(family, object);
    return family->module != NULL || object_is_called(object, family->called);
}

static bool add_member(struct family *family, const struct link_map *map,
                       const struct object *object)
{
    if (family->size == FAMILY_AT_MOST) {
        family->is_too_large = true;
        return false;
    }
    family->members[family->size++] = (struct member){map, object->strings};
    family->needs_others =
        family->needs_others ||
        object_needs_beyond(map->l_ld, object->strings, libc_files, FAMILY_LIBC_FILES);
    return true;
}

static bool joins(struct family *family, const struct link_map *map)
{
    struct object object;
    return may_belong(family, map) && read_if_mapped(family, &object, map) &&
           belongs(family, &object) && !is_libc(&object) && add_member(family, map, &object);
}

/*
 * From there to the end of the list; says whether all of that belongs to the module. A dlopen lists
 * what it loads behind all that was there, and each object behind one that needs it. But a need may
 * have been there before who needs it, and not be rebound: what a module's constructor opened, or
 * another thread by a bare name. So again, until nobody joins.
 */
static bool recruit(struct family *family, const struct link_map *first)
{
    int outside;
    int before;
    do {
        outside = 0;
        before = family->size;
        for (const struct link_map *map = first; map != NULL; map = map->l_next)
            outside += is_member(family, map) || joins(family, map) ? 0 : 1;
    } while (outside > 0 && family->size > before && family->needs_others);
    return outside == 0;
}

static const struct link_map *first_before(const struct link_map *map)
{
    while (map->l_prev != NULL)
        map = map->l_prev;
    return map;
}

bool family_gather(struct family *family, const struct dl_phdr_info *program)
{
    unsigned loaded = (unsigned)program->dlpi_adds;
    family->list = family->module != NULL ? first_before(family->module) : object_list(program);
    if (recruit(family, first_to_look_at(family, loaded)))
        atomic_store(&settled, loaded);
    return family->list != NULL;
}

/* ---- what a name may mean ---- */

/* Does each need name a member, by its SONAME, or libc? Then there is nothing else that a name
 * could mean. */
static bool is_complete(const struct family *family)
{
    const char *names[FAMILY_LIBC_FILES + FAMILY_AT_MOST];
    int count = 0;
    for (int i = 0; i < FAMILY_LIBC_FILES; i++)
        names[count++] = libc_files[i];
    for (int i = 0; i < family->size; i++) {
        struct object object;
        if (object_read(&object, family->members[i].map) && object.soname != NULL)
            names[count++] = object.soname;
    }
    for (int i = 0; i < family->size; i++)
        if (object_needs_beyond(family->members[i].map->l_ld, family->members[i].strings, names,
                                count))
            return false;
    return true;
}

bool family_defines(struct family *family, const char *name)
{
    if (!family->is_extended && !is_complete(family))
        recruit(family, family->list);
    family->is_extended = true;
    for (int i = 0; i < family->size; i++) {
        struct object object;
        if (object_read(&object, family->members[i].map) && object_defines(&object, name))
            return true;
    }
    return family->is_too_large;
}

/* ---- libc ---- */

/* As found when it was first asked for. It never goes away. (Nor do its former files, where
 * somebody opened them: libpthread is marked so, and real.c holds libdl.) */
static HOT_BSS struct {
    struct range code[FAMILY_LIBC_FILES];
    int count;
} libc;

const struct range *family_libc(const struct family *family)
{
    for (const struct link_map *map = libc.count == 0 ? family->list : NULL; map != NULL;
         map = map->l_next) {
        struct object file;
        if (libc.count < FAMILY_LIBC_FILES && read_if_mapped(family, &file, map) &&
            is_libc(&file) && object_find_headers(&file))
            libc.code[libc.count++] = object_code(&file);
    }
    return libc.code;
}
