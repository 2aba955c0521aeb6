/*
 * See machine.h. Called by arm64.c and i386.c.
 */
#include "machine.h"

#include <criterion/criterion.h>
#include <string.h>

#include "redisguard.h"

enum { MOST_WORDS = 64 };

const char *const *command_on(const struct machine *machine, const char *const words[])
{
    static const char *command[MOST_WORDS];
    size_t count = 0;
    for (size_t i = 0; machine->runner[i] != NULL; i++)
        command[count++] = machine->runner[i];
    command[count++] = text("%s%s", machine->programs, words[0]);
    for (size_t i = 1; words[i] != NULL && count < MOST_WORDS - 1; i++)
        command[count++] = words[i];
    command[count] = NULL;
    return command;
}

const char *const *environment_on(const struct machine *machine, const struct server *server,
                                  const char *const more[])
{
    static const char *words[MOST_WORDS];
    size_t count = 0;
    const char *const tuned[] = {TUNED};
    if (machine->preload != NULL)
        words[count++] = machine->preload;
    words[count++] = text("REDISGUARD_PORTS=%d", server->port);
    for (size_t i = 0; i < sizeof tuned / sizeof tuned[0]; i++)
        words[count++] = tuned[i];
    for (size_t i = 0; more != NULL && more[i] != NULL; i++)
        words[count++] = more[i];
    words[count] = NULL;
    return words;
}

static char *printed_on(const struct machine *machine, const struct server *server,
                        const char *const words[])
{
    return printed_by(command_on(machine, words), environment_on(machine, server, NULL));
}

char *symbols_of(const char *library, const char *which)
{
    return output_of(WORDS(
        "sh", "-c", text("nm -D %s --format=posix %s | cut -d' ' -f1 | sort", which, library)));
}

void expect_library_for(const struct machine *machine, const char *name)
{
    char *header = output_of(WORDS("readelf", "--file-header", machine->library));
    cr_assert(strstr(header, name), "%s", header);
    char *versions = output_of(WORDS("readelf", "--wide", "--version-info", machine->library));
    cr_assert_not(strstr(versions, "GLIBC_"), "%s", versions);
}

void expect_tuned_for_good(const struct machine *machine)
{
    struct server *redis = start_redis(NULL);
    EXPECT_LINES(
        printed_on(machine, redis,
                   WORDS("sockets", "version", "socket=tcp", connect_step(redis), "options",
                         "set=KEEPALIVE:0", "set=USER_TIMEOUT:1", "options", "guards", "ping")),
        "version " REDISGUARD_VERSION "\nsocket 3\nconnect 0\n" TUNED_OPTIONS
        " CLOEXEC 1\nset 0\nset 0\n" TUNED_OPTIONS " CLOEXEC 1\nguards 1\nping +PONG\n");
}

void expect_children_cut_off(const struct machine *machine)
{
    struct server *redis = start_redis(NULL);
    EXPECT_LINES(
        printed_on(machine, redis,
                   WORDS("sockets", "socket=tcp", connect_step(redis), "dup", "dup2=9", "dup3=10",
                         "dupfd=11", "dupfd-cloexec=12", "guards", "fork", "ping", "use=3", "ping",
                         "use=4", "ping", "use=9", "ping", "use=10", "ping", "use=11", "ping",
                         "socket=tcp", connect_step(redis), "ping", "wait", "ping")),
        "socket 3\nconnect 0\ndup 4\ndup2 9\ndup3 10\ndupfd 11\ndupfd-cloexec 12\n"
        "guards 1\nchild\nping -1 Broken pipe\nping -1 Broken pipe\nping -1 Broken pipe\n"
        "ping -1 Broken pipe\nping -1 Broken pipe\nping -1 Broken pipe\n"
        "socket 5\nconnect 0\nping +PONG\nparent\nping +PONG\n");
}

void expect_daemon_handed_over(const struct machine *machine)
{
    struct server *redis = start_redis(NULL);
    EXPECT_LINES(printed_on(machine, redis,
                            WORDS("sockets", "socket=tcp", connect_step(redis), "daemon", "ping",
                                  "fork", "ping", "wait", "ping")),
                 "socket 3\nconnect 0\ndaemon 0\nping +PONG\nchild\nping -1 Broken pipe\n"
                 "parent\nping +PONG\n");
}

char *expect_logged(const struct machine *machine)
{
    struct server *redis = start_redis(NULL);
    struct outcome outcome = run_program(
        command_on(machine, WORDS("sockets", "socket=tcp", connect_step(redis), "fork")),
        environment_on(machine, redis,
                       WORDS("REDISGUARD_LOG=stderr", "REDISGUARD_LOG_LEVEL=debug")));
    cr_assert_eq(lines_with(outcome.err, "debug: descriptor 3 guarded: 127.0.0.1:"), 1, "%s",
                 outcome.err);
    cr_assert_eq(lines_with(outcome.err, "debug: descriptor 3 cut off in this child: "), 1, "%s",
                 outcome.err);
    cr_assert_eq(lines_with(outcome.err, "info: descriptor 3 is inherited by forked children"), 1,
                 "%s", outcome.err);
    return outcome.err;
}

void expect_module_guarded(const struct machine *machine, const char *who, const char *file)
{
    struct server *redis = start_redis(NULL);
    const char *plain = text("%s:plain:%s", who, file), *deep = text("%s:deepbind:%s", who, file);
    EXPECT_LINES(printed_on(machine, redis,
                            WORDS("rebind_open", text("%d", redis->port), plain, "close", deep)),
                 text("%s: opened\n  setsockopt: guarded\nclose: closed\n%s: opened\n"
                      "  setsockopt: guarded\n",
                      plain, deep));
}

void expect_modules_in_a_loop_guarded(const struct machine *machine)
{
    struct server *redis = start_redis(NULL);
    EXPECT_LINES(printed_on(machine, redis,
                            WORDS("rebind_loop", text("%d", redis->port), "rebind_of_program.so",
                                  "rebind_second_of_program.so")),
                 "rebind_of_program.so: guarded\nrebind_second_of_program.so: guarded\n");
}

void expect_no_bypass_while_opening(const struct machine *machine)
{
    struct server *redis = start_redis(NULL);
    EXPECT_LINES(
        printed_on(machine, redis,
                   WORDS("rebind_signal", text("%d", redis->port), "rebind_of_program.so")),
        "bypassed: never\n");
}
