/*
 * rebind.c: modules loaded with RTLD_DEEPBIND; see rebind.h. Touches relocation slots of objects
 * that a DEEPBIND dlopen has added: those that stand for a hooked name and lead to libc.
 *
 * dlopen resolves a bare name by the RUNPATH of its caller, and $ORIGIN likewise, and knows the
 * caller by the return address. Such a call must reach the real dlopen by a tail jump, and can be
 * rebound only afterwards: it is noted in the thread, and done by its next hook. (That one may then
 * allocate: the only time that a hook does.) A module's own constructors run before either.
 */
#include "rebind.h"

#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>

#include "config.h"
#include "kernel.h"
#include "log.h"
#include "next.h"

#if defined(__x86_64__)
enum { JUMP_SLOT = R_X86_64_JUMP_SLOT, GLOB_DAT = R_X86_64_GLOB_DAT, ADDRESS = R_X86_64_64 };
#elif defined(__aarch64__)
enum { JUMP_SLOT = R_AARCH64_JUMP_SLOT, GLOB_DAT = R_AARCH64_GLOB_DAT, ADDRESS = R_AARCH64_ABS64 };
#endif

enum { HOOKS_AT_MOST = 16, NAME_AT_MOST = 64 };

/* The object that was last in the loader's list before a dlopen: what stands behind it is new. */
typedef const void *mark;

/* What one object's dynamic section and program headers say about its relocations. */
struct object {
    const char *name;
    uintptr_t base;
    const ElfW(Phdr) * headers;
    int header_count;
    const ElfW(Sym) * symbols;
    const char *strings;
    const ElfW(Rela) * tables[2]; /* DT_RELA and DT_JMPREL */
    size_t sizes[2];              /* bytes */
    uintptr_t relro_start, relro_end;
};

struct search {
    const struct hook *hooks;
    uintptr_t in_libc[HOOKS_AT_MOST]; /* where libc's function is, as the module sees it; or 0 */
    mark after;
    bool reached;
    const char *failed; /* an object with a slot that could not be written */
};

struct note {
    bool pending;
    char name[NAME_AT_MOST];
    mark after;
};

static _Thread_local struct note put_off __attribute__((tls_model("initial-exec")));

static const void *dynamic_section(const struct dl_phdr_info *info)
{
    for (int i = 0; i < info->dlpi_phnum; i++)
        if (info->dlpi_phdr[i].p_type == PT_DYNAMIC)
            return (const void *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr); // NOLINT
    return NULL;
}

static int note_last(struct dl_phdr_info *info, size_t size, void *last)
{
    (void)size;
    *(mark *)last = dynamic_section(info);
    return 0;
}

static mark last_object(void)
{
    mark last = NULL;
    dl_iterate_phdr(note_last, &last);
    return last;
}

/* The file of a libc that a module may lead to; before glibc 2.34 it came in several. */
static bool belongs_to_libc(const void *address)
{
    static const char *const files[] = {"libc.so.6", "libpthread.so.0", "libdl.so.2"};
    Dl_info info;
    if (address == NULL || dladdr(address, &info) == 0 || info.dli_fname == NULL)
        return false;
    const char *slash = strrchr(info.dli_fname, '/');
    const char *file = slash == NULL ? info.dli_fname : slash + 1;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        if (strcmp(file, files[i]) == 0)
            return true;
    return false;
}

/* glibc turns most of these addresses absolute when it loads an object, but not for every machine.
 */
static const void *absolute(uintptr_t base, ElfW(Addr) address)
{
    return (const void *)(address < base ? base + address : address); // NOLINT
}

static void read_dynamic(struct object *object, const ElfW(Dyn) * dynamic)
{
    for (; dynamic->d_tag != DT_NULL; dynamic++) {
        switch (dynamic->d_tag) {
        case DT_SYMTAB:
            object->symbols = absolute(object->base, dynamic->d_un.d_ptr);
            break;
        case DT_STRTAB:
            object->strings = absolute(object->base, dynamic->d_un.d_ptr);
            break;
        case DT_RELA:
            object->tables[0] = absolute(object->base, dynamic->d_un.d_ptr);
            break;
        case DT_RELASZ:
            object->sizes[0] = dynamic->d_un.d_val;
            break;
        case DT_JMPREL:
            object->tables[1] = absolute(object->base, dynamic->d_un.d_ptr);
            break;
        case DT_PLTRELSZ:
            object->sizes[1] = dynamic->d_un.d_val;
            break;
        default:
            break;
        }
    }
}

/* The loader protects whole pages of PT_GNU_RELRO, both ends rounded down. */
static void read_relro(struct object *object)
{
    uintptr_t page = getauxval(AT_PAGESZ);
    for (int i = 0; i < object->header_count; i++) {
        const ElfW(Phdr) *header = &object->headers[i];
        if (header->p_type != PT_GNU_RELRO)
            continue;
        uintptr_t start = object->base + header->p_vaddr;
        object->relro_start = start & ~(page - 1);
        object->relro_end = (start + header->p_memsz) & ~(page - 1);
    }
}

static bool lies_in_segment(const struct object *object, uintptr_t address, unsigned flag)
{
    for (int i = 0; i < object->header_count; i++) {
        const ElfW(Phdr) *header = &object->headers[i];
        uintptr_t start = object->base + header->p_vaddr;
        if (header->p_type == PT_LOAD && (header->p_flags & flag) != 0 && address >= start &&
            address - start < header->p_memsz)
            return true;
    }
    return false;
}

static bool protect_page_of(uintptr_t slot, int protection)
{
    uintptr_t page = getauxval(AT_PAGESZ);
    return kernel_call(SYS_mprotect, (long)(slot & ~(page - 1)), (long)page, protection, 0, 0, 0) ==
           0;
}

static bool write_slot(const struct object *object, uintptr_t slot, function hook)
{
    bool relro = slot >= object->relro_start && slot < object->relro_end;
    if (relro && !protect_page_of(slot, PROT_READ | PROT_WRITE))
        return false;
    __atomic_store_n((uintptr_t *)slot, (uintptr_t)hook, __ATOMIC_RELEASE); // NOLINT
    if (relro)
        protect_page_of(slot, PROT_READ);
    return true;
}

/* The hook for a relocation that asks for the bare address of somebody else's function, or -1. */
static int hook_wanted_by(const struct search *search, const struct object *object,
                          const ElfW(Rela) * relocation)
{
    unsigned type = (unsigned)ELF64_R_TYPE(relocation->r_info);
    const ElfW(Sym) *symbol = &object->symbols[ELF64_R_SYM(relocation->r_info)];
    if ((type != JUMP_SLOT && type != GLOB_DAT && type != ADDRESS) || relocation->r_addend != 0 ||
        symbol->st_shndx != SHN_UNDEF)
        return -1;
    const char *name = object->strings + symbol->st_name;
    for (int i = 0; i < HOOKS_AT_MOST && search->hooks[i].name != NULL; i++)
        if (search->in_libc[i] != 0 && strcmp(name, search->hooks[i].name) == 0)
            return i;
    return -1;
}

static void log_rebound(const struct object *object, const char *name)
{
    if (!log_wants(LOG_LEVEL_DEBUG))
        return;
    struct line line;
    log_begin(&line, LOG_LEVEL_DEBUG);
    line_text(&line, object->name);
    line_text(&line, ": ");
    line_text(&line, name);
    line_text(&line, " rebound");
    log_end(&line);
}

/* A lazy slot that was not used yet leads back into its own module's code: it means libc as well.
 */
static void rebind_slot(struct search *search, const struct object *object,
                        const ElfW(Rela) * relocation)
{
    int hook = hook_wanted_by(search, object, relocation);
    uintptr_t slot = object->base + relocation->r_offset;
    if (hook < 0 || !lies_in_segment(object, slot, PF_W))
        return;
    uintptr_t present = __atomic_load_n((uintptr_t *)slot, __ATOMIC_ACQUIRE); // NOLINT
    if (present != search->in_libc[hook] && !lies_in_segment(object, present, PF_X))
        return;
    if (write_slot(object, slot, search->hooks[hook].hook))
        log_rebound(object, search->hooks[hook].name);
    else
        search->failed = object->name;
}

static void rebind_object(struct search *search, const struct dl_phdr_info *info)
{
    struct object object = {
        .name = info->dlpi_name,
        .base = info->dlpi_addr,
        .headers = info->dlpi_phdr,
        .header_count = info->dlpi_phnum,
    };
    read_dynamic(&object, dynamic_section(info));
    read_relro(&object);
    if (object.symbols == NULL || object.strings == NULL)
        return;
    for (int table = 0; table < 2; table++)
        for (size_t i = 0;
             object.tables[table] != NULL && i < object.sizes[table] / sizeof(ElfW(Rela)); i++)
            rebind_slot(search, &object, &object.tables[table][i]);
}

/* Called for each object in the order of loading, while the loader keeps them from going away. */
static int visit(struct dl_phdr_info *info, size_t size, void *argument)
{
    (void)size;
    struct search *search = argument;
    const void *dynamic = dynamic_section(info);
    if (search->reached && dynamic != NULL)
        rebind_object(search, info);
    else if (dynamic == search->after)
        search->reached = true;
    return 0;
}

static void log_failure(const char *object)
{
    if (!log_wants(LOG_LEVEL_WARN))
        return;
    struct line line;
    log_begin(&line, LOG_LEVEL_WARN);
    line_text(&line, object);
    line_text(&line, " cannot be rebound: its calls pass the guard by");
    log_end(&line);
}

/* Everything that was loaded behind the mark: the module of this handle and what it pulled in. */
static void rebind_loaded_after(mark after, void *handle, const struct hook hooks[])
{
    struct search search = {.hooks = hooks, .after = after};
    for (int i = 0; i < HOOKS_AT_MOST && hooks[i].name != NULL; i++) {
        void *seen = dlsym(handle, hooks[i].name);
        search.in_libc[i] = belongs_to_libc(seen) ? (uintptr_t)seen : 0;
    }
    dlerror(); /* the program's dlopen went well: there is no error for it to find */
    dl_iterate_phdr(visit, &search);
    if (search.failed != NULL || !search.reached)
        log_failure(search.failed != NULL ? search.failed : "a module");
}

static const struct hook *hooks_for_dlopen; /* the same for every caller: hooks.c's one list */

/* Its caller gave a path: dlopen does not care who calls, and this is an ordinary call. */
static void *dlopen_and_rebind(const char *file, int mode)
{
    mark before = last_object();
    void *handle = next()->dlopen(file, mode);
    if (handle != NULL && last_object() != before)
        rebind_loaded_after(before, handle, hooks_for_dlopen);
    return handle;
}

static void put_off_rebinding(const char *file)
{
    if (strlen(file) >= NAME_AT_MOST) {
        log_failure(file);
        return;
    }
    strcpy(put_off.name, file);
    put_off.after = last_object();
    put_off.pending = true;
}

void rebind_put_off(const struct hook hooks[])
{
    if (__builtin_expect(!put_off.pending, 1))
        return;
    put_off.pending = false;
    if (last_object() == put_off.after) /* it was loaded already, or not at all */
        return;
    void *handle = next()->dlopen(put_off.name, RTLD_LAZY | RTLD_NOLOAD);
    if (handle == NULL) {
        dlerror();
        log_failure(put_off.name);
        return;
    }
    rebind_loaded_after(put_off.after, handle, hooks);
    dlclose(handle);
}

#ifndef RTLD_DEEPBIND
#define RTLD_DEEPBIND 0 /* musl has no such thing */
#endif

function rebind_route(const struct hook hooks[], const char *file, int mode)
{
    rebind_put_off(hooks);
    if ((mode & RTLD_DEEPBIND) == 0 || file == NULL || config()->disable || !config()->rebind)
        return (function)next()->dlopen;
    if (strchr(file, '/') != NULL && strchr(file, '$') == NULL) {
        hooks_for_dlopen = hooks;
        return (function)dlopen_and_rebind;
    }
    put_off_rebinding(file);
    return (function)next()->dlopen;
}
