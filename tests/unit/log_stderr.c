/*
 * log_stderr.c: the tests of shim/lib/log.c: lines and complaints go to stderr only as long as that
 * is what it was at the start.
 */
#include <criterion/criterion.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "unit.h"

Test(log, line_goes_to_stderr)
{
    int capture = start_log("stderr");
    log_line("one");
    cr_expect_not_null(strstr(captured(capture), "] info: one\n"));
}

Test(log, what_has_become_stderr_since_start_gets_no_line)
{
    int capture = start_log("stderr");
    int other = open_capture();
    dup2(other, STDERR_FILENO);
    log_line("one");
    cr_expect_str_empty(captured(capture));
    cr_expect_str_empty(captured(other));
    dup2(capture, STDERR_FILENO);
    log_line("two");
    cr_expect_not_null(strstr(captured(capture), "] info: two\n"), "it is the old one again");
}

Test(log, closed_stderr_gets_no_line)
{
    int capture = start_log("stderr");
    close(STDERR_FILENO);
    log_line("one");
    cr_expect_str_empty(captured(capture));
    cr_expect(!is_open(STDERR_FILENO));
}

Test(log, stderr_that_was_closed_at_start_gets_no_line_later)
{
    int capture = capture_stderr();
    configure(WORDS("LOG=stderr"));
    close(STDERR_FILENO);
    log_start();
    dup2(capture, STDERR_FILENO);
    log_line("one");
    cr_expect_str_empty(captured(capture));
}

Test(log, what_has_become_stderr_since_start_gets_no_complaint)
{
    start_log("/dev/full");
    int other = open_capture();
    dup2(other, STDERR_FILENO);
    log_line("one");
    cr_expect_str_empty(captured(other));
}

Test(log, warning_due_once_is_logged_once)
{
    int capture = start_log("stderr");
    atomic_bool said = false;
    log_warn_once(&said, "%s: EPERM", "this");
    log_warn_once(&said, "%s: EPERM", "this");
    char *line = captured(capture);
    cr_expect_str_eq(strchr(line, ']'), "] warn: this: EPERM\n");
}

Test(log, warning_due_once_is_not_logged_at_level_error)
{
    int capture = capture_stderr();
    configure(WORDS("LOG=stderr", "LOG_LEVEL=error"));
    log_start();
    atomic_bool said = false;
    log_warn_once(&said, "this");
    cr_expect_str_empty(captured(capture));
    cr_expect(!said);
}
