/*
 * child_connecting HOW PORT: forks while its connection is still in the making, with a copy of the
 * descriptor, and tells what the child finds. After a line on standard input the parent waits for
 * the connection and uses it. HOW: "nonblocking", or "blocking" in another thread.
 */
#include "child_tools.h"

#include <netinet/tcp.h>
#include <pthread.h>

static struct sockaddr_in peer = {.sin_family = AF_INET};

static void *connect_at(void *fd)
{
    if (connect(*(int *)fd, (struct sockaddr *)&peer, sizeof peer) < 0 && errno != EINPROGRESS)
        die("connect");
    return NULL;
}

/* No event tells that a thread has come as far as that. */
static void connect_in_another_thread(int *fd)
{
    pthread_t thread;
    pthread_create(&thread, NULL, connect_at, fd);
    while (!is_connecting(*fd))
        usleep(1000);
}

static void converse(int fd)
{
    char reply[8] = "";
    struct pollfd watched = {.fd = fd, .events = POLLOUT};
    checked(poll(&watched, 1, -1), "poll");
    checked((int)write(fd, "PING\r\n", 6), "write");
    watched.events = POLLIN;
    checked(poll(&watched, 1, -1), "poll");
    checked((int)read(fd, reply, 5), "read");
    dprintf(1, "parent: %s\n", reply);
}

int main(int argc, char *argv[])
{
    (void)argc;
    bool blocking = strcmp(argv[1], "blocking") == 0;
    int fd = checked(socket(AF_INET, SOCK_STREAM | (blocking ? 0 : SOCK_NONBLOCK), 0), "socket");
    peer.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    peer.sin_port = htons((uint16_t)atoi(argv[2]));
    if (blocking)
        connect_in_another_thread(&fd);
    else
        connect_at(&fd);
    int copy = checked(dup(fd), "dup");
    uint64_t cookie = cookie_of(fd);
    pid_t child = fork();
    if (child == 0) {
        dprintf(1, "original: %s\n", what_is_at(fd, cookie));
        dprintf(1, "copy: %s\n", what_is_at(copy, cookie));
        _exit(0);
    }
    wait_for(child);
    dprintf(1, "forked\n");
    char line[8];
    checked((int)read(0, line, sizeof line), "read");
    converse(fd);
    return 0;
}
