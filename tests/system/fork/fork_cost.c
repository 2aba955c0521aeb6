/*
 * What a fork costs a process that has used thousands of numbers for connections and closed them:
 * after a thousand forks nearly what it costs one that never connected. Runs
 * programs/fork_instructions.c; child_numbers.c counts the system calls of such children, and
 * `make bench` measures the time of a fork.
 */
#include "child.h"

#include <criterion/criterion.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/resource.h>

#if defined(__x86_64__)

enum { NUMBERS = 5000, FORKS = 1000, SERVERS_OWN = 100 };

static void need_descriptors(rlim_t count)
{
    struct rlimit limit;
    cr_assert(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    if (limit.rlim_max < count)
        cr_skip_test("needs a limit of %ju open files", (uintmax_t)count);
    limit.rlim_cur = limit.rlim_max; /* redis-server inherits it */
    cr_assert(setrlimit(RLIMIT_NOFILE, &limit) == 0);
}

static long instructions_of_fork(const struct server *redis, int numbers, int forks)
{
    struct outcome outcome = run_program(WORDS(built_program("fork_instructions"), port_of(redis),
                                               text("%d", numbers), text("%d", forks)),
                                         guarded(redis, NULL));
    long count = atol(outcome.out);
    cr_assert(outcome.status == 0 && count > 0, "%s%s", outcome.out, outcome.err);
    return count;
}

/*
 * The smallest fork takes 100 us of the processors, and an instruction a nanosecond at most: 10,000
 * are a tenth of it. Measured: 700 in a process that never connected, 8,400 in this one, 1,070,000
 * at its first fork.
 */
Test(fork_cost,
     fork_after_5000_closed_connections_and_1000_forks_takes_at_most_10000_instructions_more)
{
    need_descriptors(NUMBERS + SERVERS_OWN);
    struct server *redis = start_redis(WORDS("--maxclients", text("%d", NUMBERS + SERVERS_OWN)));
    long never_connected = instructions_of_fork(redis, 0, FORKS);
    long pruned = instructions_of_fork(redis, NUMBERS, FORKS);
    cr_expect(pruned - never_connected <= 10000, "%ld - %ld", pruned, never_connected);
}

/* Pruning is what does it: the child of the first fork asks the kernel about every number. */
Test(fork_cost, first_fork_after_5000_closed_connections_looks_at_each)
{
    need_descriptors(NUMBERS + SERVERS_OWN);
    struct server *redis = start_redis(WORDS("--maxclients", text("%d", NUMBERS + SERVERS_OWN)));
    cr_expect_gt(instructions_of_fork(redis, NUMBERS, 0), 10L * NUMBERS);
}

#endif
