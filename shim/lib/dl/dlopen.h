/*
 * dlopen.h: the way of a call of dlopen. dlopen.S, the hook, asks for it by hooks.c.
 */
#ifndef DLOPEN_H
#define DLOPEN_H

#include <stdint.h>

#include "dl/rebind.h"

/*
 * Where a dlopen(file, mode) should go: to the real dlopen, by a tail jump, or to a function here
 * that calls it and then rebinds what it has loaded. `stack` is where the return address is kept.
 */
function rebind_route(const struct hook hooks[], const char *file, int mode,
                      const uintptr_t *stack);

#endif
