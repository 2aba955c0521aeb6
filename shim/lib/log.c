/*
 * log.c: where log lines go; see log.h. A file is opened by name for each line and closed after it:
 * it survives rotation, a program that closes every descriptor, and fork.
 */
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "kernel.h"
#include "line.h"
#include "log_file.h"
#include "text.h"

/* Written by log_start alone, before main. */
static struct stat stderr_at_start;
static bool stderr_is_known;
static bool stderr_is_journal;

static atomic_bool complained; /* of a log that cannot be written: once a process */

void log_start(void)
{
    if (config()->log == NULL)
        return;
    stderr_is_known = kernel_fstat(STDERR_FILENO, &stderr_at_start) == 0;
    stderr_is_journal = config_is_journal(config(), STDERR_FILENO);
}

bool log_wants(enum log_level level)
{
    return config()->log != NULL && (int)level <= config()->log_level;
}

static bool goes_to_stderr(void)
{
    return text_is(config()->log, "stderr");
}

/* sd-daemon(3) */
static const char priorities[][4] = {"<3>", "<4>", "<6>", "<7>"};

static void begin(struct line *line, enum log_level level)
{
    static const char names[][6] = {"error", "warn", "info", "debug"};
    line->length = 0;
    if (goes_to_stderr() && stderr_is_journal)
        line_format(line, "%s", priorities[level]);
    line_timestamp(line, kernel_clock(CLOCK_REALTIME_COARSE));
    line_format(line, " redisguard[%d] %s: ", kernel_getpid(), names[level]);
}

static int write_to_stderr(struct line *line)
{
    struct stat now = {0};
    if (!stderr_is_known || kernel_fstat(STDERR_FILENO, &now) < 0 ||
        now.st_dev != stderr_at_start.st_dev || now.st_ino != stderr_at_start.st_ino)
        return -EBADF;
    return line_write(line, STDERR_FILENO);
}

/* Once a process, and only on the stderr that the program was started with. Not in line: a line
 * takes a kilobyte of stack, of which a signal handler may have eight. */
static __attribute__((noinline)) void complain_of_log(int error)
{
    if (atomic_exchange(&complained, true))
        return;
    const char *path = config()->log;
    struct line line = {.length = 0};
    line_format(&line, "%sredisguard: cannot write to the log \"%.60s%s\": %s",
                stderr_is_journal ? priorities[LOG_LEVEL_WARN] : "", path,
                text_length(path) > 60 ? "..." : "", log_file_error(error));
    write_to_stderr(&line);
}

static void end(struct line *line)
{
    if (goes_to_stderr()) {
        write_to_stderr(line);
        return;
    }
    int file = log_file_open(config()->log);
    int error = file < 0 ? file : line_write(line, file);
    if (file >= 0)
        kernel_close(file);
    if (error < 0)
        complain_of_log(error);
}

void log_write(enum log_level level, const char *format, ...)
{
    struct line line;
    va_list arguments;
    if (!log_wants(level))
        return;
    begin(&line, level);
    va_start(arguments, format);
    line_vformat(&line, format, arguments);
    va_end(arguments);
    end(&line);
}
