/*
 * tighten.c: see tighten.h. The library decides (keepalive_tighten), on an unconnected
 * socket with the same values: so a dry run changes nothing, and a refusal is known by its errno.
 */
#include "tune/tighten.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "keepalive.h"
#include "redisguard.h"

/* setsockopt(2) takes no more; the namespace's default may be more (net.ipv4.tcp_keepalive_time).
 */
static const int most[TIMES] = {
    [TIME_IDLE] = REDISGUARD_SECONDS_MAX,
    [TIME_INTERVAL] = REDISGUARD_SECONDS_MAX,
    [TIME_COUNT] = REDISGUARD_KEEPCNT_MAX,
    [TIME_USER_TIMEOUT] = REDISGUARD_USER_TIMEOUT_MAX,
    [TIME_KEEPALIVE] = 1,
};

/* Returns 0, or an errno. */
static int decide(const struct times *old, struct times *new)
{
    static const struct times unlike_any = {{-1, -1, -1, -1, -1}};
    struct times settable = *old;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return errno;
    for (int i = 0; i < TIMES; i++)
        if (settable.of[i] > most[i])
            settable.of[i] = most[i];
    int error = times_set(fd, &unlike_any, &settable);
    if (error == 0)
        keepalive_tighten(fd);
    if (error == 0)
        error = times_read(fd, new);
    close(fd);
    return error;
}

int tune_tighten(int fd, bool dry_run, struct times *was, struct times *now)
{
    int error = times_read(fd, was);
    if (error == 0)
        error = decide(was, now);
    if (error == 0 && !dry_run)
        error = times_set(fd, was, now);
    return error;
}
