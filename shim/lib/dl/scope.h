/*
 * scope.h: the local scope of a module, as ld.so(8) has it: the module itself and what it needs by
 * DT_NEEDED, directly or not; and libc, which is in every scope and kept apart here.
 *
 * Allocates nothing and does not touch dlerror(3). All but scope_start is called by rebind.c within
 * a dl_iterate_phdr(3): that holds a lock by which no object comes or goes, and which the same
 * thread may take again.
 */
#ifndef SCOPE_H
#define SCOPE_H

#include <link.h>
#include <stdbool.h>
#include <stdint.h>

enum { SCOPE_AT_MOST = 64 };

struct scope {
    const struct link_map *objects[SCOPE_AT_MOST];
    int size;
    bool is_whole; /* with what was loaded before the module */
    bool is_too_large;
    bool may_be_unmapped; /* an object on the loader's list */
};

/* Remembers the last object that the program began with, the first time. What the program began
 * with is never rebound: its GOT entries mean what comes first of all, be it its own function. */
void scope_start(void);

/* Finds the module, what glibc's handle is, dlinfo(3), or NULL for the object of that name; and
 * what was loaded with it because it needs that. Nothing where the program began with the module.
 * The scope is all zero. */
void scope_find(struct scope *scope, const struct link_map *module, const char *name);

/* Does an object of the whole scope define that symbol? May append to the scope. */
bool scope_defines(struct scope *scope, const char *symbol);

/* Is that address libc's function of that very name, in any of its versions? */
bool scope_is_libcs(const struct scope *scope, const char *symbol, uintptr_t address);

#endif
