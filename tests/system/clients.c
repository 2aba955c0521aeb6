/*
 * Other clients than phpredis: hiredis in a forked child, and redis-cli, which sets keepalive
 * values of its own.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "support.h"

#define HIREDIS_CHILD BUILD_DIR "/tests/system/programs/hiredis_child"

Test(clients, a_hiredis_child_gets_an_error_lives_and_reconnects)
{
    struct server *server = start_redis(NULL);
    struct outcome outcome =
        run_program(WORDS(HIREDIS_CHILD, text("%d", server->port)), guarded(server, NULL));
    cr_expect_str_eq(outcome.out, "child: first command: an error\n"
                                  "child: reconnect: ok\n"
                                  "child: second command: hello\n"
                                  "child: ended by itself\n"
                                  "parent: same connection\n");
}

Test(clients, without_the_guard_a_hiredis_child_speaks_on_its_parents_connection)
{
    struct server *server = start_redis(NULL);
    struct outcome outcome = run_program(WORDS(HIREDIS_CHILD, text("%d", server->port)), NULL);
    cr_expect(strstr(outcome.out, "child: first command: hello\n") != NULL, "%s", outcome.out);
}

/* redis-cli asks for 15 s by itself; what it is told to be guarded with stands. */
Test(clients, redis_cli_keeps_the_guards_keepalive)
{
    struct server *server = start_redis(NULL);
    struct program *cli = start_program(WORDS("redis-cli", "-p", text("%d", server->port)),
                                        guarded(server, WORDS("REDISGUARD_KEEPIDLE=50")));
    tell_program(cli, "ECHO ready\n");
    wait_for_line(cli, "ready");
    const char *timer = strstr(sockets_to(server->port), "timer:(keepalive,");
    int seconds = -1;
    if (timer != NULL)
        sscanf(timer, "timer:(keepalive,%dsec", &seconds);
    cr_expect(seconds > 15 && seconds <= 50, "the timer stands at %d s", seconds);
    cr_expect_eq(finish_program(cli).status, 0);
}

Test(clients, redis_cli_prints_the_same_with_the_guard)
{
    struct server *server = start_redis(NULL);
    const char *const *ask = WORDS("redis-cli", "-p", text("%d", server->port), "INCRBY", "n", "0");
    struct outcome bare = run_program(ask, NULL);
    struct outcome with = run_program(ask, guarded(server, NULL));
    cr_expect_eq(bare.status, with.status);
    cr_expect_str_eq(bare.out, with.out);
    cr_expect_str_eq(bare.err, with.err);
}
