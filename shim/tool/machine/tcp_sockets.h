/*
 * tcp_sockets.h: the TCP connections of the network namespace that we are in whose port is one of
 * REDISGUARD_PORTS, from sock_diag(7): the kernel filters them. Who holds them: processes.h.
 */
#ifndef REDISGUARD_TOOL_TCP_SOCKETS_H
#define REDISGUARD_TOOL_TCP_SOCKETS_H

#include <linux/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "config.h"

/* Which ends: the peer's port is listed, our own is, either. */
enum { CLIENT_ENDS = 1, SERVER_ENDS = 2 };

enum tcp_timer { TIMER_NONE, TIMER_RETRANSMIT, TIMER_KEEPALIVE, TIMER_TIME_WAIT, TIMER_PERSIST };

struct tcp_endpoint {
    uint16_t port;
    uint8_t address[16]; /* in network order; the first 4 of them with AF_INET */
};

struct tcp_socket {
    sa_family_t family; /* AF_INET, AF_INET6 */
    struct tcp_endpoint local, peer;
    unsigned interface;  /* that it is bound to; 0: none */
    unsigned state;      /* TCP_ESTABLISHED ... of <linux/tcp.h> in the kernel, <netinet/tcp.h> */
    unsigned long inode; /* as /proc/PID/fd has it */
    uint64_t cookie;     /* SO_COOKIE */
    unsigned unread, unacknowledged; /* bytes */
    enum tcp_timer timer;
    unsigned timer_ms;   /* until it expires */
    unsigned unanswered; /* retransmissions or probes */
    bool is_server_end;  /* only our own port is listed */
    bool has_info;
    struct tcp_info info; /* what an older kernel does not know is 0 */
};

/* Sockets in TIME-WAIT, SYN-RECV and LISTEN, and such as no process has any more, are left out. A
 * socket may come twice when others come and go meanwhile. info: fill in tcp_info. Returns 0, or an
 * errno. */
int tcp_sockets_list(const struct config *config, unsigned ends, bool info,
                     void (*take)(void *context, const struct tcp_socket *socket), void *context);

/* 127.0.0.1:6379, [::1]:6379, [fe80::1%2]:6379. */
enum { TCP_ENDPOINT_TEXT = 80 };
void tcp_endpoint_text(const struct tcp_socket *socket, const struct tcp_endpoint *endpoint,
                       char text[TCP_ENDPOINT_TEXT]);

/* As ss(8) has it: ESTAB, SYN-SENT ... */
const char *tcp_state_name(unsigned state);

#endif
