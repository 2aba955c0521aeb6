/*
 * What a program's own setsockopt() does to a guarded connection. With FORCE it changes nothing,
 * though the program gets the kernel's result; without FORCE, and on any other socket, it works as
 * without the guard. The options set here differ from the guard's, so that each test sees whose
 * value the socket has.
 */
#include "sockets.h"

#include <criterion/criterion.h>
#include <string.h>
#include <time.h>

/* All five, as a client library might; and an option that is not the guard's. */
#define SET_ALL_FIVE                                                                               \
    "set=KEEPALIVE:0", "set=KEEPIDLE:99", "set=KEEPINTVL:98", "set=KEEPCNT:97",                    \
        "set=USER_TIMEOUT:96"
#define ALL_FIVE_ACCEPTED "set 0\nset 0\nset 0\nset 0\nset 0\n"
#define THEIR_OPTIONS     "options KEEPALIVE 0 KEEPIDLE 99 KEEPINTVL 98 KEEPCNT 97 USER_TIMEOUT 96"
#define CONNECTED         "socket 3\nconnect 0\n"

Test(setsockopt_override, programs_values_are_accepted_and_ours_stay)
{
    struct server *redis = start_redis(NULL);
    EXPECT_LINES(printed_by(STEPS("socket=tcp", connect_step(redis), SET_ALL_FIVE, "options"),
                            guarded(redis, WORDS(TUNED))),
                 CONNECTED ALL_FIVE_ACCEPTED TUNED_OPTIONS " CLOEXEC 1\n");
}

static void expect_one_defended(const struct server *redis, const char *set)
{
    EXPECT_LINES(printed_by(STEPS("socket=tcp", connect_step(redis), set, "options"),
                            guarded(redis, WORDS(TUNED))),
                 CONNECTED "set 0\n" TUNED_OPTIONS " CLOEXEC 1\n");
}

Test(setsockopt_override, guard_keeps_each_of_five_options_separately)
{
    struct server *redis = start_redis(NULL);
    expect_one_defended(redis, "set=KEEPALIVE:0");
    expect_one_defended(redis, "set=KEEPIDLE:32767");
    expect_one_defended(redis, "set=KEEPINTVL:1");
    expect_one_defended(redis, "set=KEEPCNT:127");
    expect_one_defended(redis, "set=USER_TIMEOUT:0");
}

Test(setsockopt_override, connect_replaces_values_set_before_it)
{
    struct server *redis = start_redis(NULL);
    EXPECT_LINES(printed_by(STEPS("socket=tcp", SET_ALL_FIVE, connect_step(redis), "options"),
                            guarded(redis, WORDS(TUNED))),
                 "socket 3\n" ALL_FIVE_ACCEPTED "connect 0\n" TUNED_OPTIONS " CLOEXEC 1\n");
}

Test(setsockopt_override, guard_keeps_its_values_during_handshake)
{
    enter_private_network();
    struct server *redis = start_redis(NULL);
    cut_link(redis);
    EXPECT_LINES(
        printed_by(STEPS("socket=tcp", "nonblocking", connect_step(redis), SET_ALL_FIVE, "options"),
                   guarded(redis, WORDS(TUNED))),
        "socket 3\nnonblocking 0\nconnect -1 Operation now in progress\n" ALL_FIVE_ACCEPTED
            TUNED_OPTIONS " CLOEXEC 1\n");
}

Test(setsockopt_override, program_can_set_every_other_option)
{
    struct server *redis = start_redis(NULL);
    char *calls = calls_of(STEPS("socket=tcp", connect_step(redis), "set=NODELAY:1"),
                           guarded(redis, NULL), "setsockopt");
    cr_assert(strstr(calls, "TCP_NODELAY, [1], 4) = 0"), "%s", calls);
    cr_assert_eq(lines_with(strstr(calls, "TCP_NODELAY"), ""), 2, /* and "exited with" */
                 "no call of the guard's own was due:\n%s", calls);
}

Test(setsockopt_override, refused_setsockopt_fails_as_without_guard)
{
    struct server *redis = start_redis(NULL);
    char *printed = printed_alike(WORDS(PROGRAMS "bad_options", text("%d", redis->port)),
                                  guarded(redis, WORDS(TUNED)));
    cr_assert_gt(lines_with(printed, "Invalid argument"), 50);
    cr_assert_gt(lines_with(printed, "Bad address"), 20);
    cr_assert_gt(lines_with(printed, ": 0"), 20);
}

Test(setsockopt_override, refused_setsockopt_leaves_our_values)
{
    struct server *redis = start_redis(NULL);
    EXPECT_LINES(
        printed_by(STEPS("socket=tcp", connect_step(redis), "set=KEEPIDLE:0", "set=KEEPIDLE:40000",
                         "set=KEEPCNT:128", "set=USER_TIMEOUT:-1", "options"),
                   guarded(redis, WORDS(TUNED))),
        CONNECTED "set -1 Invalid argument\nset -1 Invalid argument\n"
                  "set -1 Invalid argument\nset -1 Invalid argument\n" TUNED_OPTIONS
                  " CLOEXEC 1\n");
}

/* ---- copies ---- */

static void expect_copy_defended(const char *copy, const char *number, const char *line)
{
    struct server *redis = start_redis(NULL);
    EXPECT_LINES(printed_by(STEPS("socket=tcp", connect_step(redis), copy, SET_ALL_FIVE, "use=3",
                                  "options", "close", number, SET_ALL_FIVE, "options"),
                            guarded(redis, WORDS(TUNED, "REDISGUARD_CLOEXEC=0"))),
                 text(CONNECTED "%s\n" ALL_FIVE_ACCEPTED TUNED_OPTIONS
                                " CLOEXEC 0\nclose 0\n" ALL_FIVE_ACCEPTED TUNED_OPTIONS
                                " CLOEXEC %d\n",
                      line, strstr(line, "cloexec") || strstr(line, "dup3") ? 1 : 0));
}

Test(setsockopt_override, dup_copy_keeps_guards_values)
{
    expect_copy_defended("dup", "use=4", "dup 4");
}

Test(setsockopt_override, dup2_copy_keeps_guards_values)
{
    expect_copy_defended("dup2=9", "use=9", "dup2 9");
}

Test(setsockopt_override, dup3_copy_keeps_guards_values)
{
    expect_copy_defended("dup3=9", "use=9", "dup3 9");
}

Test(setsockopt_override, fcntl_copy_keeps_guards_values)
{
    expect_copy_defended("dupfd=9", "use=9", "dupfd 9");
    expect_copy_defended("dupfd-cloexec=9", "use=9", "dupfd-cloexec 9");
}

/* ---- where the program's values stand ---- */

Test(setsockopt_override, programs_values_stay_with_force_0)
{
    struct server *redis = start_redis(NULL);
    EXPECT_LINES(
        printed_by(STEPS("socket=tcp", connect_step(redis), "options", SET_ALL_FIVE, "options"),
                   guarded(redis, WORDS(TUNED, "REDISGUARD_FORCE=0"))),
        CONNECTED TUNED_OPTIONS " CLOEXEC 1\n" ALL_FIVE_ACCEPTED THEIR_OPTIONS " CLOEXEC 1\n");
}

Test(setsockopt_override, programs_values_stay_on_unguarded_socket)
{
    struct server *redis = start_redis(NULL);
    const char *const steps[] = {PROGRAMS "sockets", "socket=tcp", connect_step(redis),
                                 SET_ALL_FIVE,       "options",    NULL};
    EXPECT_LINES(printed_by(steps, WORDS("LD_PRELOAD=" LIBRARY, "REDISGUARD_PORTS=1")),
                 CONNECTED ALL_FIVE_ACCEPTED THEIR_OPTIONS " CLOEXEC 0\n");
}

/* Nobody tells the guard of a close(): it must see for itself that this is another socket. */
Test(setsockopt_override, programs_values_stay_on_new_socket_at_guarded_number)
{
    struct server *redis = start_redis(NULL);
    EXPECT_LINES(printed_by(STEPS("socket=tcp", connect_step(redis), "close", "socket=tcp",
                                  SET_ALL_FIVE, "options"),
                            guarded(redis, WORDS(TUNED))),
                 CONNECTED "close 0\nsocket 3\n" ALL_FIVE_ACCEPTED THEIR_OPTIONS " CLOEXEC 0\n");
}

Test(setsockopt_override, programs_value_stays_on_unix_socket)
{
    struct server *redis = start_redis(NULL);
    EXPECT_LINES(
        printed_by(STEPS("socket=unix", connect_unix_step(redis), "guards", "set=KEEPALIVE:1",
                         "options", "set=KEEPALIVE:0", "options"),
                   guarded(redis, NULL)),
        CONNECTED
        "guards 1\nset 0\n"
        "options KEEPALIVE 1 KEEPIDLE - KEEPINTVL - KEEPCNT - USER_TIMEOUT - CLOEXEC 1\nset 0\n"
        "options KEEPALIVE 0 KEEPIDLE - KEEPINTVL - KEEPCNT - USER_TIMEOUT - CLOEXEC 1\n");
}

Test(setsockopt_override, user_timeout_0_leaves_option_off)
{
    struct server *redis = start_redis(NULL);
    EXPECT_LINES(printed_by(STEPS("socket=tcp", connect_step(redis), "options"),
                            guarded(redis, WORDS(TUNED, "REDISGUARD_USER_TIMEOUT=0"))),
                 CONNECTED "options KEEPALIVE 1 KEEPIDLE 11 KEEPINTVL 7 KEEPCNT 2 USER_TIMEOUT 0 "
                           "CLOEXEC 1\n");
}

/* ---- FORCE=tighten: whichever of the two notices sooner ---- */

#define TIGHTENED TUNED, "REDISGUARD_FORCE=tighten"
#define SET_SOONER                                                                                 \
    "set=KEEPALIVE:0", "set=KEEPIDLE:5", "set=KEEPINTVL:1", "set=KEEPCNT:1", "set=USER_TIMEOUT:7000"
#define SET_LATER                                                                                  \
    "set=KEEPALIVE:0", "set=KEEPIDLE:99", "set=KEEPINTVL:98", "set=KEEPCNT:97", "set=USER_TIMEOUT:0"
#define SOONER_OPTIONS "options KEEPALIVE 1 KEEPIDLE 5 KEEPINTVL 1 KEEPCNT 1 USER_TIMEOUT 7000"

Test(setsockopt_override, force_1_replaces_shorter_times_of_program)
{
    struct server *redis = start_redis(NULL);
    EXPECT_LINES(
        printed_by(STEPS("socket=tcp", SET_SOONER, connect_step(redis), SET_SOONER, "options"),
                   guarded(redis, WORDS(TUNED))),
        "socket 3\n" ALL_FIVE_ACCEPTED "connect 0\n" ALL_FIVE_ACCEPTED TUNED_OPTIONS
        " CLOEXEC 1\n");
}

Test(setsockopt_override, force_tighten_keeps_shorter_times_and_turns_keepalive_on)
{
    struct server *redis = start_redis(NULL);
    EXPECT_LINES(printed_by(STEPS("socket=tcp", SET_SOONER, connect_step(redis), "options"),
                            guarded(redis, WORDS(TIGHTENED))),
                 "socket 3\n" ALL_FIVE_ACCEPTED "connect 0\n" SOONER_OPTIONS " CLOEXEC 1\n");
    EXPECT_LINES(
        printed_by(STEPS("socket=tcp", connect_step(redis), "options", SET_SOONER, "options"),
                   guarded(redis, WORDS(TIGHTENED))),
        CONNECTED TUNED_OPTIONS " CLOEXEC 1\n" ALL_FIVE_ACCEPTED SOONER_OPTIONS " CLOEXEC 1\n");
}

Test(setsockopt_override, force_tighten_replaces_longer_times_of_program)
{
    struct server *redis = start_redis(NULL);
    EXPECT_LINES(printed_by(STEPS("socket=tcp", SET_LATER, connect_step(redis), "options",
                                  SET_LATER, "options"),
                            guarded(redis, WORDS(TIGHTENED))),
                 "socket 3\n" ALL_FIVE_ACCEPTED "connect 0\n" TUNED_OPTIONS
                 " CLOEXEC 1\n" ALL_FIVE_ACCEPTED TUNED_OPTIONS " CLOEXEC 1\n");
}

Test(setsockopt_override, force_tighten_chooses_each_option_separately)
{
    struct server *redis = start_redis(NULL);
    EXPECT_LINES(printed_by(STEPS("socket=tcp", connect_step(redis), "set=KEEPIDLE:99",
                                  "set=KEEPINTVL:3", "set=USER_TIMEOUT:30000", "options"),
                            guarded(redis, WORDS(TIGHTENED))),
                 CONNECTED "set 0\nset 0\nset 0\noptions KEEPALIVE 1 KEEPIDLE 11 KEEPINTVL 3 "
                           "KEEPCNT 2 USER_TIMEOUT 23456 CLOEXEC 1\n");
}

Test(setsockopt_override, force_tighten_logs_values_in_effect)
{
    struct server *redis = start_redis(NULL);
    char *log = log_path();
    printed_by(STEPS("socket=tcp", SET_SOONER, connect_step(redis)),
               guarded(redis, WORDS(TIGHTENED, text("REDISGUARD_LOG=%s", log),
                                    "REDISGUARD_LOG_LEVEL=debug")));
    cr_assert_eq(lines_with(content_of(log), "KEEPIDLE 5 s, KEEPINTVL 1 s, KEEPCNT 1, "
                                             "USER_TIMEOUT 7000 ms"),
                 1, "%s", content_of(log));
}

/*
 * The program would notice after three seconds; the guard alone after 23. Linux counts probes only
 * where no user timeout is set, so that the guard's would make the program wait.
 */
Test(setsockopt_override, force_tighten_detects_dead_peer_at_programs_time)
{
    enum { PROGRAMS_TIME = 3, MARGIN = 4 };
    enter_private_network();
    struct server *redis = start_redis(NULL);
    struct program *program =
        start_program(STEPS("socket=tcp", "set=KEEPALIVE:1", "set=KEEPIDLE:1", "set=KEEPINTVL:1",
                            "set=KEEPCNT:2", connect_step(redis), "hold", "read"),
                      guarded(redis, WORDS(TIGHTENED)));
    wait_for_line(program, "hold");
    cut_link(redis);
    time_t cut = time(NULL);
    tell_program(program, "\n");
    wait_for_line(program, "read -1 Connection timed out");
    time_t took = time(NULL) - cut;
    cr_assert(took <= PROGRAMS_TIME + MARGIN, "%ld s", (long)took);
}
