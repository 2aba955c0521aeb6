/*
 * line_write.c: the tests of shim/lib/line.c: a write that neither blocks nor raises a signal, and
 * the printing that waits.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "line.h"
#include "unit.h"

Test(line, line_is_written_in_one_piece)
{
    int pair[2];
    char got[64];
    struct line line = {.length = 0};
    cr_assert_eq(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair), 0); /* it keeps writes apart */
    line_format(&line, "one ");
    line_format(&line, "line");
    cr_assert_eq(line_write(&line, pair[0]), 0);
    cr_assert_eq(recv(pair[1], got, sizeof got, 0), 9);
    cr_assert_eq(memcmp(got, "one line\n", 9), 0);
}

static void fill(int fd)
{
    char page[4096];
    int flags = fcntl(fd, F_GETFL);
    memset(page, '.', sizeof page);
    fcntl(fd, F_SETFL, flags | O_NONBLOCK);
    while (write(fd, page, sizeof page) > 0)
        ;
    fcntl(fd, F_SETFL, flags);
}

Test(line, line_to_full_pipe_is_dropped_until_there_is_room)
{
    int ends[2];
    char page[4096];
    struct line line = {.length = 0};
    cr_assert_eq(pipe(ends), 0);
    fill(ends[1]);
    int open_before = open_descriptors();
    line_format(&line, "waiting");
    cr_assert_eq(line_write(&line, ends[1]), -EAGAIN);
    cr_assert_eq(read(ends[0], page, sizeof page), (ssize_t)sizeof page);
    cr_assert_eq(line_write(&line, ends[1]), 0);
    cr_expect_eq(open_descriptors(), open_before);
    close(ends[1]);
    char *all = read_to_the_end(ends[0]);
    cr_expect_str_eq(all + strspn(all, "."), "waiting\n");
}

static void limit_files(rlim_t bytes)
{
    struct rlimit limit;
    cr_assert_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static int write_text(const char *words, int fd)
{
    struct line line = {.length = 0};
    line_format(&line, "%s", words);
    return line_write(&line, fd);
}

Test(line, next_line_does_not_continue_partly_written_line)
{
    int capture = open_capture();
    limit_files(5);
    cr_expect_eq(write_text("first line", capture), -ENOSPC);
    cr_expect_eq(write_text("lost", capture), -EFBIG);
    limit_files(RLIM_INFINITY);
    cr_expect_eq(write_text("second", capture), 0);
    cr_expect_eq(write_text("third", capture), 0);
    cr_expect_str_eq(captured(capture), "first\nsecond\nthird\n");
}

/* As the complaint, on stderr, that the log is full. */
Test(line, line_to_stderr_in_between_is_not_one_that_is_broken)
{
    int capture = open_capture();
    limit_files(5);
    write_text("first line", capture);
    limit_files(RLIM_INFINITY);
    int complaints = capture_stderr();
    cr_expect_eq(write_text("no space", STDERR_FILENO), 0);
    cr_expect_eq(write_text("second", capture), 0);
    cr_expect_str_eq(captured(complaints), "no space\n");
    cr_expect_str_eq(captured(capture), "first\nsecond\n");
}

Test(line, break_after_part_is_made_once_however_little_room_there_is)
{
    int capture = open_capture();
    limit_files(5);
    write_text("first line", capture);
    limit_files(6);
    cr_expect_eq(write_text("lost", capture), -ENOSPC);
    limit_files(9);
    cr_expect_eq(write_text("second", capture), -ENOSPC);
    limit_files(RLIM_INFINITY);
    cr_expect_eq(write_text("third", capture), 0);
    cr_expect_str_eq(captured(capture), "first\nsec\nthird\n");
}

Test(line, longest_line_has_room_for_that_break)
{
    int capture = open_capture();
    char *longest = repeated("x", sizeof((struct line *)0)->text);
    limit_files(5);
    write_text("first line", capture);
    limit_files(RLIM_INFINITY);
    cr_expect_eq(write_text(longest, capture), 0);
    size_t kept = sizeof((struct line *)0)->text - 2;
    cr_expect_str_eq(captured(capture), text("first\n%.*s\n", (int)kept, longest));
}

Test(line, what_is_not_open_takes_no_line)
{
    struct line line = {.length = 0};
    cr_assert(line_write(&line, -1) < 0);
    cr_assert(line_write(&line, 4000) < 0);
}

/* What a write to is answered with SIGPIPE; a poll says so of the first two. */
enum nobody { PIPE_WITHOUT_READER, SOCKET_WITHOUT_PEER, SOCKET_SHUT_FOR_WRITING, KINDS };

static int open_nobody(enum nobody kind)
{
    int ends[2];
    if (kind == PIPE_WITHOUT_READER)
        EXPECT(pipe(ends) == 0);
    else
        EXPECT(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    if (kind == SOCKET_SHUT_FOR_WRITING)
        shutdown(ends[1], SHUT_WR);
    else
        close(ends[0]);
    return ends[1];
}

static int write_to(const void *kind)
{
    struct line line = {.length = 0};
    line_format(&line, "is anybody there?");
    return line_write(&line, open_nobody(*(const enum nobody *)kind));
}

static void write_to_nobody(void (*body)(void *kind))
{
    for (enum nobody kind = PIPE_WITHOUT_READER; kind < KINDS; kind++)
        in_child(body, &kind);
}

/* How many SIGPIPEs are waiting for this thread; takes them off. It must be blocked. */
static int take_sigpipes(void)
{
    const struct timespec at_once = {0, 0};
    sigset_t sigpipe;
    int taken = 0;
    sigemptyset(&sigpipe);
    sigaddset(&sigpipe, SIGPIPE);
    while (sigtimedwait(&sigpipe, NULL, &at_once) == SIGPIPE)
        taken++;
    return taken;
}

static void set_sigpipe_mask(int how)
{
    sigset_t sigpipe;
    sigemptyset(&sigpipe);
    sigaddset(&sigpipe, SIGPIPE);
    sigprocmask(how, &sigpipe, NULL);
}

static bool sigpipe_is_blocked(void)
{
    sigset_t mask;
    sigprocmask(SIG_BLOCK, NULL, &mask);
    return sigismember(&mask, SIGPIPE) == 1;
}

static void with_the_default_action(void *kind)
{
    EXPECT(write_to(kind) == -EPIPE); /* a SIGPIPE would end this child */
    EXPECT(!sigpipe_is_blocked());
    set_sigpipe_mask(SIG_BLOCK);
    EXPECT(take_sigpipes() == 0);
}

Test(line, line_that_nobody_can_read_any_more_raises_no_sigpipe)
{
    write_to_nobody(with_the_default_action);
}

static void with_sigpipe_ignored(void *kind)
{
    signal(SIGPIPE, SIG_IGN);
    EXPECT(write_to(kind) == -EPIPE);
    signal(SIGPIPE, SIG_DFL); /* one that was left over would end this child now */
    EXPECT(!sigpipe_is_blocked());
}

Test(line, ignored_sigpipe_is_not_left_pending)
{
    write_to_nobody(with_sigpipe_ignored);
}

static void with_sigpipe_blocked(void *kind)
{
    set_sigpipe_mask(SIG_BLOCK);
    EXPECT(write_to(kind) == -EPIPE);
    EXPECT(sigpipe_is_blocked());
    EXPECT(take_sigpipes() == 0);
}

Test(line, blocked_sigpipe_stays_blocked_and_none_is_left_pending)
{
    write_to_nobody(with_sigpipe_blocked);
}

static void with_one_pending_for_the_thread(void *kind)
{
    set_sigpipe_mask(SIG_BLOCK);
    raise(SIGPIPE);
    EXPECT(write_to(kind) == -EPIPE);
    EXPECT(take_sigpipes() == 1);
}

Test(line, sigpipe_that_thread_had_pending_is_still_pending_once)
{
    write_to_nobody(with_one_pending_for_the_thread);
}

static void with_one_pending_for_the_process(void *kind)
{
    set_sigpipe_mask(SIG_BLOCK);
    kill(getpid(), SIGPIPE);
    EXPECT(write_to(kind) == -EPIPE);
    EXPECT(take_sigpipes() == 1);
}

Test(line, sigpipe_that_process_had_pending_is_still_pending_once)
{
    enum nobody kind = PIPE_WITHOUT_READER;
    in_child(with_one_pending_for_the_process, &kind);
}

static void print_a_setting(void *fd)
{
    struct line line = {.length = 0};
    line_format(&line, "REDISGUARD_FORCE=1\n");
    line_print(line.text, line.length, *(int *)fd);
}

/* In line_print, or already through with it. */
static void wait_until_it_sleeps_or_has_ended(pid_t child)
{
    char state = 'R';
    while (state != 'S' && state != 'Z')
        sscanf(content_of(text("/proc/%d/stat", child)), "%*d %*s %c", &state);
}

static void expect_printing_to_wait_for_room(int flags)
{
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    fill(ends[1]);
    fcntl(ends[1], F_SETFL, flags);
    pid_t child = start_child(print_a_setting, &ends[1]);
    close(ends[1]);
    wait_until_it_sleeps_or_has_ended(child);
    char *all = read_to_the_end(ends[0]);
    finish_child(child);
    cr_assert_str_eq(all + strspn(all, "."), "REDISGUARD_FORCE=1\n");
}

Test(line, printing_waits_for_room_in_pipe)
{
    expect_printing_to_wait_for_room(0);
}

Test(line, printing_waits_for_room_in_pipe_that_does_not_block)
{
    expect_printing_to_wait_for_room(O_NONBLOCK);
}

Test(line, printing_to_what_is_not_open_ends)
{
    struct line line = {.length = 0};
    line_format(&line, "anything");
    line_print(line.text, line.length, -1);
    line_print(line.text, line.length, open("/dev/full", O_WRONLY));
}
