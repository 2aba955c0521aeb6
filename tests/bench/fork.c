/*
 * fork MEGABYTES CONNECTIONS OTHERS [by-hand]: fork, _exit in the child, wait; in a process that
 * has written to so much memory, and has so many connections and so many other descriptors open.
 * by-hand: the child does what cutting them off takes at the least: one dead socket, and for each
 * connection the question whether it still is that socket, and dup3.
 */
#include "worker.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MEGABYTE = 1 << 20, SPARE_DESCRIPTORS = 64 };

static int connections;
static int first; /* the connections have consecutive numbers */
static bool by_hand;

static void cut_off_by_hand(void)
{
    int pair[2];
    checked(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), "socketpair");
    close(pair[1]);
    for (int fd = first; fd < first + connections; fd++) {
        uint64_t cookie = 0;
        socklen_t length = sizeof cookie;
        checked(getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &length), "SO_COOKIE");
        checked(dup3(pair[0], fd, O_CLOEXEC), "dup3");
    }
    close(pair[0]);
}

static int64_t batch(long count)
{
    int64_t start = nanoseconds();
    for (long i = 0; i < count; i++) {
        pid_t child = checked(fork(), "fork");
        if (child == 0) {
            if (by_hand)
                cut_off_by_hand();
            _exit(0);
        }
        checked(waitpid(child, NULL, 0), "waitpid");
    }
    return nanoseconds() - start;
}

/* How many other descriptors the limit of open files leaves room for. */
static int room_beside(int connections_wanted)
{
    struct rlimit limit;
    checked(getrlimit(RLIMIT_NOFILE, &limit), "getrlimit");
    limit.rlim_cur = limit.rlim_max;
    checked(setrlimit(RLIMIT_NOFILE, &limit), "setrlimit");
    rlim_t room = limit.rlim_max < INT_MAX ? limit.rlim_max : INT_MAX;
    return (int)room - connections_wanted - SPARE_DESCRIPTORS;
}

int main(int argc, char *argv[])
{
    if (argc < 4) {
        fputs("usage: fork MEGABYTES CONNECTIONS OTHERS [by-hand]\n", stderr);
        return 2;
    }
    size_t memory = (size_t)atol(argv[1]) * MEGABYTE;
    connections = atoi(argv[2]);
    int others = atoi(argv[3]);
    by_hand = argc > 4 && strcmp(argv[4], "by-hand") == 0;
    char *bytes = malloc(memory + 1);
    if (bytes == NULL)
        return 1;
    memset(bytes, 1, memory + 1);
    int room = room_beside(connections);
    others = others < room ? others : room;
    if (connections > 0)
        start_peer();
    for (int i = 0; i < others; i++)
        checked(open("/dev/null", O_RDONLY | O_CLOEXEC), "open");
    for (int i = 0; i < connections; i++) {
        int fd = connect_to_listener();
        first = i == 0 ? fd : first;
    }
    int status = work(batch);
    free(bytes);
    return status;
}
