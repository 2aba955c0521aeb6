/*
 * socket_copy.c: see socket_copy.h.
 */
#include "machine/socket_copy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Asks for the cookie and not for the inode: a file of FUSE may never answer fstat(2). */
static bool is_it(int copy, uint64_t cookie)
{
    uint64_t its = 0;
    socklen_t length = sizeof its;
    return getsockopt(copy, SOL_SOCKET, SO_COOKIE, &its, &length) == 0 && its == cookie;
}

int socket_copy_open(pid_t pid, pid_t task)
{
    enum { THREAD = O_EXCL }; /* PIDFD_THREAD, Linux 6.9: pid's first thread has ended */
    int process = (int)syscall(SYS_pidfd_open, task, task == pid ? 0 : THREAD);
    return process < 0 ? -errno : process;
}

int socket_copy(int process, int fd, uint64_t cookie)
{
    if (process < 0)
        return process;
    int copy = (int)syscall(SYS_pidfd_getfd, process, fd, 0);
    if (copy < 0)
        return -errno;
    if (is_it(copy, cookie))
        return copy;
    close(copy);
    return -ENOENT;
}

bool socket_copies_are_harmless(void)
{
    static enum { UNKNOWN, HARMLESS, HARMFUL } known;
    char line[512];
    if (known != UNKNOWN)
        return known == HARMLESS;
    known = HARMLESS;
    FILE *file = fopen("/proc/self/cgroup", "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (strstr(line, "net_cls") != NULL || strstr(line, "net_prio") != NULL)
            known = HARMFUL;
    if (file != NULL)
        fclose(file);
    return known == HARMLESS;
}
