/*
 * times.c: see times.h.
 */
#include "machine/times.h"

#include <errno.h>
#include <math.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

static const struct {
    int level, name;
} options[TIMES] = {
    [TIME_IDLE] = {IPPROTO_TCP, TCP_KEEPIDLE},
    [TIME_INTERVAL] = {IPPROTO_TCP, TCP_KEEPINTVL},
    [TIME_COUNT] = {IPPROTO_TCP, TCP_KEEPCNT},
    [TIME_USER_TIMEOUT] = {IPPROTO_TCP, TCP_USER_TIMEOUT},
    [TIME_KEEPALIVE] = {SOL_SOCKET, SO_KEEPALIVE},
};

int times_read(int fd, struct times *times)
{
    for (int i = 0; i < TIMES; i++) {
        socklen_t length = sizeof times->of[i];
        if (getsockopt(fd, options[i].level, options[i].name, &times->of[i], &length) != 0)
            return errno;
    }
    return 0;
}

int times_set(int fd, const struct times *old, const struct times *new)
{
    for (int i = 0; i < TIMES; i++)
        if (old->of[i] != new->of[i] &&
            setsockopt(fd, options[i].level, options[i].name, &new->of[i], sizeof new->of[i]) != 0)
            return errno;
    return 0;
}

/* TCP_USER_TIMEOUT takes the place of the count: the kernel gives the peer up at the first probe
 * time at or behind it, once it has sent a probe. */
double times_when_silent(const struct times *times)
{
    int idle = times->of[TIME_IDLE];
    int interval = times->of[TIME_INTERVAL];
    double probes = times->of[TIME_COUNT];
    if (times->of[TIME_KEEPALIVE] == 0)
        return INFINITY;
    if (times->of[TIME_USER_TIMEOUT] > 0)
        probes = fmax(ceil((times->of[TIME_USER_TIMEOUT] / 1000.0 - idle) / interval), 1);
    return idle + probes * interval;
}

double times_backing_off(double first, int count)
{
    double sum = 0;
    for (int i = 0; i < count; i++) {
        sum += first;
        first = fmin(first * 2, 120);
    }
    return sum;
}

/* tcp_retries2 is a time, reckoned from a first wait of 200 ms. */
double times_when_in_flight(const struct times *times, int retries)
{
    if (times->of[TIME_USER_TIMEOUT] > 0)
        return times->of[TIME_USER_TIMEOUT] / 1000.0;
    return times_backing_off(0.2, retries + 1);
}
