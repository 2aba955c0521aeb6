/*
 * option nodelay|keepalive: setsockopt on a socket that is not guarded, of an option that the guard
 * has nothing to do with, or of one that it would defend on a connection to Redis.
 */
#include "worker.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

static int fd, level, name;

static int64_t batch(long count)
{
    const int off = 0;
    int64_t start = nanoseconds();
    for (long i = 0; i < count; i++)
        setsockopt(fd, level, name, &off, sizeof off);
    return nanoseconds() - start;
}

int main(int argc, char *argv[])
{
    bool keepalive = argc > 1 && strcmp(argv[1], "keepalive") == 0;
    level = keepalive ? SOL_SOCKET : IPPROTO_TCP;
    name = keepalive ? SO_KEEPALIVE : TCP_NODELAY;
    fd = checked(socket(AF_INET, SOCK_STREAM, 0), "socket");
    return work(batch);
}
