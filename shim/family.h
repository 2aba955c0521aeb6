/*
 * family.h: a module that a dlopen has opened, what it needs, and libc, whose functions they may
 * mean.
 *
 * Nothing here allocates or touches dlerror(3): dl_iterate_phdr(3) is all that is asked of the
 * loader. It keeps objects from going away, with a lock that the same thread may take again.
 * Called by rebind.c and the constructor.
 */
#ifndef FAMILY_H
#define FAMILY_H

#include <stdbool.h>
#include <stdint.h>

#include "object.h"

enum { FAMILY_AT_MOST = 64 };

struct family {
    const void *module;     /* by its dynamic section; or NULL and */
    const char *called;     /* by its name */
    struct object *members; /* room for FAMILY_AT_MOST */
    int size;
    bool is_too_large;
    bool at_start;     /* while visiting: still among the objects that the program began with */
    bool is_extended;  /* also by what was there before */
    bool needs_others; /* than libc: most modules do not */
};

/* Remembers, once, which objects the program began with: they never go away. */
void family_start(void);

/* Finds the module and what it needs of what was loaded since the start. The first three fields are
 * given, the rest is zero. */
void family_gather(struct family *family);

/* Does the module, or anything that it needs, define that name? Then it may be meant. Adds what was
 * there before to the members, behind the others. */
bool family_defines(struct family *family, const char *name);

/* Is this the address of a function of libc? False before the first family_gather. */
bool family_libc_covers(uintptr_t address);

#endif
