/*
 * What the guard adds to calls that are not its concern, and to a start, in instructions, counted
 * by callgrind. The system calls that it adds are counted in cost.c, memory and file size in
 * cost_memory.c.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sockets.h"

enum { TIMES = 1000 };

#define CALLGRIND "valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"

static long instructions_of(const char *const argv[], const char *const env[])
{
    struct outcome outcome = run_program(argv, env);
    const char *collected = strstr(outcome.err, "Collected : ");
    long count = 0;
    cr_assert(outcome.status == 0 && collected != NULL &&
                  sscanf(collected, "Collected : %ld", &count) == 1,
              "%s", outcome.err);
    return count;
}

/* All those of programs/cost_loop. */
static long instructions(const char *const env[], const char *what, int times, int port)
{
    return instructions_of(
        WORDS(CALLGRIND, PROGRAMS "cost_loop", text("%d", times), what, text("%d", port)), env);
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

/* Measured: 45 to 68. A second path for what is not ours took 25 at the most, on a call of 560 ns.
 */
Test(cost_instructions, an_option_of_a_socket_that_is_not_guarded_adds_at_most_75)
{
    static const char *const options[] = {"reuseaddr", "nodelay", "keepalive",   "keepidle",
                                          "keepintvl", "keepcnt", "user_timeout"};
    struct server *redis = start_redis(NULL);
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        long count = added(redis, options[i]);
        cr_expect(count > 0 && count <= 75, "%s: %ld", options[i], count);
    }
}

Test(cost_instructions, a_command_to_redis_and_its_reply_add_nothing)
{
    struct server *redis = start_redis(NULL);
    cr_expect_eq(added(redis, "get"), 0);
}

/* Measured: 26,500. An empty preload is the least that any costs. */
Test(cost_instructions, a_start_adds_at_most_32000_to_an_empty_preload)
{
    const char *const *empty = WORDS("LD_PRELOAD=" EMPTY_PRELOAD);
    long least = instructions_of(WORDS(CALLGRIND, "/bin/true"), empty);
    long guard = instructions_of(WORDS(CALLGRIND, "/bin/true"), WORDS("LD_PRELOAD=" LIBRARY));
    cr_expect(guard > least && guard - least <= 32000, "%ld - %ld", guard, least);
}

/* Measured: 13,000. To look for its needs among all that is loaded takes 24,000; to read each name
 * in its relocations 126,000. */
Test(cost_instructions, each_module_of_php_that_is_rebound_adds_at_most_16000)
{
    const char *count_modules = "echo count(glob(ini_get('extension_dir') . '/*.so'));";
    long modules = atol(output_of(WORDS("php", "-r", count_modules)));
    const char *const *php = WORDS(CALLGRIND, "php", "-r", "");
    long kept = instructions_of(php, WORDS("LD_PRELOAD=" LIBRARY, "REDISGUARD_DEEPBIND=keep"));
    long rebound = instructions_of(php, WORDS("LD_PRELOAD=" LIBRARY));
    cr_assert_gt(modules, 5);
    cr_expect(rebound > kept && (rebound - kept) / modules <= 16000, "%ld - %ld for %ld", rebound,
              kept, modules);
}
