/*
 * A child at its descriptor limit loses the inherited connections all the same. Runs
 * programs/child_limits.c.
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

Test(child_limits, child_at_soft_limit_raises_it_for_dead_socket)
{
    expect_in_case("soft", "shared\nlimit as it was\nparent: same client\n",
                   AS_CLOSED "limit as it was\nparent: same client\n");
}

/* With one number free there is no pair to be had: a socket that was never connected instead. */
Test(child_limits, child_at_hard_limit_loses_single_connection_and_keeps_number)
{
    expect_in_case("hard", "shared\nlimit as it was\nparent: same client\n",
                   "socket, read ENOTCONN, write ENOTCONN\nlimit as it was\nparent: same client\n");
}

Test(child_limits, child_at_hard_limit_reads_eof_on_several_connections)
{
    expect_in_case("hard-many",
                   "shared\nshared\nshared\nlimit as it was\n"
                   "parent: same client\nparent: same client\nparent: same client\n",
                   AS_CLOSED AS_CLOSED AS_CLOSED
                   "limit as it was\n"
                   "parent: same client\nparent: same client\nparent: same client\n");
}

/* Nobody can be given a number above the limit: closed is as good as replaced. */
Test(child_limits, child_closes_connection_above_lowered_limit)
{
    expect_in_case("lowered", "shared\nlimit as it was\nparent: same client\n",
                   "closed\nlimit as it was\nparent: same client\n");
}
