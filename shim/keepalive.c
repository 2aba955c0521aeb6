/*
 * keepalive.c: the tuning of one socket; see keepalive.h. Touches the descriptor it is given.
 */
#include "keepalive.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdatomic.h>

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
 * Only TCP takes TCP_KEEPIDLE, so the first call answers two questions. Where it fails, a sandbox
 * may have refused it on a TCP socket: then the others are still worth trying.
 */
bool keepalive_tune(int fd)
{
    int error = kernel_setsockopt(fd, options[0].level, options[0].name, value_of(&options[0]));
    if (error < 0) {
        if (!is_tcp(fd))
            return false;
        note_refusal(&options[0], error);
    }
    for (int i = 1; i < OPTIONS; i++)
        set_option(fd, &options[i]);
    return true;
}

bool keepalive_owns(int level, int name)
{
    if (level == SOL_SOCKET)
        return name == SO_KEEPALIVE;
    if (level != IPPROTO_TCP)
        return false;
    return (name >= TCP_KEEPIDLE && name <= TCP_KEEPCNT) || name == TCP_USER_TIMEOUT;
}

_Static_assert(TCP_KEEPINTVL == TCP_KEEPIDLE + 1 && TCP_KEEPCNT == TCP_KEEPIDLE + 2,
               "the three keepalive times are neighbours");

void keepalive_restore(int fd, int level, int name)
{
    for (int i = 0; i < OPTIONS; i++)
        if (options[i].level == level && options[i].name == name)
            set_option(fd, &options[i]);
}
