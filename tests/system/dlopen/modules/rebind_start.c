/* A library that a program begins with: calls whatever setsockopt() comes first of all. */
#include <sys/socket.h>

int set_from_start(int fd, int level, int name, const void *value, socklen_t length);

int set_from_start(int fd, int level, int name, const void *value, socklen_t length)
{
    return setsockopt(fd, level, name, value, length);
}
