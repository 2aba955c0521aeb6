/*
 * times.c: what one socket gets. The library decides (keepalive_tighten), on an unconnected socket
 * with the same values: so a dry run changes nothing, and a refusal is known by its errno.
 */
#include <errno.h>
#include <math.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "keepalive.h"
#include "redisguard.h"
#include "tune/times.h"

enum { IDLE, INTERVAL, COUNT, USER_TIMEOUT, KEEPALIVE, OPTIONS };

/* SO_KEEPALIVE last: it starts the timer, with the other times. most: that setsockopt(2) takes; the
 * namespace's default may be more (net.ipv4.tcp_keepalive_time). */
static const struct {
    int level, name, most;
} options[OPTIONS] = {
    [IDLE] = {IPPROTO_TCP, TCP_KEEPIDLE, REDISGUARD_SECONDS_MAX},
    [INTERVAL] = {IPPROTO_TCP, TCP_KEEPINTVL, REDISGUARD_SECONDS_MAX},
    [COUNT] = {IPPROTO_TCP, TCP_KEEPCNT, REDISGUARD_KEEPCNT_MAX},
    [USER_TIMEOUT] = {IPPROTO_TCP, TCP_USER_TIMEOUT, REDISGUARD_USER_TIMEOUT_MAX},
    [KEEPALIVE] = {SOL_SOCKET, SO_KEEPALIVE, 1},
};

struct values {
    int of[OPTIONS];
};

/* Returns 0, or an errno. */
static int read_values(int fd, struct values *values)
{
    for (int i = 0; i < OPTIONS; i++) {
        socklen_t length = sizeof values->of[i];
        if (getsockopt(fd, options[i].level, options[i].name, &values->of[i], &length) != 0)
            return errno;
    }
    return 0;
}

/* Those that differ: setting TCP_KEEPIDLE starts the timer anew. Returns 0, or an errno. */
static int set_values(int fd, const struct values *old, const struct values *new)
{
    for (int i = 0; i < OPTIONS; i++)
        if (old->of[i] != new->of[i] &&
            setsockopt(fd, options[i].level, options[i].name, &new->of[i], sizeof new->of[i]) != 0)
            return errno;
    return 0;
}

/* Returns 0, or an errno. */
static int decide(const struct values *old, struct values *new)
{
    static const struct values unlike_any = {{-1, -1, -1, -1, -1}};
    struct values settable = *old;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return errno;
    for (int i = 0; i < OPTIONS; i++)
        if (settable.of[i] > options[i].most)
            settable.of[i] = options[i].most;
    int error = set_values(fd, &unlike_any, &settable);
    if (error == 0)
        keepalive_tighten(fd);
    if (error == 0)
        error = read_values(fd, new);
    close(fd);
    return error;
}

static struct times times_of(const struct values *values)
{
    return (struct times){.keepalive = values->of[KEEPALIVE] != 0,
                          .idle = values->of[IDLE],
                          .interval = values->of[INTERVAL],
                          .count = values->of[COUNT],
                          .user_timeout = values->of[USER_TIMEOUT]};
}

int times_tighten(int fd, bool dry_run, struct times *was, struct times *now)
{
    struct values old = {{0}};
    struct values new = {{0}};
    int error = read_values(fd, &old);
    if (error == 0)
        error = decide(&old, &new);
    if (error == 0 && !dry_run)
        error = set_values(fd, &old, &new);
    if (error == 0) {
        *was = times_of(&old);
        *now = times_of(&new);
    }
    return error;
}

bool times_are_equal(const struct times *one, const struct times *other)
{
    return one->keepalive == other->keepalive && one->idle == other->idle &&
           one->interval == other->interval && one->count == other->count &&
           one->user_timeout == other->user_timeout;
}

/* With a user timeout an idle peer is given up at the first probe time at or behind it, when one
 * probe has been sent (tcp_keepalive_timer). */
static double when_silent(const struct times *times)
{
    if (!times->keepalive)
        return INFINITY;
    double probes = times->count;
    if (times->user_timeout > 0)
        probes = fmax(ceil((times->user_timeout / 1000.0 - times->idle) / times->interval), 1);
    return times->idle + probes * times->interval;
}

/* tcp_retries2 is a time, reckoned from waits of 200 ms that double up to two minutes. */
static double when_in_flight(const struct times *times, int retries)
{
    double sum = 0;
    double wait = 0.2;
    if (times->user_timeout > 0)
        return times->user_timeout / 1000.0;
    for (int i = 0; i <= retries; i++) {
        sum += wait;
        wait = fmin(wait * 2, 120);
    }
    return sum;
}

double times_detect_s(const struct times *times, int retries)
{
    return fmax(when_silent(times), when_in_flight(times, retries));
}
