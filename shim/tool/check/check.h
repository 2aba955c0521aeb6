/*
 * check.h: `redisguard --check`: does the guard work in this command, and if not, why?
 */
#ifndef REDISGUARD_CHECK_CHECK_H
#define REDISGUARD_CHECK_CHECK_H

#include <stdbool.h>

/* Our own environment is the one that the command would get, but for LD_PRELOAD. Returns the exit
 * status: 0 the guard works, 1 it does not. */
int check_command(const char *library, bool as_json, char **argv);

#endif
