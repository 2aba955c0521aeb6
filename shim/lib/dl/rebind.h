/*
 * rebind.h: a module loaded with RTLD_DEEPBIND binds straight to libc; here its GOT entries for the
 * hooked names are pointed at the hooks. Called by dlopen.c, and by deferred.c for a deferred
 * rebind.
 */
#ifndef REBIND_H
#define REBIND_H

#include <link.h>
#include <stddef.h>

/* Any function, to be cast to what it really is. */
typedef void (*function)(void);

/* A hooked name, its hook and its real function, as an offset into struct real. The list is
 * hooks.c's and ends with a NULL name. */
struct hook {
    const char *name;
    function hook;
    size_t real;
};

/* The module, what glibc's handle is, and what it needs; or the one called so, where that is NULL.
 */
void rebind(const struct hook hooks[], const struct link_map *module, const char *called);

/* Warns that a module keeps its entries. */
void rebind_log_failure(const char *path);

#endif
