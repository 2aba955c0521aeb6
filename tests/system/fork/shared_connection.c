/*
 * The incident of the shared connection: a PHP master opens a connection, then forks workers that
 * all inherit it. Without the guard they read each other's replies; with it each worker has its own
 * connection, and the master keeps its first one. examples/prefork.php counts.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "support.h"

#define PREFORK SOURCE_DIR "/examples/prefork.php"

static struct outcome prefork(const struct server *server, const char *const options[],
                              const char *const env[])
{
    const char *argv[16] = {"php", PREFORK, "--port", text("%d", server->port)};
    for (int i = 0; options[i] != NULL; i++)
        argv[4 + i] = options[i];
    return run_program(argv, env);
}

static void nobody_gets_a_wrong_reply(const char *const redis[], const char *const options[])
{
    struct server *server = start_redis(redis);
    struct outcome outcome = prefork(server, options, guarded(server, NULL));
    cr_expect_eq(outcome.status, 0, "%s%s", outcome.out, outcome.err);
    cr_expect(strstr(outcome.out, "gets=10000 wrong=0 errors=0 unfinished=0 crashed=0") != NULL,
              "%s", outcome.out);
}

#define EIGHT_WORKERS "--workers", "8", "--gets", "10000", "--deadline", "140"

Test(shared_connection, eight_workers_get_80000_right_replies_after_connect)
{
    nobody_gets_a_wrong_reply(NULL, WORDS("--connect", EIGHT_WORKERS));
}

Test(shared_connection, eight_workers_get_80000_right_replies_after_pconnect)
{
    nobody_gets_a_wrong_reply(NULL, WORDS("--pconnect", EIGHT_WORKERS));
}

Test(shared_connection, eight_workers_get_80000_right_replies_with_auth)
{
    nobody_gets_a_wrong_reply(WORDS("--requirepass", "secret"),
                              WORDS("--connect", "--auth", "secret", EIGHT_WORKERS));
}

Test(shared_connection, eight_workers_get_80000_right_replies_with_select)
{
    nobody_gets_a_wrong_reply(NULL, WORDS("--connect", "--select", "5", EIGHT_WORKERS));
}

Test(shared_connection, eight_workers_get_80000_right_replies_after_pconnect_auth_select)
{
    nobody_gets_a_wrong_reply(
        WORDS("--requirepass", "secret"),
        WORDS("--pconnect", "--auth", "secret", "--select", "5", EIGHT_WORKERS));
}

static void replies_go_astray(const char *const options[], const char *const env[],
                              const struct server *server)
{
    struct outcome outcome = prefork(server, options, env);
    cr_expect_eq(outcome.status, 1, "%s%s", outcome.out, outcome.err);
    cr_expect(strstr(outcome.out, "wrong=0 errors=0") == NULL, "%s", outcome.out);
}

Test(shared_connection, workers_without_guard_read_each_others_replies)
{
    struct server *server = start_redis(NULL);
    replies_go_astray(WORDS("--workers", "4", "--gets", "2000", "--deadline", "10"), NULL, server);
}

Test(shared_connection, workers_with_fork_off_read_each_others_replies)
{
    struct server *server = start_redis(NULL);
    replies_go_astray(WORDS("--workers", "4", "--gets", "2000", "--deadline", "10"),
                      guarded(server, WORDS("REDISGUARD_FORK=off")), server);
}

/* What one forked child of a PHP master prints that uses the object it inherited. */
static const char *child_that(const char *does, const char *const redis[], const char *method)
{
    struct server *server = start_redis(redis);
    struct outcome outcome =
        run_program(WORDS("php", SOURCE_DIR "/tests/system/fork/child_that.php",
                          text("%d", server->port), does, method),
                    guarded(server, NULL));
    cr_expect_eq(outcome.status, 0, "%s%s", outcome.out, outcome.err);
    return outcome.out;
}

Test(shared_connection, pipeline_in_child_gets_its_own_replies)
{
    cr_expect_str_eq(child_that("pipelines", NULL, "connect"),
                     "child: one two three\nmaster: same connection\n");
}

/*
 * phpredis 5.3.7 does not repeat a pipeline when it finds, on sending it, that it has to connect
 * again. It is the same after a server has closed an idle connection, and that is all we promise.
 */
Test(shared_connection, pipeline_as_first_use_fails_as_after_server_close)
{
    const char *severed = child_that("pipelines-at-once", NULL, "connect");
    const char *closed = child_that("closed-then-pipelines", NULL, "connect");
    cr_expect_str_eq(severed, closed);
}

Test(shared_connection, multi_in_child_gets_its_own_replies)
{
    cr_expect_str_eq(child_that("multis", NULL, "connect"),
                     "child: one two three\nmaster: same connection\n");
}

/* The transaction was begun on the master's connection: it cannot be gone on with on another. */
Test(shared_connection, masters_multi_throws_in_child_and_succeeds_in_master)
{
    cr_expect_str_eq(child_that("inherits-multi", NULL, "connect"),
                     "child: RedisException\nmaster: one two three\nmaster: same connection\n");
}

Test(shared_connection, child_authenticates_and_selects_database_again)
{
    cr_expect_str_eq(child_that("asks-where-it-is", WORDS("--requirepass", "secret"), "connect"),
                     "child: default db=7\nmaster: same connection\n");
}

Test(shared_connection, child_after_pconnect_authenticates_and_selects_again)
{
    cr_expect_str_eq(child_that("asks-where-it-is", WORDS("--requirepass", "secret"), "pconnect"),
                     "child: default db=7\nmaster: same connection\n");
}

Test(shared_connection, child_opens_its_own_unix_connection)
{
    cr_expect_str_eq(child_that("pipelines", NULL, "unix"),
                     "child: one two three\nmaster: same connection\n");
}
