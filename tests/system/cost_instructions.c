/*
 * What the guard adds to calls that are not its concern, in instructions, counted by callgrind. The
 * system calls that it adds are counted in cost.c, memory and file size in cost_memory.c.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "sockets.h"

enum { TIMES = 1000 };

/* All the instructions of programs/cost_loop. */
static long instructions(const char *const env[], const char *what, int times, int port)
{
    struct outcome outcome =
        run_program(WORDS("valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null",
                          PROGRAMS "cost_loop", text("%d", times), what, text("%d", port)),
                    env);
    const char *collected = strstr(outcome.err, "Collected : ");
    long count = 0;
    cr_assert(outcome.status == 0 && collected != NULL &&
                  sscanf(collected, "Collected : %ld", &count) == 1,
              "%s", outcome.err);
    return count;
}

/* What the guard adds to one, beyond what it adds to a program that does it once; rounded, since a
 * whole run varies by some ten, as with the place where its stack begins. */
static long added(const struct server *redis, const char *what)
{
    const char *const *env = guarded(redis, NULL);
    int port = redis->port;
    long bare = instructions(NULL, what, TIMES + 1, port) - instructions(NULL, what, 1, port);
    long with = instructions(env, what, TIMES + 1, port) - instructions(env, what, 1, port);
    cr_assert_gt(bare, TIMES, "the loop has run");
    return (with - bare + TIMES / 2) / TIMES;
}

Test(cost_instructions, an_option_of_a_socket_that_is_not_guarded_adds_at_most_25)
{
    static const char *const options[] = {"reuseaddr", "nodelay", "keepalive",   "keepidle",
                                          "keepintvl", "keepcnt", "user_timeout"};
    struct server *redis = start_redis(NULL);
    allow_seconds(120);
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        long count = added(redis, options[i]);
        cr_expect(count > 0 && count <= 25, "%s: %ld", options[i], count);
    }
}

Test(cost_instructions, a_command_to_redis_and_its_reply_add_nothing)
{
    struct server *redis = start_redis(NULL);
    allow_seconds(60);
    cr_expect_eq(added(redis, "get"), 0);
}
