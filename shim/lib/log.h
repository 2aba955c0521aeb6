/*
 * log.h: what the guard did, for the operator: one line an event, one write(2) a line.
 *
 * Nothing is written unless REDISGUARD_LOG says where. Async-signal-safe; holds no descriptor, so
 * that none can become something else. Called by whoever has something to report.
 */
#ifndef LOG_H
#define LOG_H

#include <stdatomic.h>
#include <stdbool.h>

#include "config.h"

/* Remembers what stderr is now: log lines go there only as long as it still is that. */
void log_start(void);

/* Would a line of this level be written anywhere? Ask where its words cost something. */
bool log_wants(enum log_level level);

/* Writes a line, if one of its level is wanted. The format is line_format's. */
void log_write(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A warning, once in the life of `said`, an atomic_bool that begins as false. */
#define log_warn_once(said, ...)                                                                   \
    do {                                                                                           \
        if (log_wants(LOG_LEVEL_WARN) && !atomic_exchange((said), true))                           \
            log_write(LOG_LEVEL_WARN, __VA_ARGS__);                                                \
    } while (0)

#endif
