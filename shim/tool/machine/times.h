/*
 * times.h: the five options of a socket that say when a dead peer is noticed, and what the kernel
 * makes of them.
 */
#ifndef REDISGUARD_TOOL_TIMES_H
#define REDISGUARD_TOOL_TIMES_H

enum {
    TIME_IDLE,         /* TCP_KEEPIDLE, s */
    TIME_INTERVAL,     /* TCP_KEEPINTVL, s */
    TIME_COUNT,        /* TCP_KEEPCNT */
    TIME_USER_TIMEOUT, /* TCP_USER_TIMEOUT, ms; 0: none */
    TIME_KEEPALIVE,    /* SO_KEEPALIVE, 0 or 1. Last: it starts the timer, with the other times */
    TIMES
};

struct times {
    int of[TIMES];
};

/* Returns 0, or an errno. */
int times_read(int fd, struct times *times);

/* Sets what differs from `old`, since setting TCP_KEEPIDLE starts the timer anew. Returns 0, or the
 * errno of the option that the kernel refused. */
int times_set(int fd, const struct times *old, const struct times *new);

/* Until a dead peer is noticed, in s, of a silent connection (tcp_keepalive_timer in
 * net/ipv4/tcp_timer.c); INFINITY: never. */
double times_when_silent(const struct times *times);

/* The same while sent data is unacknowledged: no probes then (tcp_write_timeout). retries:
 * tcp_retries2 of its network namespace. */
double times_when_in_flight(const struct times *times, int retries);

/* The sum of `count` waits, the first of which lasts `first`, in s; each next one is twice as long,
 * up to two minutes. */
double times_backing_off(double first, int count);

#endif
