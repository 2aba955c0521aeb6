/*
 * rebind.h: a module loaded with RTLD_DEEPBIND binds straight to libc; here its GOT entries for the
 * hooked names are pointed at the hooks: at once, or by the next hook that its thread calls.
 * deferred.c says when, rebind.c does it. Called by the dlopen hook, and at the head of every
 * other but close.
 */
#ifndef REBIND_H
#define REBIND_H

#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Any function, to be cast to what it really is. */
typedef void (*function)(void);

/* A hooked name, its hook and its real function, as an offset into struct real. The list is
 * hooks.c's and ends with a NULL name. */
struct hook {
    const char *name;
    function hook;
    size_t real;
    bool is_secondary; /* no reason to rebind an object that wants no other hook */
};

/*
 * Where a dlopen(file, mode) should go: to the real dlopen, by a tail jump, or to a function here
 * that calls it and then rebinds what it has loaded. `stack` is where the return address is kept
 * now: on x86 the real dlopen keeps it there too.
 */
function rebind_route(const struct hook list[], const char *file, int mode, const uintptr_t *stack);

/* Rebinds what this thread has deferred, once that dlopen has returned. */
void rebind_deferred(void);

/* Rebinds the module, glibc's handle, or NULL for the one of that name; and what it needs. */
void rebind(const struct hook hooks[], const struct link_map *module, const char *name);

#endif
