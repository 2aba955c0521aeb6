/*
 * elf.c: the tests of shim/lib/dl/elf.c on the libraries that this process has loaded. Oracles:
 * dlsym(3) and dladdr(3), and the protections in /proc/self/maps.
 */
#include "dl/elf.h"

#include <criterion/criterion.h>
#include <dlfcn.h>
#include <gnu/lib-names.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "unit.h"

#define HIREDIS "libhiredis.so.0.14"
#define SECCOMP "libseccomp.so.2"

enum { OBJECTS_AT_MOST = 64 };

static struct object loaded[OBJECTS_AT_MOST];
static int loaded_count;

static int read_info(struct dl_phdr_info *info, size_t size, void *unused)
{
    (void)size;
    (void)unused;
    struct object *object = &loaded[loaded_count];
    memset(object, 0x55, sizeof *object); /* what it does not have */
    if (loaded_count < OBJECTS_AT_MOST - 1 && object_read_info(object, info))
        loaded_count++;
    return 0;
}

static void load_and_read(void)
{
    cr_assert_not_null(dlopen(HIREDIS, RTLD_LAZY), "these tests need " HIREDIS);
    cr_assert_not_null(dlopen(SECCOMP, RTLD_LAZY), "these tests need " SECCOMP);
    dl_iterate_phdr(read_info, NULL);
}

TestSuite(elf, .init = load_and_read, .timeout = 10);

static struct link_map *map_of(const char *name)
{
    struct link_map *map = NULL;
    void *handle = dlopen(name, RTLD_LAZY | RTLD_NOLOAD);
    cr_assert_not_null(handle, "%s", name);
    cr_assert_eq(dlinfo(handle, RTLD_DI_LINKMAP, &map), 0);
    return map;
}

static const struct object *object_of(const char *name)
{
    const struct link_map *map = map_of(name);
    for (int i = 0; i < loaded_count; i++)
        if (loaded[i].dynamic == map->l_ld)
            return &loaded[i];
    cr_assert_fail("%s was not read", name);
    return NULL;
}

Test(elf, table_that_library_does_not_have_is_not_read)
{
    cr_expect(object_of(HIREDIS)->old_hash == NULL);
    cr_expect(object_of(LIBC_SO)->old_hash != NULL);
}

Test(elf, object_is_read_as_loader_knows_it)
{
    const char *const names[] = {HIREDIS, SECCOMP, LIBC_SO};
    for (size_t i = 0; i < COUNT(names); i++) {
        const struct link_map *map = map_of(names[i]);
        const struct object *object = object_of(names[i]);
        cr_expect_eq(object->base, map->l_addr);
        cr_expect_str_eq(object->path, map->l_name);
        cr_expect(object->gnu_hash != NULL);
    }
}

static const char *const symbols[] = {
    "connect",        "setsockopt", "fork",           "_Fork",     "dup",          "dup2",
    "fcntl",          "fcntl64",    "daemon",         "dlopen",    "malloc",       "free",
    "redisConnect",   "redisFree",  "redisvCommand",  "sdsnew",    "seccomp_init", "seccomp_load",
    "zlibVersion",    "glob",       "criterion_plog", "nn_socket", "stdout",       "environ",
    "no_such_symbol", "connec",     "connectt",       "",
};

/* A symbol that a library defines is the first that a search which begins there finds; the default
 * version, where it has several. */
static uintptr_t defines_according_to_the_loader(const struct object *object, const char *symbol)
{
    Dl_info info;
    void *handle = dlopen(object->path, RTLD_LAZY | RTLD_NOLOAD);
    cr_assert_not_null(handle, "%s", object->path);
    void *found = dlsym(handle, symbol);
    bool is_its_own =
        found != NULL && dladdr(found, &info) != 0 && strcmp(info.dli_fname, object->path) == 0;
    return is_its_own ? (uintptr_t)found : 0;
}

Test(elf, library_defines_what_dlsym_finds_in_it)
{
    int defined = 0;
    for (int i = 0; i < loaded_count; i++) {
        if (strchr(loaded[i].path, '/') == NULL) /* the program, and the kernel's vdso */
            continue;
        for (size_t j = 0; j < COUNT(symbols); j++) {
            uintptr_t expected = defines_according_to_the_loader(&loaded[i], symbols[j]);
            cr_expect_eq(object_defines(&loaded[i], symbols[j], 0), expected, "%s: %s",
                         loaded[i].path, symbols[j]);
            defined += expected != 0 ? 1 : 0;
        }
    }
    cr_expect(defined > 20);
}

/* What its address holds is not memcpy(3), but chooses one. */
Test(elf, symbol_that_has_resolver_is_no_function)
{
    cr_expect(!object_defines(object_of(LIBC_SO), "memcpy", 0));
}

Test(elf, both_kinds_of_symbol_table_give_the_same_answer)
{
    struct object libc = *object_of(LIBC_SO);
    cr_assert(libc.gnu_hash != NULL && libc.old_hash != NULL); /* glibc 2.36 has both */
    struct object with_old = libc;
    with_old.gnu_hash = NULL;
    for (size_t i = 0; i < COUNT(symbols); i++)
        cr_expect_eq(object_defines(&with_old, symbols[i], 0), object_defines(&libc, symbols[i], 0),
                     "%s", symbols[i]);
    with_old.old_hash = NULL;
    cr_expect(!object_defines(&with_old, "connect", 0));
}

/* Whatever the version: both tables say what dlsym(3) and dlvsym(3) do. */
Test(elf, library_defines_symbol_at_its_address_and_nowhere_else)
{
    const struct object *libc = object_of(LIBC_SO);
    struct object with_old = *libc;
    with_old.gnu_hash = NULL;
    const struct object *const both[] = {libc, &with_old};
    uintptr_t connect_address = (uintptr_t)dlsym(RTLD_DEFAULT, "connect");
    uintptr_t dup_address = (uintptr_t)dlsym(RTLD_DEFAULT, "dup");
    uintptr_t old_version = (uintptr_t)dlvsym(RTLD_DEFAULT, "fmemopen", "GLIBC_2.2.5");
    uintptr_t new_version = (uintptr_t)dlvsym(RTLD_DEFAULT, "fmemopen", "GLIBC_2.22");
    for (size_t i = 0; i < COUNT(both); i++) {
        cr_expect(object_defines(both[i], "connect", connect_address));
        cr_expect(!object_defines(both[i], "connect", dup_address));
        cr_expect(!object_defines(both[i], "connect", connect_address + 1));
        cr_expect(object_defines(both[i], "dup", dup_address));
        if (old_version != 0 && new_version != 0) {
            cr_expect_neq(old_version, new_version);
            cr_expect(object_defines(both[i], "fmemopen", old_version));
            cr_expect(object_defines(both[i], "fmemopen", new_version));
        }
    }
}

/* What comes before is wanted of others, what comes behind is there for others. */
Test(elf, undefined_symbols_come_before_defined_ones)
{
    const struct object *hiredis = object_of(HIREDIS);
    uint32_t first = object_first_defined(hiredis);
    cr_assert(first > 1);
    for (uint32_t i = 1; i < first; i++)
        cr_expect_eq(hiredis->symbols[i].st_shndx, SHN_UNDEF, "%u", i);
    cr_expect_neq(hiredis->symbols[first].st_shndx, SHN_UNDEF);
}

/* As the linker makes it for an object that defines nothing, whatever that wants. */
Test(elf, empty_hash_table_does_not_give_first_defined_symbol)
{
    static const uint32_t empty[] = {1, 1, 1, 0, 0, 0, 0};
    struct object nothing = *object_of(HIREDIS);
    nothing.gnu_hash = empty;
    cr_expect_eq(object_first_defined(&nothing), 0);
    nothing.gnu_hash = NULL;
    cr_expect_eq(object_first_defined(&nothing), 0);
}

/* As the kernel's own object on gVisor and before Linux 3.16: linked for the end of memory, and
 * nobody has turned its addresses absolute. And one linked for an address that it was not given. */
Test(elf, object_may_have_been_linked_for_any_address)
{
    static struct {
        ElfW(Ehdr) header;
        char strings[16];
        ElfW(Sym) symbols[1];
        ElfW(Dyn) dynamic[4];
    } image = {.strings = "\0one.so"};
    const uintptr_t linked_for[] = {0, 0x1000, (uintptr_t)-0x900000, (uintptr_t)&image + 0x100000};
    for (size_t i = 0; i < 2 * COUNT(linked_for); i++) {
        bool is_absolute = i % 2 != 0;
        uintptr_t start = is_absolute ? (uintptr_t)&image : linked_for[i / 2];
        const ElfW(Dyn) dynamic[] = {
            {DT_STRTAB, {start + offsetof(__typeof__(image), strings)}},
            {DT_SYMTAB, {start + offsetof(__typeof__(image), symbols)}},
            {DT_SONAME, {1}},
            {DT_NULL, {0}},
        };
        memcpy(image.dynamic, dynamic, sizeof dynamic);
        struct link_map map = {.l_addr = (uintptr_t)&image - linked_for[i / 2],
                               .l_name = (char *)"",
                               .l_ld = image.dynamic};
        struct object object;
        cr_assert(object_read(&object, &map));
        cr_expect_eq(object.strings, image.strings, "%zu", i);
        cr_expect_eq(object.symbols, image.symbols, "%zu", i);
        cr_expect_eq(object.soname, image.strings + 1, "%zu", i);
    }
}

Test(elf, the_same_is_read_from_loaders_list_and_from_program_headers)
{
    int compared = 0;
    for (const struct link_map *map = dlopen(NULL, RTLD_LAZY); map != NULL; map = map->l_next) {
        const struct object *other = &loaded[compared];
        struct object object;
        if (!object_read(&object, map))
            continue;
        cr_expect_str_eq(object.path, other->path);
        cr_expect_eq(object.base, other->base);
        cr_expect_eq(object.soname, other->soname, "%s", object.path);
        cr_expect_eq(object.symbols, other->symbols, "%s", object.path);
        cr_expect_eq(object.relative, other->relative, "%s", object.path);
        compared++;
    }
    cr_expect_eq(compared, loaded_count);
}

Test(elf, address_lies_in_its_own_library_and_kind_of_segment)
{
    const struct object *libc = object_of(LIBC_SO);
    const struct object *hiredis = object_of(HIREDIS);
    uintptr_t code = (uintptr_t)dlsym(RTLD_DEFAULT, "connect");
    uintptr_t data = (uintptr_t)dlsym(RTLD_DEFAULT, "_IO_2_1_stdout_");
    cr_assert(code != 0 && data != 0);
    cr_expect(object_covers(libc, code, PF_X));
    cr_expect(!object_covers(libc, code, PF_W));
    cr_expect(!object_covers(hiredis, code, PF_X));
    cr_expect(object_covers(libc, data, PF_W));
    cr_expect(!object_covers(libc, data, PF_X));
    cr_expect(object_covers(libc, libc->base, PF_R));
    cr_expect(!object_covers(libc, libc->base - 1, PF_R));
    cr_expect(!object_covers(libc, 0, PF_R | PF_W | PF_X));
    cr_expect(!object_covers(libc, (uintptr_t)&code, PF_R | PF_W | PF_X));
}

/* The first and the last word of every page of a mapping. */
static int expect_protections(const struct object *object, uintptr_t first, uintptr_t end,
                              bool writable)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    int checked = 0;
    for (uintptr_t at = first; at < end; at += page)
        for (uintptr_t word = at; word < at + page; word += page - sizeof(word))
            if (object_covers(object, word, PF_W)) {
                cr_expect_eq(word - object->relro_start < object->relro_size, !writable, "%s: %zx",
                             object->path, (size_t)(word - object->base));
                checked++;
            }
    return checked;
}

/* Where a writable segment is mapped without the right to write, the loader took that away. */
Test(elf, only_pages_that_loader_made_read_only_are_protected)
{
    char *maps = content_of("/proc/self/maps");
    int checked[2] = {0, 0};
    for (char *map; (map = strsep(&maps, "\n")) != NULL;) {
        char *end;
        uintptr_t first = strtoul(map, &end, 16);
        uintptr_t last = strtoul(end + 1, &end, 16);
        bool writable = end[0] == ' ' && end[2] == 'w';
        for (int i = 0; i < loaded_count && first != 0; i++)
            if (loaded[i].path[0] == '/' && strstr(map, loaded[i].path) != NULL)
                checked[writable] += expect_protections(&loaded[i], first, last, writable);
    }
    cr_expect(checked[false] > 0);
    cr_expect(checked[true] > 0);
}
