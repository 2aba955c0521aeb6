/*
 * detection.c: how soon would a dead peer be noticed? Asks each socket for its options, through a
 * copy of its descriptor that lives for a few microseconds, and knows what the kernel makes of them
 * (tcp_keepalive_timer, tcp_write_timeout).
 */
#include "audit.h"

#include <math.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- the namespace's defaults, tcp(7) ---- */

static int setting(const char *name, int fallback)
{
    char path[128];
    int value = fallback;
    snprintf(path, sizeof path, "/proc/sys/net/ipv4/%s", name);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return fallback;
    if (fscanf(file, "%d", &value) != 1)
        value = fallback;
    fclose(file);
    return value;
}

void detection_read_defaults(struct network *network)
{
    network->keepalive_time = setting("tcp_keepalive_time", 7200);
    network->keepalive_interval = setting("tcp_keepalive_intvl", 75);
    network->keepalive_probes = setting("tcp_keepalive_probes", 9);
    network->retries = setting("tcp_retries2", 15);
    network->connect_retries = setting("tcp_syn_retries", 6);
    network->connect_linear = setting("tcp_syn_linear_timeouts", 0);
}

/* ---- the socket's own options ---- */

static int option(int fd, int level, int name)
{
    int value = 0;
    socklen_t length = sizeof value;
    return getsockopt(fd, level, name, &value, &length) == 0 ? value : 0;
}

/* Under cgroup v1 a copy would move the socket's traffic into our own class of net_cls. */
static bool copies_are_harmless(void)
{
    static int known = -1;
    char line[512];
    FILE *file = known < 0 ? fopen("/proc/self/cgroup", "re") : NULL;
    if (known < 0)
        known = 1;
    if (file == NULL)
        return known == 1;
    while (fgets(line, sizeof line, file) != NULL)
        if (strstr(line, "net_cls") != NULL || strstr(line, "net_prio") != NULL)
            known = 0;
    fclose(file);
    return known == 1;
}

/* A copy of another process's descriptor, pidfd_getfd(2): Linux 5.6, and the right to ptrace. */
static int copy_of(int process, int fd)
{
    return process < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, process, fd, 0);
}

/* Meanwhile the number may have been used again, for a file that answers no fstat(2), ever. */
static bool is_it(const struct connection *connection, int copy)
{
    uint64_t cookie = 0;
    socklen_t length = sizeof cookie;
    return getsockopt(copy, SOL_SOCKET, SO_COOKIE, &cookie, &length) == 0 &&
           cookie == connection->cookie;
}

static bool is_connecting(const struct connection *connection)
{
    return strcmp(connection->state, "SYN-SENT") == 0;
}

static struct tuning tuning_of(int socket, bool connecting)
{
    return (struct tuning){
        .known = true,
        .keepalive = option(socket, SOL_SOCKET, SO_KEEPALIVE),
        .idle = option(socket, IPPROTO_TCP, TCP_KEEPIDLE),
        .interval = option(socket, IPPROTO_TCP, TCP_KEEPINTVL),
        .probes = option(socket, IPPROTO_TCP, TCP_KEEPCNT),
        .user_timeout = option(socket, IPPROTO_TCP, TCP_USER_TIMEOUT),
        .connect_retries = connecting ? option(socket, IPPROTO_TCP, TCP_SYNCNT) : 0,
    };
}

void detection_ask(struct audit *audit, const struct process *process)
{
    if (process->holder_count == 0 || !copies_are_harmless())
        return;
    int pidfd = (int)syscall(SYS_pidfd_open, process->pid, 0);
    for (size_t i = 0; i < process->holder_count; i++) {
        const struct holder *holder = &audit->holders[process->holders + i];
        struct connection *connection = &audit->connections[holder->connection];
        if (connection->is_unix || connection->tuning.known)
            continue;
        int copy = copy_of(pidfd, holder->fd);
        if (copy >= 0 && is_it(connection, copy))
            connection->tuning = tuning_of(copy, is_connecting(connection));
        if (copy >= 0)
            close(copy);
    }
    if (pidfd >= 0)
        close(pidfd);
}

/* Not allowed to ask: the timer that runs tells of keepalive, the defaults stand for the rest. */
static struct tuning guess(const struct connection *connection)
{
    const struct network *network = connection->network;
    bool keepalive = strcmp(connection->timer.name, "keepalive") == 0;
    return (struct tuning){.keepalive = keepalive,
                           .idle = (int)ceil(connection->timer.seconds),
                           .interval = network->keepalive_interval,
                           .probes = network->keepalive_probes,
                           .connect_retries = network->connect_retries};
}

/* ---- what the kernel makes of them ---- */

/*
 * Silence: the first probe after idle seconds. USER_TIMEOUT takes the place of the count: the peer
 * is given up at the first probe time that lies at or behind it, when one probe has been sent.
 */
static double when_idle(const struct tuning *tuning)
{
    if (!tuning->keepalive)
        return INFINITY;
    int probes = tuning->probes;
    if (tuning->user_timeout > 0) {
        double rest = tuning->user_timeout / 1000.0 - tuning->idle;
        probes = rest > tuning->interval ? (int)ceil(rest / tuning->interval) : 1;
    }
    return tuning->idle + (double)probes * tuning->interval;
}

/* The sum of waits that double from the first on, up to two minutes. */
static double backing_off(double first, int times)
{
    double sum = 0;
    for (int i = 0; i < times; i++) {
        sum += first;
        first = fmin(first * 2, 120);
    }
    return sum;
}

/* Sent, and not acknowledged: no probes now. tcp_retries2 is a time, reckoned from 200 ms. */
static double when_sending(const struct tuning *tuning, const struct network *network)
{
    if (tuning->user_timeout > 0)
        return tuning->user_timeout / 1000.0;
    return backing_off(0.2, network->retries + 1);
}

static double when_connecting(const struct tuning *tuning, const struct network *network)
{
    if (tuning->user_timeout > 0)
        return tuning->user_timeout / 1000.0;
    return network->connect_linear + backing_off(1, tuning->connect_retries + 1);
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
    bool timer_tells = tuning.keepalive == 0 && !sending && !connecting;
    double idle = when_idle(&tuning);
    double busy = when_sending(&tuning, network);
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
