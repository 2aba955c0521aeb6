/*
 * Kernels of old, and sandboxes with a kernel of their own, that do not know an option and say
 * ENOPROTOOPT: what is left of each promise, on real connections, and that the log says once what
 * is missing. A seccomp filter plays that kernel (programs/sandbox_run.c). sandbox.c refuses every
 * call that the guard makes, by EPERM and ENOSYS, and looks at what is done; here is looked at what
 * it is good for.
 */
#include "sockets.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/syscall.h>

enum { DETECT = 4, MARGIN = 1 /* s */, MOST_WORDS = 32 };

#define TUNING(level, name) text("%d/1=%d/2=%d", SYS_setsockopt, level, name)
#define ASKING(level, name) text("%d/1=%d/2=%d", SYS_getsockopt, level, name)
#define NO_COOKIE           ASKING(SOL_SOCKET, SO_COOKIE)

/* The command, on a kernel that does not know these options. */
static const char *const *on_kernel_without(const char *const options[], const char *const argv[])
{
    static const char *words[MOST_WORDS];
    size_t count = 0;
    words[count++] = PROGRAMS "sandbox_run";
    words[count++] = text("%d", ENOPROTOOPT);
    for (size_t i = 0; options[i] != NULL; i++)
        words[count++] = options[i];
    words[count++] = "--";
    for (size_t i = 0; argv[i] != NULL && count < MOST_WORDS - 1; i++)
        words[count++] = argv[i];
    words[count] = NULL;
    return words;
}

static const char *const *logged(const struct server *server, const char *more)
{
    return guarded(server, WORDS(text("REDISGUARD_LOG=%s", log_path()), "REDISGUARD_LOG_LEVEL=warn",
                                 more != NULL ? more : "REDISGUARD_FORCE=1"));
}

/* Once for each of these, and nothing else; whatever the number of connections. */
static void expect_said(const char *const refused[])
{
    char *log = output_of(WORDS("sh", "-c", text("cat %s 2>/dev/null || :", log_path())));
    int count = 0;
    for (; refused[count] != NULL; count++)
        cr_expect_eq(lines_with(log, text("warn: %s: ENOPROTOOPT; ", refused[count])), 1, "%s:\n%s",
                     refused[count], log);
    cr_expect_eq(lines_with(log, ""), count, "%s", log);
}

/* ---- one option at a time ---- */

static void expect_all_but(const char *label, int level, int name, const char *left)
{
    struct server *server = start_redis(NULL);
    const char *const *argv =
        on_kernel_without(WORDS(TUNING(level, name)),
                          STEPS("socket=tcp", connect_step(server), "options", "socket=tcp",
                                connect_step(server), "options", "fork", "ping", "wait", "ping"));
    const char *const env[] = {TUNED,
                               "LD_PRELOAD=" LIBRARY,
                               text("REDISGUARD_PORTS=%d", server->port),
                               text("REDISGUARD_LOG=%s", log_path()),
                               "REDISGUARD_LOG_LEVEL=warn",
                               NULL};
    EXPECT_LINES(printed_by(argv, env),
                 text("socket 3\nconnect 0\noptions %s CLOEXEC 1\nsocket 4\nconnect 0\noptions %s "
                      "CLOEXEC 1\nchild\nping -1 Broken pipe\nparent\nping +PONG\n",
                      left, left));
    expect_said(WORDS(label));
}

Test(old_kernels, without_so_keepalive_the_rest_is_set)
{
    expect_all_but("SO_KEEPALIVE", SOL_SOCKET, SO_KEEPALIVE,
                   "KEEPALIVE 0 KEEPIDLE 11 KEEPINTVL 7 KEEPCNT 2 USER_TIMEOUT 23456");
}

Test(old_kernels, without_tcp_keepidle_the_rest_is_set)
{
    expect_all_but("TCP_KEEPIDLE", IPPROTO_TCP, TCP_KEEPIDLE,
                   "KEEPALIVE 1 KEEPIDLE 7200 KEEPINTVL 7 KEEPCNT 2 USER_TIMEOUT 23456");
}

Test(old_kernels, without_tcp_keepintvl_the_rest_is_set)
{
    expect_all_but("TCP_KEEPINTVL", IPPROTO_TCP, TCP_KEEPINTVL,
                   "KEEPALIVE 1 KEEPIDLE 11 KEEPINTVL 75 KEEPCNT 2 USER_TIMEOUT 23456");
}

Test(old_kernels, without_tcp_keepcnt_the_rest_is_set)
{
    expect_all_but("TCP_KEEPCNT", IPPROTO_TCP, TCP_KEEPCNT,
                   "KEEPALIVE 1 KEEPIDLE 11 KEEPINTVL 7 KEEPCNT 9 USER_TIMEOUT 23456");
}

Test(old_kernels, without_tcp_user_timeout_the_rest_is_set)
{
    expect_all_but("TCP_USER_TIMEOUT", IPPROTO_TCP, TCP_USER_TIMEOUT,
                   "KEEPALIVE 1 KEEPIDLE 11 KEEPINTVL 7 KEEPCNT 2 USER_TIMEOUT 0");
}

/* ---- what is left of each promise ---- */

#define PHP(script, server)                                                                        \
    WORDS("php", SOURCE_DIR "/tests/system/dead_peer/" script, text("%d", (server)->port),         \
          "connect")

static void expect_noticed(struct program *worker, const struct server *server, const char *go)
{
    cut_link(server);
    double cut = seconds_now();
    tell_program(worker, go);
    wait_for_line(worker, "lost");
    double elapsed = seconds_now() - cut;
    cr_expect(elapsed <= DETECT + MARGIN, "noticed only after %.1f s", elapsed);
}

static bool waits_in_brpop(const struct server *server)
{
    return strstr(redis_ask(server, "CLIENT LIST"), "cmd=brpop") != NULL;
}

/* KEEPCNT counts again where USER_TIMEOUT does not overrule it: the same time to a second. */
Test(old_kernels, without_tcp_user_timeout_probes_notice_a_dead_peer)
{
    enter_private_network();
    struct server *server = start_redis(NULL);
    struct program *worker = start_program(
        on_kernel_without(WORDS(TUNING(IPPROTO_TCP, TCP_USER_TIMEOUT)), PHP("brpop.php", server)),
        logged(server, text("REDISGUARD_DETECT=%d", DETECT)));
    WAIT_UNTIL(waits_in_brpop(server));
    expect_noticed(worker, server, "");
    expect_said(WORDS("TCP_USER_TIMEOUT"));
}

Test(old_kernels, without_keepalive_a_command_sent_into_the_void_fails_in_time)
{
    enter_private_network();
    struct server *server = start_redis(NULL);
    struct program *client = start_program(
        on_kernel_without(WORDS(TUNING(SOL_SOCKET, SO_KEEPALIVE), TUNING(IPPROTO_TCP, TCP_KEEPIDLE),
                                TUNING(IPPROTO_TCP, TCP_KEEPINTVL),
                                TUNING(IPPROTO_TCP, TCP_KEEPCNT)),
                          PHP("get_when_told.php", server)),
        logged(server, text("REDISGUARD_DETECT=%d", DETECT)));
    wait_for_line(client, "connected");
    expect_noticed(client, server, "go\n");
    expect_said(WORDS("SO_KEEPALIVE", "TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT"));
}

/* The inode tells sockets apart as well (registry.c): nothing is lost, and no warning made. */
Test(old_kernels, without_so_cookie_every_worker_gets_its_own_replies)
{
    struct server *server = start_redis(NULL);
    struct outcome outcome = run_program(
        on_kernel_without(WORDS(NO_COOKIE),
                          WORDS("php", SOURCE_DIR "/examples/prefork.php", "--port",
                                text("%d", server->port), "--workers", "4", "--gets", "1000")),
        guarded(server, WORDS(LOGGED(log_path()))));
    cr_expect_eq(outcome.status, 0, "%s%s", outcome.out, outcome.err);
    cr_expect(strstr(outcome.out, "wrong=0 errors=0 unfinished=0 crashed=0"), "%s", outcome.out);
    char *log = output_of(WORDS("cat", log_path()));
    cr_expect_eq(lines_with(log, "debug: no SO_COOKIE: "), 1, "%s", log);
    cr_expect_eq(lines_with(log, "warn: "), 0, "%s", log);
}

Test(old_kernels, without_so_cookie_whatever_got_a_closed_connections_number_is_left_alone)
{
    struct server *server = start_redis(NULL);
    struct server *elsewhere = start_redis(NULL);
    EXPECT_LINES(
        printed_by(on_kernel_without(WORDS(NO_COOKIE),
                                     WORDS(PROGRAMS "child_numbers", text("%d", server->port),
                                           text("%d", elsewhere->port),
                                           text("%s/file", scratch_directory()))),
                   guarded(server, NULL)),
        "log file: intact\ncopy of the log file: intact\nlistening socket: intact\n"
        "connection elsewhere: intact\nreused socket: intact\npipe: intact\n"
        "the one Redis connection: lost\n");
}

/* As little as such a kernel may know: no cookie, no state of a TCP socket, none of the options. */
Test(old_kernels, without_any_of_them_a_child_is_still_cut_off)
{
    struct server *server = start_redis(NULL);
    const char *const *argv = on_kernel_without(
        WORDS(NO_COOKIE, ASKING(IPPROTO_TCP, TCP_INFO), TUNING(SOL_SOCKET, SO_KEEPALIVE),
              TUNING(IPPROTO_TCP, TCP_KEEPIDLE), TUNING(IPPROTO_TCP, TCP_KEEPINTVL),
              TUNING(IPPROTO_TCP, TCP_KEEPCNT), TUNING(IPPROTO_TCP, TCP_USER_TIMEOUT)),
        STEPS("socket=tcp", connect_step(server), "dup2=9", "fork", "ping", "use=3", "ping", "wait",
              "ping"));
    EXPECT_LINES(printed_by(argv, logged(server, NULL)),
                 "socket 3\nconnect 0\ndup2 9\nchild\nping -1 Broken pipe\nping -1 Broken pipe\n"
                 "parent\nping +PONG\n");
    expect_said(
        WORDS("SO_KEEPALIVE", "TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT", "TCP_USER_TIMEOUT"));
}
