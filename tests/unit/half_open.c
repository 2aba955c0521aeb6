/*
 * half_open.c: the tests of shim/lib/half_open.c: where a knock comes from, what is proof, how long
 * it may take. The peers are sockets of the loopback; a connection that a real server believes in
 * is reset in tests/system/dead_peer/half_open.c.
 */
#include "half_open.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fork.h"
#include "kernel.h"
#include "log.h"
#include "registry.h"
#include "unit.h"

TestSuite(half_open, .timeout = 30);

static struct endpoint endpoint_of(const struct sockaddr_in *in)
{
    struct endpoint endpoint = {.family = AF_INET, .port = ntohs(in->sin_port)};
    memcpy(endpoint.address, &in->sin_addr, sizeof in->sin_addr);
    return endpoint;
}

static struct sockaddr_in name_of(int fd)
{
    struct sockaddr_in in = {.sin_port = 0};
    socklen_t length = sizeof in;
    cr_assert_eq(getsockname(fd, (struct sockaddr *)&in, &length), 0);
    return in;
}

static int bound_socket(void)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    cr_assert_eq(bind(fd, (struct sockaddr *)&in, sizeof in), 0);
    return fd;
}

static int listener_with(int backlog)
{
    int fd = bound_socket();
    cr_assert_eq(listen(fd, backlog), 0);
    return fd;
}

/* A port that nobody has; the socket that had it was never connected. */
static struct endpoint free_local(void)
{
    int fd = bound_socket();
    struct sockaddr_in in = name_of(fd);
    close(fd);
    return endpoint_of(&in);
}

/* As many, no two the same. */
static void free_locals(struct endpoint locals[], int count)
{
    int fds[64];
    for (int i = 0; i < count; i++) {
        fds[i] = bound_socket();
        struct sockaddr_in in = name_of(fds[i]);
        locals[i] = endpoint_of(&in);
    }
    for (int i = 0; i < count; i++)
        close(fds[i]);
}

/* What a program would have connected just now; the peers below do not mind which socket it is. */
static int program_socket(int flags)
{
    return socket(AF_INET, SOCK_STREAM | flags, 0);
}

static struct endpoint address_of_accepted(int listener)
{
    struct sockaddr_in in = {.sin_port = 0};
    socklen_t length = sizeof in;
    int accepted = accept4(listener, (struct sockaddr *)&in, &length, SOCK_NONBLOCK);
    cr_assert_geq(accepted, 0);
    return endpoint_of(&in);
}

enum { MARGIN = 500 }; /* ms: the machine may be busy */

static int64_t milliseconds_of_reset(const struct endpoint *peer, int fd)
{
    int64_t began = kernel_milliseconds();
    half_open_reset(peer, fd);
    return kernel_milliseconds() - began;
}

Test(half_open, knock_comes_from_old_address_and_port)
{
    int listener = listener_with(9);
    struct sockaddr_in in = name_of(listener);
    struct endpoint peer = endpoint_of(&in);
    struct endpoint local = free_local();
    int before = open_descriptors();
    cr_assert(half_open_remember(&peer, &local, false));
    cr_expect(half_open_any() && half_open_knows(&peer));
    int fd = program_socket(0);
    half_open_reset(&peer, fd);
    struct endpoint knocked = address_of_accepted(listener);
    cr_expect(same_endpoint(&knocked, &local));
    cr_expect_not(half_open_any(), "it connected: that is the proof");
    cr_expect_eq(open_descriptors(), before + 2, "the program's and the accepted one");
}

Test(half_open, connection_to_another_peer_knocks_for_nobody)
{
    int listener = listener_with(9);
    struct sockaddr_in in = name_of(listener);
    struct endpoint peer = endpoint_of(&in);
    struct endpoint other = peer;
    struct endpoint local = free_local();
    other.port++;
    half_open_remember(&other, &local, false);
    cr_expect_not(half_open_knows(&peer));
    half_open_reset(&peer, program_socket(0));
    cr_expect(half_open_knows(&other));
    fcntl(listener, F_SETFL, O_NONBLOCK);
    cr_expect_lt(accept(listener, NULL, NULL), 0);
}

Test(half_open, refusal_is_proof_too)
{
    struct endpoint peer = free_local();
    struct endpoint local = free_local();
    half_open_remember(&peer, &local, false);
    half_open_reset(&peer, program_socket(0));
    cr_expect_not(half_open_any());
}

struct taken {
    int listener, holder;
    struct endpoint peer, local;
};

/* Remembers a dead connection whose port another one has now. */
static struct taken remember_with_port_taken(bool has_orphan)
{
    struct taken taken = {.listener = listener_with(9), .holder = program_socket(0)};
    struct sockaddr_in in = name_of(taken.listener);
    taken.peer = endpoint_of(&in);
    cr_assert_eq(connect(taken.holder, (const struct sockaddr *)&in, sizeof in), 0);
    in = name_of(taken.holder);
    taken.local = endpoint_of(&in);
    half_open_remember(&taken.peer, &taken.local, has_orphan);
    return taken;
}

/* Without a FIN, which would keep the port taken. */
static void give_port_free(int holder)
{
    setsockopt(holder, SOL_SOCKET, SO_LINGER, &(struct linger){1, 0}, sizeof(struct linger));
    close(holder);
}

Test(half_open, entry_is_kept_while_orphan_holds_port)
{
    struct taken taken = remember_with_port_taken(true);
    int64_t took = 0;
    for (int i = 0; i < 5; i++)
        took += milliseconds_of_reset(&taken.peer, program_socket(0));
    cr_expect_lt(took, MARGIN, "nobody waits for an orphan");
    cr_expect(half_open_knows(&taken.peer), "it was no knock, so none of the three is used up");
    give_port_free(taken.holder);
    half_open_reset(&taken.peer, program_socket(0));
    cr_expect_not(half_open_any());
}

static void *give_port_free_soon(void *holder)
{
    poll(NULL, 0, 200);
    give_port_free(*(int *)holder);
    return NULL;
}

Test(half_open, blocking_connect_knocks_once_another_program_has_given_port_free)
{
    pthread_t thread;
    struct taken taken = remember_with_port_taken(false);
    cr_assert_eq(pthread_create(&thread, NULL, give_port_free_soon, &taken.holder), 0);
    half_open_reset(&taken.peer, program_socket(0));
    pthread_join(thread, NULL);
    address_of_accepted(taken.listener); /* the holder's */
    struct endpoint knocked = address_of_accepted(taken.listener);
    cr_expect(same_endpoint(&knocked, &taken.local));
    cr_expect_not(half_open_any());
}

Test(half_open, blocking_connect_waits_at_most_2_s_for_port_of_another_program)
{
    struct endpoint peer = remember_with_port_taken(false).peer;
    int64_t took = milliseconds_of_reset(&peer, program_socket(SOCK_NONBLOCK));
    cr_expect(took < MARGIN && half_open_any(), "%d ms", (int)took);
    took = milliseconds_of_reset(&peer, program_socket(0));
    cr_expect(took >= 1500 && took <= 2000 + MARGIN, "%d ms", (int)took);
    cr_expect_not(half_open_any(), "nor does a later one wait again");
}

Test(half_open, nobody_waits_for_address_that_is_gone)
{
    struct endpoint peer = free_local();
    struct endpoint local = {.family = AF_INET, .port = 4242, .address = {192, 0, 2, 1}};
    half_open_remember(&peer, &local, false);
    cr_expect_lt(milliseconds_of_reset(&peer, program_socket(0)), MARGIN);
    cr_expect(half_open_any());
}

Test(half_open, all_that_peer_has_left_are_knocked_for_at_one_connect)
{
    enum { MANY = 50 };
    int listener = listener_with(MANY);
    struct sockaddr_in in = name_of(listener);
    struct endpoint peer = endpoint_of(&in);
    struct endpoint locals[MANY];
    free_locals(locals, MANY);
    for (int i = 0; i < MANY; i++)
        half_open_remember(&peer, &locals[i], false);
    half_open_reset(&peer, program_socket(0));
    cr_expect_not(half_open_any());
}

/* A listener whose queue is full drops further SYNs: as a middlebox that swallows them. */
static struct endpoint silent_peer(void)
{
    int listener = listener_with(0);
    struct sockaddr_in in = name_of(listener);
    cr_assert_eq(connect(program_socket(0), (struct sockaddr *)&in, sizeof in), 0);
    for (int i = 0; i < 3; i++)
        (void)connect(program_socket(SOCK_NONBLOCK), (struct sockaddr *)&in, sizeof in);
    return endpoint_of(&in);
}

Test(half_open, blocking_connect_waits_at_most_2_s_and_sends_at_most_3_knocks)
{
    struct endpoint peer = silent_peer();
    struct endpoint local = free_local();
    half_open_remember(&peer, &local, false);
    int64_t took = milliseconds_of_reset(&peer, program_socket(0));
    cr_expect(took >= 1500 && took <= 2000 + MARGIN, "%d ms", (int)took);
    cr_expect_not(half_open_any());
}

Test(half_open, two_seconds_are_for_all_that_are_remembered)
{
    struct endpoint peer = silent_peer();
    for (int i = 0; i < 40; i++) {
        struct endpoint local = free_local();
        half_open_remember(&peer, &local, false);
    }
    int64_t took = milliseconds_of_reset(&peer, program_socket(0));
    cr_expect(took <= 2000 + MARGIN, "%d ms", (int)took);
    cr_expect(half_open_any(), "the others are for the next connect");
}

Test(half_open, blocking_connect_waits_no_longer_than_its_own_limit)
{
    struct endpoint peer = silent_peer();
    struct endpoint local = free_local();
    int fd = program_socket(0);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &(struct timeval){.tv_usec = 200000},
               sizeof(struct timeval));
    half_open_remember(&peer, &local, false);
    int64_t took = milliseconds_of_reset(&peer, fd);
    cr_expect(took >= 150 && took <= 200 + MARGIN, "%d ms", (int)took);
    cr_expect(half_open_any());
}

/* As an event loop that reconnects many sockets in a row. */
Test(half_open, event_loop_waits_20_ms_once)
{
    struct endpoint peer = silent_peer();
    for (int i = 0; i < 160; i++) {
        struct endpoint local = free_local();
        half_open_remember(&peer, &local, false);
    }
    int fd = program_socket(SOCK_NONBLOCK);
    int64_t took = 0;
    for (int i = 0; i < 10; i++)
        took += milliseconds_of_reset(&peer, fd);
    cr_expect(took >= 15 && took <= 20 + MARGIN / 5, "%d ms", (int)took);
    cr_expect(half_open_knows(&peer), "one knock each is not three");
}

/* As a client that connects and then sets two options: the kernel is asked once what it waits for.
 */
Test(half_open, later_calls_on_connection_that_has_waited_do_not_wait_again)
{
    struct endpoint peer = silent_peer();
    for (int i = 0; i < 40; i++) {
        struct endpoint local = free_local();
        half_open_remember(&peer, &local, false);
    }
    int fd = program_socket(0);
    cr_assert(registry_record(fd, registry_recorded(fd), registry_identify(fd), &peer));
    int64_t took = 0;
    for (int i = 0; i < 3; i++)
        took += milliseconds_of_reset(&peer, fd);
    cr_expect(took <= 2000 + MARGIN, "%d ms", (int)took);
}

/* Its own SYN was the knock: it has been answered. */
Test(half_open, connect_from_old_port_is_proof_and_waits_for_nothing)
{
    int capture = start_log("stderr");
    int listener = listener_with(9);
    int fd = program_socket(0);
    struct sockaddr_in in = name_of(listener);
    struct endpoint peer = endpoint_of(&in);
    cr_assert_eq(connect(fd, (struct sockaddr *)&in, sizeof in), 0);
    in = name_of(fd);
    struct endpoint local = endpoint_of(&in);
    half_open_remember(&peer, &local, false);
    half_open_reset(&peer, fd);
    cr_expect_not(half_open_any());
    cr_expect(log_says(captured(capture),
                       text("127.0.0.1:%d has dropped its end of the dead connection from "
                            "127.0.0.1:%d",
                            peer.port, local.port)),
              "%s", captured(capture));
}

/* ---- meanwhile, in another thread ---- */

struct knocking {
    struct endpoint peer;
    struct connection program; /* the only one of the program's on record */
    pthread_t thread;
    int knock;
};

static void *reset_silent_peer(void *knocking)
{
    half_open_reset(&((struct knocking *)knocking)->peer, program_socket(0));
    return NULL;
}

/* Returns while the knock, which nobody answers, is open: for half a second. */
static void start_knocking(struct knocking *knocking)
{
    struct endpoint local = free_local();
    knocking->peer = silent_peer();
    knocking->program = connect_on_loopback(AF_INET);
    int fd = knocking->program.client;
    cr_assert(registry_record(fd, registry_recorded(fd), registry_identify(fd), &knocking->peer));
    half_open_remember(&knocking->peer, &local, false);
    cr_assert_eq(pthread_create(&knocking->thread, NULL, reset_silent_peer, knocking), 0);
    while ((knocking->knock = registry_next(fd)) < 0)
        poll(NULL, 0, 1);
}

static void expect_no_knock(void *argument)
{
    struct knocking *knocking = argument;
    int capture = capture_stderr();
    log_start();
    fork_sever();
    EXPECT(!is_open(knocking->knock));
    const char *lines = captured(capture);
    const char *said = text("descriptor %d cut off in this child", knocking->program.client);
    EXPECT(strstr(lines, said) != NULL);
    EXPECT(strchr(lines, '\n') == strrchr(lines, '\n'));
}

Test(half_open, forked_child_has_no_knock_of_another_thread_and_log_does_not_name_it)
{
    struct knocking knocking;
    configure(WORDS("LOG=stderr", "LOG_LEVEL=debug"));
    start_knocking(&knocking);
    in_child(expect_no_knock, &knocking);
    pthread_join(knocking.thread, NULL);
}

/* A pipe: nothing that waits for the knock's answer takes it for one. */
Test(half_open, file_that_program_puts_at_number_of_knock_stays_open)
{
    struct knocking knocking;
    int ends[2];
    configure(WORDS(NULL));
    cr_assert_eq(pipe(ends), 0);
    start_knocking(&knocking);
    cr_assert_eq(dup2(ends[0], knocking.knock), knocking.knock);
    pthread_join(knocking.thread, NULL);
    cr_expect(is_open(knocking.knock));
}

/* ---- for how long ---- */

/* From here on this process is alone in a time namespace that is so many seconds ahead. */
static bool go_ahead(int seconds)
{
    char words[64];
    int length = snprintf(words, sizeof words, "monotonic %d 0\n", seconds);
    if (unshare(CLONE_NEWTIME) != 0)
        return false;
    int offsets = open("/proc/self/timens_offsets", O_WRONLY);
    int namespace = open("/proc/self/ns/time_for_children", O_RDONLY);
    bool done = write(offsets, words, (size_t)length) == length && setns(namespace, 0) == 0;
    close(offsets);
    close(namespace);
    return done;
}

static void expect_to_forget_after_ten_minutes(void *peer)
{
    struct endpoint local = free_local();
    half_open_remember(peer, &local, false);
    EXPECT(go_ahead(595));
    EXPECT(half_open_knows(peer));
    EXPECT(go_ahead(605));
    EXPECT(!half_open_knows(peer));
    EXPECT(!half_open_any());
}

static bool has_time_namespaces(void)
{
    int status = -1;
    pid_t child = fork();
    if (child == 0)
        _exit(go_ahead(1) ? 0 : 1);
    return waitpid(child, &status, 0) == child && status == 0;
}

Test(half_open, entry_is_forgotten_after_ten_minutes)
{
    if (!has_time_namespaces())
        cr_skip_test("needs a time namespace (Linux 5.6), and the right to make one");
    struct endpoint peer = free_local();
    in_child(expect_to_forget_after_ten_minutes, &peer);
}

static void expect_nothing_remembered(void *peer)
{
    fork_sever();
    EXPECT(!half_open_any());
    EXPECT(!half_open_knows(peer));
}

/* The connections were its parent's, which will knock itself. */
Test(half_open, forked_child_remembers_nothing_and_its_parent_everything)
{
    struct endpoint peer = free_local();
    struct endpoint local = free_local();
    configure(WORDS(NULL));
    half_open_remember(&peer, &local, false);
    in_child(expect_nothing_remembered, &peer);
    cr_expect(half_open_knows(&peer));
}

Test(half_open, errno_stays)
{
    struct endpoint peer = free_local();
    struct endpoint local = free_local();
    half_open_remember(&peer, &local, false);
    int fd = program_socket(0);
    errno = 1234;
    half_open_reset(&peer, fd);
    cr_expect_eq(errno, 1234);
}

Test(half_open, connection_that_two_descriptors_have_is_remembered_once)
{
    struct endpoint peer = free_local();
    struct endpoint local = free_local();
    cr_expect(half_open_remember(&peer, &local, false));
    cr_expect(half_open_remember(&peer, &local, false));
    cr_expect_eq(atomic_load(&half_open_count), 1);
    local.port++;
    cr_expect(half_open_remember(&peer, &local, false));
    cr_expect_eq(atomic_load(&half_open_count), 2);
}

Test(half_open, table_has_room_for_1024)
{
    struct endpoint peer = free_local();
    struct endpoint local = free_local();
    for (int i = 0; i < 1024; i++, local.port++)
        cr_assert(half_open_remember(&peer, &local, false));
    cr_expect_not(half_open_remember(&peer, &local, false));
    half_open_forget_all();
    cr_expect_not(half_open_any());
    cr_expect(half_open_remember(&peer, &local, false));
}
