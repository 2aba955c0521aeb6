/*
 * errno_connect DIRECTORY: connect(2) on every kind of descriptor and with every error that a
 * program can bring about on loopback. Prints a line for each, with the state that the socket is
 * left in.
 */
#include "errno_tools.h"

#include <netinet/tcp.h>

/* Connected, connecting or nothing, and what waits in SO_ERROR. */
static const char *state_of(int fd)
{
    struct sockaddr_storage peer;
    struct tcp_info info = {0};
    int error = 0;
    socklen_t peer_length = sizeof peer, info_length = sizeof info, error_length = sizeof error;
    bool has_peer = getpeername(fd, (struct sockaddr *)&peer, &peer_length) == 0;
    bool is_tcp = getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &info_length) == 0;
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &error_length);
    return words("peer %d state %d SO_ERROR %s", has_peer, is_tcp ? info.tcpi_state : -1,
                 strerrorname_np(error));
}

static void try_in(const char *name, int fd, const struct sockaddr_in *peer)
{
    TRY(name, connect(fd, (const struct sockaddr *)peer, sizeof *peer), state_of(fd));
}

static void try_un(const char *name, int type, const char *path)
{
    struct sockaddr_un address = unix_address(path);
    int fd = checked(socket(AF_UNIX, type | SOCK_NONBLOCK, 0), "socket");
    TRY(name, connect(fd, (struct sockaddr *)&address, sizeof address), state_of(fd));
    close(fd);
}

static int tcp_socket(int flags)
{
    return checked(socket(AF_INET, SOCK_STREAM | flags, 0), "socket");
}

/* ---- every kind ---- */

static void try_kinds(void)
{
    int server = listener(64);
    struct sockaddr_in address = own_address(server);
    for (int kind = 0; kind < KINDS; kind++) {
        int fd = make((enum kind)kind);
        try_in(words("%s, TCP address", kind_names[kind]), fd, &address);
        discard(fd);
        fd = make((enum kind)kind);
        struct sockaddr_in none = {.sin_family = AF_UNSPEC};
        try_in(words("%s, AF_UNSPEC", kind_names[kind]), fd, &none);
        discard(fd);
        fd = make((enum kind)kind);
        struct sockaddr_un un = unix_address(path_of("redis.sock"));
        TRY(words("%s, Unix address", kind_names[kind]),
            connect(fd, (struct sockaddr *)&un, sizeof un), state_of(fd));
        discard(fd);
    }
    close(server);
}

/* ---- a socket that is connected, or is about to be ---- */

/* There is no event for it: loopback need not have delivered the peer's ACK by then. */
static void wait_for_the_ack_of_the_fin(int fd)
{
    struct tcp_info info = {.tcpi_state = TCP_FIN_WAIT1};
    socklen_t length = sizeof info;
    for (int i = 0; info.tcpi_state == TCP_FIN_WAIT1 && i < 20000; i++) {
        usleep(1000);
        checked(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length), "TCP_INFO");
    }
}

static void try_repeated(void)
{
    int server = listener(8);
    struct sockaddr_in address = own_address(server);
    struct sockaddr_in none = {.sin_family = AF_UNSPEC};
    int fd = tcp_socket(0);
    try_in("first", fd, &address);
    try_in("second", fd, &address);
    try_in("disconnect", fd, &none);
    try_in("after the disconnect", fd, &address);
    shutdown(fd, SHUT_RDWR);
    wait_for_the_ack_of_the_fin(fd);
    try_in("after shutdown", fd, &address);
    close(fd);
    close(server);
}

static void try_refused(void)
{
    int silent = bound_socket(SOCK_STREAM);
    struct sockaddr_in address = own_address(silent);
    int fd = tcp_socket(0);
    try_in("refused", fd, &address);
    try_in("refused again", fd, &address);
    close(fd);
    fd = tcp_socket(SOCK_NONBLOCK);
    TRY("refused, non-blocking", connect(fd, (struct sockaddr *)&address, sizeof address), "");
    wait_for_event(fd, POLLOUT);
    try_in("refused, non-blocking, again", fd, &address);
    TRY("refused, non-blocking, and again",
        connect(fd, (struct sockaddr *)&address, sizeof address),
        (wait_for_event(fd, POLLOUT), state_of(fd)));
    close(fd);
    close(silent);
}

static void try_connecting(void)
{
    struct sockaddr_in full, none = {.sin_family = AF_UNSPEC};
    int server = full_listener(&full);
    int fd = tcp_socket(SOCK_NONBLOCK);
    try_in("in the making", fd, &full);
    try_in("in the making, again", fd, &full);
    try_in("in the making, disconnect", fd, &none);
    close(fd);
    fd = tcp_socket(0);
    interrupt_soon();
    try_in("interrupted", fd, &full);
    no_more_interruptions();
    close(fd);
    close(server);
}

/* Only SYN is sent again, and once: a few seconds. Until then the rest of the table goes on. */
static int begin_to_time_out(struct sockaddr_in *full)
{
    int once = 1, timeout = 1500;
    full_listener(full);
    int fd = tcp_socket(SOCK_NONBLOCK);
    checked(setsockopt(fd, IPPROTO_TCP, TCP_SYNCNT, &once, sizeof once), "TCP_SYNCNT");
    checked(setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout, sizeof timeout), "TIMEOUT");
    (void)connect(fd, (struct sockaddr *)full, sizeof *full);
    return fd;
}

/* ---- addresses ---- */

static void try_families(void)
{
    static const sa_family_t families[] = {AF_UNIX, AF_INET6, AF_NETLINK, 77, 65535};
    int server = listener(8);
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++) {
        struct sockaddr_in address = own_address(server);
        address.sin_family = families[i];
        int fd = tcp_socket(0);
        try_in(words("family %d on an IPv4 socket", families[i]), fd, &address);
        close(fd);
        fd = checked(socket(AF_INET6, SOCK_STREAM, 0), "socket");
        try_in(words("family %d on an IPv6 socket", families[i]), fd, &address);
        close(fd);
    }
    close(server);
}

/* 127.255.255.255 is the broadcast address of loopback: whatever is sent there stays here. */
static void try_broadcast(void)
{
    struct sockaddr_in everybody = loopback(6379);
    everybody.sin_addr.s_addr = htonl(0x7fffffff);
    int tcp = tcp_socket(0);
    int udp = make(UDP_SOCKET);
    try_in("broadcast, TCP", tcp, &everybody);
    try_in("broadcast, UDP", udp, &everybody);
    close(tcp);
    close(udp);
}

static int socket_at(const struct sockaddr_in *address)
{
    int on = 1;
    int fd = tcp_socket(0);
    checked(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), "SO_REUSEADDR");
    checked(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on), "SO_REUSEPORT");
    checked(bind(fd, (const struct sockaddr *)address, sizeof *address), "bind");
    return fd;
}

static void try_the_same_four_numbers(void)
{
    struct sockaddr_in any = loopback(0);
    int server = listener(8);
    struct sockaddr_in address = own_address(server);
    int one = socket_at(&any);
    struct sockaddr_in here = own_address(one);
    int two = socket_at(&here);
    try_in("from a port", one, &address);
    try_in("from the same port to the same server", two, &address);
    close(one);
    close(two);
    close(server);
}

static void try_unix(void)
{
    const char *path = path_of("redis.sock");
    try_un("Unix, no such path", SOCK_STREAM, path_of("no redis.sock"));
    try_un("Unix, through a file", SOCK_STREAM, words("%s/redis.sock", path));
    try_un("Unix, path too long", SOCK_STREAM, words("%s%0200d", path, 0));
    int server = unix_listener(path, 0);
    try_un("Unix, first", SOCK_STREAM, path);
    try_un("Unix, another type", SOCK_DGRAM, path);
    try_un("Unix, packets", SOCK_SEQPACKET, path);
    for (int i = 0; i < 3; i++)
        try_un("Unix, queue", SOCK_STREAM, path);
    close(server);
    try_un("Unix, nobody listens", SOCK_STREAM, path);
    close(checked(open(path_of("redis-file.sock"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600), "open"));
    try_un("Unix, a file", SOCK_STREAM, path_of("redis-file.sock"));
}

static void try_forbidden(void)
{
    const char *path = path_of("redis.sock");
    int server = unix_listener(path, 4);
    checked(chmod(path, 0), "chmod");
    become_nobody();
    try_un("Unix, forbidden", SOCK_STREAM, path);
    close(server);
}

int main(int argc, char *argv[])
{
    struct sockaddr_in full;
    if (argc != 2)
        return 2;
    directory = argv[1];
    setvbuf(stdout, NULL, _IOLBF, 0); /* a crash must show how far it came */
    int slow = begin_to_time_out(&full);
    try_kinds();
    try_repeated();
    try_refused();
    try_connecting();
    try_families();
    try_broadcast();
    try_the_same_four_numbers();
    try_unix();
    apart(try_forbidden);
    wait_for_event(slow, POLLOUT);
    try_in("timed out", slow, &full);
    return EXIT_SUCCESS;
}
