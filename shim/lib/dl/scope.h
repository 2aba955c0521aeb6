/*
 * scope.h: a module that a dlopen has opened, what it needs, and libc, whose functions they may
 * mean.
 *
 * Nothing here allocates or touches dlerror(3). All but family_start is called by rebind.c within a
 * dl_iterate_phdr(3): that holds a lock by which no object comes or goes, and which the same thread
 * may take again.
 */
#ifndef SCOPE_H
#define SCOPE_H

#include <link.h>
#include <stdbool.h>
#include <stdint.h>

#include "dl/elf.h"

enum { FAMILY_AT_MOST = 64, FAMILY_LIBC_FILES = 3 };

struct member {
    const struct link_map *map;
    const char *strings;
};

struct family {
    const struct link_map *module; /* what glibc's handles are, dlinfo(3); or NULL and */
    const char *called;            /* its name */
    struct member *members;        /* room for FAMILY_AT_MOST */
    int size;
    const struct link_map *list; /* of all that is loaded */
    bool needs_others;           /* than libc: most modules do not */
    bool is_too_large;
    bool is_extended; /* also by what was settled before, where anything of that is needed */
};

/* Remembers, once, what the program began with: that is never rebound, since such an object's slots
 * mean what comes first of all, be it the program's own function. */
void family_start(void);

/*
 * Finds the module and what it needs, as far as that may not be settled yet, for the caller to
 * rebind at once. The first three fields are given, the rest is zero. False where the module is
 * given by its name and the program, without DT_DEBUG, does not lead to the loader's list.
 */
bool family_gather(struct family *family, const struct dl_phdr_info *program);

/* Does the module, or anything that it needs, define that name? Then it may be meant. May add what
 * was settled before to the members, behind the others. */
bool family_defines(struct family *family, const char *name);

/* Where libc's functions are; FAMILY_LIBC_FILES ranges, some may be empty. */
const struct range *family_libc(const struct family *family);

#endif
