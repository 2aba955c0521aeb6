/*
 * sockets.c: the Redis connections of the network namespace that we are in, from machine/. Tells
 * which Unix-domain sockets are clients of Redis: those whose peer has bound a path that
 * REDISGUARD_UNIX matches.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit.h"
#include "glob.h"
#include "machine/tcp_sockets.h"
#include "machine/unix_sockets.h"

/* Where a list goes. */
struct listing {
    struct audit *audit;
    const struct network *network;
};

/* Which of them are clients of Redis shows when all namespaces have been asked: a server may be in
 * another one. */
struct unix_end {
    unsigned long inode, peer;
    const struct network *network;
    const char *path; /* NULL: none */
    long in_flight;
};

static struct unix_end *ends;
static size_t end_count;

static const char *keep(const char *text)
{
    char *copy = strdup(text);
    if (copy == NULL)
        give_up("out of memory");
    return copy;
}

/* ---- TCP ---- */

static const char *endpoint(const struct tcp_socket *socket, const struct tcp_endpoint *end)
{
    char text[TCP_ENDPOINT_TEXT];
    tcp_endpoint_text(socket, end, text);
    return keep(text);
}

static struct timer timer_of(const struct tcp_socket *socket)
{
    static const char *const names[] = {"", "on", "keepalive", "timewait", "persist"};
    return (struct timer){.name = names[socket->timer],
                          .seconds = socket->timer_ms / 1000.0,
                          .unanswered = (int)socket->unanswered};
}

/*
 * How long ago the last request was sent, if the reply has not begun. Each retransmission counts as
 * sending, and the waits before them double: what they add up to came before the last of them.
 */
static double awaits_s(const struct tcp_socket *socket)
{
    const struct tcp_info *info = &socket->info;
    double before = 0;
    if (!socket->has_info)
        return AWAITS_UNKNOWN;
    bool sent = info->tcpi_data_segs_out > 0;
    bool answered = info->tcpi_data_segs_in > 0 &&
                    info->tcpi_last_data_sent >= info->tcpi_last_data_recv &&
                    socket->unacknowledged == 0;
    if (!sent || answered)
        return AWAITS_NOTHING;
    double wait = info->tcpi_rto / 1e6;
    for (unsigned i = 0; i < info->tcpi_retransmits; i++) {
        wait /= 2;
        before += wait;
    }
    return before + info->tcpi_last_data_sent / 1000.0;
}

static void add_tcp(void *context, const struct tcp_socket *socket)
{
    const struct listing *listing = context;
    *APPEND(listing->audit->connections, listing->audit->connection_count) =
        (struct connection){.inode = socket->inode,
                            .cookie = socket->cookie,
                            .network = listing->network,
                            .is_server_end = socket->is_server_end,
                            .local = endpoint(socket, &socket->local),
                            .peer = endpoint(socket, &socket->peer),
                            .state = tcp_state_name(socket->state),
                            .in_flight = (long)socket->unacknowledged,
                            .awaits_s = awaits_s(socket),
                            .timer = timer_of(socket)};
}

/* ---- Unix-domain: the server's end has the path, the client's end is its peer ---- */

static void add_unix(void *context, const struct unix_socket *socket)
{
    const struct listing *listing = context;
    *APPEND(ends, end_count) =
        (struct unix_end){.inode = socket->inode,
                          .peer = socket->peer,
                          .network = listing->network,
                          .path = socket->path == NULL ? NULL : keep(socket->path),
                          .in_flight = (long)socket->unacknowledged};
}

static int by_inode(const void *a, const void *b)
{
    unsigned long left = ((const struct unix_end *)a)->inode;
    unsigned long right = ((const struct unix_end *)b)->inode;
    return (left > right) - (left < right);
}

static bool is_redis(const struct audit *audit, const struct unix_end *server)
{
    return server != NULL && server->path != NULL &&
           glob_list_matches(audit->config->unix_globs, server->path, strlen(server->path));
}

void sockets_end(struct audit *audit)
{
    if (end_count > 0)
        qsort(ends, end_count, sizeof *ends, by_inode);
    for (size_t i = 0; i < end_count; i++) {
        const struct unix_end wanted = {.inode = ends[i].peer};
        const struct unix_end *server = bsearch(&wanted, ends, end_count, sizeof *ends, by_inode);
        if (ends[i].peer == 0 || !is_redis(audit, server))
            continue;
        *APPEND(audit->connections, audit->connection_count) =
            (struct connection){.inode = ends[i].inode,
                                .network = ends[i].network,
                                .is_unix = true,
                                .local = "unix",
                                .peer = server->path,
                                .state = "ESTAB",
                                .awaits_s = AWAITS_UNKNOWN,
                                .timer.name = "",
                                .in_flight = ends[i].in_flight};
    }
}

void sockets_list(struct audit *audit, const struct network *network)
{
    struct listing listing = {audit, network};
    int error = tcp_sockets_list(audit->config, CLIENT_ENDS | SERVER_ENDS, true, add_tcp, &listing);
    if (error == 0)
        error = unix_sockets_list(add_unix, &listing);
    if (error != 0)
        give_up("the kernel's list of sockets, sock_diag(7): %s", strerror(error));
}
