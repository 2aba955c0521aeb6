/*
 * keepalive.h: the tuning of one socket, and what TCP says of its peer. The only file that knows
 * TCP options.
 *
 * Called by guard.c before the handshake and when the socket is closed, and by the setsockopt hook
 * after the program's own call.
 */
#ifndef KEEPALIVE_H
#define KEEPALIVE_H

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>

/*
 * Sets the five options. False, and nothing was set, where the socket is not TCP, or is connected,
 * connecting or listening: then the real connect has something to say, and it is not ours.
 */
bool keepalive_tune(int fd);

_Static_assert(TCP_KEEPINTVL == TCP_KEEPIDLE + 1 && TCP_KEEPCNT == TCP_KEEPIDLE + 2,
               "the three keepalive times are neighbours");

/* Is this one of the five options? In line: every setsockopt(2) pays for it. */
static inline bool keepalive_owns(int level, int name)
{
    if (level == SOL_SOCKET)
        return name == SO_KEEPALIVE;
    if (level != IPPROTO_TCP)
        return false;
    return (name >= TCP_KEEPIDLE && name <= TCP_KEEPCNT) || name == TCP_USER_TIMEOUT;
}

/* What TCP_INFO says of the peer of a socket that is about to be closed. */
enum peer {
    PEER_NONE,      /* it is no TCP socket */
    PEER_ANSWERS,   /* or no connection is left to speak of */
    PEER_QUIET,     /* data is unacknowledged, or the last acknowledgement is more than 1 s old */
    PEER_SILENT,    /* retransmissions or probes are unanswered; the connection is open still */
    PEER_GAVE_NONE, /* the kernel ended the connection after it had no answer */
};
enum peer keepalive_peer(int fd);

/*
 * Lets the FIN of a connection that the program closes be retransmitted as long as it would be
 * without the guard: TCP_USER_TIMEOUT outlives close(2) and would end it before. `promptly`: once a
 * second, where the kernel can (TCP_RTO_MAX_MS, Linux 6.15), so that it arrives soon after an outage.
 */
void keepalive_spare_fin(int fd, bool promptly);

/* Is it a TCP socket whose handshake is complete? */
bool keepalive_is_connected(int fd);

/* Sets that one option of the five to our value again. */
void keepalive_restore(int fd, int level, int name);

#endif
