/*
 * line.h: one line of text, put together without allocation or stdio, and written in one piece.
 *
 * Whoever has something to say (log.c, config.c) builds it here. A line that grows too long is cut
 * short, never split. Async-signal-safe throughout.
 */
#ifndef LINE_H
#define LINE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct line {
    size_t length;
    char text[1025];
};

/*
 * Adds what printf(3) would, for these conversions alone: %s, %.*s, %.60s, %d, %u, %.2u, %jd, %%.
 * What stands for an %s may have been chosen by somebody else, and keeps to its place: a byte of a
 * control character, or one that is not UTF-8, is shown as \x1b, a backslash as two.
 */
void line_format(struct line *line, const char *format, ...) __attribute__((format(printf, 2, 3)));
void line_vformat(struct line *line, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));

/* As much as there is room for, as it is. */
void line_bytes(struct line *line, const char *bytes, size_t length);

/* 2026-11-22T03:31:00Z; seconds since 1970, UTC. */
void line_timestamp(struct line *line, int64_t seconds);

/* An IPv4 address as 127.0.0.1; an IPv6 one in brackets, shortened as RFC 5952 asks. */
void line_ipv4(struct line *line, const unsigned char address[4]);
void line_ipv6(struct line *line, const unsigned char address[16]);

/*
 * Ends the line and writes it with one write(2) that can neither block nor raise SIGPIPE: nothing
 * of it may reach the program. Returns 0, or -errno as the kernel gave it (-EAGAIN: would block);
 * -ENOSPC also where there was room for a part, which the next line then does not continue.
 */
int line_write(struct line *line, int fd);

/* Is the descriptor a terminal? */
bool line_is_terminal(int fd);

/* Writes the text as it is, and waits as long as it takes: for PROBE alone. */
void line_print(const char *text, size_t length, int fd);

#endif
