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

#include "error_name.h"
#include "kernel.h"
#include "line.h"
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

/* Where anybody may put a link, no link is followed. */
static int nofollow_in(int folder)
{
    struct stat status = {0};
    if (kernel_fstat(folder, &status) < 0)
        return O_NOFOLLOW;
    return (status.st_mode & S_IWOTH) != 0 ? O_NOFOLLOW : 0;
}

/*
 * Opens the file one component at a time, so that what was checked is what is opened. O_NONBLOCK:
 * a FIFO without a reader must not stop the program.
 */
static int open_log(const char *path)
{
    const int into_folder = O_PATH | O_DIRECTORY | O_CLOEXEC;
    const int for_lines = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
    char name[256]; /* NAME_MAX and its NUL */
    int folder = kernel_openat(AT_FDCWD, "/", into_folder, 0);
    while (folder >= 0) {
        while (*path == '/')
            path++;
        size_t length = text_until(path, '/');
        bool is_last = path[length] == '\0';
        int next = -ENAMETOOLONG;
        if (length < sizeof name) {
            memcpy(name, path, length);
            name[length] = '\0';
            next = kernel_openat(folder, name,
                                 nofollow_in(folder) | (is_last ? for_lines : into_folder), 0640);
        }
        kernel_close(folder);
        if (is_last)
            return next;
        folder = next;
        path += length;
    }
    return folder;
}

static const char *name_of_error(int error)
{
    switch (-error) {
    case EACCES:
        return "permission denied";
    case ENOENT:
        return "no such directory";
    case ENOTDIR:
        return "a part of the path is not a directory, or is a link that anybody could have made";
    case ELOOP:
        return "it is a link that anybody could have made";
    case EISDIR:
        return "it is a directory";
    case ENOSPC:
        return "no space is left on the device";
    case EROFS:
        return "the file system is read-only";
    case ENXIO:
        return "it is a FIFO that nobody reads";
    default:
        return NULL;
    }
}

/* Once a process, and only on the stderr that the program was started with. */
static void complain_of_log(int error)
{
    if (atomic_exchange(&complained, true))
        return;
    const char *path = config()->log;
    const char *reason = name_of_error(error);
    struct line line = {.length = 0};
    line_format(&line, "%sredisguard: cannot write to the log \"%.60s%s\": %s",
                stderr_is_journal ? priorities[LOG_LEVEL_WARN] : "", path,
                text_length(path) > 60 ? "..." : "", reason != NULL ? reason : error_name(error));
    write_to_stderr(&line);
}

static void end(struct line *line)
{
    if (goes_to_stderr()) {
        write_to_stderr(line);
        return;
    }
    int file = open_log(config()->log);
    int error = file < 0 ? file : line_write(line, file);
    if (file >= 0)
        kernel_close(file);
    if (error < 0)
        complain_of_log(error);
}

static void write_line(enum log_level level, const char *format, va_list arguments)
{
    struct line line;
    begin(&line, level);
    line_vformat(&line, format, arguments);
    end(&line);
}

void log_write(enum log_level level, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    if (log_wants(level))
        write_line(level, format, arguments);
    va_end(arguments);
}

void log_warn_once(atomic_bool *said, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    if (log_wants(LOG_LEVEL_WARN) && !atomic_exchange(said, true))
        write_line(LOG_LEVEL_WARN, format, arguments);
    va_end(arguments);
}
