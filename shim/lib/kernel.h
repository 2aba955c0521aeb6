/*
 * kernel.h: the system calls that the guard itself makes, without libc in between.
 *
 * A hook must leave errno as the real call would, must not meet another preload's hooks (or our
 * own), must not be a cancellation point and may run before libc is ready. A bare system call is
 * all of that by construction: it returns the result, or -errno, and touches nothing else.
 * Decides nothing; called by every other file.
 */
#ifndef KERNEL_H
#define KERNEL_H

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <time.h>

#include "arch/arch.h"

/* A time as the calls used here know it on every machine, whatever libc's struct timespec is. */
struct kernel_time {
    long seconds;
    long nanoseconds;
};

static inline long kernel_pointer(const void *pointer)
{
    return (long)(uintptr_t)pointer;
}

/* These three fill in at most `size` bytes, and do not say how many. */
static inline int kernel_getsockopt(int fd, int level, int name, void *value, socklen_t size)
{
    return (int)kernel_call(SYS_getsockopt, fd, level, name, kernel_pointer(value),
                            kernel_pointer(&size), 0);
}

/* Of level SOL_SOCKET, a number that is not negative; or -1. */
static inline int kernel_socket_option(int fd, int name)
{
    int value = 0;
    return kernel_getsockopt(fd, SOL_SOCKET, name, &value, sizeof value) == 0 ? value : -1;
}

static inline int kernel_setsockopt(int fd, int level, int name, int value)
{
    return (int)kernel_call(SYS_setsockopt, fd, level, name, kernel_pointer(&value), sizeof value,
                            0);
}

static inline int kernel_getpeername(int fd, void *address, socklen_t size)
{
    return (int)kernel_call(SYS_getpeername, fd, kernel_pointer(address), kernel_pointer(&size), 0,
                            0, 0);
}

static inline int kernel_getsockname(int fd, void *address, socklen_t size)
{
    return (int)kernel_call(SYS_getsockname, fd, kernel_pointer(address), kernel_pointer(&size), 0,
                            0, 0);
}

static inline int kernel_bind(int fd, const void *address, socklen_t length)
{
    return (int)kernel_call(SYS_bind, fd, kernel_pointer(address), (long)length, 0, 0, 0);
}

static inline int kernel_connect(int fd, const void *address, socklen_t length)
{
    return (int)kernel_call(SYS_connect, fd, kernel_pointer(address), (long)length, 0, 0, 0);
}

static inline int kernel_socket(int domain, int type)
{
    return (int)kernel_call(SYS_socket, domain, type, 0, 0, 0, 0);
}

static inline int kernel_socketpair(int domain, int type, int pair[2])
{
    return (int)kernel_call(SYS_socketpair, domain, type, 0, kernel_pointer(pair), 0, 0);
}

struct kernel_limit { /* struct rlimit64, which glibc declares for _GNU_SOURCE only */
    uint64_t soft, hard;
};

/* Each may be NULL. */
static inline int kernel_open_files_limit(const struct kernel_limit *wanted,
                                          struct kernel_limit *before)
{
    return (int)kernel_call(SYS_prlimit64, 0, RLIMIT_NOFILE, kernel_pointer(wanted),
                            kernel_pointer(before), 0, 0);
}

static inline int kernel_mprotect(uintptr_t start, size_t size, int protection)
{
    return (int)kernel_call(SYS_mprotect, (long)start, (long)size, protection, 0, 0, 0);
}

static inline int kernel_shutdown(int fd)
{
    return (int)kernel_call(SYS_shutdown, fd, SHUT_RDWR, 0, 0, 0, 0);
}

static inline int kernel_dup3(int from, int to, int flags)
{
    return (int)kernel_call(SYS_dup3, from, to, flags, 0, 0, 0);
}

static inline int kernel_fcntl(int fd, int command, int argument)
{
    return (int)kernel_call(SYS_fcntl, fd, command, argument, 0, 0, 0);
}

static inline int kernel_close(int fd)
{
    return (int)kernel_call(SYS_close, fd, 0, 0, 0, 0, 0);
}

static inline int kernel_openat(int directory, const char *path, int flags, mode_t mode)
{
    return (int)kernel_call(SYS_openat, directory, kernel_pointer(path), flags | ARCH_LARGE_FILE,
                            (long)mode, 0, 0);
}

#ifndef ARCH_HAS_FSTAT
/* On 64-bit Linux libc's struct stat is the kernel's own. */
static inline int kernel_fstat(int fd, struct stat *status)
{
    return (int)kernel_call(SYS_fstat, fd, kernel_pointer(status), 0, 0, 0, 0);
}
#endif

/* Is the directory one of proc(5)? */
static inline bool kernel_is_proc(int directory)
{
    enum { PROC_SUPER_MAGIC = 0x9fa0 };
    long status[32] = {0}; /* a struct statfs begins with the type of the file system */
    return ARCH_FSTATFS(directory, kernel_pointer(status)) == 0 && status[0] == PROC_SUPER_MAGIC;
}

static inline long kernel_write(int fd, const void *bytes, size_t length)
{
    return kernel_call(SYS_write, fd, kernel_pointer(bytes), (long)length, 0, 0, 0);
}

/* Negative where a signal handler has run meanwhile: -EINTR. */
static inline int kernel_poll(struct pollfd *sockets, int count, int milliseconds)
{
    struct kernel_time time = {milliseconds / 1000, milliseconds % 1000 * 1000000L};
    return (int)kernel_call(SYS_ppoll, kernel_pointer(sockets), count, kernel_pointer(&time), 0, 0,
                            0);
}

/* On CLOCK_MONOTONIC. */
static inline int64_t kernel_milliseconds(void)
{
    struct kernel_time now = {0, 0};
    kernel_call(SYS_clock_gettime, CLOCK_MONOTONIC, kernel_pointer(&now), 0, 0, 0, 0);
    return (int64_t)(unsigned long)now.seconds * 1000 + now.nanoseconds / 1000000;
}

/* Whole seconds, until 2106 where there are 32 bits for them. Not libc's clock_gettime: a preload
 * that bends time would answer, with locks. */
static inline int64_t kernel_clock(clockid_t clock)
{
    struct kernel_time now = {0, 0};
    kernel_call(SYS_clock_gettime, clock, kernel_pointer(&now), 0, 0, 0, 0);
    return (int64_t)(unsigned long)now.seconds;
}

/*
 * Can the eight bytes at this address be read? rt_sigprocmask copies the set in before it looks at
 * `how`: EFAULT for memory that cannot be read, EINVAL otherwise, and nothing changes (every Linux;
 * the set is 8 bytes). NULL would mean no set at all.
 */
static inline bool kernel_can_read(const void *memory)
{
    enum { NO_SUCH_HOW = -1, SET_SIZE = 8 };
    return memory != NULL && kernel_call(SYS_rt_sigprocmask, NO_SUCH_HOW, kernel_pointer(memory), 0,
                                         SET_SIZE, 0, 0) == -EINVAL;
}

static inline pid_t kernel_getpid(void)
{
    return (pid_t)kernel_call(SYS_getpid, 0, 0, 0, 0, 0, 0);
}

static inline pid_t kernel_getppid(void)
{
    return (pid_t)kernel_call(SYS_getppid, 0, 0, 0, 0, 0, 0);
}

#endif
