/*
 * rebind.c: modules loaded with RTLD_DEEPBIND; see rebind.h. Touches relocation slots of a module
 * that a DEEPBIND dlopen has opened and of what it needs: those that stand for a hooked name and
 * lead to libc. Other objects are let alone: another thread may be loading them at this moment.
 *
 * dlopen resolves a bare name by the RUNPATH of its caller, and $ORIGIN likewise, and knows the
 * caller by the return address. Such a call must reach the real dlopen by a tail jump, and can be
 * rebound only afterwards: it is noted in the thread, and done by its next hook. A module's own
 * constructors run before either.
 *
 * Nothing here allocates or touches dlerror(3): dl_iterate_phdr(3) is all that is asked of the
 * loader. It keeps objects from going away, with a lock that the same thread may take again.
 */
#include "rebind.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>

#include "common_page.h"
#include "config.h"
#include "kernel.h"
#include "log.h"
#include "next.h"
#include "object.h"
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

enum { NAME_AT_MOST = 64, FAMILY_AT_MOST = 64 };

/* Where libc's functions are; before glibc 2.34 they came in several files. */
static const char *const libc_files[] = {"libc.so.6", "libpthread.so.0", "libdl.so.2"};

enum { LIBC_FILES = sizeof libc_files / sizeof libc_files[0] };

/* A module and all that it needs, as far as that was loaded after the program began. */
struct family {
    const struct hook *hooks;
    uint64_t beginnings; /* of their names: nearly all others are told by them */
    bool at_start;       /* while visiting: still among the objects that the program began with */
    const void *module;  /* by its dynamic section; or NULL and */
    const char *called;  /* by its name */
    struct object *members; /* room for FAMILY_AT_MOST */
    int size;
    bool is_too_large;
    bool is_extended;  /* also by what was there before */
    bool needs_others; /* than libc: most modules do not */
};

/* A dlopen by a bare name that this thread has made. */
struct note {
    char name[NAME_AT_MOST];
    const uintptr_t *stack;
    uintptr_t return_address;
};

static ON_COMMON_PAGE const void *last_at_start; /* written by rebind_start alone */

_Thread_local bool rebind_is_pending __attribute__((tls_model("initial-exec")));
static _Thread_local struct note put_off __attribute__((tls_model("initial-exec")));

static int note_last(struct dl_phdr_info *info, size_t size, void *last)
{
    (void)size;
    *(const void **)last = object_dynamic(info);
    return 0;
}

void rebind_start(void)
{
    if (last_at_start == NULL)
        dl_iterate_phdr(note_last, &last_at_start);
}

/* ---- what the program began with ---- */

/* It never goes away: looked through once, under the loader's lock. */
static struct beginning {
    struct object libc[LIBC_FILES];
    int libc_size;
    struct span libc_code; /* of all these files, with what lies between them */
} beginning;
static atomic_bool beginning_is_known;

static bool is_libc(const struct object *object)
{
    for (int i = 0; i < LIBC_FILES; i++)
        if (object_is_called(object, libc_files[i]))
            return true;
    return false;
}

static void note_libc(struct beginning *found, const struct object *object)
{
    struct span code = object_code(object);
    struct span *all = &found->libc_code;
    if (found->libc_size == LIBC_FILES)
        return;
    found->libc[found->libc_size++] = *object;
    all->start = all->end == 0 || code.start < all->start ? code.start : all->start;
    all->end = code.end > all->end ? code.end : all->end;
}

static int note_at_start(struct dl_phdr_info *info, size_t size, void *argument)
{
    (void)size;
    struct beginning *found = argument;
    struct object object;
    if (object_read(&object, info) && is_libc(&object))
        note_libc(found, &object);
    if (object_dynamic(info) != last_at_start)
        return 0;
    beginning = *found;
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

static bool is_within(struct span span, uintptr_t address)
{
    return address >= span.start && address < span.end;
}

static bool leads_to_libc(uintptr_t address)
{
    for (int i = 0; i < beginning.libc_size; i++)
        if (object_covers(&beginning.libc[i], address, PF_X))
            return true;
    return false;
}

/* ---- who belongs to the module ---- */

static bool is_member(const struct family *family, const struct object *object)
{
    for (int i = 0; i < family->size; i++)
        if (family->members[i].dynamic == object->dynamic)
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
 * A dlopen lists what it loads behind all that was there, and each object behind one that needs it:
 * one visit finds the module and what came with it. What was there before is bound already. To
 * learn whom a slot means it counts as well, in as many visits as it takes until nobody joins.
 */
static bool counts(const struct family *family, bool at_start)
{
    return !at_start || family->is_extended;
}

/* Of most objects it can be told, without reading them, that they are no concern of the module. */
static bool may_belong(const struct family *family, const struct dl_phdr_info *info)
{
    if (family->size > 0)
        return family->needs_others;
    return family->module == NULL || object_dynamic(info) == family->module;
}

/* Called for each object, in the order of loading, until all that belong are found. */
static int recruit(struct dl_phdr_info *info, size_t size, void *argument)
{
    (void)size;
    struct family *family = argument;
    struct object object;
    bool at_start = family->at_start;
    family->at_start = at_start && object_dynamic(info) != last_at_start;
    if (counts(family, at_start) && may_belong(family, info) && is_still_mapped(family, info) &&
        object_read(&object, info) && !is_member(family, &object) && belongs(family, &object) &&
        !is_libc(&object))
        add_member(family, &object);
    return family->size > 0 && !family->needs_others;
}

static void gather(struct family *family)
{
    int before = -1;
    while (family->size > before) {
        before = family->size;
        family->at_start = true;
        dl_iterate_phdr(recruit, family);
        if (!family->is_extended)
            return;
    }
}

/* ---- its slots ---- */

/* Is it the bare address of a function, of libc's or of the module's own? Of all that a module
 * asks for, little is; the rest is not looked at any further. */
static bool may_mean_libc(const struct object *object, struct span own, const relocation *wanted)
{
    unsigned type = (unsigned)TYPE_OF(wanted);
    if ((type != JUMP_SLOT && type != GLOB_DAT && type != ADDRESS) || ADDEND_OF(wanted) != 0)
        return false;
    const uintptr_t *slot = (const void *)(object->base + wanted->r_offset);
    uintptr_t present = __atomic_load_n(slot, __ATOMIC_RELAXED);
    return is_within(beginning.libc_code, present) || is_within(own, present);
}

/* One of 64 bits, by the first two letters. */
static uint64_t beginning_of(const char *name)
{
    unsigned first = (unsigned char)name[0];
    unsigned second = first == '\0' ? 0 : (unsigned char)name[1];
    return UINT64_C(1) << ((first + 31 * second) % 64);
}

static __attribute__((noinline)) int hook_called(const struct hook hooks[], const char *name)
{
    for (int i = 0; hooks[i].name != NULL; i++)
        if (text_is(name, hooks[i].name))
            return i;
    return -1;
}

/* The hook for a symbol that somebody else is to define, or -1. */
static inline int hook_named(const struct family *family, const struct object *object, size_t index)
{
    const ElfW(Sym) *symbol = &object->symbols[index];
    const char *name = object->strings + symbol->st_name;
    if ((family->beginnings & beginning_of(name)) == 0 || symbol->st_shndx != SHN_UNDEF)
        return -1;
    return hook_called(family->hooks, name);
}

/* Most modules want none of those functions: then none of their slots need be looked at. */
static bool may_want_a_hook(const struct family *family, const struct object *object)
{
    uint32_t end = object_first_defined(object);
    for (uint32_t i = 1; i < end; i++)
        if (hook_named(family, object, i) >= 0)
            return true;
    return end == 0;
}

/*
 * Another preload may stand between our hook and libc: a module that went straight to libc must not
 * be led to that one, so its slot is left.
 */
static bool hook_leads_to_libc(const struct family *family, int hook)
{
    const function *beneath = (const void *)((const char *)next() + family->hooks[hook].next);
    return leads_to_libc((uintptr_t)*beneath);
}

/* Does the module, or anything that it needs, define that name? Then it may be meant. */
static bool has_own(struct family *family, const char *name)
{
    if (!family->is_extended) {
        family->is_extended = true;
        gather(family);
    }
    for (int i = 0; i < family->size; i++)
        if (object_defines(&family->members[i], name))
            return true;
    return family->is_too_large;
}

/* A lazy slot that was not used yet leads back into its own module; whom it means is then known
 * only where no member has a function of that name. */
static bool means_libc(struct family *family, const struct object *object, int hook,
                       uintptr_t present)
{
    if (leads_to_libc(present))
        return true;
    return object_covers(object, present, PF_X) && !has_own(family, family->hooks[hook].name);
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
    if (!log_wants(LOG_LEVEL_DEBUG))
        return;
    struct line line;
    log_begin(&line, LOG_LEVEL_DEBUG);
    line_text(&line, object->path);
    line_text(&line, ": ");
    line_text(&line, name);
    line_text(&line, " rebound");
    log_end(&line);
}

static void log_failure(const char *path)
{
    if (!log_wants(LOG_LEVEL_WARN))
        return;
    struct line line;
    log_begin(&line, LOG_LEVEL_WARN);
    line_text(&line, path);
    line_text(&line, " cannot be rebound: its calls pass the guard by");
    log_end(&line);
}

/* False where the slot should have been written and could not be. */
static bool rebind_slot(struct family *family, const struct object *object,
                        const relocation *wanted, struct page *open)
{
    int hook = hook_named(family, object, SYMBOL_OF(wanted));
    uintptr_t slot = object->base + wanted->r_offset;
    if (hook < 0 || !object_covers(object, slot, PF_W))
        return true;
    uintptr_t present = __atomic_load_n((uintptr_t *)slot, __ATOMIC_ACQUIRE);
    if (!means_libc(family, object, hook, present))
        return true;
    if (!hook_leads_to_libc(family, hook) ||
        !write_slot(object, slot, family->hooks[hook].hook, open))
        return false;
    log_rebound(object, family->hooks[hook].name);
    return true;
}

static void rebind_member(struct family *family, const struct object *object)
{
    struct span own = object_code(object);
    struct page open = {0};
    bool complete = true;
    if (!may_want_a_hook(family, object))
        return;
    for (int table = 0; table < OBJECT_TABLES; table++) {
        size_t count =
            object->tables[table] == NULL ? 0 : object->sizes[table] / sizeof(relocation);
        for (size_t i = table == 0 ? object->relative : 0; i < count; i++)
            if (may_mean_libc(object, own, &object->tables[table][i]))
                complete =
                    rebind_slot(family, object, &object->tables[table][i], &open) && complete;
    }
    close_page(&open);
    if (!complete)
        log_failure(object->path);
}

/* Under the loader's lock: two threads must not change the protection of one page at a time. */
static int rebind_members(struct dl_phdr_info *info, size_t size, void *argument)
{
    (void)info;
    (void)size;
    struct family *family = argument;
    int came_with_it = family->size; /* more may be looked at below: has_own */
    for (int i = 0; i < came_with_it; i++)
        rebind_member(family, &family->members[i]);
    return 1; /* once is enough */
}

static void rebind(struct family *family)
{
    struct object members[FAMILY_AT_MOST]; /* not zeroed: some 8 KB for each module */
    family->members = members;
    for (int i = 0; family->hooks[i].name != NULL; i++)
        family->beginnings |= beginning_of(family->hooks[i].name);
    look_at_the_beginning();
    gather(family);
    dl_iterate_phdr(rebind_members, family);
    if (family->is_too_large)
        log_failure("a module with more than 64 dependencies");
}

/* ---- when ---- */

static const struct hook *hooks_for_dlopen; /* the same for every caller: hooks.c's one list */

/* Its caller gave a path: dlopen does not care who calls, and this is an ordinary call. */
static void *dlopen_and_rebind(const char *file, int mode)
{
    void *handle = next()->dlopen(file, mode);
    if (handle != NULL) {
        const struct link_map *module = handle; /* what glibc's handles are, dlinfo(3) */
        struct family family = {.hooks = hooks_for_dlopen, .module = module->l_ld};
        rebind(&family);
    }
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
    struct family family = {.hooks = hooks, .called = put_off.name};
    rebind_is_pending = false;
    rebind(&family);
}

void rebind_put_off(const struct hook hooks[])
{
    if (__builtin_expect(rebind_is_pending, 0))
        rebind_noted(hooks);
}

function rebind_route(const struct hook hooks[], const char *file, int mode, const uintptr_t *stack)
{
    rebind_put_off(hooks);
    if ((mode & RTLD_DEEPBIND) == 0 || file == NULL || config()->disable || !config()->rebind)
        return (function)next()->dlopen;
    rebind_start(); /* where a library's constructor came before ours */
    if (text_has(file, '/') && !text_has(file, '$')) {
        hooks_for_dlopen = hooks;
        return (function)dlopen_and_rebind;
    }
    note_for_later(file, stack);
    return (function)next()->dlopen;
}
