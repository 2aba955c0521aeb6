/*
 * A descriptor is replaced in the child only if it is, at that moment, the very connection that was
 * recorded: what has got its number meanwhile is left alone. Runs programs/child_numbers.c,
 * child_again.c and child_stale.c.
 */
#include "child.h"

#include <criterion/criterion.h>
#include <stdio.h>

/* Without the guard the same, but for the last line: the test would fail if any of them were. */
Test(child_numbers, whatever_got_the_number_of_a_closed_connection_is_left_alone)
{
    struct server *server = start_redis(NULL);
    struct server *elsewhere = start_redis(NULL);
    char *file = log_path();
    const char *intact = "log file: intact\n"
                         "copy of the log file: intact\n"
                         "listening socket: intact\n"
                         "connection elsewhere: intact\n"
                         "reused socket: intact\n"
                         "pipe: intact\n";
    const char *const *argv =
        WORDS(built_program("child_numbers"), port_of(server), port_of(elsewhere), file);
    expect(argv, NULL, text("%sthe one Redis connection: intact\n", intact));
    expect(argv, guarded(server, NULL), text("%sthe one Redis connection: lost\n", intact));
    cr_assert_str_eq(content_of(file), "child\nchild\nchild\nchild\n");
}

Test(child_numbers, a_number_that_the_child_has_reused_is_left_alone_in_the_grandchild)
{
    struct server *server = start_redis(NULL);
    char *file = text("%s/file", scratch_directory());
    expect(WORDS(built_program("child_again"), port_of(server), file), guarded(server, NULL),
           "bytes\nbytes\nbytes\nbytes\n");
}

/* In a trace that strace -f wrote: each line begins with the pid, padded to five places. */
static int getsockopts_of(int pid, const char *trace)
{
    int count = 0;
    const char *call = text("\n%-5d getsockopt(", pid);
    for (const char *at = trace; (at = strstr(at, call)) != NULL; at++)
        count++;
    return count;
}

/* A few of them at each fork, in the parent: with nothing else to look at, 1,000 / 16 forks. */
Test(child_numbers, stale_records_cost_the_first_children_and_not_the_later_ones)
{
    int first = 0;
    int last = 0;
    struct server *server = start_redis(NULL);
    const char *trace = text("%s/trace", scratch_directory());
    const char *const *env = guarded(server, NULL);
    const char *argv[32] = {"strace", "-f", "-o", trace, "-e", "trace=getsockopt"};
    size_t count = 6;
    for (; *env != NULL; env++) {
        argv[count++] = "-E";
        argv[count++] = *env;
    }
    argv[count++] = built_program("child_stale");
    argv[count++] = port_of(server);
    argv[count++] = "1000";
    argv[count] = "70";
    struct outcome outcome = run_program(argv, NULL);
    cr_assert(sscanf(outcome.out, "%d %d", &first, &last) == 2, "%s%s", outcome.out, outcome.err);
    cr_expect_eq(getsockopts_of(first, content_of(trace)), 1000 - 16);
    cr_expect_eq(getsockopts_of(last, content_of(trace)), 0);
}
