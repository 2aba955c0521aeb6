/*
 * tcp_sockets.c: see tcp_sockets.h. Knows inet_diag and nothing else.
 */
#include "machine/tcp_sockets.h"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "machine/netlink.h"

/* <netinet/tcp.h> has these, and a tcp_info of its own that is older. */
enum { ESTABLISHED = 1, SYN_RECV = 3, TIME_WAIT = 6, CLOSED = 7, LISTENING = 10, CLOSING = 11 };

enum { RANGES_AT_MOST = 2048 }; /* of both ends; where there are more, they are filtered here */

struct query {
    const struct config *config;
    unsigned ends;
    void (*take)(void *, const struct tcp_socket *);
    void *context;
};

/* ---- the filter that the kernel runs ---- */

/* For each range: GE first, LE last, then a jump to the end, which accepts. Where either fails, the
 * next range; behind the last one, a step beyond the end, which refuses. */
struct range_code {
    struct inet_diag_bc_op at_least, first, at_most, last, accept;
};

struct filter {
    struct nlattr header;
    struct range_code code[RANGES_AT_MOST];
};

static size_t add_ranges(const struct config *config, bool peer, struct range_code *code,
                         size_t count)
{
    enum { PORTS = 65536 };
    for (unsigned first = 1, last; first < PORTS; first = last + 1) {
        last = first;
        if (!config_lists_port(config, first))
            continue;
        while (last + 1 < PORTS && config_lists_port(config, last + 1))
            last++;
        if (count == RANGES_AT_MOST)
            return count + 1;
        code[count++] = (struct range_code){
            .at_least.code = peer ? INET_DIAG_BC_D_GE : INET_DIAG_BC_S_GE,
            .first.no = (unsigned short)first,
            .at_most.code = peer ? INET_DIAG_BC_D_LE : INET_DIAG_BC_S_LE,
            .last.no = (unsigned short)last,
        };
    }
    return count;
}

static void link_ranges(struct range_code *code, size_t count)
{
    enum { OP = sizeof(struct inet_diag_bc_op), COMPARISON = 2 * OP };
    for (size_t i = 0; i < count; i++) {
        unsigned beyond = i + 1 == count ? OP : 0;
        code[i].at_least.yes = code[i].at_most.yes = COMPARISON;
        code[i].at_least.no = (unsigned short)(sizeof code[i] + beyond);
        code[i].at_most.no = (unsigned short)(sizeof code[i] - COMPARISON + beyond);
        code[i].accept = (struct inet_diag_bc_op){
            .code = INET_DIAG_BC_JMP,
            .yes = OP,
            .no = (unsigned short)((count - 1 - i) * sizeof code[i] + OP),
        };
    }
}

/* Returns its size; 0: no filter, since it would be too long or there is no port. */
static size_t build_filter(const struct query *query, struct filter *filter)
{
    size_t count = 0;
    if (query->ends & CLIENT_ENDS)
        count = add_ranges(query->config, true, filter->code, count);
    if (query->ends & SERVER_ENDS && count <= RANGES_AT_MOST)
        count = add_ranges(query->config, false, filter->code, count);
    if (count == 0 || count > RANGES_AT_MOST)
        return 0;
    link_ranges(filter->code, count);
    size_t size = sizeof filter->header + count * sizeof filter->code[0];
    filter->header = (struct nlattr){.nla_len = (uint16_t)size, .nla_type = INET_DIAG_REQ_BYTECODE};
    return size;
}

/* ---- the answer ---- */

static void read_endpoint(struct tcp_endpoint *endpoint, uint16_t port, const void *address)
{
    endpoint->port = ntohs(port);
    memcpy(endpoint->address, address, sizeof endpoint->address);
}

/* idiag_timer: inet_csk_diag_fill() in net/ipv4/inet_diag.c. */
static void read_timer(struct tcp_socket *socket, const struct inet_diag_msg *from)
{
    socket->timer =
        from->idiag_timer <= TIMER_PERSIST ? (enum tcp_timer)from->idiag_timer : TIMER_NONE;
    socket->timer_ms = from->idiag_expires;
    socket->unanswered = from->idiag_retrans;
}

static void read_info(struct tcp_socket *socket, const struct nlmsghdr *message)
{
    size_t size = 0;
    const void *info =
        netlink_attribute(message, sizeof(struct inet_diag_msg), INET_DIAG_INFO, &size);
    if (info == NULL)
        return;
    memcpy(&socket->info, info, size < sizeof socket->info ? size : sizeof socket->info);
    socket->has_info = true;
}

static bool is_wanted(const struct query *query, const struct tcp_socket *socket)
{
    bool client = config_lists_port(query->config, socket->peer.port);
    bool server = config_lists_port(query->config, socket->local.port);
    return socket->inode != 0 &&
           ((query->ends & CLIENT_ENDS && client) || (query->ends & SERVER_ENDS && server));
}

static void take_message(void *context, const struct nlmsghdr *message)
{
    const struct query *query = context;
    const struct inet_diag_msg *from = NLMSG_DATA(message);
    struct tcp_socket socket = {.family = from->idiag_family};
    if (message->nlmsg_len < NLMSG_LENGTH(sizeof *from))
        return;
    read_endpoint(&socket.local, from->id.idiag_sport, from->id.idiag_src);
    read_endpoint(&socket.peer, from->id.idiag_dport, from->id.idiag_dst);
    socket.inode = from->idiag_inode;
    if (!is_wanted(query, &socket))
        return;
    socket.interface = from->id.idiag_if;
    socket.state = from->idiag_state;
    socket.cookie = (uint64_t)from->id.idiag_cookie[1] << 32 | from->id.idiag_cookie[0];
    socket.unread = from->idiag_rqueue;
    socket.unacknowledged = from->idiag_wqueue;
    socket.is_server_end = !config_lists_port(query->config, socket.peer.port);
    read_timer(&socket, from);
    read_info(&socket, message);
    query->take(query->context, &socket);
}

int tcp_sockets_list(const struct config *config, unsigned ends, bool info,
                     void (*take)(void *context, const struct tcp_socket *socket), void *context)
{
    static const unsigned left_out =
        1U << SYN_RECV | 1U << TIME_WAIT | 1U << CLOSED | 1U << LISTENING;
    static struct filter filter;
    struct query query = {config, ends, take, context};
    /* SOCK_DIAG_BY_FAMILY would go through all sockets twice, for AF_INET and for AF_INET6. */
    struct inet_diag_req request = {.idiag_family = AF_UNSPEC,
                                    .idiag_ext = info ? 1U << (INET_DIAG_INFO - 1) : 0,
                                    .idiag_states =
                                        ((1U << (CLOSING + 1)) - (1U << ESTABLISHED)) & ~left_out};
    struct netlink_part parts[] = {{&request, sizeof request},
                                   {&filter, build_filter(&query, &filter)}};
    return netlink_dump(TCPDIAG_GETSOCK, parts, parts[1].size > 0 ? 2 : 1, take_message, &query);
}

/* ---- words ---- */

void tcp_endpoint_text(const struct tcp_socket *socket, const struct tcp_endpoint *endpoint,
                       char text[TCP_ENDPOINT_TEXT])
{
    char address[INET6_ADDRSTRLEN] = "?";
    char zone[16] = "";
    inet_ntop(socket->family, endpoint->address, address, sizeof address);
    if (socket->interface != 0)
        snprintf(zone, sizeof zone, "%%%u", socket->interface);
    snprintf(text, TCP_ENDPOINT_TEXT, socket->family == AF_INET6 ? "[%s%s]:%u" : "%s%s:%u", address,
             zone, endpoint->port);
}

const char *tcp_state_name(unsigned state)
{
    static const char *const names[] = {"UNKNOWN",    "ESTAB",      "SYN-SENT",  "SYN-RECV",
                                        "FIN-WAIT-1", "FIN-WAIT-2", "TIME-WAIT", "CLOSED",
                                        "CLOSE-WAIT", "LAST-ACK",   "LISTEN",    "CLOSING"};
    return names[state < sizeof names / sizeof names[0] ? state : 0];
}
