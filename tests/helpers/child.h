/* What the files of the child and rebind suites share. Decides nothing. */
#ifndef REDISGUARD_TESTS_SYSTEM_CHILD_H
#define REDISGUARD_TESTS_SYSTEM_CHILD_H

#include "support.h"

#include <criterion/criterion.h>
#include <string.h>

/* What programs/child_tools.h finds where a connection was replaced: one that the server closed. */
#define CUT_OFF                                                                                    \
    "socket, poll readable hung-up, epoll readable hung-up, read 0, recv 0, write EPIPE, send "    \
    "EPIPE"

static inline const char *built_program(const char *name)
{
    return text("%s/tests/system/programs/%s", BUILD_DIR, name);
}

static inline const char *built_module(const char *name)
{
    return text("%s/tests/system/modules/%s.so", BUILD_DIR, name);
}

/* Runs a program, which must end well and print exactly this. */
static inline void expect(const char *const argv[], const char *const env[], const char *printed)
{
    struct outcome outcome = run_program(argv, env);
    cr_assert(outcome.status == 0, "status %d, signal %d:\n%s%s", outcome.status, outcome.signal,
              outcome.out, outcome.err);
    cr_assert(strcmp(outcome.out, printed) == 0, "it printed:\n%s\nand should have:\n%s",
              outcome.out, printed);
}

static inline const char *port_of(const struct server *server)
{
    return text("%d", server->port);
}

#endif
