/*
 * keepalive.c: the tuning of one socket; see keepalive.h. Touches the descriptor it is given.
 */
#include "keepalive.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"
#include "kernel.h"
#include "log.h"

struct option {
    int level;
    int name;
    const char *label;
};

/* SO_KEEPALIVE comes last: it starts the timer, which then runs with our times from the start. */
static const struct option options[] = {
    {IPPROTO_TCP, TCP_KEEPIDLE, "TCP_KEEPIDLE"},
    {IPPROTO_TCP, TCP_KEEPINTVL, "TCP_KEEPINTVL"},
    {IPPROTO_TCP, TCP_KEEPCNT, "TCP_KEEPCNT"},
    {IPPROTO_TCP, TCP_USER_TIMEOUT, "TCP_USER_TIMEOUT"},
    {SOL_SOCKET, SO_KEEPALIVE, "SO_KEEPALIVE"},
};

enum { OPTIONS = sizeof options / sizeof options[0] };

static int value_of(const struct option *option)
{
    if (option->level == SOL_SOCKET)
        return 1;
    switch (option->name) {
    case TCP_KEEPIDLE:
        return config()->keepidle;
    case TCP_KEEPINTVL:
        return config()->keepintvl;
    case TCP_KEEPCNT:
        return config()->keepcnt;
    default:
        return config()->user_timeout;
    }
}

/* A socket may be gone, closed by another thread: that is no refusal. */
static void note_refusal(const struct option *option, int error)
{
    static atomic_bool said[OPTIONS];
    if (error < 0 && error != -EBADF && error != -ENOTSOCK)
        log_refusal(&said[option - options], option->label, error, "connections go without it");
}

static void set_option(int fd, const struct option *option)
{
    note_refusal(option, kernel_setsockopt(fd, option->level, option->name, value_of(option)));
}

static bool is_tcp(int fd)
{
    int protocol = 0;
    socklen_t length = sizeof protocol;
    return kernel_getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &length) == 0 &&
           protocol == IPPROTO_TCP;
}

/*
 * TCP, and neither connected, connecting nor listening? Only TCP answers TCP_INFO, whose first byte
 * is the state (tcp(7)). Where a sandbox refuses to tell, a TCP socket is taken for unused; and
 * only TCP takes TCP_KEEPIDLE.
 */
static bool is_unused_tcp(int fd)
{
    unsigned char state = TCP_CLOSE;
    socklen_t length = sizeof state;
    if (kernel_getsockopt(fd, IPPROTO_TCP, TCP_INFO, &state, &length) == 0)
        return state == TCP_CLOSE;
    return is_tcp(fd) || kernel_setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, config()->keepidle) == 0;
}

bool keepalive_tune(int fd)
{
    if (!is_unused_tcp(fd))
        return false;
    for (int i = 0; i < OPTIONS; i++)
        set_option(fd, &options[i]);
    return true;
}

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

enum peer keepalive_peer(int fd)
{
    struct tcp_state tcp = {.state = 0};
    socklen_t length = sizeof tcp;
    if (kernel_getsockopt(fd, IPPROTO_TCP, TCP_INFO, &tcp, &length) < 0)
        return PEER_NONE;
    bool unanswered = tcp.retransmits > 0 || tcp.probes > 0;
    if (tcp.state == TCP_CLOSE) /* a handshake that failed has acknowledged nothing */
        return unanswered && tcp.bytes_acked > 0 ? PEER_GAVE_NONE : PEER_ANSWERS;
    if (tcp.state != TCP_ESTABLISHED && tcp.state != TCP_FIN_WAIT1)
        return PEER_ANSWERS;
    if (unanswered)
        return PEER_SILENT;
    return is_quiet(&tcp) ? PEER_QUIET : PEER_ANSWERS;
}

/* 120 s: what eight retransmissions of an orphan take by default (tcp_orphan_retries). */
void keepalive_spare_fin(int fd, bool promptly)
{
    enum { RTO_MAX_MS = 44, FIN_TIMEOUT = 120000, RETRANSMIT_EVERY = 1000 };
    int present = 0;
    socklen_t length = sizeof present;
    if (kernel_getsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &present, &length) < 0)
        return;
    if (present > 0 && present < FIN_TIMEOUT)
        kernel_setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, FIN_TIMEOUT);
    if (promptly)
        kernel_setsockopt(fd, IPPROTO_TCP, RTO_MAX_MS, RETRANSMIT_EVERY);
}

bool keepalive_is_connected(int fd)
{
    unsigned char state = TCP_CLOSE;
    socklen_t length = sizeof state;
    return kernel_getsockopt(fd, IPPROTO_TCP, TCP_INFO, &state, &length) == 0 &&
           state == TCP_ESTABLISHED;
}

void keepalive_restore(int fd, int level, int name)
{
    for (int i = 0; i < OPTIONS; i++)
        if (options[i].level == level && options[i].name == name)
            set_option(fd, &options[i]);
}
