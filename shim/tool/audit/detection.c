/*
 * detection.c: how soon would a dead peer be noticed? Asks each socket for its options, through a
 * copy of its descriptor that lives for a few microseconds, and knows what the kernel makes of them
 * (tcp_keepalive_timer, tcp_write_timeout).
 */
#include "audit.h"

#include <math.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "machine/socket_copy.h"
#include "machine/sysctl.h"

/* ---- the namespace's defaults, tcp(7) ---- */

void detection_read_defaults(struct network *network)
{
    network->keepalive_time = sysctl_number("net/ipv4/tcp_keepalive_time", 7200);
    network->keepalive_interval = sysctl_number("net/ipv4/tcp_keepalive_intvl", 75);
    network->keepalive_probes = sysctl_number("net/ipv4/tcp_keepalive_probes", 9);
    network->retries = sysctl_number("net/ipv4/tcp_retries2", 15);
    network->connect_retries = sysctl_number("net/ipv4/tcp_syn_retries", 6);
    network->connect_linear = sysctl_number("net/ipv4/tcp_syn_linear_timeouts", 0);
}

/* ---- the socket's own options ---- */

static bool is_connecting(const struct connection *connection)
{
    return strcmp(connection->state, "SYN-SENT") == 0;
}

static int connect_retries_of(int fd)
{
    int retries = 0;
    socklen_t length = sizeof retries;
    return getsockopt(fd, IPPROTO_TCP, TCP_SYNCNT, &retries, &length) == 0 ? retries : 0;
}

static void ask(struct connection *connection, int process, int fd)
{
    struct tuning *tuning = &connection->tuning;
    int copy = socket_copy(process, fd, connection->cookie);
    if (copy < 0)
        return;
    tuning->known = times_read(copy, &tuning->times) == 0;
    tuning->connect_retries = is_connecting(connection) ? connect_retries_of(copy) : 0;
    close(copy);
}

/* All of a process are seen through one thread, and its pidfd is opened once: that and closing it
 * took a tenth of an audit of 10,000 connections. */
void detection_ask(struct audit *audit, const struct process *process)
{
    if (process->holder_count == 0 || !socket_copies_are_harmless())
        return;
    const struct holder *holders = &audit->holders[process->holders];
    int pidfd = socket_copy_open(process->pid, holders[0].task);
    for (size_t i = 0; i < process->holder_count; i++) {
        struct connection *connection = &audit->connections[holders[i].connection];
        if (!connection->is_unix && !connection->tuning.known)
            ask(connection, pidfd, holders[i].fd);
    }
    if (pidfd >= 0)
        close(pidfd);
}

/* Not allowed to ask: the timer that runs tells of keepalive, the defaults stand for the rest. */
static struct tuning guess(const struct connection *connection)
{
    const struct network *network = connection->network;
    bool keepalive = strcmp(connection->timer.name, "keepalive") == 0;
    return (struct tuning){.times.of = {[TIME_KEEPALIVE] = keepalive,
                                        [TIME_IDLE] = (int)ceil(connection->timer.seconds),
                                        [TIME_INTERVAL] = network->keepalive_interval,
                                        [TIME_COUNT] = network->keepalive_probes},
                           .connect_retries = network->connect_retries};
}

/* ---- what the kernel makes of them ---- */

static double when_connecting(const struct tuning *tuning, const struct network *network)
{
    if (tuning->times.of[TIME_USER_TIMEOUT] > 0)
        return tuning->times.of[TIME_USER_TIMEOUT] / 1000.0;
    return network->connect_linear + times_backing_off(1, tuning->connect_retries + 1);
}

/* The peer of a Unix-domain connection cannot vanish, and after CLOSE-WAIT it has told. */
static bool is_detected_at_once(const struct connection *connection)
{
    return connection->is_unix || strcmp(connection->state, "CLOSE-WAIT") == 0 ||
           strcmp(connection->state, "LAST-ACK") == 0 || strcmp(connection->state, "CLOSING") == 0;
}

static void estimate(struct connection *connection)
{
    const struct network *network = connection->network;
    struct tuning tuning = connection->tuning.known ? connection->tuning : guess(connection);
    bool connecting = is_connecting(connection);
    bool sending = connection->in_flight > 0;
    bool timer_tells = tuning.times.of[TIME_KEEPALIVE] == 0 && !sending && !connecting;
    double idle = times_when_silent(&tuning.times);
    double busy = times_when_in_flight(&tuning.times, network->retries);
    if (is_detected_at_once(connection))
        return;
    connection->estimated = !connection->tuning.known && !timer_tells;
    connection->detect_s = connecting ? when_connecting(&tuning, network) : sending ? busy : idle;
    connection->detect_at_worst_s = fmax(connection->detect_s, fmax(idle, busy));
    if (!connection->tuning.known && (sending || connecting)) /* then no timer tells of keepalive */
        connection->detect_at_worst_s = connection->detect_s;
}

void detection_estimate(struct audit *audit)
{
    for (size_t i = 0; i < audit->connection_count; i++)
        estimate(&audit->connections[i]);
}

bool detection_is_too_late(const struct audit *audit, const struct connection *connection)
{
    return connection->detect_at_worst_s > audit->request->max_detect_s;
}
