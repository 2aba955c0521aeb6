/* Calls the connect() of its dependency, modules/rebind_private.c, and libc's setsockopt(). */
#include <sys/types.h>

int connect(int wire);
int setsockopt(int fd, int level, int name, const void *value, unsigned length);
int call_private_connect(int wire);
int call_setsockopt(int fd, int level, int name, const void *value, unsigned length);

int call_private_connect(int wire)
{
    return connect(wire);
}

int call_setsockopt(int fd, int level, int name, const void *value, unsigned length)
{
    return setsockopt(fd, level, name, value, length);
}
