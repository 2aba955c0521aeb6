/*
 * The child replaces a descriptor only if it still is the recorded connection: a file or socket
 * that got the number meanwhile stays. Runs programs/child_numbers.c, child_again.c and
 * child_stale.c.
 */
#include "child.h"

#include <criterion/criterion.h>
#include <stdio.h>

/* Without the guard the same, but for the last line: the test would fail if any of them were. */
Test(child_numbers, child_keeps_file_at_number_of_closed_connection)
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

Test(child_numbers, grandchild_keeps_file_at_number_that_child_reused)
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
Test(child_numbers, only_first_children_pay_for_stale_records)
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
