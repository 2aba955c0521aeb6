/*
 * deferred.h: when a module is rebound: at once, or by the next hook that its thread calls. Called
 * by the dlopen hook, and at the head of every other.
 */
#ifndef DEFERRED_H
#define DEFERRED_H

#include <stdbool.h>
#include <stdint.h>

#include "dl/rebind.h"
#include "this_thread.h"

/*
 * Where a dlopen(file, mode) should go: to the real dlopen, by a tail jump, or to a function here
 * that calls it and then rebinds what it has loaded. `stack` is where the return address is kept
 * now: on x86 the real dlopen keeps it there too.
 */
function rebind_route(const struct hook hooks[], const char *file, int mode,
                      const uintptr_t *stack);

/* Rebinds what this thread has deferred, once that dlopen has returned. */
void rebind_deferred(const struct hook hooks[]);

/* Is there any such thing? */
extern OF_THIS_THREAD bool rebind_is_pending;

#endif
