/*
 * child_copies PORT: copies a socket in several ways, and a file, and only then connects it. Tells
 * what a forked child finds at each number.
 */
#include "child_tools.h"

int main(int argc, char *argv[])
{
    (void)argc;
    struct sockaddr_in peer = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[1]))};
    int fd = checked(socket(AF_INET, SOCK_STREAM, 0), "socket");
    int file = checked(open("/dev/null", O_RDWR), "open");
    int copies[] = {dup(fd), dup2(fd, 20), fcntl(fd, F_DUPFD, 1000)};
    int copy_of_file = dup(file);
    peer.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    checked(connect(fd, (struct sockaddr *)&peer, sizeof peer), "connect");
    uint64_t cookie = cookie_of(fd);
    pid_t child = fork();
    if (child == 0) {
        dprintf(1, "original: %s\n", what_is_at(fd, cookie));
        dprintf(1, "dup: %s\n", what_is_at(copies[0], cookie));
        dprintf(1, "dup2: %s\n", what_is_at(copies[1], cookie));
        dprintf(1, "F_DUPFD: %s\n", what_is_at(copies[2], cookie));
        dprintf(1, "file: %s\n", write(copy_of_file, "x", 1) == 1 ? "open" : "lost");
        _exit(0);
    }
    wait_for(child);
    return 0;
}
