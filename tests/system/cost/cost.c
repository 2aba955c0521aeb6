/*
 * The system calls that the guard adds to each call, counted by strace; redisguard(7) lists them
 * under "WHAT IT DOES TO A PROCESS". Each case makes some calls with and without the guard; both
 * runs make the same preparations, so these do not count.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "sockets.h"

/* The line of the sum comes last; one call that took all the time begins with 100.00 as well. */
static const char *sum_in(const char *summary)
{
    const char *last = NULL;
    for (const char *at = summary; (at = strstr(at, "\n100.00")) != NULL; at++)
        last = at;
    return last;
}

/* All the system calls of a program and its children, from strace's summary. */
static int calls(const char *const steps[], const char *const env[])
{
    const char *argv[64] = {"strace", "-f", "-c", "-o", text("%s/summary", scratch_directory())};
    size_t count = 5;
    for (size_t i = 0; env[i] != NULL; i++) {
        argv[count++] = "-E";
        argv[count++] = env[i];
    }
    argv[count++] = PROGRAMS "sockets";
    for (size_t i = 0; steps[i] != NULL; i++)
        argv[count++] = steps[i];
    cr_assert_eq(run_program(argv, NULL).status, 0);
    int total = 0;
    const char *sum = sum_in(content_of(argv[4]));
    cr_assert(sum != NULL && sscanf(sum, "%*f %*f %*d %d", &total) == 1);
    return total;
}

/* What the guard adds to the steps beyond what it adds to those that come first. */
static int added(const struct server *redis, const char *const first[], const char *const all[])
{
    const char *const *env = guarded(redis, NULL);
    const char *const *bare = WORDS(NULL);
    return calls(all, env) - calls(first, env) - (calls(all, bare) - calls(first, bare));
}

#define NOTHING WORDS("version")

/* What a step adds to a process that has connected to Redis once. */
static int added_after_the_first(const struct server *redis, const char *step)
{
    const char *connect = connect_step(redis);
    return added(redis, WORDS("socket=tcp", connect, "socket=tcp"),
                 WORDS("socket=tcp", connect, "socket=tcp", step));
}

Test(cost, guarded_connect_adds_nine_calls)
{
    struct server *redis = start_redis(NULL);
    cr_expect_eq(added_after_the_first(redis, connect_step(redis)), 9);
    cr_expect_eq(
        added(redis, WORDS("socket=tcp", connect_step(redis), "socket=tcp6"),
              WORDS("socket=tcp", connect_step(redis), "socket=tcp6", connect6_step(redis))),
        9);
}

Test(cost, guarded_unix_connect_adds_six_calls)
{
    struct server *redis = start_redis(NULL);
    const char *connect = connect_unix_step(redis);
    cr_expect_eq(added(redis, WORDS("socket=unix", connect, "socket=unix"),
                       WORDS("socket=unix", connect, "socket=unix", connect)),
                 6);
}

/* getpid(2): whose records these are. */
Test(cost, first_guarded_connect_of_process_adds_one_more_call)
{
    struct server *redis = start_redis(NULL);
    cr_expect_eq(added(redis, NOTHING, WORDS("version", "socket=tcp", connect_step(redis))), 9 + 1);
}

/* As a program that reconnects does: the number of the closed one is on record still. */
Test(cost, guarded_connect_on_reused_number_adds_nine_calls)
{
    struct server *redis = start_redis(NULL);
    const char *connect = connect_step(redis);
    cr_expect_eq(added(redis, WORDS("socket=tcp", connect, "close"),
                       WORDS("socket=tcp", connect, "close", "socket=tcp", connect)),
                 9);
}

Test(cost, connect_to_another_port_adds_one_call)
{
    struct server *redis = start_redis(NULL);
    struct server *other = start_redis(NULL);
    cr_expect_eq(added(redis, NOTHING, WORDS("version", "socket=tcp", connect_step(other))), 1);
    cr_expect_eq(added(redis, NOTHING, WORDS("version", "socket=tcp6", connect6_step(other))), 1);
    cr_expect_eq(added(redis, NOTHING, WORDS("version", "socket=tcp6", connect_mapped_step(other))),
                 1);
}

static int added_to_a_guarded_connection(const char *step)
{
    struct server *redis = start_redis(NULL);
    return added(redis, WORDS("socket=tcp", connect_step(redis)),
                 WORDS("socket=tcp", connect_step(redis), step));
}

Test(cost, setsockopt_of_our_option_adds_two_calls)
{
    cr_expect_eq(added_to_a_guarded_connection("set=KEEPALIVE:0"), 2);
    cr_expect_eq(added_to_a_guarded_connection("set=USER_TIMEOUT:9"), 2);
}

Test(cost, setsockopt_of_another_option_adds_no_call)
{
    cr_expect_eq(added_to_a_guarded_connection("set=NODELAY:1"), 0);
}

Test(cost, copy_of_guarded_connection_adds_two_calls)
{
    cr_expect_eq(added_to_a_guarded_connection("dup"), 2);
    cr_expect_eq(added_to_a_guarded_connection("dup2=9"), 2);
    cr_expect_eq(added_to_a_guarded_connection("dupfd=9"), 2);
}

Test(cost, calls_on_unguarded_descriptors_add_no_call)
{
    struct server *redis = start_redis(NULL);
    cr_expect_eq(added(redis, NOTHING,
                       WORDS("version", "socket=tcp", "set=KEEPALIVE:1", "dup", "dup2=9",
                             "dupfd=12", "nonblocking", "close")),
                 0);
}

/* getsockopt(TCP_INFO): does the peer still answer? */
Test(cost, close_of_guarded_connection_adds_one_call)
{
    cr_expect_eq(added_to_a_guarded_connection("close"), 1);
}

/* The same call finds that the number is something else by now, and another that this is not the
 * child of a vfork(2): only once. */
Test(cost, first_close_of_once_guarded_number_adds_two_calls)
{
    struct server *redis = start_redis(NULL);
    const char *connect = connect_step(redis);
    const char *const *closed = WORDS("socket=tcp", connect, "close", "socket=udp");
    cr_expect_eq(added(redis, closed, WORDS("socket=tcp", connect, "close", "socket=udp", "close")),
                 2);
    cr_expect_eq(
        added(redis, closed,
              WORDS("socket=tcp", connect, "close", "socket=udp", "close", "socket=udp", "close")),
        2);
}

Test(cost, fork_with_nothing_guarded_adds_no_call)
{
    struct server *redis = start_redis(NULL);
    cr_expect_eq(added(redis, WORDS("socket=tcp"), WORDS("socket=tcp", "fork")), 0);
}

/* In the child socketpair(2), twice close(2) and getpid(2), and getsockopt(2) and dup3(2) for each;
 * in the parent getpid(2), and getsockopt(2) for each. */
Test(cost, fork_adds_five_calls_and_three_for_each_guarded_descriptor)
{
    struct server *redis = start_redis(NULL);
    const char *connect = connect_step(redis);
    cr_expect_eq(added_to_a_guarded_connection("fork"), 5 + 3);
    cr_expect_eq(added(redis, WORDS("socket=tcp", connect, "dup", "dup"),
                       WORDS("socket=tcp", connect, "dup", "dup", "fork")),
                 5 + 3 * 3);
}

/* Beside what the loader does for any library. */
Test(cost, start_adds_no_call_to_loaders_own)
{
    struct server *redis = start_redis(NULL);
    int enabled = calls(NOTHING, guarded(redis, NULL));
    int disabled = calls(NOTHING, guarded(redis, WORDS("REDISGUARD_DISABLE=1")));
    cr_expect_eq(enabled - disabled, 0);
}
