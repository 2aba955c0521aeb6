/*
 * guard.c: what happens to a connection to Redis from its connect to its close; see guard.h.
 */
#include "guard.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>

#include "config.h"
#include "counters.h"
#include "error_name.h"
#include "fork.h"
#include "half_open.h"
#include "keepalive.h"
#include "kernel.h"
#include "log.h"
#include "registry.h"
#include "tcp_state.h"

static void announce(int fd, const struct endpoint *endpoint)
{
    struct target_name peer;
    count(COUNT_GUARDED);
    if (!log_wants(LOG_LEVEL_DEBUG))
        return;
    target_name(&peer, endpoint, fd);
    if (endpoint->family == AF_UNIX) {
        log_write(LOG_LEVEL_DEBUG, "descriptor %d guarded against fork and exec: %s", fd,
                  peer.text);
        return;
    }
    struct keepalive_times times = keepalive_times(fd);
    log_write(LOG_LEVEL_DEBUG,
              "descriptor %d guarded: %s, KEEPIDLE %d s, KEEPINTVL %d s, KEEPCNT %d, "
              "USER_TIMEOUT %d ms",
              fd, peer.text, times.idle, times.interval, times.count, times.user_timeout);
}

/* EBADF: another thread has closed it meanwhile. */
static void close_on_exec(int fd)
{
    static atomic_bool said;
    int error = kernel_fcntl(fd, F_SETFD, FD_CLOEXEC);
    if (error < 0 && error != -EBADF)
        log_warn_once(&said, "FD_CLOEXEC: %s; executed programs inherit connections",
                      error_name(error));
}

static void warn_if_unrecorded(bool recorded)
{
    static atomic_bool said;
    if (!recorded)
        log_warn_once(&said, "recording a connection: ENOMEM; forked children share it");
}

static void log_inode_identity(uint64_t identity)
{
    static atomic_bool said;
    if (!registry_is_inode(identity) || !log_wants(LOG_LEVEL_DEBUG) || atomic_exchange(&said, true))
        return;
    log_write(LOG_LEVEL_DEBUG, "no SO_COOKIE: sockets are told apart by their inode numbers");
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
    warn_if_unrecorded(recorded);
    if (recorded)
        registry_record_copies(fd, identity);
    log_inode_identity(identity);
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
        announce(fd, endpoint);
    else if (result == 0 || error == EINPROGRESS)
        registry_renew(fd, guarded.identity, endpoint);
    if (half_open_any() && (result == 0 || error == EISCONN))
        guard_connected(fd);
}

/* The program's other copies of the connection, and other processes, still want it as it is. */
static bool is_last_descriptor(int fd)
{
    return config()->fork != FORK_OFF && !registry_has_copy(fd);
}

static void remember(int fd, const struct endpoint *peer, bool has_orphan)
{
    struct endpoint local;
    struct target_name name;
    if (!config()->reset_half_open || !target_local(fd, &local) ||
        !half_open_remember(peer, &local, has_orphan))
        return;
    target_name(&name, peer, fd);
    log_write(LOG_LEVEL_INFO, "descriptor %d closed: %s had stopped answering", fd, name.text);
}

static enum tcp_peer watched_peer(int fd)
{
    enum tcp_peer peer = tcp_peer(fd);
    if (peer == PEER_NONE && registry_is_own()) /* a child of vfork(2) has other descriptors */
        registry_unwatch(fd);
    return peer;
}

static void closing(int fd, enum tcp_peer peer)
{
    struct record record;
    if (peer <= PEER_ANSWERS || !registry_holds(fd, &record) || !registry_is_own())
        return;
    if (peer == PEER_TIMED_OUT) {
        remember(fd, &record.endpoint, false);
        return;
    }
    if (!is_last_descriptor(fd))
        return;
    if (peer == PEER_SILENT)
        remember(fd, &record.endpoint, true);
    keepalive_spare_fin(fd, peer == PEER_SILENT);
}

void guard_closing(int fd)
{
    closing(fd, watched_peer(fd));
}

/* The program may have lowered RLIMIT_NOFILE below numbers that it has open. */
static bool is_below_limit(int fd)
{
    struct kernel_limit limit = {0, 0};
    return kernel_open_files_limit(NULL, &limit) < 0 || (uint64_t)fd < limit.soft;
}

void guard_replacing(int from, int fd)
{
    enum tcp_peer peer = watched_peer(fd);
    if (peer > PEER_ANSWERS && from != fd && kernel_fcntl(from, F_GETFD, 0) >= 0 &&
        is_below_limit(fd))
        closing(fd, peer);
}

void guard_connected(int fd)
{
    struct record record;
    if (registry_holds(fd, &record) && record.endpoint.family != AF_UNIX &&
        half_open_knows(&record.endpoint) && tcp_is_connected(fd))
        half_open_reset(&record.endpoint, fd);
}

void guard_copy(int from, int to)
{
    warn_if_unrecorded(registry_copy(from, to));
}

void guard_end(int fd, uint64_t identity)
{
    if (!registry_knows(fd, identity))
        return;
    registry_forget(fd, identity);
    log_write(LOG_LEVEL_DEBUG, "descriptor %d no longer guarded: connected to something else", fd);
}

bool guard_traps(int fd, const struct endpoint *endpoint)
{
    if (!config()->trap || fork_is_child() || !target_is_stream(fd))
        return false;
    count(COUNT_REFUSED);
    if (log_wants(LOG_LEVEL_WARN)) {
        struct target_name peer;
        target_name(&peer, endpoint, fd);
        log_write(LOG_LEVEL_WARN, "descriptor %d refused by REDISGUARD_TRAP: %s", fd, peer.text);
    }
    return true;
}
