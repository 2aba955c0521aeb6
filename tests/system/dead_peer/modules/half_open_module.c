/*
 * A module that lets go of a connection, and asks whether one has come about, by calls of its own.
 * Loaded with RTLD_DEEPBIND they bypass a preload, unless it rebinds them: it does since the module
 * sets an option too, as clients do.
 */
#include <sys/socket.h>
#include <unistd.h>

int let_go_of(int fd);
int error_of(int fd);

int let_go_of(int fd)
{
    const struct linger no = {0, 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &no, sizeof no);
    return close(fd);
}

int error_of(int fd)
{
    int error = 0;
    socklen_t length = sizeof error;
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0 ? -1 : error;
}
