/*
 * worker.c: see worker.h.
 */
#include "worker.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BACKLOG = 4096 };

static struct sockaddr_in address = {.sin_family = AF_INET};

int64_t nanoseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

int work(int64_t (*batch)(long count))
{
    char line[32];
    while (fgets(line, sizeof line, stdin) != NULL) {
        printf("%lld\n", (long long)batch(strtol(line, NULL, 10)));
        fflush(stdout);
    }
    return 0;
}

int checked(int result, const char *call)
{
    if (result >= 0)
        return result;
    perror(call);
    exit(1);
}

int listen_somewhere(void)
{
    const struct linger reset = {.l_onoff = 1, .l_linger = 0}; /* the accepted ones inherit it */
    socklen_t length = sizeof address;
    int fd = checked(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    checked(setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset), "SO_LINGER");
    checked(bind(fd, (struct sockaddr *)&address, length), "bind");
    checked(getsockname(fd, (struct sockaddr *)&address, &length), "getsockname");
    checked(listen(fd, BACKLOG), "listen");
    return fd;
}

int connect_to_listener(void)
{
    int fd = checked(socket(AF_INET, SOCK_STREAM, 0), "socket");
    checked(connect(fd, (struct sockaddr *)&address, sizeof address), "connect");
    return fd;
}

void start_peer(void)
{
    int listener = listen_somewhere();
    if (checked(fork(), "fork") > 0) {
        close(listener);
        return;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;)
        checked(accept(listener, NULL, NULL), "accept");
}
