/*
 * family.c: a module and what it needs; see family.h. Writes what it has found out about libc,
 * once.
 */
#include "family.h"

#include <link.h>
#include <stdatomic.h>

#include "common_page.h"
#include "kernel.h"

/* Where libc's functions are; before glibc 2.34 they came in several files. */
static const char *const libc_files[] = {"libc.so.6", "libpthread.so.0", "libdl.so.2"};

enum { LIBC_FILES = sizeof libc_files / sizeof libc_files[0] };

/* By its program headers; written by family_start alone. */
static ON_COMMON_PAGE const void *last_at_start;

static int note_last(struct dl_phdr_info *info, size_t size, void *last)
{
    (void)size;
    *(const void **)last = info->dlpi_phdr;
    return 0;
}

void family_start(void)
{
    if (last_at_start == NULL)
        dl_iterate_phdr(note_last, &last_at_start);
}

/* ---- what the program began with ---- */

/*
 * It never goes away: looked through once, under the loader's lock. (Nor do glibc's former files,
 * where a constructor opened them: libpthread is marked so, and next.c holds libdl.)
 */
static struct beginning {
    struct object libc[LIBC_FILES];
    int libc_size;
} beginning;
static atomic_bool beginning_is_known;

static bool is_libc(const struct object *object)
{
    for (int i = 0; i < LIBC_FILES; i++)
        if (object_is_called(object, libc_files[i]))
            return true;
    return false;
}

static int note_at_start(struct dl_phdr_info *info, size_t size, void *argument)
{
    (void)size;
    struct beginning *found = argument;
    struct object object;
    if (found->libc_size < LIBC_FILES && object_read(&object, info) && is_libc(&object))
        found->libc[found->libc_size++] = object;
    if (info->dlpi_phdr != last_at_start)
        return 0;
    if (!atomic_load_explicit(&beginning_is_known, memory_order_relaxed))
        beginning = *found; /* or another thread was first */
    atomic_store_explicit(&beginning_is_known, true, memory_order_release);
    return 1;
}

static void look_at_the_beginning(void)
{
    if (atomic_load_explicit(&beginning_is_known, memory_order_acquire))
        return;
    struct beginning found = {.libc_size = 0};
    dl_iterate_phdr(note_at_start, &found);
}

bool family_libc_covers(uintptr_t address)
{
    for (int i = 0; i < beginning.libc_size; i++)
        if (object_covers(&beginning.libc[i], address, PF_X))
            return true;
    return false;
}

/* ---- who belongs to the module ---- */

static bool is_member(const struct family *family, const void *dynamic)
{
    for (int i = 0; i < family->size; i++)
        if (family->members[i].dynamic == dynamic)
            return true;
    return false;
}

static bool is_needed(const struct family *family, const struct object *object)
{
    for (int i = 0; i < family->size; i++)
        if (object_needs(&family->members[i], object))
            return true;
    return false;
}

static bool belongs(const struct family *family, const struct object *object)
{
    if (family->size > 0)
        return is_needed(family, object);
    return family->module != NULL ? object->dynamic == family->module
                                  : object_is_called(object, family->called);
}

static void add_member(struct family *family, const struct object *object)
{
    if (family->size == FAMILY_AT_MOST) {
        family->is_too_large = true;
        return;
    }
    family->members[family->size++] = *object;
    family->needs_others =
        family->needs_others || object_needs_beyond(object, libc_files, LIBC_FILES);
}

/*
 * What was put off may be done by a signal handler, and that may have struck in the midst of the
 * thread's own dlclose, with the object unmapped but still on the list.
 */
static bool is_still_mapped(const struct family *family, const struct dl_phdr_info *info)
{
    return family->called == NULL ||
           (kernel_can_read(info->dlpi_phdr) && kernel_can_read(object_dynamic(info)));
}

/*
 * What the program began with is bound already, and its slots do not count. To learn whom a slot
 * means it counts as well.
 */
static bool counts(const struct family *family, bool at_start)
{
    return !at_start || family->is_extended;
}

/* Of most objects it can be told, without reading them, that they are no concern of the module. */
static bool may_belong(const struct family *family, const struct dl_phdr_info *info)
{
    if (family->size > 0)
        return family->needs_others && !is_member(family, object_dynamic(info));
    return family->module == NULL || object_dynamic(info) == family->module;
}

/* Called for each object, in the order of loading, until all that belong are found. */
static int recruit(struct dl_phdr_info *info, size_t size, void *argument)
{
    (void)size;
    struct family *family = argument;
    struct object object;
    bool at_start = family->at_start;
    family->at_start = at_start && info->dlpi_phdr != last_at_start;
    if (counts(family, at_start) && is_still_mapped(family, info) && may_belong(family, info) &&
        object_read(&object, info) && belongs(family, &object) && !is_libc(&object))
        add_member(family, &object);
    return family->size > 0 && !family->needs_others;
}

/*
 * A dlopen lists what it loads behind all that was there, and each object behind one that needs it.
 * But a need may have been there before who needs it, and not be rebound: what a module's
 * constructor opened, or another thread by a bare name. So again, until nobody joins.
 */
static void visit(struct family *family)
{
    int before;
    do {
        before = family->size;
        family->at_start = true;
        dl_iterate_phdr(recruit, family);
    } while (family->size > before && family->needs_others);
}

void family_gather(struct family *family)
{
    look_at_the_beginning();
    visit(family);
}

bool family_defines(struct family *family, const char *name)
{
    if (!family->is_extended) {
        family->is_extended = true;
        visit(family);
    }
    for (int i = 0; i < family->size; i++)
        if (object_defines(&family->members[i], name))
            return true;
    return family->is_too_large;
}
