/*
 * keepalive.c: the tests of shim/lib/keepalive.c. Oracle: getsockopt(2) on real sockets.
 */
#include "keepalive.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "log.h"
#include "unit.h"

static void unlike_any_default(void)
{
    configure(WORDS("KEEPIDLE=41", "KEEPINTVL=17", "KEEPCNT=11", "USER_TIMEOUT=123456"));
}

TestSuite(keepalive, .init = unlike_any_default, .timeout = 10);

static const struct {
    int level;
    int name;
    int ours;
    int theirs;
} five[] = {
    {SOL_SOCKET, SO_KEEPALIVE, 1, 0},           {IPPROTO_TCP, TCP_KEEPIDLE, 41, 7000},
    {IPPROTO_TCP, TCP_KEEPINTVL, 17, 70},       {IPPROTO_TCP, TCP_KEEPCNT, 11, 9},
    {IPPROTO_TCP, TCP_USER_TIMEOUT, 123456, 5},
};

static int option_of(int fd, int level, int name)
{
    int value = -1;
    socklen_t length = sizeof value;
    getsockopt(fd, level, name, &value, &length);
    return value;
}

static void expect_ours(int fd)
{
    for (size_t i = 0; i < COUNT(five); i++)
        cr_expect_eq(option_of(fd, five[i].level, five[i].name), five[i].ours, "option %zu", i);
}

Test(keepalive, five_options_are_set_before_handshake)
{
    const int families[] = {AF_INET, AF_INET6};
    for (size_t i = 0; i < COUNT(families); i++) {
        int fresh = socket(families[i], SOCK_STREAM, 0);
        cr_expect(keepalive_tune(fresh));
        expect_ours(fresh);
    }
}

static void expect_left_alone(int fd)
{
    int idle = option_of(fd, IPPROTO_TCP, TCP_KEEPIDLE);
    cr_expect(!keepalive_tune(fd));
    cr_expect_eq(option_of(fd, SOL_SOCKET, SO_KEEPALIVE), 0);
    cr_expect_eq(option_of(fd, IPPROTO_TCP, TCP_KEEPIDLE), idle);
}

Test(keepalive, socket_that_is_in_use_is_left_alone)
{
    const int families[] = {AF_INET, AF_INET6};
    for (size_t i = 0; i < COUNT(families); i++) {
        struct connection connection = connect_on_loopback(families[i]);
        expect_left_alone(connection.client);
        expect_left_alone(connection.server);
        int listener = socket(families[i], SOCK_STREAM, 0);
        cr_assert_eq(listen(listener, 1), 0);
        expect_left_alone(listener);
    }
}

Test(keepalive, user_timeout_of_zero_leaves_it_off)
{
    configure(WORDS("USER_TIMEOUT=0"));
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    int before = 5;
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &before, sizeof before);
    cr_expect(keepalive_tune(fd));
    cr_expect_eq(option_of(fd, IPPROTO_TCP, TCP_USER_TIMEOUT), 0);
    cr_expect_eq(option_of(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
}

Test(keepalive, kernel_takes_limits_of_every_option)
{
    configure(WORDS("KEEPIDLE=32767", "KEEPINTVL=32767", "KEEPCNT=127", "USER_TIMEOUT=2147483647"));
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    cr_expect(keepalive_tune(fd));
    cr_expect_eq(option_of(fd, IPPROTO_TCP, TCP_KEEPIDLE), 32767);
    cr_expect_eq(option_of(fd, IPPROTO_TCP, TCP_KEEPINTVL), 32767);
    cr_expect_eq(option_of(fd, IPPROTO_TCP, TCP_KEEPCNT), 127);
    cr_expect_eq(option_of(fd, IPPROTO_TCP, TCP_USER_TIMEOUT), 2147483647);
}

static void expect_untouched(int fd)
{
    cr_assert(fd >= 0);
    cr_expect(!keepalive_tune(fd));
    cr_expect_eq(option_of(fd, SOL_SOCKET, SO_KEEPALIVE), 0);
}

Test(keepalive, socket_that_is_not_tcp_is_left_alone)
{
    expect_untouched(socket(AF_INET, SOCK_DGRAM, 0));
    expect_untouched(socket(AF_INET6, SOCK_DGRAM, 0));
    expect_untouched(socket(AF_UNIX, SOCK_STREAM, 0));
    expect_untouched(socket(AF_UNIX, SOCK_SEQPACKET, 0));
}

Test(keepalive, sctp_socket_is_left_alone)
{
    int fd = socket(AF_INET, SOCK_STREAM, IPPROTO_SCTP);
    if (fd < 0)
        cr_skip_test("this kernel has no SCTP");
    expect_untouched(fd);
}

Test(keepalive, what_is_no_socket_is_left_alone)
{
    cr_expect(!keepalive_tune(open_capture()));
    cr_expect(!keepalive_tune(-1));
    cr_expect(!keepalive_tune(4000));
}

static void tune_where_one_is_refused(void *index)
{
    size_t refused = *(size_t *)index;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    int before = option_of(fd, five[refused].level, five[refused].name);
    refuse_option(SYS_setsockopt, five[refused].level, five[refused].name, EPERM);
    EXPECT(keepalive_tune(fd));
    for (size_t i = 0; i < COUNT(five); i++)
        EXPECT(option_of(fd, five[i].level, five[i].name) ==
               (i == refused ? before : five[i].ours));
}

Test(keepalive, where_sandbox_refuses_one_option_others_are_set)
{
    for (size_t i = 0; i < COUNT(five); i++)
        in_child(tune_where_one_is_refused, &i);
}

static void tune_with_a_log(void *capture)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    configure(WORDS("LOG=stderr"));
    log_start();
    refuse_option(SYS_setsockopt, IPPROTO_TCP, TCP_KEEPIDLE, EPERM);
    refuse_option(SYS_setsockopt, IPPROTO_TCP, TCP_USER_TIMEOUT, EINVAL);
    EXPECT(keepalive_tune(fd));
    char *lines = captured(*(int *)capture);
    char *idle = strstr(lines, "] warn: TCP_KEEPIDLE: EPERM; ");
    EXPECT(idle != NULL);
    EXPECT(strstr(idle, "] warn: TCP_USER_TIMEOUT: EINVAL; ") != NULL);
    EXPECT(strstr(lines, "KEEPCNT") == NULL);
}

Test(keepalive, log_names_options_that_were_refused)
{
    int capture = capture_stderr();
    in_child(tune_with_a_log, &capture);
}

static bool is_one_of_the_five(int level, int name)
{
    for (size_t i = 0; i < COUNT(five); i++)
        if (five[i].level == level && five[i].name == name)
            return true;
    return false;
}

Test(keepalive, exactly_five_options_are_owned)
{
    const int levels[] = {SOL_SOCKET,   IPPROTO_TCP, IPPROTO_IP, IPPROTO_IPV6,
                          IPPROTO_SCTP, IPPROTO_UDP, 0,          -1};
    for (size_t i = 0; i < COUNT(levels); i++)
        for (int name = -1; name <= 64; name++)
            cr_expect_eq(keepalive_owns(levels[i], name), is_one_of_the_five(levels[i], name),
                         "level %d, option %d", levels[i], name);
}

static void overwrite_all(int fd)
{
    for (size_t i = 0; i < COUNT(five); i++)
        cr_assert_eq(setsockopt(fd, five[i].level, five[i].name, &five[i].theirs, sizeof(int)), 0);
}

Test(keepalive, one_option_is_restored_and_other_four_are_not)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    for (size_t restored = 0; restored < COUNT(five); restored++) {
        overwrite_all(fd);
        keepalive_restore(fd, five[restored].level, five[restored].name);
        for (size_t i = 0; i < COUNT(five); i++)
            cr_expect_eq(option_of(fd, five[i].level, five[i].name),
                         i == restored ? five[i].ours : five[i].theirs, "%zu after %zu", i,
                         restored);
    }
}

Test(keepalive, option_that_is_not_ours_is_not_restored)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    overwrite_all(fd);
    keepalive_restore(fd, SOL_SOCKET, SO_RCVBUF);
    keepalive_restore(fd, IPPROTO_TCP, TCP_NODELAY);
    keepalive_restore(fd, IPPROTO_TCP, SO_KEEPALIVE);
    for (size_t i = 0; i < COUNT(five); i++)
        cr_expect_eq(option_of(fd, five[i].level, five[i].name), five[i].theirs);
    cr_expect_eq(option_of(fd, IPPROTO_TCP, TCP_NODELAY), 0);
}

/* ---- FORCE=tighten ---- */

/* Silence before the first probe, between probes, probes, and the user timeout. */
struct times {
    int idle, interval, count, timeout;
};

static const struct times kernels_default = {7200, 75, 9, 0};

static void set_times(int fd, struct times times)
{
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &times.idle, sizeof(int));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &times.interval, sizeof(int));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &times.count, sizeof(int));
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &times.timeout, sizeof(int));
}

static void expect_times(int fd, struct times times)
{
    cr_expect_eq(option_of(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
    cr_expect_eq(option_of(fd, IPPROTO_TCP, TCP_KEEPIDLE), times.idle);
    cr_expect_eq(option_of(fd, IPPROTO_TCP, TCP_KEEPINTVL), times.interval);
    cr_expect_eq(option_of(fd, IPPROTO_TCP, TCP_KEEPCNT), times.count);
    cr_expect_eq(option_of(fd, IPPROTO_TCP, TCP_USER_TIMEOUT), times.timeout);
    cr_expect_eq(keepalive_times(fd).idle, times.idle);
    cr_expect_eq(keepalive_times(fd).interval, times.interval);
    cr_expect_eq(keepalive_times(fd).count, times.count);
    cr_expect_eq(keepalive_times(fd).user_timeout, times.timeout);
}

static void tighten(struct times ours)
{
    configure(WORDS("FORCE=tighten", text("KEEPIDLE=%d", ours.idle),
                    text("KEEPINTVL=%d", ours.interval), text("KEEPCNT=%d", ours.count),
                    text("USER_TIMEOUT=%d", ours.timeout)));
}

/* The program sets its times before the connect, or one by one after it: the same comes of it. */
static void expect_tightened(struct times ours, struct times theirs, struct times expected)
{
    tighten(ours);
    int before = socket(AF_INET, SOCK_STREAM, 0);
    set_times(before, theirs);
    cr_expect(keepalive_tune(before));
    expect_times(before, expected);

    int after = socket(AF_INET, SOCK_STREAM, 0);
    cr_expect(keepalive_tune(after));
    expect_times(after, ours);
    const int names[] = {TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT, TCP_USER_TIMEOUT};
    const int values[] = {theirs.idle, theirs.interval, theirs.count, theirs.timeout};
    for (size_t i = 0; i < COUNT(names); i++) {
        setsockopt(after, IPPROTO_TCP, names[i], &values[i], sizeof(int));
        keepalive_restore(after, IPPROTO_TCP, names[i]);
    }
    expect_times(after, expected);
}

static const struct times ours = {30, 5, 3, 45000};

Test(keepalive, program_that_notices_sooner_keeps_its_times_under_tighten)
{
    expect_tightened(ours, (struct times){5, 1, 2, 7000}, (struct times){5, 1, 2, 7000});
    expect_tightened(ours, (struct times){5, 1, 2, 12000}, (struct times){5, 1, 2, 12000});
}

Test(keepalive, program_that_notices_later_gets_our_times_under_tighten)
{
    expect_tightened(ours, (struct times){300, 60, 20, 900000}, ours);
    expect_tightened(ours, kernels_default, ours);
}

Test(keepalive, sooner_one_is_chosen_option_by_option_under_tighten)
{
    expect_tightened(ours, (struct times){300, 1, 20, 9000}, (struct times){30, 1, 3, 9000});
    expect_tightened(ours, (struct times){7, 60, 2, 900000}, (struct times){7, 5, 2, 45000});
}

/* Linux does not count to KEEPCNT while a user timeout is set. */
Test(keepalive, our_user_timeout_does_not_delay_shorter_probes_under_tighten)
{
    expect_tightened(ours, (struct times){5, 1, 2, 0}, (struct times){5, 1, 2, 7000});
}

/* redisguard(7) advises one where a server may stall. */
Test(keepalive, our_user_timeout_may_be_longer_than_our_probes_under_tighten)
{
    struct times patient = {30, 5, 3, 120000};
    expect_tightened(patient, kernels_default, patient);
}

Test(keepalive, their_user_timeout_does_not_delay_end_of_our_probes_under_tighten)
{
    struct times off = {30, 5, 3, 0};
    expect_tightened(off, (struct times){300, 60, 20, 900000}, (struct times){30, 5, 3, 45000});
    expect_tightened(off, (struct times){300, 60, 20, 9000}, (struct times){30, 5, 3, 9000});
    expect_tightened(off, (struct times){5, 1, 2, 0}, (struct times){5, 1, 2, 0});
}

/* Nobody chose 9 probes 75 s apart: a longer time of ours is no later than what nobody chose. */
Test(keepalive, kernel_defaults_do_not_count_as_choice_under_tighten)
{
    tighten((struct times){10000, 100, 20, 0});
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    cr_expect(keepalive_tune(fd));
    expect_times(fd, (struct times){10000, 100, 20, 0});
}

Test(keepalive, keepalive_that_program_turned_off_is_on_again_under_tighten)
{
    tighten(ours);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    int off = 0;
    cr_expect(keepalive_tune(fd));
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &off, sizeof off);
    keepalive_restore(fd, SOL_SOCKET, SO_KEEPALIVE);
    expect_times(fd, ours);
}

static void tighten_where_one_is_hidden(void *unused)
{
    (void)unused;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    tighten(ours);
    refuse_option(SYS_getsockopt, IPPROTO_TCP, TCP_KEEPIDLE, EPERM);
    EXPECT(keepalive_tune(fd));
    EXPECT(option_of(fd, IPPROTO_TCP, TCP_KEEPINTVL) == 5);
    EXPECT(option_of(fd, IPPROTO_TCP, TCP_USER_TIMEOUT) == 45000);
}

Test(keepalive, option_that_sandbox_hides_is_set_under_tighten)
{
    in_child(tighten_where_one_is_hidden, NULL);
}
