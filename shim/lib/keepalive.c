/*
 * keepalive.c: the tuning of one socket; see keepalive.h. Touches the descriptor it is given.
 */
#include "keepalive.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdatomic.h>
#include <stdint.h>

#include "config.h"
#include "counters.h"
#include "error_name.h"
#include "kernel.h"
#include "log.h"

struct option {
    int level;
    int name;
    int untouched; /* its value in a socket for which nobody chose one: tcp(7) */
    const char *label;
};

enum { KEEPIDLE, KEEPINTVL, KEEPCNT, USER_TIMEOUT, KEEPALIVE, OPTIONS };

/* SO_KEEPALIVE comes last: it starts the timer, which then runs with our times from the start. */
static const struct option options[OPTIONS] = {
    [KEEPIDLE] = {IPPROTO_TCP, TCP_KEEPIDLE, 7200, "TCP_KEEPIDLE"},
    [KEEPINTVL] = {IPPROTO_TCP, TCP_KEEPINTVL, 75, "TCP_KEEPINTVL"},
    [KEEPCNT] = {IPPROTO_TCP, TCP_KEEPCNT, 9, "TCP_KEEPCNT"},
    [USER_TIMEOUT] = {IPPROTO_TCP, TCP_USER_TIMEOUT, 0, "TCP_USER_TIMEOUT"},
    [KEEPALIVE] = {SOL_SOCKET, SO_KEEPALIVE, 0, "SO_KEEPALIVE"},
};

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
static void set_option(int fd, const struct option *option, int value)
{
    static atomic_bool said[OPTIONS];
    int error = kernel_setsockopt(fd, option->level, option->name, value);
    if (error < 0 && error != -EBADF && error != -ENOTSOCK)
        log_warn_once(&said[option - options], "%s: %s; connections go without it", option->label,
                      error_name(error));
}

/* 0, the loosest, where a sandbox refuses to tell. */
static int value_in(int fd, const struct option *option)
{
    int value = 0;
    int error = kernel_getsockopt(fd, option->level, option->name, &value, sizeof value);
    return error == 0 ? value : 0;
}

struct keepalive_times keepalive_times(int fd)
{
    if (config()->force != FORCE_TIGHTEN)
        return (struct keepalive_times){config()->keepidle, config()->keepintvl, config()->keepcnt,
                                        config()->user_timeout};
    return (struct keepalive_times){
        value_in(fd, &options[KEEPIDLE]), value_in(fd, &options[KEEPINTVL]),
        value_in(fd, &options[KEEPCNT]), value_in(fd, &options[USER_TIMEOUT])};
}

/* Until Linux gives up an idle peer where no user timeout is set, in ms; 0: it cannot be told. */
static int64_t probed_for(int idle, int interval, int count)
{
    bool known = idle > 0 && interval > 0 && count > 0;
    return known ? (idle + (int64_t)interval * count) * 1000 : 0;
}

/*
 * While a user timeout is set Linux does not count to KEEPCNT. So our user timeout would delay the
 * end of a connection whose program chose shorter probes and no user timeout, and a program's user
 * timeout would delay ours where we set none: then the user timeout becomes what the probes take.
 */
static void limit_user_timeout(int fd)
{
    struct keepalive_times now = keepalive_times(fd);
    int64_t limit = probed_for(now.idle, now.interval, now.count);
    int64_t ours = probed_for(config()->keepidle, config()->keepintvl, config()->keepcnt);
    if ((limit < ours || config()->user_timeout == 0) && limit > 0 && limit < now.user_timeout)
        set_option(fd, &options[USER_TIMEOUT], (int)limit);
}

/* Sets ours unless the program's finds a dead peer sooner; 0: the program chose nothing. */
static void tighten_option(int fd, const struct option *option, int theirs)
{
    int ours = value_of(option);
    if (theirs == 0 || (ours != 0 && ours < theirs))
        set_option(fd, option, ours);
}

/* A default of the kernel was chosen by nobody. */
void keepalive_tighten(int fd)
{
    int timeout = value_in(fd, &options[USER_TIMEOUT]);
    for (const struct option *option = options; option < options + OPTIONS; option++) {
        int theirs = value_in(fd, option);
        tighten_option(fd, option, theirs == option->untouched ? 0 : theirs);
    }
    if (timeout == 0 || config()->user_timeout == 0)
        limit_user_timeout(fd);
}

/* What the program has just set. */
static void tighten_again(int fd, const struct option *option)
{
    int theirs = value_in(fd, option);
    tighten_option(fd, option, theirs);
    bool is_their_timeout = option == &options[USER_TIMEOUT] && theirs != 0;
    if (!is_their_timeout || config()->user_timeout == 0)
        limit_user_timeout(fd);
}

/*
 * TCP, and neither connected, connecting nor listening? Only TCP answers TCP_INFO, whose first byte
 * is the state (tcp(7)). Where a sandbox refuses to tell, a TCP socket is taken for unused; and
 * only TCP takes TCP_KEEPIDLE.
 */
static bool is_unused_tcp(int fd)
{
    unsigned char state = TCP_CLOSE;
    if (kernel_getsockopt(fd, IPPROTO_TCP, TCP_INFO, &state, sizeof state) == 0)
        return state == TCP_CLOSE;
    return kernel_socket_option(fd, SO_TYPE) != SOCK_RAW &&
           (kernel_socket_option(fd, SO_PROTOCOL) == IPPROTO_TCP ||
            kernel_setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, config()->keepidle) == 0);
}

bool keepalive_tune(int fd)
{
    if (!is_unused_tcp(fd))
        return false;
    if (config()->force == FORCE_TIGHTEN)
        keepalive_tighten(fd);
    else
        for (const struct option *option = options; option < options + OPTIONS; option++)
            set_option(fd, option, value_of(option));
    return true;
}

/* 120 s: what eight retransmissions of an orphan take by default (tcp_orphan_retries). */
void keepalive_spare_fin(int fd, bool promptly)
{
    enum { RTO_MAX_MS = 44, FIN_TIMEOUT = 120000, RETRANSMIT_EVERY = 1000 };
    int present = 0;
    if (kernel_getsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &present, sizeof present) < 0)
        return;
    if (present > 0 && present < FIN_TIMEOUT)
        kernel_setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, FIN_TIMEOUT);
    if (promptly)
        kernel_setsockopt(fd, IPPROTO_TCP, RTO_MAX_MS, RETRANSMIT_EVERY);
}

static void restore_option(int fd, const struct option *option)
{
    count(COUNT_RESTORED);
    if (config()->force == FORCE_TIGHTEN)
        tighten_again(fd, option);
    else
        set_option(fd, option, value_of(option));
}

void keepalive_restore(int fd, int level, int name)
{
    for (const struct option *option = options; option < options + OPTIONS; option++)
        if (option->level == level && option->name == name)
            restore_option(fd, option);
}
