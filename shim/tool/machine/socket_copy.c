/*
 * socket_copy.c: see socket_copy.h.
 */
#include "machine/socket_copy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int socket_copy(pid_t pid, pid_t task, int fd)
{
    enum { THREAD = O_EXCL }; /* PIDFD_THREAD, Linux 6.9: pid's first thread has ended */
    int process = (int)syscall(SYS_pidfd_open, task, task == pid ? 0 : THREAD);
    if (process < 0)
        return -errno;
    int copy = (int)syscall(SYS_pidfd_getfd, process, fd, 0);
    int result = copy < 0 ? -errno : copy;
    close(process);
    return result;
}

bool socket_copies_are_harmless(void)
{
    bool harmless = true;
    char line[512];
    FILE *file = fopen("/proc/self/cgroup", "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (strstr(line, "net_cls") != NULL || strstr(line, "net_prio") != NULL)
            harmless = false;
    if (file != NULL)
        fclose(file);
    return harmless;
}
