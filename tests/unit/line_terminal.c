/*
 * line_terminal.c: the tests of shim/lib/line.c and shim/lib/log.c on a terminal: one that nobody
 * reads, one that stops whoever writes to it from the background, one that is nobody's controlling
 * terminal.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "line.h"
#include "unit.h"

struct terminal {
    int screen; /* where what is written to it comes out */
    int line;
    char name[64];
};

static struct terminal open_terminal(void)
{
    struct terminal made;
    cr_assert_eq(openpty(&made.screen, &made.line, made.name, NULL, NULL), 0);
    return made;
}

static bool shows(const struct terminal *terminal, const char *words)
{
    char got[256] = "";
    return read(terminal->screen, got, sizeof got - 1) > 0 && strstr(got, words) != NULL;
}

static int write_words(int fd, const char *words)
{
    struct line line = {.length = 0};
    line_format(&line, "%s", words);
    return line_write(&line, fd);
}

Test(line, line_to_terminal_is_shown_and_leaves_no_descriptor)
{
    struct terminal terminal = open_terminal();
    int open_before = open_descriptors();
    cr_expect_eq(write_words(terminal.line, "one line"), 0);
    cr_expect_eq(open_descriptors(), open_before);
    cr_expect(shows(&terminal, "one line\r\n"));
}

static void write_without_stdin(void *terminal)
{
    close(STDIN_FILENO); /* the lowest free number is now 0 */
    EXPECT(write_words(((struct terminal *)terminal)->line, "one line") == 0);
    EXPECT(!is_open(STDIN_FILENO));
}

Test(line, terminal_line_without_stdin_leaves_no_descriptor)
{
    struct terminal terminal = open_terminal();
    in_child(write_without_stdin, &terminal);
    cr_expect(shows(&terminal, "one line\r\n"));
}

/* A terminal may have room for a part of a line; a write of the whole would wait for the rest. */
static void fill_terminal(void *terminal)
{
    struct line line = {.length = 0};
    while (line.length < 999)
        line_format(&line, "x");
    int result = 0;
    alarm(3); /* ends a line that waits */
    while (result == 0)
        result = line_write(&line, ((struct terminal *)terminal)->line);
    EXPECT(result == -EAGAIN);
}

Test(line, line_to_terminal_that_nobody_reads_is_given_up_at_once)
{
    struct terminal terminal = open_terminal();
    in_child(fill_terminal, &terminal);
}

/* A process group in the background of its terminal, which was told to stop such writers. */
static void write_from_the_background(void *terminal)
{
    int line = ((struct terminal *)terminal)->line;
    struct termios settings;
    EXPECT(setpgid(0, 0) == 0);
    EXPECT(tcgetattr(line, &settings) == 0 && (settings.c_lflag & TOSTOP) != 0);
    EXPECT(write_words(line, "from behind") == 0);
}

static void lead_a_session(void *terminal)
{
    int line = ((struct terminal *)terminal)->line;
    struct termios settings;
    EXPECT(setsid() == getpid());
    EXPECT(ioctl(line, TIOCSCTTY, 0) == 0);
    EXPECT(tcgetattr(line, &settings) == 0);
    settings.c_lflag |= TOSTOP;
    EXPECT(tcsetattr(line, TCSANOW, &settings) == 0);
    in_child(write_from_the_background, terminal);
}

Test(line, line_from_background_of_terminal_does_not_stop_program)
{
    struct terminal terminal = open_terminal();
    in_child(lead_a_session, &terminal);
    cr_expect(shows(&terminal, "from behind\r\n"));
}

static void log_to_a_terminal(void *terminal)
{
    EXPECT(setsid() == getpid());
    start_log(((struct terminal *)terminal)->name);
    log_line("one");
    EXPECT(open("/dev/tty", O_RDWR) == -1 && errno == ENXIO);
}

Test(log, terminal_does_not_become_programs_controlling_terminal)
{
    struct terminal terminal = open_terminal();
    in_child(log_to_a_terminal, &terminal);
    cr_expect(shows(&terminal, "info: one\r\n"));
}
