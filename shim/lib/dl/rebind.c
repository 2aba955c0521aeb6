/*
 * rebind.c: modules loaded with RTLD_DEEPBIND; see rebind.h. Touches relocation slots of a module
 * that a DEEPBIND dlopen has opened and of what it needs: those that stand for a hooked name and
 * lead to libc; of nothing that the program began with. Other objects are let alone: another thread
 * may be loading them at this moment.
 *
 * dlopen resolves a bare name by the RUNPATH of its caller, and $ORIGIN likewise, and knows the
 * caller by the return address. Such a call must reach the real dlopen by a tail jump, and can be
 * rebound only afterwards: it is noted in the thread, and done by its next hook. A module's own
 * constructors run before either.
 */
#include "dl/rebind.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>

#include "config.h"
#include "dl/elf.h"
#include "dl/real.h"
#include "dl/scope.h"
#include "kernel.h"
#include "log.h"
#include "text.h"

#if defined(__x86_64__)
enum { JUMP_SLOT = R_X86_64_JUMP_SLOT, GLOB_DAT = R_X86_64_GLOB_DAT, ADDRESS = R_X86_64_64 };
#elif defined(__aarch64__)
enum { JUMP_SLOT = R_AARCH64_JUMP_SLOT, GLOB_DAT = R_AARCH64_GLOB_DAT, ADDRESS = R_AARCH64_ABS64 };
#elif defined(__i386__)
enum { JUMP_SLOT = R_386_JMP_SLOT, GLOB_DAT = R_386_GLOB_DAT, ADDRESS = R_386_32 };
#endif

/* On i386 an addend is lost once the loader has written the slot; nobody adds to a function. */
#if defined(__i386__)
#define TYPE_OF(relocation)   ELF32_R_TYPE((relocation)->r_info)
#define SYMBOL_OF(relocation) ELF32_R_SYM((relocation)->r_info)
#define ADDEND_OF(relocation) 0
#else
#define TYPE_OF(relocation)   ELF64_R_TYPE((relocation)->r_info)
#define SYMBOL_OF(relocation) ELF64_R_SYM((relocation)->r_info)
#define ADDEND_OF(relocation) (relocation)->r_addend
#endif

#ifndef RTLD_DEEPBIND
#define RTLD_DEEPBIND 0 /* musl has no such thing */
#endif

enum { NAME_AT_MOST = 64 };

/* What is rebound at a time. */
struct work {
    const struct hook *hooks;
    uint64_t beginnings; /* of their names: nearly all others are told by them */
    struct family family;
    const struct range *libc; /* where its functions are */
};

/* A dlopen by a bare name that this thread has made. */
struct note {
    char name[NAME_AT_MOST];
    const uintptr_t *stack;
    uintptr_t return_address;
};

static OF_THIS_THREAD bool rebind_is_pending;
static OF_THIS_THREAD struct note put_off;

/* ---- its slots ---- */

/* Does it ask for a bare address, neither an offset nor a sum? */
static bool asks_for_an_address(const relocation *wanted)
{
    unsigned type = (unsigned)TYPE_OF(wanted);
    return (type == JUMP_SLOT || type == GLOB_DAT || type == ADDRESS) && ADDEND_OF(wanted) == 0;
}

/* One of 64 bits, by the first two letters. */
static uint64_t beginning_of(const char *name)
{
    unsigned first = (unsigned char)name[0];
    unsigned second = first == '\0' ? 0 : (unsigned char)name[1];
    return UINT64_C(1) << ((first + 31 * second) % 64);
}

static int hook_called(const struct hook hooks[], const char *name)
{
    for (int i = 0; hooks[i].name != NULL; i++)
        if (text_is(name, hooks[i].name))
            return i;
    return -1;
}

/* The hook for a symbol that somebody else is to define, or -1. */
static int hook_named(const struct work *work, const struct object *object, size_t index)
{
    const ElfW(Sym) *symbol = &object->symbols[index];
    if (symbol->st_shndx != SHN_UNDEF)
        return -1;
    return hook_called(work->hooks, object->strings + symbol->st_name);
}

static uint64_t bit_of(size_t index)
{
    return UINT64_C(1) << (index % 64);
}

/* The symbols for which it wants a hook, as a set of such bits. Most modules want none of those
 * functions: then none of their slots need be looked at. Nothing in here takes longer than this
 * loop. */
static uint64_t symbols_wanted(const struct work *work, const struct object *object)
{
    uint64_t wanted = 0;
    uint64_t beginnings = work->beginnings;
    uint32_t end = object_first_defined(object);
    for (uint32_t i = 1; i < end; i++)
        if ((beginnings & beginning_of(object->strings + object->symbols[i].st_name)) != 0 &&
            hook_named(work, object, i) >= 0)
            wanted |= bit_of(i);
    return end == 0 ? ~UINT64_C(0) : wanted;
}

static inline bool is_in_libc(const struct work *work, uintptr_t address)
{
    for (int i = 0; i < FAMILY_LIBC_FILES; i++)
        if (range_has(work->libc[i], address))
            return true;
    return false;
}

/*
 * Another preload may stand between our hook and libc: a module that went straight to libc must not
 * be led to that one, so its slot is left.
 */
static bool hook_leads_to_libc(const struct work *work, int hook)
{
    const function *beneath =
        (const void *)((const char *)real_functions() + work->hooks[hook].real);
    return is_in_libc(work, (uintptr_t)*beneath);
}

static bool protect_page(uintptr_t page, int protection)
{
    return kernel_call(SYS_mprotect, (long)page, (long)getauxval(AT_PAGESZ), protection, 0, 0, 0) ==
           0;
}

/* A page that the loader has made read-only, as long as it is not: a module's slots lie together.
 */
struct page {
    uintptr_t address; /* 0: none */
};

static void close_page(struct page *open)
{
    if (open->address != 0)
        protect_page(open->address, PROT_READ);
    open->address = 0;
}

static bool open_page_of(uintptr_t slot, struct page *open)
{
    uintptr_t page = slot & ~(getauxval(AT_PAGESZ) - 1);
    if (page == open->address)
        return true;
    close_page(open);
    if (!protect_page(page, PROT_READ | PROT_WRITE))
        return false;
    open->address = page;
    return true;
}

static bool write_slot(const struct object *object, uintptr_t slot, function hook,
                       struct page *open)
{
    if (object_protects(object, slot) && !open_page_of(slot, open))
        return false;
    __atomic_store_n((uintptr_t *)slot, (uintptr_t)hook, __ATOMIC_RELEASE);
    return true;
}

static void log_rebound(const struct object *object, const char *name)
{
    log_write(LOG_LEVEL_DEBUG, "%s: %s rebound", object->path, name);
}

static void log_failure(const char *path)
{
    log_write(LOG_LEVEL_WARN,
              "%s cannot be rebound: its connect() and setsockopt() calls are not intercepted",
              path);
}

/* A lazy slot that was not used yet leads back into its own module; whom it means is then known
 * only where no member has a function of that name. */
static bool means_libc(struct work *work, const struct object *object, int hook, uintptr_t present)
{
    if (is_in_libc(work, present))
        return true;
    return object_covers(object, present, PF_X) &&
           !family_defines(&work->family, work->hooks[hook].name);
}

/* False where the slot should have been written and could not be. */
static bool rebind_slot(struct work *work, const struct object *object, const relocation *wanted,
                        struct page *open)
{
    int hook = hook_named(work, object, SYMBOL_OF(wanted));
    uintptr_t slot = object->base + wanted->r_offset;
    if (hook < 0 || !object_covers(object, slot, PF_W))
        return true;
    uintptr_t present = __atomic_load_n((uintptr_t *)slot, __ATOMIC_ACQUIRE);
    if (!means_libc(work, object, hook, present))
        return true;
    if (!hook_leads_to_libc(work, hook) || !write_slot(object, slot, work->hooks[hook].hook, open))
        return false;
    log_rebound(object, work->hooks[hook].name);
    return true;
}

static bool rebind_slots(struct work *work, const struct object *object, uint64_t wanted)
{
    struct page open = {0};
    bool complete = true;
    for (int table = 0; table < OBJECT_TABLES; table++) {
        const relocation *slots = object->tables[table];
        size_t count = slots == NULL ? 0 : object->sizes[table] / sizeof(relocation);
        for (size_t i = table == 0 ? object->relative : 0; i < count; i++)
            if ((wanted & bit_of(SYMBOL_OF(&slots[i]))) != 0 && asks_for_an_address(&slots[i]))
                complete = rebind_slot(work, object, &slots[i], &open) && complete;
    }
    close_page(&open);
    return complete;
}

static void rebind_member(struct work *work, const struct link_map *map)
{
    struct object object;
    uint64_t wanted = object_read(&object, map) ? symbols_wanted(work, &object) : 0;
    if (wanted == 0)
        return;
    work->libc = family_libc(&work->family);
    if (!object_find_headers(&object) || !rebind_slots(work, &object, wanted))
        log_failure(object.path);
}

/* Under the loader's lock: two threads must not change the protection of one page at a time. */
static int rebind_family(struct dl_phdr_info *program, size_t size, void *argument)
{
    (void)size;
    struct work *work = argument;
    if (!family_gather(&work->family, program))
        log_failure(work->family.called);
    int gathered = work->family.size; /* family_defines may add others */
    for (int i = 0; i < gathered; i++)
        rebind_member(work, work->family.members[i].map);
    return 1; /* once is enough */
}

/* The module: as the loader knows it, or by its name. */
static void rebind(const struct hook hooks[], const struct link_map *module, const char *called)
{
    struct member members[FAMILY_AT_MOST];
    struct work work = {
        .hooks = hooks,
        .family = {.module = module, .called = called, .members = members},
    };
    for (int i = 0; hooks[i].name != NULL; i++)
        work.beginnings |= beginning_of(hooks[i].name);
    dl_iterate_phdr(rebind_family, &work);
    if (work.family.is_too_large)
        log_failure("a module with more than 64 dependencies");
}

/* ---- when ---- */

static const struct hook *hooks_for_dlopen; /* the same for every caller: hooks.c's one list */

/* Its caller gave a path: dlopen does not care who calls, and this is an ordinary call. */
static void *dlopen_and_rebind(const char *file, int mode)
{
    void *handle = real_functions()->dlopen(file, mode);
    if (handle != NULL)
        rebind(hooks_for_dlopen, handle, NULL);
    return handle;
}

/* One that is still pending began earlier, and needs what is opened within it. */
static void note_for_later(const char *file, const uintptr_t *stack)
{
    const char *name = text_last_part(file);
    size_t length = text_length(name);
    if (rebind_is_pending)
        return;
    if (length >= NAME_AT_MOST) {
        log_failure(file);
        return;
    }
    memcpy(put_off.name, name, length + 1);
    put_off.stack = stack;
    put_off.return_address = *stack;
    rebind_is_pending = true;
}

/*
 * A signal handler may run while that dlopen is at work, on a module that is not relocated yet. As
 * long as it is, its return address is kept: on x86 where it stood, until the next call from
 * there, or any deeper one, writes over it; on arm64 in one of the frame records, which the
 * kernel's signal frames continue, or in the record of such a frame itself.
 */
#if defined(__x86_64__) || defined(__i386__)
static bool may_be_at_work(void)
{
    return kernel_can_read(put_off.stack) && *put_off.stack == put_off.return_address;
}
#elif defined(__aarch64__)
enum { FRAMES_AT_MOST = 1024 };
#define ADDRESS_BITS ((UINT64_C(1) << 48) - 1) /* the rest may be a signature (PAC) */

/* What the chain leads to is not known where it breaks off: then it may be. */
static bool may_be_at_work(void)
{
    const uintptr_t *frame = __builtin_frame_address(0);
    for (int i = 0; frame != NULL && i < FRAMES_AT_MOST; i++) {
        if ((uintptr_t)frame % 16 != 0 || !kernel_can_read(frame))
            return true;
        if (((frame[1] ^ put_off.return_address) & ADDRESS_BITS) == 0)
            return true;
        frame = (const uintptr_t *)frame[0];
    }
    return frame != NULL;
}
#endif

static void rebind_noted(const struct hook hooks[])
{
    if (may_be_at_work())
        return;
    rebind_is_pending = false;
    rebind(hooks, NULL, put_off.name);
}

void rebind_deferred(const struct hook hooks[])
{
    if (__builtin_expect(rebind_is_pending, 0))
        rebind_noted(hooks);
}

function rebind_route(const struct hook hooks[], const char *file, int mode, const uintptr_t *stack)
{
    rebind_deferred(hooks);
    if ((mode & RTLD_DEEPBIND) == 0 || file == NULL || config()->disable || !config()->rebind)
        return (function)real_functions()->dlopen;
    family_start(); /* where a library's constructor came before ours */
    if (text_has(file, '/') && !text_has(file, '$')) {
        hooks_for_dlopen = hooks;
        return (function)dlopen_and_rebind;
    }
    note_for_later(file, stack);
    return (function)real_functions()->dlopen;
}
