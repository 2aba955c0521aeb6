/*
 * As many of everything as the kernel grants: the highest descriptor, ten thousand connections, a
 * thousand children at once, and no memory. Runs programs/limits_*.c.
 */
#include "child.h"

#include <criterion/criterion.h>
#include <string.h>
#include <sys/resource.h>

enum { CONNECTIONS = 10000, CHILDREN = 1000, ENOUGH = 11000 };

static const char *highest(const char *found)
{
    char *lines = text("%s", "");
    for (int i = 0; i < 7; i++)
        lines = text("%s%d: %s\n", lines, i, found);
    return text(
        "%sfile: no socket, poll readable, epoll EPERM, read 0, recv ENOTSOCK, write EBADF, "
        "send ENOTSOCK\nparent: same client\n",
        lines);
}

Test(limits, a_child_is_cut_off_at_the_highest_descriptor_that_there_is)
{
    struct server *server = start_redis(NULL);
    const char *const *argv = WORDS(built_program("limits_highest"), port_of(server));
    expect(argv, NULL, highest("shared"));
    expect(argv, guarded(server, NULL), highest(CUT_OFF));
}

/* The server, and whatever else is started here, may have that many descriptors. */
static void allow_descriptors(void)
{
    struct rlimit limit;
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = ENOUGH;
    if (limit.rlim_max < ENOUGH)
        limit.rlim_max = ENOUGH;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
        cr_skip_test("no right to have %d descriptors", ENOUGH);
}

Test(limits, ten_thousand_connections_are_cut_off_and_the_parent_keeps_them)
{
    allow_descriptors();
    struct server *server = start_redis(WORDS("--maxclients", text("%d", CONNECTIONS + 100)));
    const char *const *argv =
        WORDS(built_program("limits_many"), port_of(server), text("%d", CONNECTIONS));
    expect(argv, NULL, "child: 10000 shared, 0 cut off, 200 files\nparent: 10000 answered\n");
    expect(argv, guarded(server, NULL),
           "child: 0 shared, 10000 cut off, 200 files\nparent: 10000 answered\n");
}

Test(limits, a_thousand_children_at_once_are_cut_off_and_connect_on_their_own)
{
    struct server *server = start_redis(WORDS("--maxclients", text("%d", CHILDREN + 100)));
    const char *const *argv =
        WORDS(built_program("limits_children"), port_of(server), text("%d", CHILDREN));
    expect(argv, NULL,
           "children: 1000 shared, 0 cut off, 0 without an answer\nparent: same client\n");
    expect(argv, guarded(server, NULL),
           "children: 0 shared, 1000 cut off, 0 without an answer\nparent: same client\n");
}

/* What cannot be recorded cannot be cut off; the log says so. */
Test(limits, a_connection_that_there_is_no_memory_to_record_works_and_the_log_says_so)
{
    struct server *server = start_redis(NULL);
    const char *log = log_path();
    const char *printed = "memory: none\n"
                          "connect: 0\n"
                          "connection: answered, keepalive on\n"
                          "connection, child: shared\n"
                          "dup2: 5001\n"
                          "copy, child: shared\n"
                          "original, child: cut off\n";
    expect(WORDS(built_program("limits_memory"), port_of(server)),
           guarded(server, WORDS(text("REDISGUARD_LOG=%s", log))), printed);
    char *lines = output_of(WORDS("cat", log));
    cr_expect(strstr(lines, " recording a connection: ENOMEM; "), "%s", lines);
    cr_expect_not(strstr(lines, " descriptor 5000 guarded"), "%s", lines);
}
