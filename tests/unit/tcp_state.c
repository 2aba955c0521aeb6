/*
 * tcp_state.c: the tests of shim/lib/tcp_state.c on real sockets of the loopback. A peer that is
 * cut off needs a network to cut: tests/system/dead_peer/half_open.c.
 */
#include "tcp_state.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "unit.h"

static void pause_a_moment(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
}

Test(tcp_state, peer_of_fresh_connection_answers)
{
    struct connection connection = connect_on_loopback(AF_INET);
    cr_expect(carries(connection.client, connection.server, "ping"));
    cr_expect(carries(connection.server, connection.client, "pong"));
    cr_expect_eq(tcp_peer(connection.client), PEER_ANSWERS);
    cr_expect(tcp_is_connected(connection.client));
}

Test(tcp_state, peer_that_acknowledged_nothing_for_second_is_quiet, .timeout = 10)
{
    struct connection connection = connect_on_loopback(AF_INET);
    cr_expect_eq(tcp_peer(connection.client), PEER_ANSWERS);
    while (tcp_peer(connection.client) != PEER_QUIET)
        pause_a_moment();
}

Test(tcp_state, peer_that_has_closed_needs_nothing)
{
    struct connection connection = connect_on_loopback(AF_INET);
    char byte;
    close(connection.server);
    cr_expect_eq(read(connection.client, &byte, 1), 0);
    cr_expect_eq(tcp_peer(connection.client), PEER_ANSWERS);
    cr_expect_not(tcp_is_connected(connection.client));
}

Test(tcp_state, refused_connect_is_no_dead_connection)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int unheard = socket(AF_INET, SOCK_STREAM, 0);
    (void)bind(unheard, (struct sockaddr *)&address, sizeof address);
    getsockname(unheard, (struct sockaddr *)&address, &length);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    cr_assert_lt(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    cr_expect_eq(tcp_peer(fd), PEER_ANSWERS);
}

Test(tcp_state, only_tcp_sockets_have_peer)
{
    cr_expect_eq(tcp_peer(socket(AF_UNIX, SOCK_STREAM, 0)), PEER_NONE);
    cr_expect_eq(tcp_peer(socket(AF_INET, SOCK_DGRAM, 0)), PEER_NONE);
    cr_expect_eq(tcp_peer(open("/dev/null", O_RDWR)), PEER_NONE);
    cr_expect_eq(tcp_peer(-1), PEER_NONE);
    cr_expect_not(tcp_is_connected(open("/dev/null", O_RDWR)));
}
