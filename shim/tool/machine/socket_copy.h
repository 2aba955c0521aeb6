/*
 * socket_copy.h: a descriptor of our own for a socket of another process: pidfd_getfd(2),
 * Linux 5.6. What is set on the copy is set on the connection. The process is neither stopped nor
 * told.
 */
#ifndef REDISGUARD_TOOL_SOCKET_COPY_H
#define REDISGUARD_TOOL_SOCKET_COPY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* task: the thread through which its descriptors were seen; pid, as a rule. A pidfd, which is to be
 * closed, or -errno. */
int socket_copy_open(pid_t pid, pid_t task);

/* process: what socket_copy_open() returned, its error too. cookie: SO_COOKIE of the socket that is
 * meant. The copy, which is to be closed at once, or -errno: EPERM, we may not trace that process
 * (ptrace(2)); ENOENT, the number is another file's by now. */
int socket_copy(int process, int fd, uint64_t cookie);

/* Under cgroup v1 a copy would move the socket's traffic into our own class of net_cls. */
bool socket_copies_are_harmless(void);

#endif
