/*
 * The public functions of include/redisguard.h, called by a program that declares them weak:
 * version, guards and release, with the preload and without.
 */
#include "redisguard.h"
#include "sockets.h"

#include <criterion/criterion.h>

#define CONNECTED "socket 3\nconnect 0\n"
#define CHILD_CUT "child\nping -1 Broken pipe\nparent\n"
#define CHILD_OK  "child\nping +PONG\nparent\n"

/* ---- with and without ---- */

Test(api, program_with_weak_declarations_runs_without_library)
{
    struct server *redis = start_redis(NULL);
    EXPECT_LINES(
        printed_by(STEPS("version", "socket=tcp", connect_step(redis), "guards", "release", "ping"),
                   NULL),
        "version of nothing\n" CONNECTED "guards nothing\nrelease nothing\nping +PONG\n");
}

Test(api, library_version_equals_header_version)
{
    EXPECT_LINES(printed_by(STEPS("version"), WORDS("LD_PRELOAD=" LIBRARY)),
                 "version " REDISGUARD_VERSION "\n");
}

Test(api, disabled_guard_reports_nothing_guarded)
{
    struct server *redis = start_redis(NULL);
    EXPECT_LINES(
        printed_by(STEPS("version", "socket=tcp", connect_step(redis), "guards", "release"),
                   guarded(redis, WORDS("REDISGUARD_DISABLE=1"))),
        "version " REDISGUARD_VERSION "\n" CONNECTED
        "guards 0\nrelease -1 No such file or directory\n");
}

/* ---- guards ---- */

/* Every line also says that errno was left alone: the program would tell. */
Test(api, guards_is_1_for_guarded_connection_and_0_for_anything_else)
{
    struct server *redis = start_redis(NULL);
    EXPECT_LINES(printed_by(STEPS("guards", "use=77", "guards", "use=0", "guards", "socket=tcp",
                                  "guards", connect_step(redis), "guards", "close", "guards",
                                  "socket=udp", "guards", "close", "socket=tcp", "guards"),
                            guarded(redis, NULL)),
                 "guards 0\nguards 0\nguards 0\nsocket 3\nguards 0\nconnect 0\nguards 1\nclose 0\n"
                 "guards 0\nsocket 3\nguards 0\nclose 0\nsocket 3\nguards 0\n");
}

Test(api, guards_is_1_for_every_copy_of_guarded_connection)
{
    struct server *redis = start_redis(NULL);
    EXPECT_LINES(printed_by(STEPS("socket=tcp", connect_step(redis), "dup", "guards", "dup2=8",
                                  "guards", "dup3=9", "guards", "dupfd=10", "guards",
                                  "dupfd-cloexec=11", "guards", "dup2=1000", "guards"),
                            guarded(redis, NULL)),
                 CONNECTED
                 "dup 4\nguards 1\ndup2 8\nguards 1\ndup3 9\nguards 1\ndupfd 10\nguards 1\n"
                 "dupfd-cloexec 11\nguards 1\ndup2 1000\nguards 1\n");
}

Test(api, guards_is_0_after_dup2_of_another_file_over_guarded_number)
{
    struct server *redis = start_redis(NULL);
    EXPECT_LINES(printed_by(STEPS("socket=tcp", connect_step(redis), "use=0", "dup2=3", "guards"),
                            guarded(redis, NULL)),
                 CONNECTED "dup2 3\nguards 0\n");
}

Test(api, child_sees_inherited_connection_as_not_guarded)
{
    struct server *redis = start_redis(NULL);
    EXPECT_LINES(printed_by(STEPS("socket=tcp", connect_step(redis), "fork", "guards", "socket=tcp",
                                  connect_step(redis), "guards", "wait", "guards"),
                            guarded(redis, NULL)),
                 CONNECTED "child\nguards 0\nsocket 4\nconnect 0\nguards 1\nparent\nguards 1\n");
}

/* ---- release ---- */

Test(api, children_inherit_released_connection_and_program_sets_options)
{
    struct server *redis = start_redis(NULL);
    EXPECT_LINES(printed_by(STEPS("socket=tcp", connect_step(redis), "release", "guards",
                                  "set=KEEPIDLE:99", "options", "fork", "ping"),
                            guarded(redis, WORDS(TUNED))),
                 CONNECTED "release 0\nguards 0\nset 0\n"
                           "options KEEPALIVE 1 KEEPIDLE 99 KEEPINTVL 7 KEEPCNT 2 "
                           "USER_TIMEOUT 23456 CLOEXEC 1\n" CHILD_OK);
}

Test(api, release_fails_for_unguarded_and_closed_descriptors)
{
    struct server *redis = start_redis(NULL);
    EXPECT_LINES(
        printed_by(STEPS("release", "use=77", "release", "use=0", "release", "socket=tcp",
                         "release", connect_step(redis), "release", "release", "close", "release"),
                   guarded(redis, NULL)),
        "release -1 Bad file descriptor\nrelease -1 Bad file descriptor\n"
        "release -1 No such file or directory\nsocket 3\n"
        "release -1 No such file or directory\nconnect 0\nrelease 0\n"
        "release -1 No such file or directory\nclose 0\nrelease -1 Bad file descriptor\n");
}

Test(api, other_descriptors_of_released_socket_stay_guarded)
{
    struct server *redis = start_redis(NULL);
    EXPECT_LINES(printed_by(STEPS("socket=tcp", connect_step(redis), "dup", "release", "use=3",
                                  "guards", "fork", "ping", "use=4", "ping"),
                            guarded(redis, NULL)),
                 CONNECTED "dup 4\nrelease 0\nguards 1\nchild\nping -1 Broken pipe\nping +PONG\n"
                           "parent\n");
}

Test(api, copy_of_released_descriptor_is_not_guarded)
{
    struct server *redis = start_redis(NULL);
    EXPECT_LINES(printed_by(STEPS("socket=tcp", connect_step(redis), "release", "dup", "guards",
                                  "fork", "ping"),
                            guarded(redis, NULL)),
                 CONNECTED "release 0\ndup 4\nguards 0\n" CHILD_OK);
}

Test(api, release_keeps_cloexec_until_program_clears_it)
{
    struct server *redis = start_redis(NULL);
    EXPECT_LINES(printed_by(STEPS("socket=tcp", connect_step(redis), "release", "options",
                                  "cloexec=0", "exec", "use=3", "guards", "ping"),
                            guarded(redis, WORDS(TUNED))),
                 CONNECTED "release 0\n" TUNED_OPTIONS
                           " CLOEXEC 1\ncloexec 0\nguards 0\nping +PONG\n");
}

Test(api, later_connect_guards_released_descriptor_again)
{
    struct server *redis = start_redis(NULL);
    EXPECT_LINES(printed_by(STEPS("socket=tcp", connect_step(redis), "release", "connect=unspec",
                                  connect_step(redis), "guards", "fork", "ping"),
                            guarded(redis, NULL)),
                 CONNECTED "release 0\nconnect 0\nconnect 0\nguards 1\n" CHILD_CUT);
}

Test(api, unix_connection_can_be_released)
{
    struct server *redis = start_redis(NULL);
    EXPECT_LINES(printed_by(STEPS("socket=unix", connect_unix_step(redis), "guards", "release",
                                  "guards", "fork", "ping"),
                            guarded(redis, NULL)),
                 CONNECTED "guards 1\nrelease 0\nguards 0\n" CHILD_OK);
}
