/*
 * log.c: the tests of shim/lib/log.c: what a line is, which are wanted, and the file they go to.
 */
#include "log.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "unit.h"

TestSuite(log, .timeout = 10);

Test(log, line_begins_with_time_pid_and_level)
{
    char *path = text("%s/log", scratch_directory());
    struct tm time_of_line = {0};
    time_t before = time(NULL);
    start_log(path);
    log_line("some words");
    char *line = content_of(path);
    char *rest = strptime(line, "%Y-%m-%dT%H:%M:%SZ", &time_of_line);
    cr_assert_not_null(rest, "%s", line);
    cr_expect_str_eq(rest, text(" redisguard[%d] info: some words\n", getpid()));
    cr_expect(timegm(&time_of_line) >= before - 1); /* a coarse clock, a tick behind */
    cr_expect(timegm(&time_of_line) <= time(NULL));
}

Test(log, every_level_is_named)
{
    const char *const names[] = {"] error: one\n", "] warn: one\n", "] info: one\n",
                                 "] debug: one\n"};
    int capture = capture_stderr();
    configure(WORDS("LOG=stderr", "LOG_LEVEL=debug"));
    log_start();
    for (int level = LOG_LEVEL_ERROR; level <= LOG_LEVEL_DEBUG; level++) {
        log_write((enum log_level)level, "one");
        cr_expect_not_null(strstr(captured(capture), names[level]));
    }
}

static const char *const levels[] = {"error", "warn", "info", "debug"};

static void expect_levels_up_to(void *index)
{
    int highest = *(int *)index;
    configure(WORDS("LOG=stderr", text("LOG_LEVEL=%s", levels[highest])));
    for (int level = LOG_LEVEL_ERROR; level <= LOG_LEVEL_DEBUG; level++)
        EXPECT(log_wants((enum log_level)level) == (level <= highest));
}

Test(log, level_is_wanted_up_to_configured_one)
{
    for (int level = LOG_LEVEL_ERROR; level <= LOG_LEVEL_DEBUG; level++)
        in_child(expect_levels_up_to, &level);
}

Test(log, without_log_nothing_is_wanted)
{
    configure(WORDS("LOG_LEVEL=debug"));
    for (int level = LOG_LEVEL_ERROR; level <= LOG_LEVEL_DEBUG; level++)
        cr_expect(!log_wants((enum log_level)level));
}

Test(log, file_is_made_once_readable_by_group_and_then_appended_to)
{
    struct stat status;
    char *path = text("%s/log", scratch_directory());
    umask(0);
    int complaints = start_log(path);
    int open_before = open_descriptors();
    log_line("one");
    log_line("two");
    cr_expect_eq(open_descriptors(), open_before);
    cr_assert_eq(stat(path, &status), 0);
    cr_expect_eq(status.st_mode & 07777, 0640);
    char *content = content_of(path);
    char *second = strchr(content, '\n') + 1;
    cr_expect(log_says(content, "one"));
    cr_expect(log_says(second, "two"));
    cr_expect_null(strstr(second, "one"));
    cr_expect_str_empty(captured(complaints));
}

Test(log, log_appends_and_creates_file_again_after_rename)
{
    char *path = text("%s/log", scratch_directory());
    start_log(path);
    int file = open(path, O_WRONLY | O_CREAT, 0600);
    cr_assert_eq(write(file, "old\n", 4), 4);
    log_line("one");
    cr_expect_eq(strncmp(content_of(path), "old\n", 4), 0);
    cr_assert_eq(rename(path, text("%s.1", path)), 0);
    log_line("two");
    cr_expect(log_says(content_of(text("%s.1", path)), "one"));
    cr_expect(log_says(content_of(path), "two"));
}

Test(log, path_with_doubled_slashes_and_dots_is_the_same_file)
{
    const char *scratch = scratch_directory();
    cr_assert_eq(mkdir(text("%s/sub", scratch), 0700), 0);
    start_log(text("/%s//sub/.././log", scratch));
    log_line("one");
    cr_expect(log_says(content_of(text("%s/log", scratch)), "one"));
}

static void log_without_stdin(void *path)
{
    close(STDIN_FILENO); /* the lowest free number is now 0 */
    log_line("one");
    EXPECT(!is_open(STDIN_FILENO));
    EXPECT(log_says(content_of(path), "one"));
}

Test(log, program_without_stdin_logs_and_still_has_no_stdin)
{
    char *path = text("%s/log", scratch_directory());
    start_log(path);
    in_child(log_without_stdin, path);
}

Test(log, program_without_stdin_has_none_after_path_of_one_part_more)
{
    char *path = text("%s/./log", scratch_directory()); /* directories take turns in number 0 */
    start_log(path);
    in_child(log_without_stdin, path);
}
