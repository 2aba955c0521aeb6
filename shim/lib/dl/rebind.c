/*
 * rebind.c: modules loaded with RTLD_DEEPBIND; see rebind.h. Writes GOT entries of such a module
 * and of its dependencies, where an entry holds libc's function of a hooked name; of nothing that
 * the program began with. Other objects are let alone: another thread may be loading them at this
 * moment.
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
#include <sys/auxv.h>
#include <sys/mman.h>

#include "dl/elf.h"
#include "dl/real.h"
#include "dl/scope.h"
#include "kernel.h"
#include "log.h"
#include "text.h"

struct work {
    const struct hook *hooks;
    uint64_t name_filter; /* of their names: it tells nearly all others */
    const struct link_map *module;
    const char *called;
    struct scope scope;
};

/* ---- the log ---- */

/* This and the next are not in line: a line takes a kilobyte of stack, of which a signal handler
 * may have eight. */
static __attribute__((noinline)) void log_rebound(const struct object *object, const char *name)
{
    log_write(LOG_LEVEL_DEBUG, "%s: %s rebound", object->path, name);
}

__attribute__((noinline)) void rebind_log_failure(const char *path)
{
    log_write(LOG_LEVEL_WARN,
              "%s cannot be rebound: its connect() and setsockopt() calls are not intercepted",
              path);
}

/* ---- which entries ---- */

static uint64_t name_filter_bit(const char *name)
{
    unsigned first = (unsigned char)name[0];
    unsigned second = first == '\0' ? 0 : (unsigned char)name[1];
    return UINT64_C(1) << ((first + 31 * second) % 64);
}

/* The hook for a symbol that another object is to define, or NULL. */
static inline const struct hook *hook_for(const struct work *work, const struct object *object,
                                          size_t index)
{
    const ElfW(Sym) *symbol = &object->symbols[index];
    const char *name = object->strings + symbol->st_name;
    if ((work->name_filter & name_filter_bit(name)) == 0)
        return NULL;
    for (const struct hook *hook = work->hooks; hook->name != NULL; hook++)
        if (text_is(name, hook->name))
            return symbol->st_shndx == SHN_UNDEF ? hook : NULL;
    return NULL;
}

/* JUMP_SLOT, GLOB_DAT or a plain address: neither an offset nor a sum. */
static inline bool is_function_reloc(const relocation *wanted)
{
    unsigned type = (unsigned)ARCH_TYPE_OF(wanted->r_info);
    return (type == ARCH_JUMP_SLOT || type == ARCH_GLOB_DAT || type == ARCH_ADDRESS) &&
           ARCH_ADDEND_OF(wanted) == 0;
}

/*
 * An entry that the module has changed is the module's. An unresolved lazy GOT entry points at the
 * module's own PLT; it will bind to libc unless the local scope defines the symbol.
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

/* A RELRO page, temporarily writable: the entries of a module lie together. */
struct writable_page {
    uintptr_t address; /* 0: none */
};

static bool protect(uintptr_t page, int protection)
{
    return kernel_call(SYS_mprotect, (long)page, (long)getauxval(AT_PAGESZ), protection, 0, 0, 0) ==
           0;
}

static bool make_writable(const struct object *object, uintptr_t entry, struct writable_page *page)
{
    uintptr_t address = entry & ~(getauxval(AT_PAGESZ) - 1);
    if (!object_protects(object, entry) || address == page->address)
        return true;
    if (page->address != 0)
        protect(page->address, PROT_READ);
    page->address = protect(address, PROT_READ | PROT_WRITE) ? address : 0;
    return page->address != 0;
}

/* False where the entry should have been written and could not be. */
static bool rebind_entry(struct work *work, const struct object *object, const relocation *wanted,
                         struct writable_page *page)
{
    const struct hook *hook = hook_for(work, object, ARCH_SYMBOL_OF(wanted->r_info));
    uintptr_t *entry = (uintptr_t *)(object->base + wanted->r_offset);
    if (hook == NULL || !object_covers(object, (uintptr_t)entry, PF_W))
        return true;
    uintptr_t present = __atomic_load_n(entry, __ATOMIC_ACQUIRE);
    do {
        if (!leads_to_libc(work, object, wanted, hook->name, present))
            return true;
        if (!real_is_libcs(work, hook) || !make_writable(object, (uintptr_t)entry, page))
            return false;
    } while (!__atomic_compare_exchange_n(entry, &present, (uintptr_t)hook->hook, false,
                                          __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE));
    log_rebound(object, hook->name);
    return true;
}

/* Each entry, whatever became of the one before. */
static bool rebind_entries(struct work *work, const struct object *object)
{
    struct writable_page page = {0};
    bool complete = true;
    for (int table = 0; table < OBJECT_TABLES; table++) {
        const relocation *entries = object->tables[table];
        size_t count = entries == NULL ? 0 : object->sizes[table] / sizeof(relocation);
        for (size_t i = table == 0 ? object->relative : 0; i < count; i++)
            if (is_function_reloc(&entries[i]))
                complete = rebind_entry(work, object, &entries[i], &page) && complete;
    }
    if (page.address != 0)
        protect(page.address, PROT_READ);
    return complete;
}

/* Most modules want none of the hooked names: then none of their relocations need be looked at.
 * Nothing in here takes longer than this loop. */
static bool wants_hooks(const struct work *work, const struct object *object)
{
    uint32_t end = object_first_defined(object);
    for (uint32_t i = 1; i < end; i++)
        if (hook_for(work, object, i) != NULL)
            return true;
    return end == 0; /* it does not tell */
}

static void rebind_object(struct work *work, const struct link_map *map)
{
    struct object object;
    if (object_read(&object, map) && wants_hooks(work, &object) &&
        (!object_find_headers(&object) || !rebind_entries(work, &object)))
        rebind_log_failure(object.path);
}

/* Under the loader's lock: two threads must not change the protection of one page at a time. */
static int rebind_scope(struct dl_phdr_info *program, size_t size, void *argument)
{
    (void)program;
    (void)size;
    struct work *work = argument;
    scope_find(&work->scope, work->module, work->called);
    int count = work->scope.loaded_later; /* scope_defines may add others behind them */
    for (int i = 0; i < count; i++)
        rebind_object(work, work->scope.objects[i]);
    return 1; /* once is enough */
}

void rebind(const struct hook hooks[], const struct link_map *module, const char *called)
{
    struct work work = {.hooks = hooks, .module = module, .called = called};
    for (const struct hook *hook = hooks; hook->name != NULL; hook++)
        work.name_filter |= name_filter_bit(hook->name);
    dl_iterate_phdr(rebind_scope, &work);
    if (work.scope.is_too_large)
        rebind_log_failure("a module with more than 64 dependencies");
}
