/*
 * same_config.h: do two configurations mean the same? Touches nothing.
 */
#ifndef REDISGUARD_TESTS_SAME_CONFIG_H
#define REDISGUARD_TESTS_SAME_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "config.h"

static inline bool same_text(const char *one, const char *other)
{
    return one == NULL || other == NULL ? one == other : strcmp(one, other) == 0;
}

static inline bool same_ports(const struct config *one, const struct config *other)
{
    unsigned port = 0;
    while (port <= 65536 && config_lists_port(one, port) == config_lists_port(other, port))
        port++;
    return port > 65536;
}

/* Where the texts and ports are kept means nothing. */
static inline bool same_but_for_mistakes(const struct config *one, const struct config *other)
{
    size_t first = offsetof(struct config, keepidle);
    size_t end = offsetof(struct config, mistakes);
    return same_text(one->unix_globs, other->unix_globs) && same_text(one->log, other->log) &&
           same_ports(one, other) &&
           memcmp((const char *)one + first, (const char *)other + first, end - first) == 0;
}

#endif
