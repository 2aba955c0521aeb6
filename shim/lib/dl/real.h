/*
 * real.h: the real functions: what the program would have called without the guard, another
 * preload's hook or libc's own function.
 *
 * Resolved by the constructor; where another library's constructor calls a hook before ours has
 * run, at that moment. Called by the hooks and by lib/dl.
 */
#ifndef REAL_H
#define REAL_H

#include <sys/socket.h>
#include <sys/types.h>

struct real {
    int (*connect)(int fd, const struct sockaddr *peer, socklen_t length);
    int (*setsockopt)(int fd, int level, int name, const void *value, socklen_t length);
    int (*getsockopt)(int fd, int level, int name, void *value, socklen_t *length);
    int (*close)(int fd);
    pid_t (*fork)(void);
    int (*dup)(int fd);
    int (*dup2)(int from, int to);
    int (*dup3)(int from, int to, int flags);
    int (*fcntl)(int fd, int command, ...);
    int (*daemon)(int nochdir, int noclose);
    /* Not in every libc: */
    int (*fcntl64)(int fd, int command, ...);    /* fcntl before glibc 2.28 and in musl */
    pid_t (*fork_no_handlers)(void);             /* _Fork: since glibc 2.34 and musl 1.2.3 */
    void *(*dlopen)(const char *file, int mode); /* in libdl.so.2 before glibc 2.34 */
};

const struct real *real_functions(void);

/* Resolves them all, for the constructor, whose first write it is: a read before would be one page
 * fault more. */
void real_start(void);

/* What it returns. For the close hook, which has no instruction to spare: an entry is NULL until it
 * is resolved. */
extern struct real real_table;

#endif
