/*
 * times.h: the five options of one socket, and when its dead peer is noticed.
 */
#ifndef REDISGUARD_TOOL_TIMES_H
#define REDISGUARD_TOOL_TIMES_H

#include <stdbool.h>

struct times {
    bool keepalive;
    int idle, interval; /* s */
    int count;
    int user_timeout; /* ms; 0: none */
};

/* Of the values of the socket and of the configuration, each the one that notices sooner; decided
 * by the library. Returns 0, or an errno of the option that the kernel refused. */
int times_tighten(int fd, bool dry_run, struct times *was, struct times *now);
bool times_are_equal(const struct times *one, const struct times *other);

/* Until a dead peer is noticed, in s, whether the connection is silent or has data in flight;
 * INFINITY: never. retries: tcp_retries2 of its namespace. */
double times_detect_s(const struct times *times, int retries);

#endif
