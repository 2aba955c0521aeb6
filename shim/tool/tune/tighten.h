/*
 * tighten.h: what one socket gets.
 */
#ifndef REDISGUARD_TOOL_TIGHTEN_H
#define REDISGUARD_TOOL_TIGHTEN_H

#include <stdbool.h>

#include "machine/times.h"

/* Of the values of the socket and of the configuration, each the one that notices sooner. Returns
 * 0, or an errno of the option that the kernel refused. */
int tune_tighten(int fd, bool dry_run, struct times *was, struct times *now);

#endif
