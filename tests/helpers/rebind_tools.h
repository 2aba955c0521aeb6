/*
 * What the programs of the rebind suite share: how they get at what a module offers. Included by
 * programs/rebind_*.c.
 */
#ifndef REDISGUARD_TESTS_REBIND_TOOLS_H
#define REDISGUARD_TESTS_REBIND_TOOLS_H

#include "child_tools.h"
#include "rebind_calls.h"

#include <dlfcn.h>

/* The calls of a module that dlopen() has returned. */
static inline const struct calls *calls_of(void *module)
{
    const struct calls *calls = module == NULL ? NULL : dlsym(module, "rebind_calls");
    if (calls == NULL)
        die(dlerror());
    return calls;
}

/* What became of the module's attempt to turn the connection's keepalive off? */
static inline bool setsockopt_is_guarded(const struct calls *calls, int connection)
{
    int off = 0;
    checked(calls->setsockopt(connection, SOL_SOCKET, SO_KEEPALIVE, &off, sizeof off),
            "setsockopt");
    return has_keepalive(connection);
}

#endif
