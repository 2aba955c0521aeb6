/*
 * Calls libc for the program that loads it. flags.mk links it in each way that decides how such
 * calls are bound.
 */
#include "rebind_calls.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <unistd.h>

static int call_connect(int fd, const struct sockaddr *peer, socklen_t length)
{
    return connect(fd, peer, length);
}

static int call_setsockopt(int fd, int level, int name, const void *value, socklen_t length)
{
    return setsockopt(fd, level, name, value, length);
}

static pid_t call_fork_no_handlers(void)
{
    return _Fork();
}

static int call_dup(int fd)
{
    return dup(fd);
}

static int call_dup2(int from, int to)
{
    return dup2(from, to);
}

static int call_dup3(int from, int to, int flags)
{
    return dup3(from, to, flags);
}

static int call_fcntl(int fd, int command, ...)
{
    va_list arguments;
    va_start(arguments, command);
    int least = va_arg(arguments, int);
    va_end(arguments);
    return fcntl(fd, command, least);
}

static void *call_dlopen(const char *file, int mode)
{
    void *volatile handle = dlopen(file, mode); /* no tail call: it is the caller that counts */
    return handle;
}

static pid_t call_getppid(void)
{
    return getppid();
}

const struct calls rebind_calls = {
    .connect = call_connect,
    .setsockopt = call_setsockopt,
    .fork_no_handlers = call_fork_no_handlers,
    .dup = call_dup,
    .dup2 = call_dup2,
    .dup3 = call_dup3,
    .fcntl = call_fcntl,
    .dlopen = call_dlopen,
    .getppid = call_getppid,
};
