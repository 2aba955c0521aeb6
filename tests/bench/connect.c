/*
 * connect [by-hand]: socket, connect over loopback, close. by-hand: with the very calls that the
 * guard would make for a guarded connection, made by the program itself.
 */
#include "worker.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { AT_A_TIME = 100 }; /* as many wait in the backlog, to be accepted when no clock runs */

static int listener;
static struct sockaddr_in address;
static bool by_hand;

static void set(int fd, int level, int name, int value)
{
    checked(setsockopt(fd, level, name, &value, sizeof value), "setsockopt");
}

static void guard_by_hand(int fd)
{
    uint64_t cookie = 0;
    unsigned char state = 0;
    socklen_t state_length = sizeof state;
    socklen_t cookie_length = sizeof cookie;
    syscall(SYS_rt_sigprocmask, -1, &address, NULL, sizeof cookie);
    checked(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &state, &state_length), "TCP_INFO");
    set(fd, IPPROTO_TCP, TCP_KEEPIDLE, 30);
    set(fd, IPPROTO_TCP, TCP_KEEPINTVL, 5);
    set(fd, IPPROTO_TCP, TCP_KEEPCNT, 3);
    set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, 45000);
    set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    checked(fcntl(fd, F_SETFD, FD_CLOEXEC), "F_SETFD");
    checked(getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &cookie_length), "SO_COOKIE");
}

static int64_t batch(long count)
{
    int64_t sum = 0;
    for (long done = 0; done < count;) {
        long now = count - done < AT_A_TIME ? count - done : AT_A_TIME;
        int64_t start = nanoseconds();
        for (long i = 0; i < now; i++) {
            int fd = checked(socket(AF_INET, SOCK_STREAM, 0), "socket");
            if (by_hand)
                guard_by_hand(fd);
            checked(connect(fd, (struct sockaddr *)&address, sizeof address), "connect");
            close(fd);
        }
        sum += nanoseconds() - start;
        for (long i = 0; i < now; i++)
            close(checked(accept(listener, NULL, NULL), "accept"));
        done += now;
    }
    return sum;
}

int main(int argc, char *argv[])
{
    socklen_t length = sizeof address;
    listener = listen_somewhere();
    checked(getsockname(listener, (struct sockaddr *)&address, &length), "getsockname");
    by_hand = argc > 1 && strcmp(argv[1], "by-hand") == 0;
    return work(batch);
}
