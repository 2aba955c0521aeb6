/* A preload with a connect() of its own, as torsocks has one, that hands every call on. */
#undef _GNU_SOURCE /* with it glibc declares connect with a union in place of the pointer */
#define _DEFAULT_SOURCE 1

#include <stddef.h>
#include <sys/socket.h>

#define RTLD_NEXT ((void *)-1L)
void *dlsym(void *handle, const char *symbol);

int connect(int fd, const struct sockaddr *peer, socklen_t length)
{
    int (*next)(int, const struct sockaddr *, socklen_t);
    *(void **)(void *)&next = dlsym(RTLD_NEXT, "connect");
    return next(fd, peer, length);
}
