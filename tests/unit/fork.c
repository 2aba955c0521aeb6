/*
 * fork.c: the tests of shim/lib/fork.c: real connections on the loopback, real forks. A child calls
 * fork_sever as the fork handler of the library would.
 */
#include "fork.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "config.h"
#include "log.h"
#include "registry.h"
#include "unit.h"

static void default_environment(void)
{
    configure(WORDS(NULL));
}

TestSuite(fork, .init = default_environment, .timeout = 10);

static struct connection recorded_connection(void)
{
    struct connection made = connect_on_loopback(AF_INET);
    struct endpoint endpoint = {.family = AF_INET, .port = 6379, .address = {127, 0, 0, 1}};
    cr_assert(registry_record(made.client, registry_recorded(made.client),
                              registry_identify(made.client), &endpoint));
    return made;
}

/* What a client sees of a connection that its server has closed; a SIGPIPE would end the child. */
static void expect_closed_by_the_server(int fd)
{
    char byte;
    struct pollfd event = {.fd = fd, .events = POLLIN};
    EXPECT(fcntl(fd, F_GETFD) == FD_CLOEXEC);
    EXPECT(poll(&event, 1, 0) == 1 && (event.revents & POLLIN) != 0);
    EXPECT(read(fd, &byte, 1) == 0);
    EXPECT(recv(fd, &byte, 1, 0) == 0);
    EXPECT(write(fd, "x", 1) == -1 && errno == EPIPE);
    EXPECT(send(fd, "x", 1, 0) == -1 && errno == EPIPE);
}

static void expect_cut(void *connection)
{
    int fd = ((struct connection *)connection)->client;
    int open_before = open_descriptors();
    fork_sever();
    expect_closed_by_the_server(fd);
    EXPECT(open_descriptors() == open_before);
    EXPECT(!registry_may_hold(fd));
    EXPECT(registry_next(-1) == -1);
}

Test(fork, child_reads_eof_and_writes_epipe_on_inherited_connection)
{
    struct connection connection = recorded_connection();
    in_child(expect_cut, &connection);
}

Test(fork, parents_connection_sees_nothing_of_child)
{
    struct connection connection = recorded_connection();
    in_child(expect_cut, &connection);
    cr_expect(registry_holds(connection.client, NULL));
    cr_expect(carries(connection.client, connection.server, "PING"));
    cr_expect(carries(connection.server, connection.client, "+PONG"));
}

static void expect_cut_every_one(void *connections)
{
    struct connection *connection = connections;
    int open_before = open_descriptors();
    fork_sever();
    for (int i = 0; i < 40; i++)
        expect_closed_by_the_server(connection[i].client);
    EXPECT(open_descriptors() == open_before);
    EXPECT(registry_next(-1) == -1);
}

Test(fork, every_one_of_many_connections_is_cut)
{
    struct connection connections[40];
    for (size_t i = 0; i < COUNT(connections); i++)
        connections[i] = recorded_connection();
    in_child(expect_cut_every_one, connections);
    for (size_t i = 0; i < COUNT(connections); i++)
        cr_expect(carries(connections[i].client, connections[i].server, "PING"));
}

/* A connection that a child has opened itself. */
static struct connection own_connection(void)
{
    int pair[2];
    struct endpoint endpoint = endpoint_numbered(1);
    EXPECT(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    EXPECT(registry_record(pair[0], registry_recorded(pair[0]), registry_identify(pair[0]),
                           &endpoint));
    return (struct connection){.client = pair[0], .server = pair[1]};
}

static void expect_cut_in_the_grandchild(void *unused)
{
    (void)unused;
    fork_sever();
    struct connection own = own_connection();
    in_child(expect_cut, &own);
    EXPECT(carries(own.client, own.server, "PING"));
}

Test(fork, childs_own_connection_is_cut_in_its_child_in_turn)
{
    recorded_connection();
    in_child(expect_cut_in_the_grandchild, NULL);
}

struct bystanders {
    int ends[2];              /* a pipe */
    struct connection other;  /* not on record */
    struct connection closed; /* on record, but its number is a file by now */
    int file;
};

static void expect_bystanders_untouched(void *argument)
{
    struct bystanders *all = argument;
    char byte;
    fork_sever();
    EXPECT(write(all->ends[1], "x", 1) == 1 && read(all->ends[0], &byte, 1) == 1);
    EXPECT(carries(all->other.client, all->other.server, "PING"));
    EXPECT(write(all->closed.client, "line\n", 5) == 5);
    EXPECT(strcmp(captured(all->file), "line\n") == 0);
    EXPECT(!registry_may_hold(all->closed.client));
}

Test(fork, child_keeps_unrecorded_and_stale_descriptors)
{
    struct bystanders all = {.other = connect_on_loopback(AF_INET), .file = open_capture()};
    cr_assert_eq(pipe(all.ends), 0);
    all.closed = recorded_connection();
    recorded_connection();
    cr_assert_eq(dup2(all.file, all.closed.client), all.closed.client);
    in_child(expect_bystanders_untouched, &all);
}

static void expect_copies_to_be_cut(void *connection)
{
    struct connection *copies = connection;
    fork_sever();
    expect_closed_by_the_server(copies->client);
    expect_closed_by_the_server(copies->server);
}

Test(fork, both_descriptors_of_one_connection_are_cut)
{
    struct connection connection = recorded_connection();
    struct connection copies = {.client = connection.client, .server = dup(connection.client)};
    registry_copy(copies.client, copies.server);
    in_child(expect_copies_to_be_cut, &copies);
    cr_expect(carries(copies.server, connection.server, "PING"));
}

static void expect_closed(void *connection)
{
    int fd = ((struct connection *)connection)->client;
    int open_before = open_descriptors();
    fork_sever();
    EXPECT(!is_open(fd));
    EXPECT(open_descriptors() == open_before - 1);
    EXPECT(registry_next(-1) == -1);
}

Test(fork, with_fork_set_to_close_childs_descriptor_is_closed)
{
    configure(WORDS("FORK=close"));
    struct connection connection = recorded_connection();
    in_child(expect_closed, &connection);
    cr_expect(carries(connection.client, connection.server, "PING"));
}

static void expect_shared(void *connection)
{
    struct connection *shared = connection;
    int open_before = open_descriptors();
    fork_sever();
    EXPECT(carries(shared->client, shared->server, "PING"));
    EXPECT(open_descriptors() == open_before);
    EXPECT(registry_holds(shared->client, NULL));
}

Test(fork, with_fork_set_to_off_child_keeps_connection)
{
    configure(WORDS("FORK=off"));
    struct connection connection = recorded_connection();
    in_child(expect_shared, &connection);
}

static void hand_over(void *connection)
{
    struct connection *handed = connection;
    fork_sever();
    EXPECT(carries(handed->client, handed->server, "PING"));
    EXPECT(registry_holds(handed->client, NULL));
    EXPECT(!fork_is_child());
    daemon_end();
    in_child(expect_cut, handed);
    EXPECT(carries(handed->client, handed->server, "PING"));
}

Test(fork, daemon_fork_keeps_connection_and_next_fork_severs_it)
{
    configure(WORDS("TRAP=1"));
    struct connection connection = recorded_connection();
    daemon_begin();
    in_child(hand_over, &connection);
}

static void sever_once(void *unused)
{
    (void)unused;
    unsigned before = fork_generation();
    EXPECT(config()->trap && !fork_is_child());
    fork_sever_since(before);
    EXPECT(fork_generation() == before + 1);
    EXPECT(fork_is_child());
    struct connection own = own_connection();
    fork_sever_since(before); /* the handler and the hook of one and the same fork */
    EXPECT(fork_generation() == before + 1);
    EXPECT(carries(own.client, own.server, "PING"));
}

Test(fork, fork_reported_by_hook_and_atfork_handler_severs_once)
{
    configure(WORDS("TRAP=1"));
    in_child(sever_once, NULL);
}

static void expect_to_be_the_opener(void *unused)
{
    (void)unused;
    struct record found;
    fork_sever();
    struct connection own = own_connection();
    EXPECT(registry_holds(own.client, &found) && found.opener == getpid());
}

Test(fork, connection_that_child_opens_is_its_own)
{
    recorded_connection();
    in_child(expect_to_be_the_opener, NULL);
}

struct logged {
    struct connection connection;
    struct timespec before; /* it was opened */
};

static void log_the_cut(void *argument)
{
    struct logged *logged = argument;
    int capture = capture_stderr();
    log_start();
    fork_sever();
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    const char *done = config()->fork == FORK_CLOSE ? "closed" : "cut off";
    char *said = text("] debug: descriptor %d %s in this child: 127.0.0.1:6379, opened ",
                      logged->connection.client, done);
    char *found = strstr(captured(capture), said);
    char *end = NULL;
    EXPECT(found != NULL);
    long age = strtol(found + strlen(said), &end, 10);
    EXPECT(end > found + strlen(said) && age >= 0 && age <= now.tv_sec - logged->before.tv_sec);
    EXPECT(strcmp(end, text(" s ago by pid %d\n", getppid())) == 0);
}

static void expect_the_cut_to_be_logged(const char *policy)
{
    struct logged logged;
    configure(WORDS("LOG=stderr", "LOG_LEVEL=debug", policy));
    clock_gettime(CLOCK_MONOTONIC_COARSE, &logged.before);
    logged.connection = recorded_connection();
    in_child(log_the_cut, &logged);
}

Test(fork, log_says_what_was_cut_off_and_who_had_opened_it)
{
    expect_the_cut_to_be_logged("FORK=sever");
}

Test(fork, log_says_what_was_closed_and_who_had_opened_it)
{
    expect_the_cut_to_be_logged("FORK=close");
}

/* A program without stdin is given number 0 for its first connection. */
static void move_to_zero(struct connection *connection)
{
    registry_adopt();
    EXPECT(dup2(connection->client, 0) == 0);
    registry_copy(connection->client, 0);
    registry_forget(connection->client, registry_identify(connection->client));
    close(connection->client);
    connection->client = 0;
}

static void expect_zero_to_be_cut(void *connection)
{
    struct connection *moved = connection;
    move_to_zero(moved);
    in_child(expect_cut, moved);
    EXPECT(carries(moved->client, moved->server, "PING"));
}

Test(fork, connection_at_descriptor_zero_is_cut_as_any_other)
{
    struct connection connection = recorded_connection();
    in_child(expect_zero_to_be_cut, &connection);
}

static void expect_zero_to_be_closed(void *connection)
{
    move_to_zero(connection);
    in_child(expect_closed, connection);
}

Test(fork, connection_at_descriptor_zero_is_closed_as_any_other)
{
    configure(WORDS("FORK=close"));
    struct connection connection = recorded_connection();
    in_child(expect_zero_to_be_closed, &connection);
}

static void expect_a_file_at_zero_to_be_untouched(void *connection)
{
    int file = open_capture();
    move_to_zero(connection);
    dup2(file, 0);
    fork_sever();
    EXPECT(write(0, "line\n", 5) == 5);
    EXPECT(strcmp(captured(file), "line\n") == 0);
}

Test(fork, file_that_took_over_descriptor_zero_is_left_alone)
{
    struct connection connection = recorded_connection();
    recorded_connection();
    in_child(expect_a_file_at_zero_to_be_untouched, &connection);
}

static void expect_cut_and_no_stdin(void *connection)
{
    close(STDIN_FILENO); /* the lowest free number is now 0 */
    expect_cut(connection);
    EXPECT(!is_open(STDIN_FILENO));
}

Test(fork, child_without_stdin_is_cut_off_and_has_none_afterwards)
{
    struct connection connection = recorded_connection();
    in_child(expect_cut_and_no_stdin, &connection);
}
