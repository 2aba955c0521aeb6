/*
 * rebind.c: modules loaded with RTLD_DEEPBIND; see rebind.h. Writes GOT entries of such a module
 * and of its dependencies, where an entry holds libc's function of a hooked name; of nothing that
 * the program began with. Other objects are let alone: another thread may be loading them at this
 * moment.
 *
 * Why at all: phpredis turns SO_KEEPALIVE off at each connect, and PHP before 8.5 loads it so that
 * no preload sees that. With 23 modules it takes 0.7 % of PHP's start, 10,100 instructions a
 * module; a quarter of the time goes to mprotect(2), which opens and closes the RELRO of four.
 *
 * Why the flag is not simply taken off the call: the module would bind all its symbols to whatever
 * the program has of the same name, and two versions of a library that RTLD_DEEPBIND keeps apart
 * would mix. It was slower too: 11.65 million instructions for the modules of PHP, whose symbols
 * are then looked for in every library of the program first.
 */
#include "dl/rebind.h"

#include <elf.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "counters.h"
#include "dl/elf.h"
#include "dl/real.h"
#include "dl/scope.h"
#include "error_name.h"
#include "kernel.h"
#include "log.h"
#include "text.h"

struct work {
    const struct hook *hooks;
    uint64_t name_filter; /* of their names: it tells nearly all others */
    const struct link_map *module;
    const char *name;
    struct scope scope;
    const struct link_map *object; /* of the scope: the one that is being rebound */
    bool relro_is_writable;        /* for now: that object's */
    bool has_failed;               /* an entry of it that should have been written */
};

static void log_failure(const char *path, const char *what, const char *why)
{
    log_write(LOG_LEVEL_WARN,
              "%s cannot be rebound (%s: %s): its connect() and setsockopt() calls are not "
              "intercepted",
              path, what, why);
}

/* ---- which entries ---- */

/* Which bit of a filter stands for the first two bytes of a name; the first may be its NUL. The
 * factor was chosen for PHP's modules: 131 of 4,203 symbols pass, 429 by the golden ratio. */
static inline unsigned name_filter_bit(const char *name)
{
    uint16_t two;
    memcpy(&two, name, sizeof two);
    return (uint16_t)(two * 40113U) >> 10;
}

static inline const struct hook *hook_for(const struct work *work, const char *name)
{
    if ((work->name_filter >> name_filter_bit(name) & 1) == 0)
        return NULL;
    for (const struct hook *hook = work->hooks; hook->name != NULL; hook++)
        if (text_is(name, hook->name))
            return hook;
    return NULL;
}

/* JUMP_SLOT, GLOB_DAT or ABS with addend 0, of an undefined symbol: of redis.so's 1,011 such
 * relocations half are of its own functions. */
static inline bool is_foreign_function(const struct object *object, const relocation *wanted)
{
    unsigned type = (unsigned)ARCH_TYPE_OF(wanted->r_info);
    return (type == ARCH_JUMP_SLOT || type == ARCH_GLOB_DAT || type == ARCH_ADDRESS) &&
           ARCH_ADDEND_OF(wanted) == 0 &&
           object->symbols[ARCH_SYMBOL_OF(wanted->r_info)].st_shndx == SHN_UNDEF;
}

/*
 * An entry that the module has changed is the module's. An unresolved lazy GOT entry points at the
 * module's own PLT; it will bind to libc unless the local scope defines the symbol. (A module that
 * has put a function of its own into such an entry is not told apart from that.)
 */
static bool leads_to_libc(struct work *work, const struct object *object, const relocation *wanted,
                          const char *name, uintptr_t present)
{
    if (scope_is_libcs(&work->scope, name, present))
        return true;
    return ARCH_TYPE_OF(wanted->r_info) == ARCH_JUMP_SLOT && object_covers(object, present, PF_X) &&
           !scope_defines(&work->scope, name);
}

/* Another preload may stand between the hook and libc. A module that bypassed it before must not be
 * routed through it, so its entry is left. */
static bool real_is_libcs(const struct work *work, const struct hook *hook)
{
    const function *real = (const void *)((const char *)real_functions() + hook->real);
    return scope_is_libcs(&work->scope, hook->name, (uintptr_t)*real);
}

/* ---- writing ---- */

/* All of RELRO at once, until the module is done: page by page the kernel would have to divide the
 * mapping each time, and could refuse (max_map_count). Returns the name of its error, or NULL. */
static const char *make_writable(struct work *work, const struct object *object, uintptr_t entry)
{
    if (work->relro_is_writable || entry - object->relro_start >= object->relro_size)
        return NULL;
    int error = kernel_mprotect(object->relro_start, object->relro_size, PROT_READ | PROT_WRITE);
    work->relro_is_writable = error == 0;
    return error == 0 ? NULL : error_name(error);
}

static void rebind_entry(struct work *work, const struct object *object, const relocation *wanted)
{
    const ElfW(Sym) *symbol = &object->symbols[ARCH_SYMBOL_OF(wanted->r_info)];
    const struct hook *hook = hook_for(work, object->strings + symbol->st_name);
    uintptr_t *entry = (uintptr_t *)(object->base + wanted->r_offset);
    if (hook == NULL || !object_covers(object, (uintptr_t)entry, PF_W) ||
        (uintptr_t)entry % sizeof *entry != 0) /* in a packed structure: no atomic write */
        return;
    uintptr_t present = __atomic_load_n(entry, __ATOMIC_ACQUIRE);
    do {
        if (!leads_to_libc(work, object, wanted, hook->name, present))
            return;
        const char *refusal = real_is_libcs(work, hook)
                                  ? make_writable(work, object, (uintptr_t)entry)
                                  : "another preload hooks it too";
        if (refusal != NULL) {
            if (!work->has_failed) /* one line an object */
                log_failure(object->path, hook->name, refusal);
            work->has_failed = true;
            return;
        }
    } while (!__atomic_compare_exchange_n(entry, &present, (uintptr_t)hook->hook, false,
                                          __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE));
    count(COUNT_REBOUND);
    log_write(LOG_LEVEL_DEBUG, "%s: %s rebound", object->path, hook->name);
}

/* Each entry, whatever became of the one before. */
static void rebind_entries(struct work *work, const struct object *object)
{
    work->has_failed = work->relro_is_writable = false;
    for (int table = 0; table < OBJECT_TABLES; table++) {
        const relocation *entries = object->tables[table];
        size_t count = entries == NULL ? 0 : object->sizes[table] / sizeof(relocation);
        for (size_t i = table == 0 ? object->relative : 0; i < count; i++)
            if (is_foreign_function(object, &entries[i]))
                rebind_entry(work, object, &entries[i]);
    }
    if (work->relro_is_writable)
        kernel_mprotect(object->relro_start, object->relro_size, PROT_READ);
}

/* Most modules want none of the hooked names: then none of their relocations need be looked at.
 * 10 instructions a symbol. */
static bool wants_hooks(const struct work *work, const struct object *object)
{
    uint32_t end = object_first_defined(object);
    for (uint32_t i = 1; i < end; i++) {
        const struct hook *hook = hook_for(work, object->strings + object->symbols[i].st_name);
        if (hook != NULL && !hook->is_secondary)
            return true;
    }
    return end == 0; /* it does not tell */
}

static int rebind_object(struct dl_phdr_info *info, size_t size, void *argument)
{
    (void)size;
    struct work *work = argument;
    struct object object;
    if (info->dlpi_addr != work->object->l_addr || !object_read_info(&object, info) ||
        object.dynamic != work->object->l_ld)
        return 0;
    rebind_entries(work, &object);
    return 1;
}

/* Called once, under the loader's lock: no two threads may change one page's protection at once. */
static int rebind_scope(struct dl_phdr_info *info, size_t size, void *argument)
{
    (void)info;
    (void)size;
    struct work *work = argument;
    struct object object;
    scope_find(&work->scope, work->module, work->name);
    int count = work->scope.size; /* scope_defines may add others behind them */
    for (int i = 0; i < count; i++) {
        work->object = work->scope.objects[i];
        if (object_read(&object, work->object) && wants_hooks(work, &object))
            dl_iterate_phdr(rebind_object, work);
    }
    if (work->scope.is_too_large)
        log_failure(work->scope.objects[0]->l_name, "DT_NEEDED", "more than 64 dependencies");
    return 1;
}

void rebind(const struct hook hooks[], const struct link_map *module, const char *name)
{
    struct work work = {.hooks = hooks, .module = module, .name = name};
    for (const struct hook *hook = hooks; hook->name != NULL; hook++)
        work.name_filter |= UINT64_C(1) << name_filter_bit(hook->name);
    dl_iterate_phdr(rebind_scope, &work);
}
