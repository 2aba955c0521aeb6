/*
 * line.c: builds one line and writes it; see line.h. Touches nothing but the line it is given and,
 * in line_write, the descriptor and for that instant the calling thread's signal mask.
 */
#include "line.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "kernel.h"
#include "text.h"
#include "utf8.h"

enum { KERNEL_SIGNAL_SET = 8 }; /* bytes of the kernel's sigset_t, on every machine but MIPS */

static size_t room_in(const struct line *line)
{
    return sizeof line->text - 2 - line->length; /* a line break fits at either end */
}

void line_bytes(struct line *line, const char *bytes, size_t length)
{
    size_t room = room_in(line);
    if (length > room)
        length = room;
    memcpy(line->text + line->length, bytes, length);
    line->length += length;
}

/* At least so many digits, where these are few enough. */
static void line_unsigned(struct line *line, uint64_t number, unsigned base, size_t least)
{
    char digits[24];
    size_t at = sizeof digits;
    do {
        digits[--at] = "0123456789abcdef"[number % base];
        number /= base;
    } while (number > 0 || (sizeof digits - at < least && least < sizeof digits));
    line_bytes(line, digits + at, sizeof digits - at);
}

static void line_signed(struct line *line, int64_t number)
{
    if (number < 0)
        line_bytes(line, "-", 1);
    line_unsigned(line, number < 0 ? -(uint64_t)number : (uint64_t)number, 10, 1);
}

static void line_string(struct line *line, const char *text, size_t limit)
{
    for (size_t i = 0; i < limit && text[i] != '\0';) {
        char shown[UTF8_SHOWN];
        size_t length = 0;
        i += utf8_show(text + i, limit - i, shown, &length);
        if (length <= room_in(line)) /* it must not be cut in two */
            line_bytes(line, shown, length);
    }
}

/* The precision: what follows '.', and where the format goes on. */
static const char *take_precision(const char *format, int given, size_t *precision)
{
    *precision = 0;
    if (*format == '*') {
        *precision = (size_t)given;
        return format + 1;
    }
    for (; *format >= '0' && *format <= '9'; format++)
        *precision = *precision * 10 + (size_t)(*format - '0');
    return format;
}

void line_vformat(struct line *line, const char *format, va_list arguments)
{
    while (*format != '\0') {
        size_t plain = text_until(format, '%');
        line_bytes(line, format, plain);
        format += plain;
        if (*format == '\0')
            return;
        size_t precision = SIZE_MAX;
        if (*++format == '.') {
            int given = format[1] == '*' ? va_arg(arguments, int) : 0;
            format = take_precision(format + 1, given, &precision);
        }
        switch (*format++) {
        case 's':
            line_string(line, va_arg(arguments, const char *), precision);
            break;
        case 'd':
            line_signed(line, va_arg(arguments, int));
            break;
        case 'u':
            line_unsigned(line, va_arg(arguments, unsigned), 10, precision);
            break;
        case 'j': /* and its d */
            line_signed(line, va_arg(arguments, intmax_t));
            format++;
            break;
        default:
            line_bytes(line, format - 1, 1);
        }
    }
}

void line_format(struct line *line, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    line_vformat(line, format, arguments);
    va_end(arguments);
}

/* Counts the days in the 400-year eras of the Gregorian calendar, which begin on 1 March. */
void line_timestamp(struct line *line, int64_t seconds)
{
    uint64_t now = seconds < 0 ? 0 : (uint64_t)seconds;
    uint64_t days = now / 86400 + 719468; /* since 0000-03-01 */
    unsigned clock = (unsigned)(now % 86400);
    unsigned day = (unsigned)(days % 146097);
    unsigned year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
    day -= 365 * year + year / 4 - year / 100;
    unsigned month = (5 * day + 2) / 153; /* 0 is March */
    day -= (153 * month + 2) / 5;
    year += (unsigned)(days / 146097) * 400 + (month >= 10 ? 1 : 0);
    line_format(line, "%.4u-%.2u-%.2uT%.2u:%.2u:%.2uZ", year, month < 10 ? month + 3 : month - 9,
                day + 1, clock / 3600, clock / 60 % 60, clock % 60);
}

void line_ipv4(struct line *line, const unsigned char address[4])
{
    line_format(line, "%d.%d.%d.%d", address[0], address[1], address[2], address[3]);
}

static unsigned ipv6_group(const unsigned char address[16], int group)
{
    const unsigned char *at = address + (ptrdiff_t)2 * group;
    return (unsigned)at[0] << 8 | at[1];
}

/* The first longest run of two or more zero groups, which "::" stands for; its length, or 0. */
static int longest_zero_run(const unsigned char address[16], int *start)
{
    int longest = 1;
    for (int group = 0; group < 8; group++) {
        int run = 0;
        while (group + run < 8 && ipv6_group(address, group + run) == 0)
            run++;
        if (run > longest) {
            longest = run;
            *start = group;
        }
    }
    return longest > 1 ? longest : 0;
}

void line_ipv6(struct line *line, const unsigned char address[16])
{
    int start = 0;
    int run = longest_zero_run(address, &start);
    line_bytes(line, "[", 1);
    for (int group = 0; group < 8; group++) {
        if (run > 0 && group == start) {
            line_bytes(line, "::", 2);
            group += run - 1;
            continue;
        }
        if (group > 0 && !(run > 0 && group == start + run))
            line_bytes(line, ":", 1);
        line_unsigned(line, ipv6_group(address, group), 16, 1);
    }
    line_bytes(line, "]", 1);
}

/* Waits for room; NULL: however long it takes. 0, or -EAGAIN for no room, -EPIPE for no reader. */
static int wait_for_room(int fd, const struct kernel_time *limit)
{
    struct pollfd wanted = {.fd = fd, .events = POLLOUT, .revents = 0};
    long ready = kernel_call(SYS_ppoll, kernel_pointer(&wanted), 1, kernel_pointer(limit), 0, 0, 0);
    if (ready < 0) /* a sandbox: what never blocks need not be asked */
        return (kernel_fcntl(fd, F_GETFL, 0) & O_NONBLOCK) != 0 ? 0 : -EAGAIN;
    if ((wanted.revents & (POLLERR | POLLHUP)) != 0)
        return -EPIPE;
    return wanted.revents == POLLOUT ? 0 : -EAGAIN;
}

/* Takes off one of these signals that is pending; or -EAGAIN. */
static long take_off(uint64_t signals)
{
    const struct kernel_time at_once = {0, 0};
    return kernel_call(SYS_rt_sigtimedwait, kernel_pointer(&signals), 0, kernel_pointer(&at_once),
                       KERNEL_SIGNAL_SET, 0, 0);
}

static long change_signal_mask(int how, const uint64_t *set, uint64_t *before)
{
    return kernel_call(SYS_rt_sigprocmask, how, kernel_pointer(set), kernel_pointer(before),
                       KERNEL_SIGNAL_SET, 0, 0);
}

/*
 * The reader may go away between the poll and the write, and a file may have grown to the limit:
 * the SIGPIPE and SIGXFSZ of write(2) go to the writing thread. They are held back, and taken off
 * if they are ours. SIGTTOU would stop a program in the background of its terminal; blocked, it
 * does not (POSIX).
 */
static long write_without_signals(int fd, const char *text, size_t length)
{
    const uint64_t ours = UINT64_C(1) << (SIGPIPE - 1) | UINT64_C(1) << (SIGXFSZ - 1);
    const uint64_t held_back = ours | UINT64_C(1) << (SIGTTOU - 1);
    const uint64_t none = 0;
    uint64_t before = 0;
    uint64_t pending = 0;
    if (take_off(none) != -EAGAIN) /* a sandbox: what would come could not be taken off */
        return -EPERM;
    if (change_signal_mask(SIG_BLOCK, &held_back, &before) < 0)
        return -EPERM;
    kernel_call(SYS_rt_sigpending, kernel_pointer(&pending), KERNEL_SIGNAL_SET, 0, 0, 0, 0);
    uint64_t new_ones = ours & ~pending;
    long written = kernel_write(fd, text, length);
    if (written == -EPIPE || written == -EFBIG)
        take_off(new_ones);
    change_signal_mask(SIG_SETMASK, &before, NULL);
    return written;
}

/*
 * A full disk, or a file at its size limit, may take the beginning of a line only. That stays, for
 * to cut it off could cut what others append; our next line then begins with a line break.
 */
static int write_whole(int fd, struct line *line)
{
    static atomic_bool torn_files[2];
    atomic_bool *torn = &torn_files[fd == STDERR_FILENO]; /* that, or the log */
    bool was_torn = atomic_exchange(torn, false);
    if (was_torn) {
        for (size_t i = line->length++; i > 0; i--)
            line->text[i] = line->text[i - 1];
        line->text[0] = '\n';
    }
    line->text[line->length] = '\n';
    long written = write_without_signals(fd, line->text, line->length + 1);
    if (written == (long)line->length + 1)
        return 0;
    atomic_store(torn, was_torn ? written != 1 : written > 0);
    return written < 0 ? (int)written : -ENOSPC;
}

/*
 * A terminal that is held (^S) says that there is room, and blocks: it is written through a
 * description of our own that does not. Returns that descriptor, or -errno.
 */
static int open_terminal_again(int fd)
{
    struct line path = {.length = 0};
    line_format(&path, "/proc/self/fd/%d", fd);
    path.text[path.length] = '\0';
    return kernel_openat(AT_FDCWD, path.text, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0);
}

bool line_is_terminal(int fd)
{
    struct termios settings;
    return kernel_call(SYS_ioctl, fd, TCGETS, kernel_pointer(&settings), 0, 0, 0) == 0;
}

int line_write(struct line *line, int fd)
{
    const struct kernel_time at_once = {0, 0}; /* on the stack: qemu's ppoll writes to it */
    int error = wait_for_room(fd, &at_once);
    if (error < 0)
        return error;
    int terminal = line_is_terminal(fd) ? open_terminal_again(fd) : -1;
    error = write_whole(terminal < 0 ? fd : terminal, line);
    if (terminal >= 0)
        kernel_close(terminal);
    return terminal >= 0 && error == -ENOSPC ? -EAGAIN : error; /* there its reader makes room */
}

void line_print(const char *text, size_t length, int fd)
{
    while (length > 0) {
        long written = kernel_write(fd, text, length);
        if (written < 0 && written != -EINTR && (written != -EAGAIN || wait_for_room(fd, NULL) < 0))
            return;
        text += written > 0 ? written : 0;
        length -= written > 0 ? (size_t)written : 0;
    }
}
