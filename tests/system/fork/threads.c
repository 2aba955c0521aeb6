/*
 * Threads and signal handlers inside the hooks while others fork: no deadlock, no child that shares
 * a connection, no child that loses any other descriptor. Runs programs/threads_*.c, child_stray.c
 * and child_window.c. THREADS_SECONDS makes the storm longer, for `make soak`.
 */
#include "child.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static const char *seconds_of_storm(void)
{
    const char *wanted = getenv("THREADS_SECONDS");
    return wanted != NULL ? wanted : "4";
}

Test(threads, eight_threads_connect_tune_copy_and_close_while_others_fork)
{
    struct server *server = start_redis(NULL);
    struct server *elsewhere = start_redis(NULL);
    const char *file = text("%s/file", scratch_directory());
    const char *program = built_program("threads_storm");
    allow_seconds(atoi(seconds_of_storm()) + 150);
    expect(WORDS(program, port_of(server), port_of(elsewhere), file, "1"), NULL,
           "children that held a connection of their parent: some\n"
           "children that lost something else: 0\n"
           "children that crashed or hung: 0\n");
    expect(WORDS(program, port_of(server), port_of(elsewhere), file, seconds_of_storm()),
           guarded(server, NULL),
           "children that held a connection of their parent: none\n"
           "children that lost something else: 0\n"
           "children that crashed or hung: 0\n");
}

Test(threads, child_does_not_wait_for_threads_inside_hook)
{
    const char *log = text("REDISGUARD_LOG=%s/log", scratch_directory());
    const char *const *argv =
        WORDS(built_program("threads_hooks"), "60", built_module("rebind_lazy"));
    expect(argv, NULL, "children: 0 went on, 60 shared the connection, 0 hung, 0 failed\n");
    expect(argv, WORDS("LD_PRELOAD=" LIBRARY, "REDISGUARD_PORTS=1-65535", log),
           "children: 60 went on, 0 shared the connection, 0 hung, 0 failed\n");
}

Test(threads, signal_handler_may_call_every_hook_inside_any_other)
{
    struct server *server = start_redis(NULL);
    const char *const *argv = WORDS(built_program("threads_signals"), port_of(server), "300");
    expect(argv, NULL,
           "children that shared the connection: some\n"
           "copies without our options, children that crashed: some\n"
           "parent: same client\n");
    expect(argv, guarded(server, NULL),
           "children that shared the connection: none\n"
           "copies without our options, children that crashed: none\n"
           "parent: same client\n");
}

Test(threads, failed_connect_leaves_connection_that_was_given_its_number_on_record)
{
    expect(WORDS(built_program("child_stray")),
           WORDS("LD_PRELOAD=" LIBRARY, "REDISGUARD_PORTS=1-65535", "REDISGUARD_USER_TIMEOUT=1000"),
           "child: " CUT_OFF "\n");
}

/* ---- while fork(2) has copied the descriptors, and not the memory yet ---- */

static void expect_none_to_share(const char *meanwhile)
{
    struct server *server = start_redis(NULL);
    const char *const *argv = WORDS(built_program("child_window"), port_of(server), meanwhile);
    expect(argv, NULL, "hit: enough, shared: all\n");
    expect(argv, guarded(server, NULL), "hit: enough, shared: none\n");
}

Test(threads, child_is_cut_off_from_connection_that_was_replaced_during_fork)
{
    expect_none_to_share("again");
}

Test(threads, child_is_cut_off_from_connection_that_was_dissolved_during_fork)
{
    expect_none_to_share("dissolve");
}

/* ---- under ThreadSanitizer: the same programs, with the guard's modules linked in ---- */

static const char *sanitized(const char *name)
{
    return text("%s/tsan/%s", BUILD_DIR, name);
}

/* It ends the program with 66 if it has found anything. setarch: gcc 12's cannot live with the
 * layout of memory that newer kernels choose at random. Threads that are inside a hook when the
 * program ends are no leak. */
static void expect_no_race(const char *const argv[], const char *const more[])
{
    const char *words[16] = {"setarch", "-R"};
    const char *env[16] = {"TSAN_OPTIONS=exitcode=66:report_signal_unsafe=0:report_thread_leaks=0"};
    for (size_t i = 0; argv[i]; i++)
        words[i + 2] = argv[i];
    for (size_t i = 0; more[i]; i++)
        env[i + 1] = more[i];
    struct outcome outcome = run_program(words, env);
    if (strstr(outcome.err, "Operation not permitted"))
        cr_skip_test("no right to lay out memory: %s", outcome.err);
    cr_expect(outcome.status == 0 && strstr(outcome.out, "children"), "status %d, signal %d\n%s%s",
              outcome.status, outcome.signal, outcome.out, outcome.err);
    cr_expect(strstr(outcome.err, "WARNING: ThreadSanitizer") == NULL, "%s", outcome.err);
}

Test(threads, fork_storm_has_no_data_race)
{
    struct server *server = start_redis(NULL);
    struct server *elsewhere = start_redis(NULL);
    const char *file = text("%s/file", scratch_directory());
    allow_seconds(atoi(seconds_of_storm()) + 150);
    expect_no_race(WORDS(sanitized("threads_storm"), port_of(server), port_of(elsewhere), file,
                         seconds_of_storm()),
                   WORDS(text("REDISGUARD_PORTS=%d", server->port)));
}

Test(threads, calls_of_every_hook_have_no_data_race)
{
    const char *log = text("REDISGUARD_LOG=%s/log", scratch_directory());
    expect_no_race(WORDS(sanitized("threads_hooks"), "20", built_module("rebind_lazy")),
                   WORDS("REDISGUARD_PORTS=1-65535", log, "REDISGUARD_LOG_LEVEL=debug"));
}
