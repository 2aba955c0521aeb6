/*
 * deferred.h: a dlopen whose module can be rebound only by the next hook that its thread calls.
 * Such a call must reach the real dlopen by a tail jump, for what its name means depends on the
 * caller, and dlopen learns that by its return address. Called by dlopen.c, and at the head of
 * every hook.
 */
#ifndef DEFERRED_H
#define DEFERRED_H

#include <stdbool.h>
#include <stdint.h>

#include "dl/rebind.h"
#include "this_thread.h"

/* `stack` is where the return address is kept now: on x86 the real dlopen keeps it there too. */
void defer_rebind(const char *file, const uintptr_t *stack);

/* Rebinds what this thread has deferred, once that dlopen has returned. */
void rebind_deferred(const struct hook hooks[]);

/* Is there any such thing? */
extern OF_THIS_THREAD bool rebind_is_pending;

#endif
