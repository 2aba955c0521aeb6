/*
 * A descriptor is replaced in the child only if it is, at that moment, the very connection that was
 * recorded: what has got its number meanwhile is left alone. Runs programs/child_numbers.c and
 * child_again.c.
 */
#include "child.h"

#include <criterion/criterion.h>

static char *content_of(const char *path)
{
    return output_of(WORDS("cat", path));
}

/* Without the guard the same, but for the last line: the test would fail if any of them were. */
Test(child_numbers, whatever_got_the_number_of_a_closed_connection_is_left_alone)
{
    struct server *server = start_redis(NULL);
    struct server *elsewhere = start_redis(NULL);
    char *file = text("%s/log", scratch_directory());
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
