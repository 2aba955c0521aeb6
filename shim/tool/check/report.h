/*
 * report.h: what `redisguard --check` has found out, one line a finding, or one JSON document.
 *
 * A finding has a level, what it is about, what was found and, unless all is well, what to do.
 * Names come from the user and from files: whatever bytes they hold, a line stays a line and the
 * document stays JSON.
 */
#ifndef REDISGUARD_CHECK_REPORT_H
#define REDISGUARD_CHECK_REPORT_H

#include <stdbool.h>

void report_begin(bool as_json, char *const command[]);

void ok(const char *subject, const char *message);
void warn(const char *subject, const char *message, const char *hint);
void fail(const char *subject, const char *message, const char *hint);

bool report_has_failed(void);

void report_end(void);

#endif
