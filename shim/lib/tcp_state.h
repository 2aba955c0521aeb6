/*
 * tcp_state.h: what TCP_INFO says of a connection and of its peer, at one moment.
 *
 * Called by guard.c, when a socket is about to be closed and when a connect may have ended.
 */
#ifndef TCP_STATE_H
#define TCP_STATE_H

#include <stdbool.h>

/* The peer of a socket, in the order in which less is known of it. */
enum tcp_peer {
    PEER_NONE,     /* the descriptor is no TCP socket */
    PEER_ANSWERS,  /* or there is no connection that the peer could miss */
    PEER_QUIET,    /* data is unacknowledged, or the last acknowledgement is more than 1 s old */
    PEER_SILENT,   /* retransmissions or probes are unanswered, the connection is open still */
    PEER_TIMED_OUT /* the kernel has ended the connection since nothing was answered */
};
enum tcp_peer tcp_peer(int fd);

/* Is it a TCP socket whose handshake is complete? */
bool tcp_is_connected(int fd);

#endif
