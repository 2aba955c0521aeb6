/*
 * The same library file in programs built for musl: the guard keeps its promises, and musl's own
 * behaviour stays. The loader is this machine's, or the one that MUSL_LOADER names: tests/matrix
 * runs this suite with older and newer ones.
 */
#include "redisguard.h"
#include "sockets.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *loader(void)
{
    const char *named = getenv("MUSL_LOADER");
    if (named != NULL)
        return named;
    if (access("/usr/bin/musl-gcc", X_OK) != 0)
        cr_skip_test("needs musl-gcc: the package musl-tools");
    return output_of(WORDS("sh", "-c", "printf %s /lib/ld-musl-*.so.1"));
}

/* ---- what is built ---- */

static char *built(const char *name, const char *source, const char *more)
{
    char *made = text("%s/%s", scratch_directory(), name);
    output_of(
        WORDS("sh", "-c",
              text("musl-gcc -std=gnu11 -D_GNU_SOURCE -I %s/include -iquote %s/tests/helpers -o %s "
                   "%s/tests/system/%s %s",
                   SOURCE_DIR, SOURCE_DIR, made, SOURCE_DIR, source, more)));
    return made;
}

static const char *sockets_program(void)
{
    return built("sockets", "connect/programs/sockets.c", "");
}

/* ---- the guard's promises ---- */

Test(musl, library_needs_only_symbols_that_musl_has)
{
    const char *wanted = text("nm -D --undefined-only --format=just-symbols %s", LIBRARY);
    const char *there = text("nm -D --defined-only --format=just-symbols %s", loader());
    const char *directory = scratch_directory();
    EXPECT_LINES(output_of(WORDS("sh", "-c",
                                 text("%s | sort >%s/wanted; %s | sort >%s/there; "
                                      "comm -23 %s/wanted %s/there",
                                      wanted, directory, there, directory, directory, directory))),
                 "__libc_single_threaded\n__register_atfork\n_r_debug\n"); /* glibc's, optional */
}

Test(musl, connection_is_tuned_and_child_reads_eof)
{
    const char *musl = loader(), *program = sockets_program();
    struct server *redis = start_redis(NULL);
    EXPECT_LINES(printed_by(WORDS(musl, program, "socket=tcp", connect_step(redis), "options",
                                  "guards", "set=KEEPALIVE:0", "options", "fork", "ping",
                                  "socket=tcp", connect_step(redis), "ping", "wait", "ping"),
                            guarded(redis, WORDS(TUNED))),
                 "socket 3\nconnect 0\n" TUNED_OPTIONS " CLOEXEC 1\nguards 1\nset 0\n" TUNED_OPTIONS
                 " CLOEXEC 1\nchild\nping -1 Broken pipe\nsocket 4\nconnect 0\nping +PONG\n"
                 "parent\nping +PONG\n");
}

Test(musl, every_copy_is_guarded)
{
    const char *musl = loader(), *program = sockets_program();
    struct server *redis = start_redis(NULL);
    EXPECT_LINES(
        printed_by(WORDS(musl, program, "version", "socket=tcp", connect_step(redis), "dup",
                         "guards", "dup2=9", "guards", "dup3=10", "guards", "dupfd=11", "guards",
                         "dupfd-cloexec=12", "guards", "release", "fork", "ping"),
                   guarded(redis, NULL)),
        "version " REDISGUARD_VERSION
        "\nsocket 3\nconnect 0\ndup 4\nguards 1\ndup2 9\nguards 1\ndup3 10\n"
        "guards 1\ndupfd 11\nguards 1\ndupfd-cloexec 12\nguards 1\n"
        "release 0\nchild\nping +PONG\nparent\n");
}

static struct program *start_to_wait(const char *const argv[], const char *const env[])
{
    struct program *program = start_program(argv, env);
    wait_for_line(program, "hold");
    return program;
}

Test(musl, dead_peer_is_noticed)
{
    enter_private_network();
    const char *musl = loader(), *program = sockets_program();
    struct server *redis = start_redis(NULL);
    const char *const *argv =
        WORDS(musl, program, "socket=tcp", connect_step(redis), "hold", "ping");
    struct program *bare = start_to_wait(argv, NULL);
    struct program *client = start_to_wait(argv, guarded(redis, WORDS("REDISGUARD_DETECT=3")));
    cut_link(redis);
    tell_program(bare, "go\n");
    tell_program(client, "go\n");
    wait_for_line(client, "ping -1 Operation timed out"); /* ETIMEDOUT in musl's words */
    cr_expect_not(strstr(end_program(bare).out, "ping"), "it would have noticed anyway");
}

/* ---- a real client: hiredis, which Debian builds for glibc only ---- */

static const char *client(void)
{
    const char *named = getenv("MUSL_HIREDIS");
    if (named == NULL)
        cr_skip_test("needs hiredis built for musl: make matrix fetches its source and does that");
    return named;
}

Test(musl, hiredis_notices_dead_peer_while_it_waits)
{
    const char *musl = loader(), *program = client();
    enter_private_network();
    struct server *redis = start_redis(NULL);
    const char *const *argv = WORDS(musl, program, text("%d", redis->port), "brpop");
    struct program *bare = start_program(argv, NULL);
    struct program *guarded_one = start_program(argv, guarded(redis, WORDS("REDISGUARD_DETECT=3")));
    wait_for_line(bare, "waits");
    wait_for_line(guarded_one, "waits");
    WAIT_UNTIL(lines_with(redis_ask(redis, "CLIENT LIST"), "cmd=brpop") == 2);
    cut_link(redis);
    wait_for_line(guarded_one, "lost");
    cr_expect_not(strstr(end_program(bare).out, "lost"), "it would have noticed anyway");
}

/* One error each: the closed connection, which redisReconnect mends. */
Test(musl, hiredis_workers_get_their_own_replies)
{
    const char *musl = loader(), *program = client();
    struct server *redis = start_redis(NULL);
    const char *const *argv = WORDS(musl, program, text("%d", redis->port), "prefork");
    EXPECT_LINES(printed_by(argv, guarded(redis, NULL)), "wrong=0 errors=4 master=same\n");
    char *bare = printed_by(argv, NULL);
    cr_expect_not(strstr(bare, "wrong=0"), "%s", bare);
}

/* ---- musl's own ways ---- */

/* Either of the two forks could take the connection away. */
Test(musl, daemon_forks_twice_and_keeps_connection)
{
    const char *musl = loader(), *program = sockets_program();
    struct server *redis = start_redis(NULL);
    const char *const *argv = WORDS(musl, program, "socket=tcp", connect_step(redis), "daemon",
                                    "guards", "ping", "fork", "ping", "wait", "ping");
    EXPECT_LINES(printed_by(argv, guarded(redis, NULL)),
                 "socket 3\nconnect 0\ndaemon 0\nguards 1\nping +PONG\nchild\n"
                 "ping -1 Broken pipe\nparent\nping +PONG\n");
    const char *calls =
        run_program(WORDS("strace", "-f", "-e", "trace=fork,clone", musl, program, "daemon"), NULL)
            .err;
    cr_expect_eq(lines_with(calls, "fork(") + lines_with(calls, "clone("), 2, "%s", calls);
}

/* musl has no RTLD_DEEPBIND: a module's calls reach the preload as the program's own do. */
static const char *opened_by(const char *musl, struct server *redis)
{
    const char *directory = scratch_directory();
    const char *program = built("opener", "preload/programs/musl_opener.c", "-Wl,-rpath,'$ORIGIN'");
    built("module.so", "dlopen/modules/rebind_caller.c", "-fPIC -shared");
    const char *port = text("%d", redis->port), *path = text("%s/module.so", directory);
    const char *by_name = printed_by(WORDS(musl, program, port, "module.so"), guarded(redis, NULL));
    const char *by_path = printed_by(WORDS(musl, program, port, path), guarded(redis, NULL));
    cr_expect_str_eq(by_name, by_path);
    return by_name;
}

static bool has_fork_no_handlers(const char *musl)
{
    return strstr(output_of(WORDS("nm", "-D", "--defined-only", musl)), " _Fork\n") != NULL;
}

Test(musl, module_is_found_as_without_guard_and_guarded)
{
    const char *musl = loader();
    struct server *redis = start_redis(NULL);
    EXPECT_LINES(opened_by(musl, redis),
                 "left behind: nothing\ndlopen: opened\nsetsockopt: guarded\n_Fork: cut off\n");
}

/* The same loader, with the one name made unfindable: what musl was before 1.2.3. */
static const char *without_fork_no_handlers(const char *musl)
{
    const char *older = text("%s/older", scratch_directory());
    output_of(WORDS("sh", "-c",
                    text("LC_ALL=C sed 's/\\x00_Fork\\x00/\\x00_gone\\x00/' %s >%s && chmod 755 %s",
                         musl, older, older)));
    cr_assert_not(has_fork_no_handlers(older));
    return older;
}

Test(musl, hooks_work_on_old_musl_and__Fork_forks)
{
    const char *musl = without_fork_no_handlers(loader()), *program = sockets_program();
    struct server *redis = start_redis(NULL);
    EXPECT_LINES(printed_by(WORDS(musl, program, "socket=tcp", connect_step(redis), "daemon",
                                  "ping", "fork", "ping", "wait", "ping"),
                            guarded(redis, NULL)),
                 "socket 3\nconnect 0\ndaemon 0\nping +PONG\nchild\nping -1 Broken pipe\n"
                 "parent\nping +PONG\n");
    EXPECT_LINES(opened_by(musl, redis),
                 "left behind: nothing\ndlopen: opened\nsetsockopt: guarded\n_Fork: cut off\n");
}

/* glibc's loader complains of a preload that is not there; musl's does not. The wrapper does. */
Test(musl, loader_ignores_missing_library_and_wrapper_reports_it)
{
    const char *musl = loader(), *program = sockets_program();
    EXPECT_LINES(printed_by(WORDS(musl, program, "version"), WORDS("LD_PRELOAD=/nowhere/guard.so")),
                 "version of nothing\n");
    const char *alone = text("%s/redisguard", scratch_directory());
    output_of(WORDS("cp", WRAPPER, alone));
    struct outcome outcome = run_program(WORDS(alone, "--", musl, program, "version"), NULL);
    cr_expect_eq(outcome.status, 125);
    cr_expect_str_empty(outcome.out);
    cr_expect(strstr(outcome.err, "libredisguard.so"), "%s", outcome.err);
}
