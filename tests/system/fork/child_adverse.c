/*
 * Forks at difficult moments: from many threads, from a signal handler, before the guard's own
 * constructor. No child shares a connection, none loses any other descriptor, and no process
 * crashes or hangs. Runs programs/child_*.c.
 */
#include "child.h"

#include <criterion/criterion.h>

Test(child_adverse, forks_of_many_threads_replace_every_connection_and_nothing_else)
{
    struct server *server = start_redis(NULL);
    struct server *elsewhere = start_redis(NULL);
    const char *const *argv = WORDS(built_program("child_threads"), port_of(server),
                                    port_of(elsewhere), text("%s/file", scratch_directory()));
    expect(argv, NULL,
           "children that held a connection of their parent: some\n"
           "children that lost something else: 0\n"
           "children that crashed: 0\n");
    expect(argv, guarded(server, NULL),
           "children that held a connection of their parent: none\n"
           "children that lost something else: 0\n"
           "children that crashed: 0\n");
}

Test(child_adverse, signal_handler_may_fork_at_any_instant)
{
    struct server *server = start_redis(NULL);
    const char *const *argv = WORDS(built_program("child_signal"), port_of(server));
    expect(argv, NULL,
           "children that shared the connection: some\n"
           "children that crashed: 0\n"
           "parent: same client\n");
    expect(argv, guarded(server, NULL),
           "children that shared the connection: none\n"
           "children that crashed: 0\n"
           "parent: same client\n");
}

/* ---- before the guard's constructor ---- */

static const char *port_variable(const struct server *server)
{
    return text("EARLY_PORT=%d", server->port);
}

Test(child_adverse, preloaded_library_may_connect_and_fork_in_its_constructor)
{
    struct server *server = start_redis(NULL);
    const char *const *argv = WORDS("echo", "main");
    const char *both = text("LD_PRELOAD=%s:%s", LIBRARY, built_module("child_early"));
    expect(argv, WORDS(text("LD_PRELOAD=%s", built_module("child_early")), port_variable(server)),
           "early child: shared\nearly parent: +PONG\nmain\n");
    expect(argv, guarded(server, WORDS(both, port_variable(server))),
           "early child: cut off\nearly parent: +PONG\nmain\n");
}

Test(child_adverse, needed_library_may_connect_and_fork_in_its_constructor)
{
    struct server *server = start_redis(NULL);
    const char *const *argv = WORDS(built_program("child_early"));
    expect(argv, WORDS(port_variable(server)), "early child: shared\nearly parent: +PONG\nmain\n");
    expect(argv, guarded(server, WORDS(port_variable(server))),
           "early child: cut off\nearly parent: +PONG\nmain\n");
}
