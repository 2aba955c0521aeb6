/*
 * next.h: the next definition of every hooked symbol: what the program would have called without
 * the guard, another preload's hook or libc's own function.
 *
 * Resolved by the constructor; where another library's constructor calls a hook before ours has
 * run, at that moment. Called by the hooks and rebind.c.
 */
#ifndef NEXT_H
#define NEXT_H

#include <sys/socket.h>
#include <sys/types.h>

struct next {
    int (*connect)(int fd, const struct sockaddr *peer, socklen_t length);
    int (*setsockopt)(int fd, int level, int name, const void *value, socklen_t length);
    pid_t (*fork)(void);
    pid_t (*fork_only)(void); /* _Fork: NULL before glibc 2.34 and musl 1.2.3 */
    int (*dup)(int fd);
    int (*dup2)(int from, int to);
    int (*dup3)(int from, int to, int flags);
    int (*fcntl)(int fd, int command, ...);
    int (*fcntl64)(int fd, int command, ...);
    int (*daemon)(int nochdir, int noclose);
    void *(*dlopen)(const char *file, int mode);
};

const struct next *next(void);

/* Resolves them all, for the constructor. */
void next_start(void);

/* What it returns. For a hook that has no instruction to spare: an entry is NULL until resolved. */
extern struct next next_table;

#endif
