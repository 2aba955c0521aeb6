/*
 * elf.h: what one loaded ELF object says about itself: its relocations and what it defines. Reads
 * the object's memory and no file; called under the loader's lock.
 */
#ifndef ELF_H
#define ELF_H

#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arch/arch.h"

typedef ARCH_RELOCATION relocation;

enum { OBJECT_TABLES = 2 }; /* DT_RELA, or DT_REL, and DT_JMPREL */

struct object {
    const char *path;
    const char *soname; /* NULL: none */
    uintptr_t base;
    const ElfW(Phdr) * headers; /* NULL: not looked for */
    int header_count;
    uintptr_t relro_start, relro_size; /* of PT_GNU_RELRO the whole pages: what is protected */
    const ElfW(Dyn) * dynamic;
    const ElfW(Sym) * symbols;
    const char *strings;
    const uint32_t *gnu_hash; /* NULL: the object has only the old table */
    const uint32_t *old_hash;
    const ElfW(Half) * versions; /* a number a symbol; NULL: they have none */
    const relocation *tables[OBJECT_TABLES];
    size_t sizes[OBJECT_TABLES]; /* bytes */
    size_t relative;             /* so many of the first table come first and name no symbol */
};

/* False where it has no dynamic symbols: then there is nothing to know. */
bool object_read(struct object *object, const struct link_map *map);

/* The same of what dl_iterate_phdr(3) gives, with the program headers. */
bool object_read_info(struct object *object, const struct dl_phdr_info *info);

/* Where it defines this symbol itself: at this address in any version; or, for 0, anywhere in the
 * default version, but for an IFUNC. 0: it does not. */
uintptr_t object_defines(const struct object *object, const char *symbol, uintptr_t address);

/* Where in its symbol table those begin that the object itself defines: linkers sort the undefined
 * ones before them for DT_GNU_HASH. 0 where that does not tell. */
uint32_t object_first_defined(const struct object *object);

/* Does the address lie in a segment with this flag, such as PF_W? Wants the program headers. */
bool object_covers(const struct object *object, uintptr_t address, unsigned flag);

#endif
