/*
 * print_env.h: --env, the variables that a supervisor must set in redisguard's place.
 */
#ifndef REDISGUARD_TOOL_PRINT_ENV_H
#define REDISGUARD_TOOL_PRINT_ENV_H

#include "options.h"

/* list: what LD_PRELOAD shall be. */
void print_env(const struct options *options, const char *list);

#endif
