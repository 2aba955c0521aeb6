/*
 * keepalive.h: the tuning of one socket: its keepalive and its user timeout.
 *
 * Called by guard.c before the handshake and when the socket is closed, and by the setsockopt hook
 * after the program's own call.
 */
#ifndef KEEPALIVE_H
#define KEEPALIVE_H

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>

/* A socket's times: seconds, seconds, probes, milliseconds. */
struct keepalive_times {
    int idle;
    int interval;
    int count;
    int user_timeout;
};

/*
 * Sets the five options; with FORCE=tighten, each to the one of our value and the program's by
 * which a dead peer is found sooner. False, and nothing was set, where the socket is not TCP, or is
 * connected, connecting or listening: then the real connect has something to say, and it is not
 * ours.
 */
bool keepalive_tune(int fd);

/* Sets each of the five to the one of our value and the socket's that notices a dead peer sooner.
 * `redisguard --tune` asks this too. */
void keepalive_tighten(int fd);

_Static_assert(TCP_KEEPINTVL == TCP_KEEPIDLE + 1 && TCP_KEEPCNT == TCP_KEEPIDLE + 2,
               "the three keepalive times are neighbours");

/* Is this one of the five options? */
static inline bool keepalive_owns(int level, int name)
{
    if (level == SOL_SOCKET)
        return name == SO_KEEPALIVE;
    if (level != IPPROTO_TCP)
        return false;
    return (name >= TCP_KEEPIDLE && name <= TCP_KEEPCNT) || name == TCP_USER_TIMEOUT;
}

/*
 * Lets the FIN of a connection that the program closes be retransmitted as long as it would be
 * without the guard: TCP_USER_TIMEOUT outlives close(2) and would end it before. `promptly`: once a
 * second, where the kernel can (TCP_RTO_MAX_MS, Linux 6.15), so that it arrives soon after an
 * outage.
 */
void keepalive_spare_fin(int fd, bool promptly);

/* The program has set that one of the five: sets it to our value again; with FORCE=tighten, only
 * where the program's is slower to find a dead peer. */
void keepalive_restore(int fd, int level, int name);

/* The times that keepalive_tune gave the socket. */
struct keepalive_times keepalive_times(int fd);

#endif
