/*
 * tcp_state.c: what TCP_INFO says of a connection and of its peer; see tcp_state.h. Changes
 * nothing.
 */
#include "tcp_state.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel.h"

/* The head of the kernel's struct tcp_info: libc's own ends before bytes_acked (Linux 4.1). */
struct tcp_state {
    uint8_t state, ca_state, retransmits, probes, others[4];
    uint32_t rto, ato, snd_mss, rcv_mss, unacked, sacked, lost, retrans, fackets;
    uint32_t last_data_sent, last_ack_sent, last_data_recv, last_ack_recv; /* ms ago */
    uint32_t metrics[8];
    uint32_t rcv_rtt, rcv_space, total_retrans;
    uint64_t pacing_rate, max_pacing_rate, bytes_acked;
};

_Static_assert(offsetof(struct tcp_state, last_ack_recv) == 56, "as in linux/tcp.h");
_Static_assert(offsetof(struct tcp_state, bytes_acked) == 120, "as in linux/tcp.h");

/* How old an acknowledgement may be until a connection that is closed counts as quiet, in ms. */
enum { QUIET_AFTER = 1000 };

static bool is_quiet(const struct tcp_state *tcp)
{
    /* The FIN that shutdown(2) has sent is unacknowledged for a moment on any network. */
    bool in_flight = tcp->state == TCP_ESTABLISHED && tcp->unacked > 0;
    return in_flight || tcp->last_ack_recv >= QUIET_AFTER;
}

enum tcp_peer tcp_peer(int fd)
{
    struct tcp_state tcp = {.state = 0};
    if (kernel_getsockopt(fd, IPPROTO_TCP, TCP_INFO, &tcp, sizeof tcp) < 0)
        return PEER_NONE;
    bool unanswered = tcp.retransmits > 0 || tcp.probes > 0;
    if (tcp.state == TCP_CLOSE) /* a handshake that failed has acknowledged nothing */
        return unanswered && tcp.bytes_acked > 0 ? PEER_TIMED_OUT : PEER_ANSWERS;
    if (tcp.state != TCP_ESTABLISHED && tcp.state != TCP_FIN_WAIT1)
        return PEER_ANSWERS;
    if (unanswered)
        return PEER_SILENT;
    return is_quiet(&tcp) ? PEER_QUIET : PEER_ANSWERS;
}

bool tcp_is_connected(int fd)
{
    unsigned char state = TCP_CLOSE;
    return kernel_getsockopt(fd, IPPROTO_TCP, TCP_INFO, &state, sizeof state) == 0 &&
           state == TCP_ESTABLISHED;
}
