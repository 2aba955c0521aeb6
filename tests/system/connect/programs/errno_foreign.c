/*
 * errno_foreign DIRECTORY PORT: calls connect(2) to a Redis server's PORT on sockets that are
 * already something else: connected or connecting elsewhere, accepted, listening. Prints what came
 * back, which settings the socket has then, and whether a forked child still has it: it is not, and
 * never was, a connection to Redis.
 */
#include "errno_tools.h"

#include <netinet/tcp.h>

static const char *settings_of(int fd)
{
    int on = 0, idle = 0, timeout = 0;
    socklen_t length = sizeof(int);
    getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, &length);
    getsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, &length);
    getsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout, &length);
    return words("FD_CLOEXEC %d SO_KEEPALIVE %d TCP_KEEPIDLE %d TCP_USER_TIMEOUT %d",
                 fcntl(fd, F_GETFD), on, idle, timeout);
}

static uint64_t cookie_of(int fd)
{
    uint64_t cookie = 0;
    socklen_t length = sizeof cookie;
    getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &length);
    return cookie;
}

static const char *found_by_a_child(int fd)
{
    uint64_t cookie = cookie_of(fd);
    fflush(stdout);
    pid_t child = checked(fork(), "fork");
    if (child == 0)
        _exit(cookie_of(fd) == cookie ? 0 : 1);
    int status = 0;
    checked(waitpid(child, &status, 0), "waitpid");
    return status == 0 ? "has it" : "has lost it";
}

static void try_to_connect(const char *name, int fd, const struct sockaddr_in *redis)
{
    checked(fcntl(fd, F_SETFD, 0), "fcntl");
    TRY(name, connect(fd, (const struct sockaddr *)redis, sizeof *redis),
        words("%s, a child %s", settings_of(fd), found_by_a_child(fd)));
    discard(fd);
}

static int connecting_elsewhere(void)
{
    struct sockaddr_in full;
    full_listener(&full);
    int fd = checked(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), "socket");
    (void)connect(fd, (struct sockaddr *)&full, sizeof full);
    return fd;
}

/* The kernel has not yet been asked how that connect ended: the next one is told, whatever its
 * address (Linux, inet_stream_connect). */
static int just_connected_elsewhere(void)
{
    struct sockaddr_in address = own_address(other_end = listener(1));
    int fd = checked(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), "socket");
    (void)connect(fd, (struct sockaddr *)&address, sizeof address);
    wait_for_event(fd, POLLOUT);
    return fd;
}

int main(int argc, char *argv[])
{
    if (argc != 3)
        return 2;
    directory = argv[1];
    struct sockaddr_in redis = loopback(atoi(argv[2]));
    try_to_connect("connected elsewhere", make(CONNECTION), &redis);
    try_to_connect("accepted", make(ACCEPTED), &redis);
    try_to_connect("listening", make(LISTENER), &redis);
    try_to_connect("UDP", make(UDP_SOCKET), &redis);
    try_to_connect("socketpair", make(SOCKET_PAIR), &redis);
    try_to_connect("connecting elsewhere", connecting_elsewhere(), &redis);
    try_to_connect("just connected elsewhere", just_connected_elsewhere(), &redis);
    return EXIT_SUCCESS;
}
