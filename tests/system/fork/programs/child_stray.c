/*
 * child_stray: one thread hangs in connect(2), another closes its descriptor, as a watchdog does,
 * and makes a connection that is given the same number. Then the first connect fails. Tells what a
 * forked child finds at that number. For the guard to see, every port is a Redis port.
 */
#include "child_tools.h"

#include <netinet/tcp.h>
#include <pthread.h>

enum { ENOUGH_TO_FILL_A_BACKLOG_OF_NONE = 4 };

static struct sockaddr_in deaf;
static struct sockaddr_in open_to_all;

static void serve(struct sockaddr_in *address, int backlog)
{
    socklen_t length = sizeof *address;
    int fd = checked(socket(AF_INET, SOCK_STREAM, 0), "socket");
    address->sin_family = AF_INET;
    address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    checked(bind(fd, (struct sockaddr *)address, length), "bind");
    checked(listen(fd, backlog), "listen");
    checked(getsockname(fd, (struct sockaddr *)address, &length), "getsockname");
}

/* A full backlog makes the kernel drop whatever else arrives. */
static void fill_backlog(void)
{
    for (int i = 0; i < ENOUGH_TO_FILL_A_BACKLOG_OF_NONE; i++)
        connect_socket(ntohs(deaf.sin_port), SOCK_NONBLOCK);
}

static void *hang(void *fd)
{
    if (connect(*(int *)fd, (struct sockaddr *)&deaf, sizeof deaf) == 0 || errno != ETIMEDOUT)
        die("connect should have timed out");
    return NULL;
}

int main(void)
{
    pthread_t thread;
    serve(&deaf, 0);
    serve(&open_to_all, 1);
    fill_backlog();
    int fd = checked(socket(AF_INET, SOCK_STREAM, 0), "socket");
    int number = fd;
    pthread_create(&thread, NULL, hang, &number);
    while (!is_connecting(fd))
        usleep(1000);
    close(fd);
    if (connect_socket(ntohs(open_to_all.sin_port), 0) != fd)
        die("another number");
    pthread_join(thread, NULL);
    uint64_t cookie = cookie_of(fd);
    pid_t child = fork();
    if (child == 0) {
        dprintf(1, "child: %s\n", what_is_at(fd, cookie));
        _exit(0);
    }
    wait_for(child);
    return 0;
}
