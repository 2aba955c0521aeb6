/* What a module of the rebind suite offers the program: libc's functions, as it is bound to them.
 */
#ifndef REDISGUARD_TESTS_REBIND_CALLS_H
#define REDISGUARD_TESTS_REBIND_CALLS_H

#include <sys/socket.h>
#include <sys/types.h>

struct calls {
    int (*connect)(int fd, const struct sockaddr *peer, socklen_t length);
    int (*setsockopt)(int fd, int level, int name, const void *value, socklen_t length);
    pid_t (*fork_no_handlers)(void); /* _Fork: what the pthread_atfork handler does not see */
    int (*dup)(int fd);
    int (*dup2)(int from, int to);
    int (*dup3)(int from, int to, int flags);
    int (*fcntl)(int fd, int command, ...);
    void *(*dlopen)(const char *file, int mode);
    pid_t (*getppid)(void); /* not hooked, and not called before it is asked for */
};

#ifndef REBIND_CALLS_ARE
#define REBIND_CALLS_ARE const
#endif
extern REBIND_CALLS_ARE struct calls rebind_calls;

#endif
