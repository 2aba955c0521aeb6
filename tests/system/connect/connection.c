/*
 * A connect() to a Redis port: the options that the socket has afterwards, the sockets that the
 * guard must not change, and results that are the same as without the guard. Real servers;
 * `programs/sockets` makes the calls.
 */
#include "sockets.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#define CONNECTED "socket 3\nconnect 0\n"

/* ---- what a guarded connection has ---- */

Test(connection, connection_has_five_configured_options_and_cloexec)
{
    struct server *redis = start_redis(NULL);
    EXPECT_LINES(printed_by(STEPS("socket=tcp", connect_step(redis), "options", "ping"),
                            guarded(redis, WORDS(TUNED))),
                 CONNECTED TUNED_OPTIONS " CLOEXEC 1\nping +PONG\n");
}

Test(connection, connection_has_default_options_in_empty_environment)
{
    struct server *redis = start_redis(NULL);
    EXPECT_LINES(
        printed_by(STEPS("socket=tcp", connect_step(redis), "options"), guarded(redis, NULL)),
        CONNECTED "options KEEPALIVE 1 KEEPIDLE 30 KEEPINTVL 5 KEEPCNT 3 USER_TIMEOUT 45000 "
                  "CLOEXEC 1\n");
}

Test(connection, ipv6_connection_is_guarded)
{
    struct server *redis = start_redis(NULL);
    EXPECT_LINES(printed_by(STEPS("socket=tcp6", connect6_step(redis), "options", "ping"),
                            guarded(redis, WORDS(TUNED))),
                 CONNECTED TUNED_OPTIONS " CLOEXEC 1\nping +PONG\n");
}

Test(connection, connection_to_ipv4_mapped_address_is_guarded)
{
    struct server *redis = start_redis(NULL);
    EXPECT_LINES(printed_by(STEPS("socket=tcp6", connect_mapped_step(redis), "options", "ping"),
                            guarded(redis, WORDS(TUNED))),
                 CONNECTED TUNED_OPTIONS " CLOEXEC 1\nping +PONG\n");
}

Test(connection, connection_to_port_inside_range_is_guarded)
{
    struct server *redis = start_redis(NULL);
    const char *ports = text("REDISGUARD_PORTS=1,%d-%d", redis->port - 1, redis->port + 1);
    EXPECT_LINES(printed_by(STEPS("socket=tcp", connect_step(redis), "options"),
                            WORDS("LD_PRELOAD=" LIBRARY, ports, TUNED)),
                 CONNECTED TUNED_OPTIONS " CLOEXEC 1\n");
}

Test(connection, non_blocking_connection_is_guarded)
{
    struct server *redis = start_redis(NULL);
    EXPECT_LINES(printed_by(STEPS("socket=tcp", "nonblocking", connect_step(redis), "options",
                                  "connected", "guards"),
                            guarded(redis, WORDS(TUNED))),
                 "socket 3\nnonblocking 0\nconnect -1 Operation now in progress\n" TUNED_OPTIONS
                 " CLOEXEC 1\nconnected: yes\nguards 1\n");
}

Test(connection, second_connect_for_result_keeps_connection_guarded)
{
    struct server *redis = start_redis(NULL);
    const char *again = connect_step(redis);
    EXPECT_LINES(printed_by(STEPS("socket=tcp", "nonblocking", again, "connected", again, again,
                                  "guards", "options"),
                            guarded(redis, WORDS(TUNED))),
                 "socket 3\nnonblocking 0\nconnect -1 Operation now in progress\n"
                 "connected: yes\nconnect 0\nconnect -1 Transport endpoint is already connected\n"
                 "guards 1\n" TUNED_OPTIONS " CLOEXEC 1\n");
}

/* ---- before the handshake ---- */

Test(connection, options_are_set_before_only_connect_system_call)
{
    struct server *redis = start_redis(NULL);
    char *calls = calls_of(STEPS("socket=tcp", connect_step(redis)), guarded(redis, WORDS(TUNED)),
                           "connect,setsockopt,fcntl");
    cr_assert_eq(lines_with(calls, "connect("), 1, "%s", calls);
    *strstr(calls, "connect(") = '\0';
    const char *const wanted[] = {
        "SO_KEEPALIVE, [1]", "TCP_KEEPIDLE, [11]",        "TCP_KEEPINTVL, [7]",
        "TCP_KEEPCNT, [2]",  "TCP_USER_TIMEOUT, [23456]", "F_SETFD, FD_CLOEXEC",
    };
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
        cr_assert_eq(lines_with(calls, wanted[i]), 1, "%s in:\n%s", wanted[i], calls);
}

Test(connection, connection_in_handshake_has_its_options)
{
    enter_private_network();
    struct server *redis = start_redis(NULL);
    cut_link(redis);
    struct program *program =
        start_program(STEPS("socket=tcp", "nonblocking", connect_step(redis), "options", "hold"),
                      guarded(redis, WORDS(TUNED)));
    wait_for_line(program, "hold");
    char *sockets = sockets_to(redis->port);
    cr_assert(strstr(sockets, "SYN-SENT"), "%s", sockets);
    cr_assert(strstr(program->out.text, TUNED_OPTIONS " CLOEXEC 1\n"), "%s", program->out.text);
}

/* The kernel does it (Linux 5.4), if the option is there in time; without it this takes minutes. */
Test(connection, connect_to_silent_host_ends_after_user_timeout)
{
    enum { USER_TIMEOUT_MS = 1500, MARGIN_MS = 1000 };
    enter_private_network();
    struct server *redis = start_redis(NULL);
    cut_link(redis);
    double before = seconds_now();
    char *printed =
        printed_by(STEPS("socket=tcp", connect_step(redis)),
                   guarded(redis, WORDS(text("REDISGUARD_USER_TIMEOUT=%d", USER_TIMEOUT_MS))));
    long took = (long)((seconds_now() - before) * 1000);
    EXPECT_LINES(printed, "socket 3\nconnect -1 Connection timed out\n");
    cr_assert(took >= USER_TIMEOUT_MS && took <= USER_TIMEOUT_MS + MARGIN_MS, "%ld ms", took);
}

/* ---- connects that do not go straight ---- */

/* The kernel answers the first connect after a refusal that came late with ECONNABORTED. */
#define REFUSED_LATE                                                                               \
    "socket 3\nnonblocking 0\nconnect -1 Operation now in progress\n"                              \
    "connected: Connection refused\nconnect -1 Software caused connection abort\n"                 \
    "connect -1 Operation now in progress\nconnected: yes\n"

Test(connection, connection_is_guarded_after_signal_interrupts_connect)
{
    enter_private_network();
    struct server *redis = start_redis(NULL);
    cut_link(redis);
    struct program *program =
        start_program(STEPS("interruptible", "socket=tcp", connect_step(redis), "guards", "options",
                            "hold", "connected", "ping", "fork", "ping", "wait", "ping"),
                      guarded(redis, WORDS(TUNED)));
    wait_for_line(program, "socket 3");
    WAIT_UNTIL(strstr(sockets_to(redis->port), "SYN-SENT"));
    kill(program->pid, SIGUSR1);
    wait_for_line(program, "hold");
    heal_link();
    tell_program(program, "\n");
    struct outcome outcome = finish_program(program);
    EXPECT_LINES(outcome.out,
                 "interruptible 0\nsocket 3\nconnect -1 Interrupted system call\n"
                 "guards 1\n" TUNED_OPTIONS " CLOEXEC 1\nhold\nconnected: yes\nping +PONG\n"
                 "child\nping -1 Broken pipe\nparent\nping +PONG\n");
}

Test(connection, refused_connection_is_not_guarded)
{
    const char *nobody = text("connect=127.0.0.1:%d", refusing_port());
    EXPECT_LINES(
        printed_by(STEPS("socket=tcp", nobody, "guards"), WORDS(GUARDED_EVERYWHERE, TUNED)),
        "socket 3\nconnect -1 Connection refused\nguards 0\n");
}

/* The refusal comes after connect() has returned; the next one passes it on. */
Test(connection, late_refusal_ends_guarding_when_connect_reports_it)
{
    const char *nobody = text("connect=127.0.0.1:%d", refusing_port());
    EXPECT_LINES(printed_by(STEPS("socket=tcp", "nonblocking", nobody, "connected", nobody,
                                  "guards", "set=KEEPIDLE:99", "options"),
                            WORDS(GUARDED_EVERYWHERE, TUNED)),
                 "socket 3\nnonblocking 0\nconnect -1 Operation now in progress\n"
                 "connected: Connection refused\nconnect -1 Software caused connection abort\n"
                 "guards 0\nset 0\n"
                 "options KEEPALIVE 1 KEEPIDLE 99 KEEPINTVL 7 KEEPCNT 2 USER_TIMEOUT 23456 "
                 "CLOEXEC 1\n");
}

Test(connection, retry_on_same_descriptor_after_refusal_is_guarded)
{
    struct server *redis = start_redis(NULL);
    const char *nobody = text("connect=127.0.0.1:%d", refusing_port());
    EXPECT_LINES(printed_by(STEPS("socket=tcp", nobody, connect_step(redis), "guards", "options",
                                  "fork", "ping", "wait", "ping"),
                            WORDS(GUARDED_EVERYWHERE, TUNED)),
                 "socket 3\nconnect -1 Connection refused\nconnect 0\nguards 1\n" TUNED_OPTIONS
                 " CLOEXEC 1\nchild\nping -1 Broken pipe\nparent\nping +PONG\n");
}

Test(connection, retry_after_late_refusal_is_guarded)
{
    struct server *redis = start_redis(NULL);
    const char *nobody = text("connect=127.0.0.1:%d", refusing_port());
    const char *again = connect_step(redis);
    EXPECT_LINES(printed_by(STEPS("socket=tcp", "nonblocking", nobody, "connected", again, again,
                                  "connected", "guards", "options"),
                            WORDS(GUARDED_EVERYWHERE, TUNED)),
                 REFUSED_LATE "guards 1\n" TUNED_OPTIONS " CLOEXEC 1\n");
}

Test(connection, new_connection_on_disconnected_socket_is_guarded)
{
    struct server *redis = start_redis(NULL);
    EXPECT_LINES(printed_by(STEPS("socket=tcp", connect_step(redis), "connect=unspec", "guards",
                                  "set=KEEPIDLE:99", connect_step(redis), "guards", "options",
                                  "fork", "ping", "wait", "ping"),
                            guarded(redis, WORDS(TUNED))),
                 CONNECTED "connect 0\nguards 0\nset 0\nconnect 0\nguards 1\n" TUNED_OPTIONS
                           " CLOEXEC 1\nchild\nping -1 Broken pipe\nparent\nping +PONG\n");
}

/* ---- stale records ---- */

/* The other server's port is not one of ours: the child may share it, the program may tune it. */
static void expect_left_to_the_program(const char *const steps[], const char *const env[],
                                       const char *before)
{
    EXPECT_LINES(printed_by(steps, env),
                 text("%sguards 0\nset 0\n"
                      "options KEEPALIVE 1 KEEPIDLE 99 KEEPINTVL 7 KEEPCNT 2 USER_TIMEOUT 23456 "
                      "CLOEXEC 1\nchild\nping +PONG\nparent\n",
                      before));
}

Test(connection, socket_reconnected_to_another_server_is_not_guarded)
{
    struct server *redis = start_redis(NULL);
    struct server *other = start_redis(NULL);
    expect_left_to_the_program(STEPS("socket=tcp", connect_step(redis), "connect=unspec",
                                     connect_step(other), "guards", "set=KEEPIDLE:99", "options",
                                     "fork", "ping"),
                               guarded(redis, WORDS(TUNED)), CONNECTED "connect 0\nconnect 0\n");
}

Test(connection, socket_refused_late_and_connected_elsewhere_is_not_guarded)
{
    struct server *other = start_redis(NULL);
    int nobody = refusing_port();
    expect_left_to_the_program(
        STEPS("socket=tcp", "nonblocking", text("connect=127.0.0.1:%d", nobody), "connected",
              connect_step(other), connect_step(other), "connected", "blocking", "guards",
              "set=KEEPIDLE:99", "options", "fork", "ping"),
        WORDS("LD_PRELOAD=" LIBRARY, text("REDISGUARD_PORTS=%d", nobody), TUNED),
        REFUSED_LATE "blocking 0\n");
}

/* ---- what never was ---- */

Test(connection, connection_to_another_port_is_unchanged)
{
    struct server *redis = start_redis(NULL);
    const char *const env[] = {"LD_PRELOAD=" LIBRARY, "REDISGUARD_PORTS=1", TUNED, NULL};
    printed_alike(
        STEPS("socket=tcp", connect_step(redis), "options", "fork", "ping", "wait", "ping"), env);
    printed_alike(STEPS("socket=tcp6", connect6_step(redis), "options", "ping"), env);
    printed_alike(STEPS("socket=tcp6", connect_mapped_step(redis), "options", "ping"), env);
}

Test(connection, udp_socket_to_same_port_is_unchanged)
{
    const char *const env[] = {GUARDED_EVERYWHERE, TUNED, NULL};
    char *printed =
        printed_alike(STEPS("socket=udp", "connect=127.0.0.1:6379", "options", "set=KEEPALIVE:1",
                            "options", "socket=udp6", "connect=[::1]:6379", "options"),
                      env);
    cr_assert_eq(lines_with(printed, "connect 0"), 2, "%s", printed);
}

Test(connection, accepted_and_listening_sockets_are_unchanged)
{
    printed_alike(STEPS("socket=tcp", "bind=127.0.0.1:0", "options", "listen", "options",
                        "socket=tcp", "connect=listener", "use=3", "options", "accept", "options",
                        "set=KEEPIDLE:99", "options"),
                  WORDS(GUARDED_EVERYWHERE, TUNED));
}

Test(connection, connect_to_bad_address_fails_as_without_guard)
{
    struct server *redis = start_redis(NULL);
    char *printed =
        printed_alike(WORDS(PROGRAMS "bad_addresses", text("%d", redis->port), redis->unix_socket),
                      guarded(redis, NULL));
    cr_assert_gt(lines_with(printed, "Bad address"), 100);
    cr_assert_gt(lines_with(printed, "Operation now in progress"), 10);
}

Test(connection, refused_and_repeated_connects_fail_as_without_guard)
{
    struct server *redis = start_redis(NULL);
    const char *nobody = text("connect=127.0.0.1:%d", refusing_port());
    const char *again = connect_step(redis);
    printed_alike(STEPS("socket=tcp", nobody, nobody, again, again, nobody, "ping", "socket=tcp",
                        "nonblocking", nobody, "connected", nobody, again, "close", again),
                  WORDS(GUARDED_EVERYWHERE));
}

/* ---- Unix-domain sockets ---- */

Test(connection, matching_unix_connection_gets_cloexec_and_no_tcp_options)
{
    struct server *redis = start_redis(NULL);
    EXPECT_LINES(printed_by(STEPS("socket=unix", connect_unix_step(redis), "guards", "options",
                                  "fork", "ping", "wait", "ping"),
                            WORDS("LD_PRELOAD=" LIBRARY, TUNED)),
                 CONNECTED
                 "guards 1\noptions KEEPALIVE 0 KEEPIDLE - KEEPINTVL - KEEPCNT - USER_TIMEOUT - "
                 "CLOEXEC 1\nchild\nping -1 Broken pipe\nparent\nping +PONG\n");
}

Test(connection, unix_connection_that_matches_no_glob_is_unchanged)
{
    struct server *redis = start_redis(NULL);
    printed_alike(STEPS("socket=unix", connect_unix_step(redis), "options", "fork", "ping", "wait"),
                  WORDS("LD_PRELOAD=" LIBRARY, TUNED, "REDISGUARD_UNIX=*/valkey.sock:/run/*"));
}

/* Redis is spoken over stream sockets with a name in the file system. */
static void expect_unguarded(const char *kind, const char *name)
{
    EXPECT_LINES(printed_by(STEPS(kind, text("bind=%s", name), "listen", kind, "connect=listener",
                                  "guards", "options"),
                            WORDS("LD_PRELOAD=" LIBRARY, "REDISGUARD_UNIX=*")),
                 "socket 3\nbind 0\nlisten 0\nsocket 4\nconnect 0\nguards 0\n"
                 "options KEEPALIVE 0 KEEPIDLE - KEEPINTVL - KEEPCNT - USER_TIMEOUT - CLOEXEC 0\n");
}

Test(connection, unix_packet_socket_and_abstract_name_are_unchanged)
{
    expect_unguarded("socket=unix-packet", text("%s/redis.sock", scratch_directory()));
    expect_unguarded("socket=unix", text("@%s/redis.sock", scratch_directory()));
}

/* ---- exec ---- */

Test(connection, exec_closes_connection)
{
    struct server *redis = start_redis(NULL);
    const char *const steps[] = {PROGRAMS "sockets",
                                 "socket=tcp",
                                 connect_step(redis),
                                 "socket=unix",
                                 connect_unix_step(redis),
                                 "exec",
                                 "use=3",
                                 "ping",
                                 "use=4",
                                 "ping",
                                 NULL};
    EXPECT_LINES(printed_by(steps, guarded(redis, NULL)),
                 "socket 3\nconnect 0\nsocket 4\nconnect 0\n"
                 "ping -1 Bad file descriptor\nping -1 Bad file descriptor\n");
}

Test(connection, exec_keeps_connection_with_cloexec_0)
{
    struct server *redis = start_redis(NULL);
    EXPECT_LINES(
        printed_by(STEPS("socket=tcp", connect_step(redis), "options", "exec", "use=3", "ping"),
                   guarded(redis, WORDS(TUNED, "REDISGUARD_CLOEXEC=0"))),
        CONNECTED TUNED_OPTIONS " CLOEXEC 0\nping +PONG\n");
}
