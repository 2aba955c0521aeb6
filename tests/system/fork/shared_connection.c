/*
 * The second story: a PHP master opens a connection, then forks workers that all inherit it.
 * Without the guard they read each other's replies; with it each of them has a connection of its
 * own, and the master keeps the one that it had. examples/prefork.php does the counting.
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

Test(shared_connection, eight_workers_get_80000_right_replies_after_pconnect_with_auth_and_select)
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

Test(shared_connection, without_the_guard_replies_go_astray)
{
    struct server *server = start_redis(NULL);
    replies_go_astray(WORDS("--workers", "4", "--gets", "2000", "--deadline", "10"), NULL, server);
}

Test(shared_connection, with_fork_off_replies_go_astray)
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

Test(shared_connection, a_pipeline_in_the_child_gets_its_own_replies)
{
    cr_expect_str_eq(child_that("pipelines", NULL, "connect"),
                     "child: one two three\nmaster: same connection\n");
}

/*
 * phpredis 5.3.7 does not repeat a pipeline when it finds, on sending it, that it has to connect
 * again. It is the same after a server has closed an idle connection, and that is all we promise.
 */
Test(shared_connection, a_pipeline_as_the_first_use_meets_what_it_meets_when_a_server_has_closed)
{
    const char *severed = child_that("pipelines-at-once", NULL, "connect");
    const char *closed = child_that("closed-then-pipelines", NULL, "connect");
    cr_expect_str_eq(severed, closed);
}

Test(shared_connection, multi_in_the_child_gets_its_own_replies)
{
    cr_expect_str_eq(child_that("multis", NULL, "connect"),
                     "child: one two three\nmaster: same connection\n");
}

/* The transaction was begun on the master's connection: it cannot be gone on with on another. */
Test(shared_connection, a_multi_begun_by_the_master_throws_in_the_child_and_ends_well_in_the_master)
{
    cr_expect_str_eq(child_that("inherits-multi", NULL, "connect"),
                     "child: RedisException\nmaster: one two three\nmaster: same connection\n");
}

Test(shared_connection, a_child_is_authenticated_and_in_the_selected_database_again)
{
    cr_expect_str_eq(child_that("asks-where-it-is", WORDS("--requirepass", "secret"), "connect"),
                     "child: default db=7\nmaster: same connection\n");
}

Test(shared_connection, a_child_of_pconnect_is_authenticated_and_in_the_selected_database_again)
{
    cr_expect_str_eq(child_that("asks-where-it-is", WORDS("--requirepass", "secret"), "pconnect"),
                     "child: default db=7\nmaster: same connection\n");
}

Test(shared_connection, a_child_speaks_over_a_unix_socket_of_its_own)
{
    cr_expect_str_eq(child_that("pipelines", NULL, "unix"),
                     "child: one two three\nmaster: same connection\n");
}
