/*
 * keepalive.c: the tuning of one socket; see keepalive.h. Touches the descriptor it is given.
 */
#include "keepalive.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdatomic.h>

#include "config.h"
#include "error_name.h"
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
        log_warn_once(&said[option - options], "%s: %s; connections go without it", option->label,
                      error_name(error));
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

void keepalive_restore(int fd, int level, int name)
{
    for (int i = 0; i < OPTIONS; i++)
        if (options[i].level == level && options[i].name == name)
            set_option(fd, &options[i]);
}
