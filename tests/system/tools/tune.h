/*
 * What the tune suites share: a client that nobody guards, and the options that it prints. Decides
 * nothing.
 */
#ifndef REDISGUARD_TESTS_SYSTEM_TUNE_H
#define REDISGUARD_TESTS_SYSTEM_TUNE_H

#include "audit.h"

/* With --detect 4. */
#define OURS "options KEEPALIVE 1 KEEPIDLE 1 KEEPINTVL 1 KEEPCNT 3 USER_TIMEOUT 4000"

/* Has connected, and shows its options when it is told to go on. */
static inline struct program *start_client(const struct server *server, const char *step)
{
    return holding(STEPS("socket=tcp", connect_step(server), step, "hold", "options", "hold"),
                   NULL);
}

static inline void expect_options(struct program *client, const char *expected)
{
    tell_program(client, "\n");
    char *line = wait_for_line(client, "options");
    cr_expect(strstr(line, expected) != NULL, "%s\nand should be\n%s", line, expected);
}

#endif
