/*
 * guard.c: what happens to a descriptor that is about to be connected to Redis; see guard.h.
 */
#include "guard.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>

#include "config.h"
#include "fork.h"
#include "keepalive.h"
#include "kernel.h"
#include "log.h"
#include "registry.h"

static void log_guarded(int fd, const struct endpoint *endpoint)
{
    if (!log_wants(LOG_LEVEL_INFO))
        return;
    struct line line;
    log_begin(&line, LOG_LEVEL_INFO);
    line_text(&line, "descriptor ");
    line_number(&line, fd);
    line_text(&line, " guarded: ");
    target_describe(&line, endpoint, fd);
    if (endpoint->family != AF_UNIX) {
        line_text(&line, ", KEEPIDLE ");
        line_number(&line, config()->keepidle);
        line_text(&line, " s, KEEPINTVL ");
        line_number(&line, config()->keepintvl);
        line_text(&line, " s, KEEPCNT ");
        line_number(&line, config()->keepcnt);
        line_text(&line, ", USER_TIMEOUT ");
        line_number(&line, config()->user_timeout);
        line_text(&line, " ms");
    }
    log_end(&line);
}

/* EBADF: another thread has closed it meanwhile. */
static void close_on_exec(int fd)
{
    static atomic_bool said;
    int error = kernel_fcntl(fd, F_SETFD, FD_CLOEXEC);
    if (error < 0 && error != -EBADF)
        log_refusal(&said, "FD_CLOEXEC", error, "programs that are executed inherit connections");
}

static void note_whether_recorded(bool recorded)
{
    static atomic_bool said;
    if (!recorded)
        log_refusal(&said, "recording a connection", -ENOMEM, "forked children inherit it");
}

static void note_kind_of(uint64_t identity)
{
    static atomic_bool said;
    if (!registry_is_inode(identity) || !log_wants(LOG_LEVEL_INFO) || atomic_exchange(&said, true))
        return;
    struct line line;
    log_begin(&line, LOG_LEVEL_INFO);
    line_text(&line, "there is no SO_COOKIE here: sockets are told apart by their inode numbers");
    log_end(&line);
}

struct guarded guard_begin(int fd, const struct endpoint *endpoint)
{
    static const struct guarded none = {GUARD_NONE, 0};
    uint64_t replaced = registry_recorded(fd);
    uint64_t identity = registry_identify(fd);
    if (registry_knows(fd, identity))
        return (struct guarded){GUARD_KNOWN, identity};
    bool guardable = endpoint->family == AF_UNIX ? target_is_unused_unix(fd) : keepalive_tune(fd);
    if (!guardable)
        return none;
    if (config()->cloexec)
        close_on_exec(fd);
    bool recorded = registry_record(fd, replaced, identity, endpoint);
    note_whether_recorded(recorded);
    if (recorded)
        registry_record_copies(fd, identity);
    note_kind_of(identity);
    return recorded ? (struct guarded){GUARD_NEW, identity} : none;
}

/* EALREADY and EINTR: the handshake goes on. EISCONN: a socket that we know is connected. */
static bool still_stands(enum guard guard, int result, int error)
{
    if (result == 0 || error == EINPROGRESS || error == EALREADY || error == EINTR)
        return true;
    return guard == GUARD_KNOWN && error == EISCONN;
}

void guard_settle(int fd, const struct endpoint *endpoint, struct guarded guarded, int result,
                  int error)
{
    if (!still_stands(guarded.guard, result, error))
        registry_forget(fd, guarded.identity);
    else if (guarded.guard == GUARD_NEW)
        log_guarded(fd, endpoint);
    else if (result == 0 || error == EINPROGRESS)
        registry_renew(fd, guarded.identity, endpoint);
}

void guard_copy(int from, int to)
{
    note_whether_recorded(registry_copy(from, to));
}

void guard_end(int fd, uint64_t identity)
{
    if (!registry_knows(fd, identity))
        return;
    registry_forget(fd, identity);
    if (!log_wants(LOG_LEVEL_DEBUG))
        return;
    struct line line;
    log_begin(&line, LOG_LEVEL_DEBUG);
    line_text(&line, "descriptor ");
    line_number(&line, fd);
    line_text(&line, " no longer guarded: its socket was connected to something else");
    log_end(&line);
}

bool guard_traps(int fd, const struct endpoint *endpoint)
{
    if (!config()->trap || fork_is_child() || !target_is_stream(fd))
        return false;
    if (log_wants(LOG_LEVEL_WARN)) {
        struct line line;
        log_begin(&line, LOG_LEVEL_WARN);
        line_text(&line, "REDISGUARD_TRAP refused descriptor ");
        line_number(&line, fd);
        line_text(&line, " a connection to ");
        target_describe(&line, endpoint, fd);
        log_end(&line);
    }
    return true;
}
