/*
 * log.h: what the guard did, for the operator: one line an event, one write(2) a line.
 *
 * Nothing is written unless REDISGUARD_LOG says where. Async-signal-safe; holds no descriptor, so
 * that none can become something else. Called by guard.c, fork.c, keepalive.c, rebind.c, hooks.c.
 */
#ifndef LOG_H
#define LOG_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "config.h"
#include "line.h"

/* Remembers what stderr is now: log lines go there only as long as it still is that. */
void log_start(void);

/* Would a line of this level be written anywhere? Ask before putting one together. */
bool log_wants(enum log_level level);

/* Begins a line: time, pid and level. */
void log_begin(struct line *line, enum log_level level);

/* Writes it where REDISGUARD_LOG says. */
void log_end(struct line *line);

/*
 * A warning that the kernel or a sandbox refused something, with its -errno, and what comes of it;
 * once in the life of `said`, which is the caller's and begins as false.
 */
void log_refusal(atomic_bool *said, const char *what, int error, const char *consequence);

#endif
