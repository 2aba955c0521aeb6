/*
 * elf.h: what one loaded ELF object says about itself: its relocations, what it defines, what it
 * needs. Reads the object's memory and the file of none; called by rebind.c, under the loader's
 * lock.
 */
#ifndef ELF_H
#define ELF_H

#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* i386 keeps the addend where the relocation points to. */
#if defined(__i386__)
typedef ElfW(Rel) relocation;
#else
typedef ElfW(Rela) relocation;
#endif

enum { OBJECT_TABLES = 2 }; /* DT_RELA, or DT_REL, and DT_JMPREL */

struct object {
    const char *path;
    const char *soname; /* NULL: none */
    uintptr_t base;
    const ElfW(Phdr) * headers; /* by object_find_headers */
    int header_count;
    const ElfW(Dyn) * dynamic;
    const ElfW(Sym) * symbols;
    const char *strings;
    const uint32_t *gnu_hash; /* NULL: the object has only the old table */
    const uint32_t *old_hash;
    const relocation *tables[OBJECT_TABLES];
    size_t sizes[OBJECT_TABLES]; /* bytes */
    size_t relative;             /* so many of the first table come first and name no symbol */
};

/*
 * The loader's list, in the order of loading; the program is its first object, in
 * dl_iterate_phdr(3) as well. NULL where it was linked without DT_DEBUG.
 */
const struct link_map *object_list(const struct dl_phdr_info *program);

/* A stretch of memory. */
struct range {
    uintptr_t start;
    size_t size;
};

static inline bool range_has(struct range range, uintptr_t address)
{
    return address - range.start < range.size;
}

/* False where it has no dynamic symbols: then there is nothing to know. */
bool object_read(struct object *object, const struct link_map *map);

/* Those that say what is mapped where. False where it is not loaded any more. */
bool object_find_headers(struct object *object);

/* Does it define this symbol itself? */
bool object_defines(const struct object *object, const char *symbol);

/*
 * Where in its symbol table those begin that the object itself defines: all that it wants of others
 * comes before, since linkers sort the table so for DT_GNU_HASH. 0 where that does not tell.
 */
uint32_t object_first_defined(const struct object *object);

/* Is it called this: by its path, the last part of it, or its SONAME? */
bool object_is_called(const struct object *object, const char *name);

/* Does one with this dynamic section and these strings name the other one as a dependency? */
bool object_needs(const ElfW(Dyn) * dynamic, const char *strings, const struct object *other);

/* Does it name one that is called none of these? */
bool object_needs_beyond(const ElfW(Dyn) * dynamic, const char *strings, const char *const names[],
                         int count);

/* The following want the headers. */

/* From its first executable byte to its last one. */
struct range object_code(const struct object *object);

/* Does the address lie in a segment with this flag, such as PF_W? */
bool object_covers(const struct object *object, uintptr_t address, unsigned flag);

/* Did the loader make the page of this slot read-only after relocation? */
bool object_protects(const struct object *object, uintptr_t slot);

#endif
