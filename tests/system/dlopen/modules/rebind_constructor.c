/*
 * A module whose constructor does, while dlopen() runs, all that the guard wants to know of: once
 * by itself, where no preload sees it, and once through hiredis, which the program has loaded.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static void do_it_all(int port)
{
    int on = 1;
    struct sockaddr_in peer = {.sin_family = AF_INET,
                               .sin_port = htons((uint16_t)port),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr *)&peer, sizeof peer) < 0)
        abort();
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    close(dup(fd));
    close(fcntl(fd, F_DUPFD_CLOEXEC, 0));
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    if (waitpid(child, NULL, 0) < 0)
        abort();
}

__attribute__((constructor)) static void construct(void)
{
    const char *port = getenv("CONSTRUCTOR_PORT");
    if (port == NULL)
        return;
    redisContext *context = redisConnect("127.0.0.1", atoi(port));
    if (context == NULL || context->err != 0)
        abort();
    do_it_all(atoi(port));
    redisFree(context);
}
