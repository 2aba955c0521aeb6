/*
 * log_file.h: the file that REDISGUARD_LOG names, opened so that nobody else decides which one it
 * is.
 *
 * A php-fpm master writes as root to a directory that belongs to its workers. So in a directory
 * that belongs to neither root nor the effective user, or that its group or others may write to,
 * and in whatever its owner can put below it, no link is followed, no file with a second name is
 * written to, and nothing but a regular file, a FIFO or a terminal.
 *
 * Async-signal-safe. Called by log.c.
 */
#ifndef LOG_FILE_H
#define LOG_FILE_H

/* Opens it for one line, or makes it. Returns the descriptor, or an error for the next function. */
int log_file_open(const char *path);

/* Why it could not be opened, or written to (-errno). */
const char *log_file_error(int error);

#endif
