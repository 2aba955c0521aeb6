/*
 * What the audit suites share: an audit of one server's connections, and of nobody else's, as other
 * tests run beside this one. Decides nothing.
 */
#ifndef REDISGUARD_TESTS_SYSTEM_AUDIT_H
#define REDISGUARD_TESTS_SYSTEM_AUDIT_H

#include "child.h"
#include "redisguard.h"
#include "sockets.h"

#define AUDIT WRAPPER, "--audit"

enum { ALL_WELL = 0, FAULTS = 1, UNSEEN = 2, FAILED = 125 };

/* Which connections: those to the server's TCP port, or to its Unix socket. */
#define TO_PORT_OF(server) WORDS(text("REDISGUARD_PORTS=%d", (server)->port), "REDISGUARD_UNIX=/-")
#define TO_PATH_OF(server)                                                                         \
    WORDS("REDISGUARD_PORTS=1", text("REDISGUARD_UNIX=%s", (server)->unix_socket))

/* Audits, which must end with this status, and returns what it prints. */
static inline char *audited(const char *const argv[], const char *const env[], int status)
{
    if (status == ALL_WELL || status == FAULTS)
        needs_sight_of_all_processes();
    struct outcome outcome = run_program(argv, env);
    cr_assert(outcome.status == status, "status %d instead of %d, signal %d:\n%s%s", outcome.status,
              status, outcome.signal, outcome.out, outcome.err);
    return outcome.out;
}

static inline char *audit(const struct server *server, int status)
{
    return audited(WORDS(AUDIT), TO_PORT_OF(server), status);
}

static inline void expect_part(const char *printed, const char *part)
{
    cr_expect(strstr(printed, part) != NULL, "there should be \"%s\" in:\n%s", part, printed);
}

static inline void expect_no_part(const char *printed, const char *part)
{
    cr_expect(strstr(printed, part) == NULL, "there should be no \"%s\" in:\n%s", part, printed);
}

/* How an audit shows one holder. */
static inline char *holder(const char *name, pid_t pid, const char *descriptors)
{
    return text("%s[%d] fd %s ", name, (int)pid, descriptors);
}

/* programs/sockets, having taken these steps, waits to be told on. */
static inline struct program *holding(const char *const steps[], const char *const env[])
{
    struct program *program = start_program(steps, env);
    wait_for_line(program, "hold");
    return program;
}

static inline char *pid_of(const struct program *program)
{
    return text("%d", (int)program->pid);
}

static inline struct program *client_of(const struct server *redis)
{
    return holding(STEPS("socket=tcp", connect_step(redis), "hold"), guarded(redis, NULL));
}

#endif
