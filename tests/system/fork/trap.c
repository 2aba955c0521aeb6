/*
 * REDISGUARD_TRAP=1: in the process that was started every guarded connect fails with ECONNREFUSED,
 * so that the program's own error names the line that connects before the fork. The trap changes
 * nothing for its children and for other ports.
 */
#include "sockets.h"

#include <criterion/criterion.h>
#include <string.h>

#define TRAP    "REDISGUARD_TRAP=1"
#define REFUSED "connect -1 Connection refused\n"

Test(trap, started_process_is_refused_on_every_kind_of_socket)
{
    struct server *redis = start_redis(NULL);
    EXPECT_LINES(
        printed_by(STEPS("socket=tcp", connect_step(redis), "socket=tcp6", connect6_step(redis),
                         "socket=tcp6", connect_mapped_step(redis), "socket=tcp", "nonblocking",
                         connect_step(redis), "socket=unix", connect_unix_step(redis)),
                   guarded(redis, WORDS(TRAP))),
        "socket 3\n" REFUSED "socket 4\n" REFUSED "socket 5\n" REFUSED
        "socket 6\nnonblocking 0\n" REFUSED "socket 7\n" REFUSED);
}

Test(trap, refused_connect_never_reaches_kernel)
{
    struct server *redis = start_redis(NULL);
    char *calls =
        calls_of(STEPS("socket=tcp", connect_step(redis)), guarded(redis, WORDS(TRAP)), "connect");
    cr_assert_eq(lines_with(calls, "connect("), 0, "%s", calls);
}

Test(trap, forked_child_connects_and_its_parent_is_still_refused)
{
    struct server *redis = start_redis(NULL);
    EXPECT_LINES(printed_by(STEPS("socket=tcp", connect_step(redis), "fork", "socket=tcp",
                                  connect_step(redis), "ping", "wait", connect_step(redis)),
                            guarded(redis, WORDS(TRAP))),
                 "socket 3\n" REFUSED "child\nsocket 4\nconnect 0\nping +PONG\nparent\n" REFUSED);
}

Test(trap, child_may_connect_on_inherited_socket)
{
    struct server *redis = start_redis(NULL);
    EXPECT_LINES(
        printed_by(STEPS("socket=tcp", connect_step(redis), "fork", connect_step(redis), "ping"),
                   guarded(redis, WORDS(TRAP))),
        "socket 3\n" REFUSED "child\nconnect 0\nping +PONG\nparent\n");
}

Test(trap, grandchild_may_connect)
{
    struct server *redis = start_redis(NULL);
    EXPECT_LINES(printed_by(STEPS("fork", "fork", "socket=tcp", connect_step(redis), "ping"),
                            guarded(redis, WORDS(TRAP))),
                 "child\nchild\nsocket 3\nconnect 0\nping +PONG\nparent\nparent\n");
}

Test(trap, daemon_is_refused_and_its_workers_connect)
{
    struct server *redis = start_redis(NULL);
    struct program *program =
        start_program(STEPS("daemon", "socket=tcp", connect_step(redis), "fork", "socket=tcp",
                            connect_step(redis), "ping"),
                      guarded(redis, WORDS(TRAP)));
    EXPECT_LINES(finish_program(program).out,
                 "daemon 0\nsocket 3\n" REFUSED "child\nsocket 4\nconnect 0\nping +PONG\nparent\n");
}

/* To the program that a child executes, the trap is set anew. */
Test(trap, executed_program_counts_as_started)
{
    struct server *redis = start_redis(NULL);
    EXPECT_LINES(printed_by(STEPS("fork", "exec", "socket=tcp", connect_step(redis)),
                            guarded(redis, WORDS(TRAP))),
                 "child\nsocket 3\n" REFUSED "parent\n");
}

Test(trap, other_ports_and_udp_are_not_refused)
{
    struct server *redis = start_redis(NULL);
    printed_alike(STEPS("socket=tcp", connect_step(redis), "ping", "options"),
                  WORDS("LD_PRELOAD=" LIBRARY, "REDISGUARD_PORTS=1", TRAP));
    printed_alike(STEPS("socket=udp", text("connect=127.0.0.1:%d", redis->port), "options"),
                  guarded(redis, WORDS(TRAP)));
}

Test(trap, refused_socket_is_not_guarded_and_its_options_are_untouched)
{
    struct server *redis = start_redis(NULL);
    char *printed =
        printed_by(STEPS("socket=tcp", "options", connect_step(redis), "guards", "options"),
                   guarded(redis, WORDS(TRAP)));
    char *first = strstr(printed, "options");
    char *second = strstr(first + 1, "options");
    cr_assert(strstr(printed, REFUSED "guards 0\n"), "%s", printed);
    cr_assert(strncmp(first, second, strlen(second)) == 0, "%s", printed);
}

Test(trap, error_of_call_itself_comes_before_refusal)
{
    EXPECT_LINES(
        printed_by(STEPS("use=77", "connect=127.0.0.1:6379", "use=0", "connect=127.0.0.1:6379"),
                   WORDS("LD_PRELOAD=" LIBRARY, TRAP)),
        "connect -1 Bad file descriptor\nconnect -1 Socket operation on non-socket\n");
}

Test(trap, log_names_descriptor_and_peer)
{
    struct server *redis = start_redis(NULL);
    struct outcome outcome = run_program(STEPS("socket=tcp", connect_step(redis)),
                                         guarded(redis, WORDS(TRAP, "REDISGUARD_LOG=stderr")));
    cr_assert_eq(lines_with(outcome.err, ""), 1, "%s", outcome.err);
    cr_assert(strstr(outcome.err, "descriptor 3"), "%s", outcome.err);
    cr_assert(strstr(outcome.err, text("127.0.0.1:%d", redis->port)), "%s", outcome.err);
}
