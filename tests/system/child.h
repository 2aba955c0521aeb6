/* What the files of the child and rebind suites share. Decides nothing. */
#ifndef REDISGUARD_TESTS_SYSTEM_CHILD_H
#define REDISGUARD_TESTS_SYSTEM_CHILD_H

#include "support.h"

#include <criterion/criterion.h>

#define PROGRAM(name) BUILD_DIR "/tests/system/programs/" name
#define MODULE(name)  BUILD_DIR "/tests/system/modules/" name ".so"

/* What programs/child_tools.h finds where a connection was replaced: one that the server closed. */
#define CUT_OFF                                                                                    \
    "socket, poll readable hung-up, epoll readable hung-up, read 0, recv 0, write EPIPE, send "    \
    "EPIPE"

/* Runs a program, which must end well and print exactly this. */
static inline void expect(const char *const argv[], const char *const env[], const char *printed)
{
    struct outcome outcome = run_program(argv, env);
    cr_assert_str_eq(outcome.out, printed);
    cr_assert(outcome.status == 0, "status %d, signal %d: %s", outcome.status, outcome.signal,
              outcome.err);
}

static inline const char *port_of(const struct server *server)
{
    return text("%d", server->port);
}

#endif
