/*
 * A child that has no descriptor to spare is cut off all the same. Runs programs/child_limits.c.
 */
#include "child.h"

#include <criterion/criterion.h>

#define AS_CLOSED "socket, read 0, write EPIPE\n"

static void expect_in_case(const char *what, const char *shared, const char *cut_off)
{
    struct server *server = start_redis(NULL);
    const char *const *argv = WORDS(built_program("child_limits"), what, port_of(server));
    expect(argv, NULL, shared);
    expect(argv, guarded(server, NULL), cut_off);
}

Test(child_limits, at_its_soft_limit_the_child_borrows_from_the_hard_one)
{
    expect_in_case("soft", "shared\nlimit as it was\nparent: same client\n",
                   AS_CLOSED "limit as it was\nparent: same client\n");
}

/* With one number free there is no pair to be had: a socket that was never connected instead. */
Test(child_limits, at_the_hard_limit_a_single_connection_is_cut_off_and_its_number_stays_taken)
{
    expect_in_case("hard", "shared\nlimit as it was\nparent: same client\n",
                   "socket, read ENOTCONN, write ENOTCONN\nlimit as it was\nparent: same client\n");
}

Test(child_limits, at_the_hard_limit_several_connections_read_eof)
{
    expect_in_case("hard-many",
                   "shared\nshared\nshared\nlimit as it was\n"
                   "parent: same client\nparent: same client\nparent: same client\n",
                   AS_CLOSED AS_CLOSED AS_CLOSED
                   "limit as it was\n"
                   "parent: same client\nparent: same client\nparent: same client\n");
}

/* Nobody can be given a number above the limit: closed is as good as replaced. */
Test(child_limits, a_connection_above_a_lowered_limit_is_closed)
{
    expect_in_case("lowered", "shared\nlimit as it was\nparent: same client\n",
                   "closed\nlimit as it was\nparent: same client\n");
}
