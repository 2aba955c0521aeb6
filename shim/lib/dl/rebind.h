/*
 * rebind.h: modules loaded with RTLD_DEEPBIND bind straight to libc; here their slots for the
 * hooked names are pointed at the hooks. The only file, with scope.c and elf.c, that knows ELF.
 *
 * Called by the dlopen hook, and at the head of other hooks for what had to be put off.
 */
#ifndef REBIND_H
#define REBIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "this_thread.h"

/* Any function, to be cast to what it really is. */
typedef void (*function)(void);

/* A hooked name, its hook and what that goes on to, as an offset into struct real. The list is
 * hooks.c's and ends with a NULL name. */
struct hook {
    const char *name;
    function hook;
    size_t real;
};

/*
 * Where a dlopen(file, mode) should go: to the next dlopen itself, by a tail jump, or to a function
 * here that calls it and then rebinds what it has loaded. `stack` is where the return address is
 * kept now: on x86 the real dlopen keeps it there too.
 */
function rebind_route(const struct hook hooks[], const char *file, int mode,
                      const uintptr_t *stack);

/* Rebinds what this thread loaded by a bare name, once that dlopen has returned. */
void rebind_deferred(const struct hook hooks[]);

#endif
