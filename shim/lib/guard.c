/*
 * guard.c: what happens to a descriptor that is about to be connected to Redis; see guard.h.
 */
#include "guard.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>

#include "config.h"
#include "fork.h"
#include "half_open.h"
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

enum guard guard_begin(int fd, const struct endpoint *endpoint)
{
    uint64_t identity = registry_identify(fd);
    if (registry_knows(fd, identity))
        return GUARD_KNOWN;
    bool guardable = endpoint->family == AF_UNIX ? target_is_unused_unix(fd) : keepalive_tune(fd);
    if (!guardable)
        return GUARD_NONE;
    if (config()->cloexec)
        close_on_exec(fd);
    bool recorded = registry_record(fd, identity, endpoint);
    note_whether_recorded(recorded);
    note_kind_of(identity);
    return recorded ? GUARD_NEW : GUARD_NONE;
}

/* EALREADY and EINTR: the handshake goes on. EISCONN: a socket that we know is connected. */
static bool still_stands(enum guard guard, int result, int error)
{
    if (result == 0 || error == EINPROGRESS || error == EALREADY || error == EINTR)
        return true;
    return guard == GUARD_KNOWN && error == EISCONN;
}

void guard_settle(int fd, const struct endpoint *endpoint, enum guard guard, int result, int error)
{
    if (!still_stands(guard, result, error))
        registry_forget(fd);
    else if (guard == GUARD_NEW)
        log_guarded(fd, endpoint);
    else if (result == 0 || error == EINPROGRESS)
        registry_renew(fd, endpoint);
    if (half_open_any() && (result == 0 || error == EISCONN))
        guard_connected(fd);
}

/* The program's other copies of the connection, and other processes, still want it as it is. */
static bool is_last_descriptor(int fd)
{
    return config()->fork != FORK_OFF && !registry_has_copy(fd);
}

static void remember(int fd, const struct endpoint *peer)
{
    struct endpoint local;
    if (!config()->reset_half_open || !target_local(fd, &local) ||
        !half_open_remember(peer, &local))
        return;
    if (!log_wants(LOG_LEVEL_INFO))
        return;
    struct line line;
    log_begin(&line, LOG_LEVEL_INFO);
    line_text(&line, "descriptor ");
    line_number(&line, fd);
    line_text(&line, " closed: ");
    target_describe(&line, peer, fd);
    line_text(&line, " had stopped answering");
    log_end(&line);
}

void guard_closing(int fd)
{
    struct record record;
    enum peer peer = keepalive_peer(fd);
    if (peer == PEER_NONE)
        registry_unsee(fd);
    if (peer <= PEER_ANSWERS || !registry_holds(fd, &record) || !registry_is_ours())
        return;
    if (peer == PEER_GAVE_NONE) {
        remember(fd, &record.endpoint);
        return;
    }
    if (!is_last_descriptor(fd))
        return;
    if (peer == PEER_SILENT)
        remember(fd, &record.endpoint);
    keepalive_spare_fin(fd, peer == PEER_SILENT);
}

void guard_replacing(int from, int fd)
{
    if (from != fd && kernel_fcntl(from, F_GETFD, 0) >= 0)
        guard_closing(fd);
}

void guard_connected(int fd)
{
    struct record record;
    if (registry_holds(fd, &record) && record.endpoint.family != AF_UNIX &&
        half_open_knows(&record.endpoint) && keepalive_is_connected(fd))
        half_open_reset(&record.endpoint, fd);
}

void guard_copy(int from, int to)
{
    note_whether_recorded(registry_copy(from, to));
}

void guard_end(int fd)
{
    if (!registry_holds(fd, NULL))
        return;
    registry_forget(fd);
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
