/*
 * guard.c: the tests of shim/lib/guard.c: what becomes of a descriptor before and after its
 * connect(2).
 */
#include "guard.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fork.h"
#include "half_open.h"
#include "log.h"
#include "registry.h"
#include "tcp_state.h"
#include "unit.h"

static void default_environment(void)
{
    configure(WORDS(NULL));
}

TestSuite(guard, .init = default_environment, .timeout = 10);

static const struct endpoint by_ip = {.family = AF_INET, .port = 6379, .address = {127, 0, 0, 1}};
static const struct endpoint by_path = {.family = AF_UNIX};

static struct guarded guarded_as(enum guard guard, int fd)
{
    return (struct guarded){guard, registry_identify(fd)};
}

static bool is_tuned(int fd)
{
    int keepalive = 0;
    int idle = 0;
    socklen_t length = sizeof keepalive;
    getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &keepalive, &length);
    getsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, &length);
    return keepalive == 1 && idle == 30;
}

Test(guard, tcp_socket_is_tuned_recorded_and_closed_on_exec)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    cr_expect_eq(guard_begin(fd, &by_ip).guard, GUARD_NEW);
    cr_expect(is_tuned(fd));
    cr_expect_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
    cr_expect(registry_tunes(fd));
}

Test(guard, unix_stream_socket_is_recorded_and_closed_on_exec)
{
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    cr_expect_eq(guard_begin(fd, &by_path).guard, GUARD_NEW);
    cr_expect_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
    cr_expect(registry_holds(fd, NULL));
    cr_expect(!registry_tunes(fd));
}

Test(guard, without_cloexec_socket_is_inherited_across_exec)
{
    configure(WORDS("CLOEXEC=0"));
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    cr_expect_eq(guard_begin(fd, &by_ip).guard, GUARD_NEW);
    cr_expect_eq(fcntl(fd, F_GETFD), 0);
    cr_expect(registry_holds(fd, NULL));
}

static void expect_unguarded(int fd, const struct endpoint *endpoint)
{
    int flags = fcntl(fd, F_GETFD);
    cr_expect_eq(guard_begin(fd, endpoint).guard, GUARD_NONE);
    cr_expect(!registry_may_hold(fd));
    cr_expect_eq(fcntl(fd, F_GETFD), flags);
}

Test(guard, datagram_sockets_pipes_and_closed_numbers_are_not_guarded)
{
    expect_unguarded(socket(AF_INET, SOCK_DGRAM, 0), &by_ip);
    expect_unguarded(socket(AF_UNIX, SOCK_DGRAM, 0), &by_path);
    expect_unguarded(socket(AF_UNIX, SOCK_SEQPACKET, 0), &by_path);
    expect_unguarded(open("/dev/null", O_RDWR), &by_ip);
    expect_unguarded(open("/dev/null", O_RDWR), &by_path);
    expect_unguarded(-1, &by_ip);
    expect_unguarded(4000, &by_path);
}

static in_port_t peer_after_a_second_connect(int result, int error)
{
    struct endpoint other = by_ip;
    struct record found = {.endpoint.port = 0};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    other.port = 6380;
    cr_expect_eq(guard_begin(fd, &by_ip).guard, GUARD_NEW);
    cr_expect_eq(guard_begin(fd, &other).guard, GUARD_KNOWN);
    guard_settle(fd, &other, guarded_as(GUARD_KNOWN, fd), result, error);
    registry_holds(fd, &found);
    return found.endpoint.port;
}

Test(guard, second_connect_that_goes_well_takes_new_peer)
{
    cr_expect_eq(peer_after_a_second_connect(0, 0), 6380);
    cr_expect_eq(peer_after_a_second_connect(-1, EINPROGRESS), 6380);
}

Test(guard, second_connect_that_changes_nothing_leaves_peer)
{
    cr_expect_eq(peer_after_a_second_connect(-1, EISCONN), 6379);
    cr_expect_eq(peer_after_a_second_connect(-1, EALREADY), 6379);
    cr_expect_eq(peer_after_a_second_connect(-1, EINTR), 6379);
}

Test(guard, second_connect_that_reports_failure_removes_record)
{
    cr_expect_eq(peer_after_a_second_connect(-1, ECONNREFUSED), 0);
    cr_expect_eq(peer_after_a_second_connect(-1, ECONNABORTED), 0);
}

Test(guard, socket_of_unrelated_number_on_record_is_guarded_anew)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    cr_expect_eq(guard_begin(fd, &by_ip).guard, GUARD_NEW);
    close(fd);
    cr_assert_eq(socket(AF_INET, SOCK_STREAM, 0), fd);
    cr_expect_eq(guard_begin(fd, &by_ip).guard, GUARD_NEW);
    cr_expect(is_tuned(fd));
    cr_expect(registry_holds(fd, NULL));
}

Test(guard, connection_stays_on_record_when_it_stands_or_is_under_way)
{
    const struct {
        int result;
        int error;
        bool stays;
    } cases[] = {{0, 0, true},
                 {0, ECONNREFUSED, true}, /* errno of an earlier call */
                 {-1, EINPROGRESS, true},
                 {-1, EALREADY, true},
                 {-1, EINTR, true},
                 {-1, ECONNREFUSED, false},
                 {-1, ETIMEDOUT, false},
                 {-1, ENETUNREACH, false},
                 {-1, EFAULT, false},
                 {-1, EAGAIN, false},
                 {-1, EISCONN, false}, /* it was connected, but not by a connect that we saw */
                 {-1, ENOENT, false}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        guard_begin(fd, &by_ip);
        guard_settle(fd, &by_ip, guarded_as(GUARD_NEW, fd), cases[i].result, cases[i].error);
        cr_expect_eq(registry_holds(fd, NULL), cases[i].stays, "errno %d", cases[i].error);
    }
}

Test(guard, reconnected_socket_loses_its_record_and_others_keep_theirs)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    int other = socket(AF_INET, SOCK_STREAM, 0);
    guard_begin(fd, &by_ip);
    guard_begin(other, &by_ip);
    guard_end(fd, registry_identify(fd));
    guard_end(4000, registry_identify(4000));
    guard_end(-1, registry_identify(-1));
    cr_expect(!registry_may_hold(fd));
    cr_expect(registry_holds(other, NULL));
}

/* A watchdog closed the number of a connect that was still waiting, and a new socket got it. */
Test(guard, failed_connect_leaves_new_socket_at_its_number_on_record)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct guarded first = guard_begin(fd, &by_ip);
    close(fd);
    cr_assert_eq(socket(AF_INET, SOCK_STREAM, 0), fd);
    guard_begin(fd, &by_ip);
    guard_settle(fd, &by_ip, first, -1, ETIMEDOUT);
    cr_expect(registry_holds(fd, NULL));
    guard_end(fd, first.identity);
    cr_expect(registry_holds(fd, NULL));
}

static void expect_no_trap_in_a_child(void *fd)
{
    fork_sever();
    EXPECT(!guard_traps(*(int *)fd, &by_ip));
}

Test(guard, trap_catches_stream_socket_in_first_process_alone)
{
    configure(WORDS("TRAP=1"));
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    cr_expect(guard_traps(fd, &by_ip));
    cr_expect(guard_traps(socket(AF_UNIX, SOCK_STREAM, 0), &by_path));
    cr_expect(!guard_traps(socket(AF_INET, SOCK_DGRAM, 0), &by_ip));
    cr_expect(!guard_traps(-1, &by_ip));
    in_child(expect_no_trap_in_a_child, &fd);
}

Test(guard, without_trap_nothing_is_caught)
{
    cr_expect(!guard_traps(socket(AF_INET, SOCK_STREAM, 0), &by_ip));
}

Test(guard, errno_is_left_alone)
{
    start_log("/dev/full"); /* nothing of what follows succeeds in full */
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    int datagrams = socket(AF_INET, SOCK_DGRAM, 0);
    errno = 4321;
    guard_begin(fd, &by_ip);
    guard_begin(datagrams, &by_ip);
    guard_begin(-1, &by_path);
    guard_settle(fd, &by_ip, guarded_as(GUARD_NEW, fd), -1, ECONNREFUSED);
    guard_settle(fd, &by_ip, guarded_as(GUARD_NEW, fd), 0, 0);
    guard_end(fd, registry_identify(fd));
    guard_traps(fd, &by_ip);
    cr_expect_eq(errno, 4321);
}

/* ---- what the log says ---- */

static int log_to_stderr(const char *level)
{
    int capture = capture_stderr();
    configure(WORDS("LOG=stderr", "TRAP=1", text("LOG_LEVEL=%s", level)));
    log_start();
    return capture;
}

Test(guard, log_names_guarded_descriptor_its_peer_and_its_times)
{
    int capture = log_to_stderr("debug");
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    guard_begin(fd, &by_ip);
    cr_expect_str_empty(captured(capture), "whether it connects is not known yet");
    guard_settle(fd, &by_ip, guarded_as(GUARD_NEW, fd), 0, 0);
    cr_expect_not_null(
        strstr(captured(capture),
               text("] debug: descriptor %d guarded: 127.0.0.1:6379, KEEPIDLE 30 s, KEEPINTVL 5 s, "
                    "KEEPCNT 3, USER_TIMEOUT 45000 ms\n",
                    fd)));
    int by_name = socket(AF_UNIX, SOCK_STREAM, 0);
    guard_settle(by_name, &by_path, guarded_as(GUARD_NEW, by_name), 0, 0);
    cr_expect_not_null(
        strstr(captured(capture),
               text("] debug: descriptor %d guarded against fork and exec: a Unix-domain socket\n",
                    by_name)));
}

Test(guard, connect_that_failed_is_not_logged_as_guarded)
{
    int capture = log_to_stderr("debug");
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    guard_begin(fd, &by_ip);
    guard_settle(fd, &by_ip, guarded_as(GUARD_NEW, fd), -1, ECONNREFUSED);
    cr_expect_str_empty(captured(capture));
}

Test(guard, log_names_reconnected_socket_and_refused_connect)
{
    int capture = log_to_stderr("debug");
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    guard_begin(fd, &by_ip);
    guard_end(fd, registry_identify(fd));
    guard_traps(fd, &by_ip);
    char *lines = captured(capture);
    cr_expect_not_null(
        strstr(lines, text("] debug: descriptor %d no longer guarded: connected to ", fd)));
    cr_expect_not_null(strstr(
        lines, text("] warn: descriptor %d refused by REDISGUARD_TRAP: 127.0.0.1:6379\n", fd)));
}

static void begin_without_memory(void *unused)
{
    (void)unused;
    int fd = dup2(socket(AF_INET, SOCK_STREAM, 0), 1500); /* its record needs memory */
    refuse_call(SYS_mmap, ENOMEM);
    EXPECT(guard_begin(fd, &by_ip).guard == GUARD_NONE);
    EXPECT(is_tuned(fd));
    EXPECT(!registry_may_hold(fd));
}

Test(guard, socket_without_record_is_tuned_and_logged)
{
    int capture = start_log("stderr");
    allow_descriptors(1501);
    in_child(begin_without_memory, NULL);
    cr_expect_not_null(strstr(captured(capture), "] warn: recording a connection: ENOMEM; "
                                                 "forked children share it\n"));
}

/* ---- close ---- */

enum { GIVEN = 5000, SPARED = 120000 }; /* ms */

static int user_timeout_of(int fd)
{
    int value = -1;
    socklen_t length = sizeof value;
    getsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &value, &length);
    return value;
}

/* On record, and its last acknowledgement more than a second old. */
static int quiet_connection(void)
{
    const int given = GIVEN;
    int fd = connect_on_loopback(AF_INET).client;
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &given, sizeof given);
    cr_assert(registry_record(fd, registry_recorded(fd), registry_identify(fd), &by_ip));
    while (tcp_peer(fd) != PEER_QUIET)
        sched_yield();
    return fd;
}

Test(guard, fin_of_quiet_connection_gets_120_seconds)
{
    int fd = quiet_connection();
    guard_closing(fd);
    cr_expect_eq(user_timeout_of(fd), SPARED);
    cr_expect_not(half_open_any(), "an idle pool that closes is no death");
}

/* A command whose reply nobody waits for: the acknowledgement is on its way for a while. */
Test(guard, close_right_behind_a_command_is_no_death)
{
    struct connection connection = connect_on_loopback(AF_INET);
    const int off = 0;
    int fd = connection.client;
    setsockopt(connection.server, IPPROTO_TCP, TCP_QUICKACK, &off, sizeof off);
    cr_assert(registry_record(fd, registry_recorded(fd), registry_identify(fd), &by_ip));
    while (tcp_peer(fd) < PEER_QUIET)
        cr_assert_eq(send(fd, "x", 1, 0), 1);
    guard_closing(fd);
    cr_expect_not(half_open_any(), "the next connect would have to prove that it is gone");
}

Test(guard, connection_that_has_another_descriptor_keeps_its_user_timeout)
{
    int fd = quiet_connection();
    guard_copy(fd, dup(fd));
    guard_closing(fd);
    cr_expect_eq(user_timeout_of(fd), GIVEN);
}

Test(guard, connection_that_children_may_share_keeps_its_user_timeout)
{
    configure(WORDS("FORK=off"));
    int fd = quiet_connection();
    guard_closing(fd);
    cr_expect_eq(user_timeout_of(fd), GIVEN);
}

/* The hook runs in the child of a program that closes what exec should not inherit. */
/* NOLINTBEGIN(clang-analyzer-unix.Vfork,clang-analyzer-security.insecureAPI.vfork) */
Test(guard, close_in_vfork_child_keeps_user_timeout_of_its_parents_connection)
{
    int fd = quiet_connection();
    pid_t child = vfork();
    if (child == 0) {
        guard_closing(fd);
        _exit(0);
    }
    waitpid(child, NULL, 0);
    cr_expect_eq(user_timeout_of(fd), GIVEN);
    cr_expect(registry_watches(fd));
}
/* NOLINTEND(clang-analyzer-unix.Vfork,clang-analyzer-security.insecureAPI.vfork) */

Test(guard, dup2_that_fails_closes_nothing)
{
    int fd = quiet_connection();
    guard_replacing(4000, fd);
    cr_expect_eq(user_timeout_of(fd), GIVEN);
    guard_replacing(fd, fd);
    cr_expect_eq(user_timeout_of(fd), GIVEN);
    guard_replacing(STDIN_FILENO, fd);
    cr_expect_eq(user_timeout_of(fd), SPARED);
}

Test(guard, dup2_above_lowered_limit_of_open_files_closes_nothing)
{
    struct rlimit limit;
    int fd = quiet_connection();
    getrlimit(RLIMIT_NOFILE, &limit);
    rlim_t before = limit.rlim_cur;
    limit.rlim_cur = (rlim_t)fd;
    setrlimit(RLIMIT_NOFILE, &limit);
    cr_assert(dup2(STDIN_FILENO, fd) < 0 && errno == EBADF);
    guard_replacing(STDIN_FILENO, fd);
    cr_expect_eq(user_timeout_of(fd), GIVEN);
    limit.rlim_cur = before;
    setrlimit(RLIMIT_NOFILE, &limit);
    guard_replacing(STDIN_FILENO, fd);
    cr_expect_eq(user_timeout_of(fd), SPARED);
}

Test(guard, longer_user_timeout_stays_at_close)
{
    const int longer = 200000;
    int fd = quiet_connection();
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &longer, sizeof longer);
    guard_closing(fd);
    cr_expect_eq(user_timeout_of(fd), longer);
}

Test(guard, number_that_became_something_else_is_watched_no_more)
{
    int fd = quiet_connection();
    dup2(open("/dev/null", O_RDWR), fd);
    cr_expect(registry_watches(fd));
    guard_closing(fd);
    cr_expect_not(registry_watches(fd));
}

/* The two share an entry of registry_watched. */
Test(guard, close_of_number_1024_above_leaves_connection_watched)
{
    int fd = quiet_connection();
    cr_expect(registry_watches(fd + 1024));
    guard_closing(fd + 1024);
    cr_expect(registry_watches(fd));
}
