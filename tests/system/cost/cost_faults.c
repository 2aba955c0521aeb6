/*
 * The page faults that the guard adds to a start and to a fork: most of the cost of both. The
 * kernel counts them; the loader's addresses are random in each run, hence the medians.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "sockets.h"

enum { RUNS = 21 };

struct faults {
    long start;
    long fork_in_parent;
    long fork_in_child;
};

static int ascending(const void *one, const void *other)
{
    long a = *(const long *)one;
    long b = *(const long *)other;
    return (a > b) - (a < b);
}

static long median_of(long values[RUNS])
{
    qsort(values, RUNS, sizeof values[0], ascending);
    return values[RUNS / 2];
}

static struct faults faults_with(const char *preload)
{
    long start[RUNS], parent[RUNS], child[RUNS];
    for (int i = 0; i < RUNS; i++) {
        const char *out =
            printed_by(WORDS(PROGRAMS "cost_faults"), WORDS(text("LD_PRELOAD=%s", preload)));
        cr_assert(sscanf(out, "%ld %ld %ld", &start[i], &parent[i], &child[i]) == 3, "%s", out);
    }
    return (struct faults){median_of(start), median_of(parent), median_of(child)};
}

/* Measured: 1. Where nothing is done about it, a start takes 8 more. */
Test(cost_faults, start_adds_at_most_three_page_faults_to_empty_preload)
{
    long empty = faults_with(EMPTY_PRELOAD).start;
    long guard = faults_with(LIBRARY).start;
    cr_expect(empty > 0 && guard <= empty + 3, "%ld, %ld", empty, guard);
}

/* The parent writes to no page that it would not; the child runs our handler, one page of code. */
Test(cost_faults, fork_adds_no_page_fault_in_parent_and_at_most_two_in_child)
{
    struct faults empty = faults_with(EMPTY_PRELOAD);
    struct faults guard = faults_with(LIBRARY);
    cr_expect(empty.fork_in_child > 0);
    cr_expect_leq(guard.fork_in_parent, empty.fork_in_parent);
    cr_expect_leq(guard.fork_in_child, empty.fork_in_child + 2);
}
