/*
 * Sandboxes: a seccomp filter refuses what the guard does beyond the program's own call. Then the
 * guard does less and says so in its log, once; the program's own affairs go as they do without it.
 * Each refusal comes as EPERM and as ENOSYS, and from main on or, where a program can start at all,
 * from the first instruction. Runs programs/sandbox_*.c.
 */
#include "child.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>

/* ---- rules: what is refused ---- */

static const char *call(long number)
{
    return text("%ld", number);
}

/* Where this argument has this value. */
static const char *call_with(long number, int argument, int value)
{
    return text("%ld/%d=%d", number, argument, value);
}

static const char *option(long number, int level, int name)
{
    return text("%ld/1=%d/2=%d", number, level, name);
}

/* ---- effects: what the guard still does ---- */

static const char *const unguarded =
    "keepalive off, kept on exec, in a child shared, the copy shared\n";
static const char *const guarded_all =
    "keepalive on, closed on exec, in a child cut off, the copy cut off\n";

/* ---- runs ---- */

enum { WORDS_AT_MOST = 16, REFUSAL = -1, CONNECTIONS = 3 };

struct sandbox {
    const char *const *rules;
    const char *state;   /* see sandbox_client.c; NULL: nothing */
    const char *effects; /* what the guard still does */
    const char *said;    /* a part of the one warning; NULL: there is none to make */
    int complains_of;    /* the error that keeps the log from being written, or REFUSAL */
    bool parent_too;     /* a child complains, and its parent */
    bool is_silent;      /* nothing can be logged, safely, and nothing can be said about it */
    bool only_from_main; /* no program starts under these rules */
};

static const char *state_of(const struct sandbox *sandbox)
{
    return sandbox->state == NULL ? "nothing" : sandbox->state;
}

static size_t add(const char *words[], size_t count, const char *const more[])
{
    for (size_t i = 0; more[i] != NULL; i++) {
        cr_assert(count + 1 < WORDS_AT_MOST);
        words[count++] = more[i];
    }
    words[count] = NULL;
    return count;
}

/* The client, which goes into the sandbox itself. */
static void command_from_main(const char *words[], const struct server *server,
                              const struct sandbox *sandbox, int error)
{
    size_t count = add(words, 0,
                       WORDS(built_program("sandbox_client"), port_of(server), state_of(sandbox),
                             text("%d", error)));
    add(words, count, sandbox->rules);
}

/* The client, put into the sandbox. */
static void command_from_the_start(const char *words[], const struct server *server,
                                   const struct sandbox *sandbox, int error)
{
    size_t count = add(words, 0, WORDS(built_program("sandbox_run"), text("%d", error)));
    count = add(words, count, sandbox->rules);
    add(words, count,
        WORDS("--", built_program("sandbox_client"), port_of(server), state_of(sandbox)));
}

static int lines_with(const char *log, const char *part)
{
    int count = 0;
    for (const char *at = log; (at = strstr(at, part)) != NULL; at = strchr(at, '\n'))
        count++;
    return count;
}

static void expect_said(const struct sandbox *sandbox, const char *path)
{
    char *log = output_of(WORDS("sh", "-c", text("cat %s 2>/dev/null || :", path)));
    if (sandbox->said != NULL)
        cr_expect(lines_with(log, sandbox->said) == 1, "not once \"%s\":\n%s", sandbox->said, log);
    else
        cr_expect(lines_with(log, " warn: ") == 0, "there was nothing to say:\n%s", log);
    if (!sandbox->is_silent && sandbox->complains_of == 0 && sandbox->effects != unguarded)
        cr_expect(lines_with(log, " guarded: ") == CONNECTIONS, "it should go on:\n%s", log);
}

static void expect_less(const char *const argv[], const struct server *server,
                        const struct sandbox *sandbox, int error)
{
    static int number;
    const char *log = text("%s/log-%d", scratch_directory(), ++number);
    struct outcome bare = run_program(argv, NULL);
    cr_assert(bare.status == 0, "without the guard: status %d, signal %d:\n%s%s", bare.status,
              bare.signal, bare.out, bare.err);
    struct outcome outcome = run_program(argv, guarded(server, WORDS(LOGGED(log))));
    cr_expect(outcome.status == 0, "status %d, signal %d", outcome.status, outcome.signal);
    cr_expect_str_eq(outcome.out, bare.out);
    int why = sandbox->complains_of == REFUSAL ? error : sandbox->complains_of;
    const char *complaint = why == 0 ? ""
                                     : text("redisguard: cannot write to the log \"%s\": %s\n", log,
                                            strerrorname_np(why));
    if (sandbox->parent_too) {
        cr_expect_eq(lines_with(outcome.err, complaint), 2, "%s", outcome.err);
        cr_expect(strstr(outcome.err, sandbox->effects), "%s", outcome.err);
    } else {
        cr_expect_str_eq(outcome.err, text("%s%s", complaint, sandbox->effects));
    }
    expect_said(sandbox, log);
}

static void expect_in(struct sandbox sandbox)
{
    static const int errors[] = {EPERM, ENOSYS};
    struct server *server = start_redis(NULL);
    const char *words[WORDS_AT_MOST];
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        command_from_main(words, server, &sandbox, errors[i]);
        expect_less(words, server, &sandbox, errors[i]);
        if (sandbox.only_from_main)
            continue;
        command_from_the_start(words, server, &sandbox, errors[i]);
        expect_less(words, server, &sandbox, errors[i]);
    }
}

#define EXPECT_IN(rules_, ...)                                                                     \
    expect_in((struct sandbox){.rules = (const char *const[]){rules_, NULL}, __VA_ARGS__})

Test(sandbox, that_refuses_nothing_changes_nothing)
{
    EXPECT_IN(call(SYS_reboot), .effects = guarded_all);
}

/* ---- at the connection ---- */

Test(sandbox, that_refuses_the_question_whether_an_address_can_be_read)
{
    EXPECT_IN(call_with(SYS_rt_sigprocmask, 0, -1), .effects = unguarded,
              .said = "rt_sigprocmask: refused");
}

Test(sandbox, that_refuses_so_keepalive)
{
    EXPECT_IN(option(SYS_setsockopt, SOL_SOCKET, SO_KEEPALIVE),
              .effects = "keepalive off, closed on exec, in a child cut off, the copy cut off\n",
              .said = "SO_KEEPALIVE: E");
}

Test(sandbox, that_refuses_tcp_keepidle)
{
    EXPECT_IN(option(SYS_setsockopt, IPPROTO_TCP, TCP_KEEPIDLE), .effects = guarded_all,
              .said = "TCP_KEEPIDLE: E");
}

Test(sandbox, that_refuses_tcp_keepintvl)
{
    EXPECT_IN(option(SYS_setsockopt, IPPROTO_TCP, TCP_KEEPINTVL), .effects = guarded_all,
              .said = "TCP_KEEPINTVL: E");
}

Test(sandbox, that_refuses_tcp_keepcnt)
{
    EXPECT_IN(option(SYS_setsockopt, IPPROTO_TCP, TCP_KEEPCNT), .effects = guarded_all,
              .said = "TCP_KEEPCNT: E");
}

Test(sandbox, that_refuses_tcp_user_timeout)
{
    EXPECT_IN(option(SYS_setsockopt, IPPROTO_TCP, TCP_USER_TIMEOUT), .effects = guarded_all,
              .said = "TCP_USER_TIMEOUT: E");
}

Test(sandbox, that_refuses_every_option_still_has_the_child_cut_off)
{
    EXPECT_IN(call(SYS_setsockopt),
              .effects = "keepalive off, closed on exec, in a child cut off, the copy cut off\n",
              .said = "TCP_USER_TIMEOUT: E");
}

Test(sandbox, that_refuses_fd_cloexec)
{
    EXPECT_IN(call_with(SYS_fcntl, 1, F_SETFD),
              .effects = "keepalive on, kept on exec, in a child cut off, the copy cut off\n",
              .said = "FD_CLOEXEC: E");
}

Test(sandbox, that_refuses_socket_cookies_has_sockets_known_by_their_inode)
{
    EXPECT_IN(option(SYS_getsockopt, SOL_SOCKET, SO_COOKIE), .effects = guarded_all);
}

Test(sandbox, that_refuses_every_question_about_a_socket)
{
    EXPECT_IN(call(SYS_getsockopt), .effects =
                                        "keepalive unknown, closed on exec, in a child cut off, "
                                        "the copy cut off\n");
}

Test(sandbox, that_refuses_everything_that_tells_one_socket_from_another)
{
    expect_in((struct sandbox){
        .rules = WORDS(option(SYS_getsockopt, SOL_SOCKET, SO_COOKIE), call(SYS_fstat)),
        .effects = "keepalive off, closed on exec, in a child shared, the copy shared\n",
        .is_silent = true});
}

/* ---- at a copy ---- */

Test(sandbox, that_refuses_getpid_still_has_copies_recorded)
{
    EXPECT_IN(call(SYS_getpid), .effects = guarded_all);
}

Test(sandbox, that_refuses_memory_for_high_numbers)
{
    EXPECT_IN(call(SYS_mmap), .state = "high", .only_from_main = true,
              .effects = "keepalive on, closed on exec, in a child cut off, the copy shared\n",
              .said = "recording a connection: ENOMEM");
}

/* ---- in the child ---- */

Test(sandbox, that_refuses_a_pair_of_sockets_cuts_the_child_off_with_another_socket)
{
    EXPECT_IN(call(SYS_socketpair),
              .effects = "keepalive on, closed on exec, in a child ENOTCONN, the copy ENOTCONN\n",
              .said = "socketpair: E");
}

Test(sandbox, that_refuses_unix_sockets_cuts_the_child_off_with_no_socket)
{
    expect_in((struct sandbox){
        .rules = WORDS(call(SYS_socketpair), call_with(SYS_socket, 0, AF_UNIX)),
        .effects = "keepalive on, closed on exec, in a child no socket, the copy no socket\n",
        .said = "socketpair: E"});
}

Test(sandbox, that_refuses_dup3_cuts_the_child_off_all_the_same)
{
    EXPECT_IN(call(SYS_dup3), .effects = guarded_all);
}

/* The log of the child, and of its parent, has no descriptor to be opened with either. */
Test(sandbox, that_refuses_to_raise_the_limit_of_open_files_has_the_room_made)
{
    EXPECT_IN(call(SYS_prlimit64), .state = "full", .only_from_main = true, .effects = guarded_all,
              .complains_of = EMFILE, .parent_too = true);
}

Test(sandbox, that_refuses_close_leaves_nobody_waiting)
{
    EXPECT_IN(call(SYS_close), .effects = guarded_all, .only_from_main = true);
}

/* ---- at the log ---- */

Test(sandbox, that_refuses_to_open_the_log_is_complained_of_once)
{
    EXPECT_IN(call(SYS_openat), .only_from_main = true, .effects = guarded_all,
              .complains_of = REFUSAL);
}

Test(sandbox, that_refuses_what_a_log_line_asks_of_its_file)
{
    /* Whose file it is cannot be told: nothing is written, to standard error likewise. */
    EXPECT_IN(call(SYS_fstat), .effects = guarded_all, .is_silent = true);
    EXPECT_IN(call_with(SYS_ioctl, 1, 0x5401 /* TCGETS */), .effects = guarded_all);
    EXPECT_IN(call(SYS_ppoll), .effects = guarded_all);
    EXPECT_IN(call(SYS_clock_gettime), .effects = guarded_all);
}

/* A file at the limit has write(2) send SIGXFSZ, which must not reach the program. */
Test(sandbox, that_refuses_what_keeps_a_log_lines_signals_away_ends_no_program)
{
    EXPECT_IN(call(SYS_rt_sigpending), .state = "small", .effects = guarded_all,
              .complains_of = EFBIG);
    EXPECT_IN(call(SYS_rt_sigtimedwait), .state = "small", .effects = guarded_all,
              .is_silent = true);
    EXPECT_IN(call(SYS_rt_sigprocmask), .state = "small", .effects = unguarded, .is_silent = true);
}
