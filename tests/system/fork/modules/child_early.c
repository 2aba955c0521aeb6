/*
 * A library whose constructor connects to Redis, on EARLY_PORT, and forks: loaded in such a way
 * that it runs before the guard's own constructor has. Prints what parent and child find.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static uint64_t cookie_of(int fd)
{
    uint64_t cookie = 0;
    socklen_t length = sizeof cookie;
    getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &length);
    return cookie;
}

static int connect_early(const char *port)
{
    struct sockaddr_in peer = {.sin_family = AF_INET,
                               .sin_port = htons((uint16_t)atoi(port)),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr *)&peer, sizeof peer) < 0)
        dprintf(1, "early: not connected\n");
    return fd;
}

__attribute__((constructor)) static void connect_and_fork(void)
{
    const char *port = getenv("EARLY_PORT");
    if (port == NULL)
        return;
    char reply[7] = "";
    int fd = connect_early(port);
    uint64_t cookie = cookie_of(fd);
    pid_t child = fork();
    if (child == 0) {
        dprintf(1, "early child: %s\n", cookie_of(fd) == cookie ? "shared" : "cut off");
        _exit(0);
    }
    int status = 1;
    if (waitpid(child, &status, 0) < 0 || status != 0)
        dprintf(1, "early child: crashed\n");
    if (write(fd, "PING\r\n", 6) == 6 && read(fd, reply, 5) == 5)
        dprintf(1, "early parent: %s\n", reply);
}
