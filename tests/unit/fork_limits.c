/*
 * fork_limits.c: the tests of shim/lib/fork.c in a child that may not open another descriptor, or
 * not make a socket pair: it must be cut off from the parent's connection all the same.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fork.h"
#include "registry.h"
#include "unit.h"

enum { LIMIT = 100, CONNECTIONS = 3 };

struct connections {
    int count;
    struct connection of[CONNECTIONS];
};

/* At numbers of which the highest is the last one below the limit. */
static struct connections recorded_connections(int count)
{
    struct connections made = {.count = count};
    for (int i = 0; i < count; i++) {
        struct endpoint endpoint = endpoint_numbered(1);
        struct connection connection = connect_on_loopback(AF_INET);
        made.of[i].client = dup2(connection.client, LIMIT - 1 - 7 * i);
        made.of[i].server = connection.server;
        close(connection.client);
        cr_assert(registry_record(made.of[i].client, registry_recorded(made.of[i].client),
                                  registry_identify(made.of[i].client), &endpoint));
    }
    return made;
}

static void expect_nothing_to_read_or_write(const struct connections *all)
{
    for (int i = 0; i < all->count; i++) {
        char byte;
        int fd = all->of[i].client;
        errno = 0;
        EXPECT(recv(fd, &byte, 1, MSG_DONTWAIT) <= 0 && errno != EAGAIN);
        EXPECT(write(fd, "x", 1) == -1);
        EXPECT(!is_open(fd) || fcntl(fd, F_GETFD) == FD_CLOEXEC);
    }
    EXPECT(registry_next(-1) == -1);
}

static void expect_closed_by_the_server(const struct connections *all)
{
    for (int i = 0; i < all->count; i++) {
        char byte;
        int fd = all->of[i].client;
        EXPECT(recv(fd, &byte, 1, MSG_DONTWAIT) == 0);
        EXPECT(write(fd, "x", 1) == -1 && errno == EPIPE);
        EXPECT(fcntl(fd, F_GETFD) == FD_CLOEXEC);
    }
    expect_nothing_to_read_or_write(all);
}

static void expect_the_parents_to_work(const struct connections *all)
{
    for (int i = 0; i < all->count; i++) {
        cr_expect(registry_holds(all->of[i].client, NULL));
        cr_expect(carries(all->of[i].client, all->of[i].server, "PING"));
        cr_expect(carries(all->of[i].server, all->of[i].client, "+PONG"));
    }
}

/* Nothing came and nothing went: the child is at its limit as before, every number still taken. */
static void sever_at_the_limit(void)
{
    struct rlimit before;
    struct rlimit after;
    getrlimit(RLIMIT_NOFILE, &before);
    take_every_descriptor();
    int open_before = open_descriptors();
    fork_sever();
    EXPECT(open_descriptors() == open_before);
    EXPECT(dup(STDIN_FILENO) == -1 && errno == EMFILE);
    getrlimit(RLIMIT_NOFILE, &after);
    EXPECT(before.rlim_cur == after.rlim_cur && before.rlim_max == after.rlim_max);
}

static void cut_at_the_soft_limit(void *connections)
{
    limit_descriptors(LIMIT, LIMIT + 2);
    sever_at_the_limit();
    expect_closed_by_the_server(connections);
}

Test(fork, child_at_soft_limit_is_cut_off)
{
    for (int count = 1; count <= CONNECTIONS; count++) {
        struct connections all = recorded_connections(count);
        in_child(cut_at_the_soft_limit, &all);
        expect_the_parents_to_work(&all);
    }
}

static void cut_at_the_hard_limit(void *connections)
{
    limit_descriptors(LIMIT, LIMIT);
    sever_at_the_limit();
    expect_closed_by_the_server(connections);
}

Test(fork, child_at_hard_limit_with_several_connections_is_cut_off)
{
    for (int count = 2; count <= CONNECTIONS; count++) {
        struct connections all = recorded_connections(count);
        in_child(cut_at_the_hard_limit, &all);
        expect_the_parents_to_work(&all);
    }
}

/* A hard limit with one number to spare is no room for a pair either. */
static void cut_one_below_the_hard_limit(void *connections)
{
    limit_descriptors(LIMIT, LIMIT + 1);
    sever_at_the_limit();
    expect_nothing_to_read_or_write(connections);
}

static void cut_with_room_for_one(void *connections)
{
    limit_descriptors(LIMIT, LIMIT);
    sever_at_the_limit();
    expect_nothing_to_read_or_write(connections);
}

static void cut_at_zero_with_room_for_one(void *connections)
{
    struct connection *connection = &((struct connections *)connections)->of[0];
    registry_adopt();
    dup2(connection->client, 0);
    registry_copy(connection->client, 0);
    registry_forget(connection->client, registry_identify(connection->client));
    close(connection->client);
    connection->client = 0;
    cut_with_room_for_one(connections);
}

Test(fork, child_at_hard_limit_with_one_connection_keeps_its_number)
{
    struct connections all = recorded_connections(1);
    in_child(cut_with_room_for_one, &all);
    in_child(cut_at_zero_with_room_for_one, &all);
    in_child(cut_one_below_the_hard_limit, &all);
    expect_the_parents_to_work(&all);
}

/* The limit is below the connections' numbers: they can be closed, but nothing put in their place.
 */
static void cut_above_the_limit(void *connections)
{
    const struct connections *all = connections;
    limit_descriptors(LIMIT / 2, LIMIT / 2);
    take_every_descriptor();
    fork_sever();
    expect_nothing_to_read_or_write(all);
}

Test(fork, child_with_limit_below_its_connections_is_cut_off)
{
    for (int count = 1; count <= CONNECTIONS; count++) {
        struct connections all = recorded_connections(count);
        in_child(cut_above_the_limit, &all);
        expect_the_parents_to_work(&all);
    }
}

static void cut_without_socket_pairs(void *connections)
{
    refuse_call(SYS_socketpair, EPERM);
    int open_before = open_descriptors();
    fork_sever();
    EXPECT(open_descriptors() == open_before);
    expect_nothing_to_read_or_write(connections);
}

Test(fork, child_keeps_numbers_where_sandbox_refuses_socketpair)
{
    for (int count = 1; count <= CONNECTIONS; count++) {
        struct connections all = recorded_connections(count);
        in_child(cut_without_socket_pairs, &all);
        expect_the_parents_to_work(&all);
    }
}

/* What is put in its place then may swallow writes, but none of them reaches the parent's server.
 */
static void cut_without_any_sockets(void *connections)
{
    const struct connections *all = connections;
    refuse_call(SYS_socketpair, EAFNOSUPPORT);
    refuse_call(SYS_socket, EAFNOSUPPORT);
    limit_descriptors(LIMIT, LIMIT);
    take_every_descriptor();
    int open_before = open_descriptors();
    fork_sever();
    EXPECT(open_descriptors() == open_before);
    EXPECT(registry_next(-1) == -1);
    for (int i = 0; i < all->count; i++) {
        char byte;
        EXPECT(read(all->of[i].client, &byte, 1) == 0);
        EXPECT(fcntl(all->of[i].client, F_GETFD) == FD_CLOEXEC);
    }
}

Test(fork, child_keeps_numbers_where_sandbox_refuses_every_socket)
{
    for (int count = 1; count <= CONNECTIONS; count++) {
        struct connections all = recorded_connections(count);
        in_child(cut_without_any_sockets, &all);
        expect_the_parents_to_work(&all);
    }
}

static void cut_without_anything(void *connections)
{
    refuse_call(SYS_socketpair, EPERM);
    refuse_call(SYS_socket, EPERM);
    refuse_call(SYS_openat, EPERM);
    fork_sever();
    expect_nothing_to_read_or_write(connections);
}

Test(fork, child_is_cut_off_where_sandbox_refuses_new_descriptors)
{
    struct connections all = recorded_connections(2);
    in_child(cut_without_anything, &all);
    expect_the_parents_to_work(&all);
}

static void cut_without_raising_the_limit(void *connections)
{
    limit_descriptors(LIMIT, LIMIT + 2);
    take_every_descriptor();
    refuse_call(SYS_prlimit64, EPERM);
    fork_sever();
    expect_nothing_to_read_or_write(connections);
}

Test(fork, child_at_soft_limit_is_cut_off_where_sandbox_refuses_setrlimit)
{
    struct connections all = recorded_connections(1);
    in_child(cut_without_raising_the_limit, &all);
    expect_the_parents_to_work(&all);
}

static void log_at_the_hard_limit(void *capture)
{
    limit_descriptors(LIMIT, LIMIT);
    take_every_descriptor();
    fork_sever();
    EXPECT(strstr(captured(*(int *)capture),
                  "] warn: socketpair: EMFILE; connections are cut off with "
                  "another socket\n") != NULL);
}

Test(fork, log_warns_of_child_without_room_for_dead_socket)
{
    int capture = start_log("stderr");
    recorded_connections(1);
    in_child(log_at_the_hard_limit, &capture);
}

static void cut_without_dup(void *connections)
{
    refuse_call(SYS_dup3, EPERM);
    fork_sever();
    expect_nothing_to_read_or_write(connections);
}

Test(fork, child_is_cut_off_where_sandbox_refuses_dup3)
{
    struct connections all = recorded_connections(2);
    in_child(cut_without_dup, &all);
    expect_the_parents_to_work(&all);
}
