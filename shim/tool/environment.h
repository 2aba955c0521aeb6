/*
 * environment.h: the caller's environment, but for LD_PRELOAD and the variables of the options.
 */
#ifndef REDISGUARD_TOOL_ENVIRONMENT_H
#define REDISGUARD_TOOL_ENVIRONMENT_H

#include "options.h"

/* How many entries, with the NULL at the end, and how many bytes of new text it needs at most. */
struct environment_size {
    size_t entries, bytes;
};
struct environment_size environment_measure(const struct options *options, const char *library);

/* Fills both. library: the path that goes first into LD_PRELOAD, unless it is in there already;
 * NULL: LD_PRELOAD stays as it is. Nothing else is changed, added, or put in another order. */
void environment_fill(char *entries[], char *bytes, const struct options *options,
                      const char *library);

/* Does this list, as ld.so(8) splits it, hold this path? */
bool preload_lists(const char *list, const char *library);

#endif
