/*
 * namespaces.h: the network namespaces of the machine's processes. To enter another one needs
 * CAP_SYS_ADMIN; to see which one a process is in, the right to trace it (ptrace(2)).
 */
#ifndef REDISGUARD_TOOL_NAMESPACES_H
#define REDISGUARD_TOOL_NAMESPACES_H

#include <stddef.h>
#include <sys/types.h>

struct network_namespace {
    dev_t device;
    ino_t inode; /* which namespace */
    pid_t pid;   /* a process in it */
    int fd;      /* keeps it alive */
};

/* 0, or an errno: ENOENT, there is no such process. The caller closes fd. */
int namespace_of(pid_t pid, struct network_namespace *into);

/* Each namespace once, our own first. unseen: how many processes would not tell theirs. The caller
 * closes each fd and frees the list. */
struct network_namespace *namespaces_of_all(size_t *count, size_t *unseen);

/* Makes it the calling thread's; the one that we are in takes no right. Returns 0, or an errno. */
int namespace_enter(const struct network_namespace *namespace);

#endif
