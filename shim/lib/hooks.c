/*
 * hooks.c: the exported symbols and nothing else. Each hook decides whether the call concerns a
 * guarded connection, hands it on, and returns what the real function returned.
 *
 * dlopen, the one that must not stand between its caller and the real one, is in dlopen.S.
 */
#undef _GNU_SOURCE /* with it glibc declares connect with a union that no definition can repeat */
#define _DEFAULT_SOURCE 1

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include "config.h"
#include "dl/real.h"
#include "dl/rebind.h"
#include "fork.h"
#include "guard.h"
#include "half_open.h"
#include "inherited.h"
#include "keepalive.h"
#include "kernel.h"
#include "redisguard.h"
#include "registry.h"

#define EXPORTED __attribute__((visibility("default")))

int dup3(int from, int to, int flags);
int fcntl64(int fd, int command, ...);
pid_t _Fork(void);
void *dlopen(const char *file, int mode);
function dlopen_route(const char *file, int mode, const uintptr_t *stack);

#define HOOK(name)      HOOK_OF(name, name, false)
#define SECONDARY(name) HOOK_OF(name, name, true)
#define HOOK_OF(name, member, is_secondary)                                                        \
    {                                                                                              \
#name, (function)(name), offsetof(struct real, member), is_secondary                       \
    }

/* What a module that bypasses a preload is given instead of libc's functions. Many a library closes
 * files; with the secondary ones as a reason, PHP's start would take 0.4 % more. */
static const struct hook hooks[] = {
    HOOK(connect),
    HOOK(setsockopt),
    HOOK(fork),
    HOOK_OF(_Fork, fork_no_handlers, false),
    HOOK(daemon),
    HOOK(dlopen),
    SECONDARY(getsockopt),
    SECONDARY(close),
    SECONDARY(dup),
    SECONDARY(dup2),
    SECONDARY(dup3),
    SECONDARY(fcntl),
    SECONDARY(fcntl64),
    {NULL, NULL, 0, false},
};

/* The real functions; every hook but close comes by here, and does a deferred rebind. */
static const struct real *real(void)
{
    rebind_deferred();
    return real_functions();
}

/* For what makes or copies a connection: a forked child cuts off those that it inherited first. */
static const struct real *real_after_cut(void)
{
    fork_cut_first();
    return real();
}

static int guarded_connect(int fd, const struct sockaddr *peer, socklen_t length,
                           const struct endpoint *endpoint)
{
    if (guard_traps(fd, endpoint)) {
        errno = ECONNREFUSED;
        return -1;
    }
    struct guarded guarded = guard_begin(fd, endpoint);
    int result = real()->connect(fd, peer, length);
    if (guarded.guard != GUARD_NONE)
        guard_settle(fd, endpoint, guarded, result, errno);
    return result;
}

/* Where a guarded socket goes on to something that is not Redis, it is no longer our concern. Which
 * socket that is has to be asked first: fd may be another one when connect returns. */
static int foreign_connect(int fd, const struct sockaddr *peer, socklen_t length,
                           const struct endpoint *endpoint)
{
    uint64_t identity = registry_identify(fd);
    if (endpoint->family == AF_UNSPEC) /* dissolves the connection, and what TCP knew of it */
        guard_closing(fd);
    int result = real()->connect(fd, peer, length);
    if (result == 0 || errno == EINPROGRESS)
        guard_end(fd, identity);
    return result;
}

EXPORTED int connect(int fd, const struct sockaddr *peer, socklen_t length)
{
    struct endpoint endpoint = {.family = AF_UNIX};
    fork_cut_first();
    if (!config()->disable && target_is_redis(peer, length, &endpoint))
        return guarded_connect(fd, peer, length, &endpoint);
    if (registry_may_hold(fd))
        return foreign_connect(fd, peer, length, &endpoint);
    return real()->connect(fd, peer, length);
}

/* What was never a guarded connection goes on by a tail jump. The kernel judges the program's call
 * first; what it accepts does not stand on our connections. */
EXPORTED int setsockopt(int fd, int level, int name, const void *value, socklen_t length)
{
    if (!registry_watches(fd))
        return real()->setsockopt(fd, level, name, value, length);
    int result = real()->setsockopt(fd, level, name, value, length);
    if (result == 0 && keepalive_owns(level, name) && config()->force && registry_tunes(fd))
        keepalive_restore(fd, level, name);
    if (half_open_any())
        guard_connected(fd);
    return result;
}

/* A program asks for SO_ERROR when a connect that was under way has ended. */
EXPORTED int getsockopt(int fd, int level, int name, void *value, socklen_t *length)
{
    int result = real()->getsockopt(fd, level, name, value, length);
    if (half_open_any() && level == SOL_SOCKET && name == SO_ERROR)
        guard_connected(fd);
    return result;
}

static __attribute__((noinline)) int watched_close(int fd)
{
    if (registry_watches(fd))
        guard_closing(fd);
    return real()->close(fd);
}

/* Nearly every call is about another descriptor: it goes on without a stack frame, after ten
 * instructions. A deferred rebind waits for another hook. */
EXPORTED int close(int fd)
{
    __typeof__(&close) known = __atomic_load_n(&real_table.close, __ATOMIC_RELAXED);
    if (registry_watches(fd) || known == NULL)
        return watched_close(fd);
    return known(fd);
}

EXPORTED pid_t fork(void)
{
    unsigned generation = fork_generation();
    pid_t child = real_after_cut()->fork();
    if (child == 0)
        fork_sever_since(generation);
    return child;
}

EXPORTED pid_t _Fork(void)
{
    unsigned generation = fork_generation();
    if (real()->fork_no_handlers == NULL) /* before glibc 2.34: a weak reference finds this hook */
        return fork();
    fork_prepare(); /* fork(3) runs our handlers, this does not */
    pid_t child = real_after_cut()->fork_no_handlers();
    if (child == 0)
        fork_child_since(generation);
    else
        fork_parent();
    if (child > 0)
        inherited_report();
    return child;
}

EXPORTED int daemon(int nochdir, int noclose)
{
    daemon_begin();
    int result = real()->daemon(nochdir, noclose);
    daemon_end();
    return result;
}

static int copied(int from, int to)
{
    if (to < 0 || to == from)
        return to;
    if (registry_may_hold(from))
        guard_copy(from, to);
    else
        registry_remember_copy(from, to); /* it may be connected later */
    return to;
}

EXPORTED int dup(int fd)
{
    return copied(fd, real_after_cut()->dup(fd));
}

EXPORTED int dup2(int from, int to)
{
    if (registry_watches(to))
        guard_replacing(from, to);
    return copied(from, real_after_cut()->dup2(from, to));
}

EXPORTED int dup3(int from, int to, int flags)
{
    if (registry_watches(to) && (flags & ~O_CLOEXEC) == 0) /* else the kernel refuses: EINVAL */
        guard_replacing(from, to);
    return copied(from, real_after_cut()->dup3(from, to, flags));
}

static bool is_copying(int command)
{
    return command == F_DUPFD || command == F_DUPFD_CLOEXEC;
}

/* Every command takes one argument or none, and libc's own fcntl fetches it the same way. */
EXPORTED int fcntl(int fd, int command, ...)
{
    va_list arguments;
    va_start(arguments, command);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    int result = real_after_cut()->fcntl(fd, command, argument);
    return is_copying(command) ? copied(fd, result) : result;
}

EXPORTED int fcntl64(int fd, int command, ...)
{
    va_list arguments;
    va_start(arguments, command);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    int result = real_after_cut()->fcntl64(fd, command, argument);
    return is_copying(command) ? copied(fd, result) : result;
}

/* dlopen.S asks where to jump. */
function dlopen_route(const char *file, int mode, const uintptr_t *stack)
{
    return rebind_route(hooks, file, mode, stack);
}

EXPORTED const char *redisguard_version(void)
{
    return REDISGUARD_VERSION;
}

EXPORTED int redisguard_guards(int fd)
{
    return registry_holds(fd, NULL) ? 1 : 0;
}

EXPORTED int redisguard_release(int fd)
{
    uint64_t identity = registry_identify(fd);
    if (registry_knows(fd, identity)) {
        registry_forget(fd, identity);
        return 0;
    }
    errno = kernel_fcntl(fd, F_GETFD, 0) < 0 ? EBADF : ENOENT;
    return -1;
}
