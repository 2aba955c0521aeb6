/*
 * Opens, copies, closes and reuses descriptors at random, by routes that the guard sees and by
 * routes that it does not, and forks in between. A shadow model knows what every number is. Each
 * child compares: what was a guarded connection must be cut off, everything else must be what it
 * was, untouched. Called by churn.c as: churn SEED STEPS [SECONDS]
 * (REDISGUARD_PORTS must be the port that the program prints first, so it is told: churn.c knows.)
 */
#include "scm_rights.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    NUMBERS = 6000,
    OPEN_AT_MOST = 150,
    STEPS_A_FORK = 60,
    FIRST_PORT = 20000,
    LAST_PORT = 29999
};

/* What a number is: nothing of ours, a guarded connection, a copy that only the kernel knows of
 * (SCM_RIGHTS: a limit that redisguard(7) names), or anything else. */
enum kind { FREE, GUARDED, SMUGGLED, FOREIGN };

static struct {
    enum kind kind;
    bool tcp;
    ino_t inode;
} model[NUMBERS];

static int open_numbers;
static int guarded_listener, foreign_listener;
static struct sockaddr_in guarded_address, foreign_address;
static uint64_t random_state;
static unsigned long forks, cuts;

static unsigned pick(unsigned below) /* xorshift64*: the same sequence everywhere for a seed */
{
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return (unsigned)((random_state * UINT64_C(2685821657736338717)) >> 33) % below;
}

static void check(bool good, const char *what, int fd)
{
    if (good)
        return;
    fprintf(stderr, "churn: %s: descriptor %d, errno %d\n", what, fd, errno);
    _exit(1);
}

static ino_t inode_of(int fd)
{
    struct stat status;
    check(fstat(fd, &status) == 0, "fstat", fd);
    return status.st_ino;
}

static void now_is(int fd, enum kind kind, bool tcp)
{
    check(fd >= 0 && fd < NUMBERS, "out of the model", fd);
    open_numbers += model[fd].kind == FREE;
    model[fd].kind = kind;
    model[fd].tcp = tcp;
    model[fd].inode = inode_of(fd);
}

static int any_open(void)
{
    for (unsigned at = pick(NUMBERS), i = 0; i < NUMBERS; i++, at++)
        if (model[at % NUMBERS].kind != FREE)
            return (int)(at % NUMBERS);
    return -1;
}

static int any_number(void)
{
    return pick(4) == 0 ? 100 + (int)pick(NUMBERS - 100) : 100 + (int)pick(300);
}

/* ---- steps ---- */

/* The far end resets: no TIME_WAIT uses up the ports of a long run. */
static void empty_backlog(int listener)
{
    const struct linger reset = {1, 0};
    for (int peer; (peer = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0;) {
        setsockopt(peer, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        close(peer);
    }
}

static void open_connection(const struct sockaddr_in *to, enum kind kind)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    check(fd >= 0, "socket", fd);
    check(connect(fd, (const struct sockaddr *)to, sizeof *to) == 0, "connect", fd);
    now_is(fd, kind, true);
    empty_backlog(kind == GUARDED ? guarded_listener : foreign_listener);
}

static void open_something_else(void)
{
    int pair[2];
    switch (pick(4)) {
    case 0:
        check(pipe(pair) == 0, "pipe", -1);
        now_is(pair[0], FOREIGN, false);
        now_is(pair[1], FOREIGN, false);
        break;
    case 1:
        now_is(open("/dev/null", O_RDWR), FOREIGN, false);
        break;
    case 2:
        now_is(socket(AF_INET, SOCK_DGRAM, 0), FOREIGN, false);
        break;
    default:
        now_is(socket(AF_INET, SOCK_STREAM, 0), FOREIGN, true);
    }
}

static void copy_one(void)
{
    int from = any_open();
    int to = any_number();
    if (from < 0)
        return;
    int copy = -1;
    switch (pick(5)) {
    case 0:
        copy = dup(from);
        break;
    case 1:
        copy = dup2(from, to);
        break;
    case 2:
        copy = from == to ? from : dup3(from, to, O_CLOEXEC);
        break;
    case 3:
        copy = fcntl(from, F_DUPFD, to);
        break;
    default:
        copy = fcntl(from, F_DUPFD_CLOEXEC, to);
    }
    check(copy >= 0, "copy", from);
    now_is(copy, model[from].kind, model[from].tcp);
}

/* Only what was recorded is known to be guarded: a copy of a smuggled one is as unknown. */
static void smuggle_one(void)
{
    int from = any_open();
    if (from < 0)
        return;
    int copy = sent_to_oneself(from);
    check(copy >= 0, "SCM_RIGHTS", from);
    now_is(copy, model[from].kind == FOREIGN ? FOREIGN : SMUGGLED, model[from].tcp);
}

static void close_as_a_stream(int fd)
{
    static const char *const modes[] = {"r+", "r", "w"}; /* one end of a pipe takes but one */
    for (int i = 0; i < 3; i++) {
        FILE *stream = fdopen(fd, modes[i]);
        if (stream != NULL) {
            fclose(stream);
            return;
        }
    }
    check(false, "fdopen", fd);
}

static void close_one(void)
{
    int fd = any_open();
    if (fd < 0)
        return;
    switch (pick(4)) {
    case 0:
        check(close(fd) == 0, "close", fd);
        break;
    case 1:
        check(syscall(SYS_close, fd) == 0, "raw close", fd);
        break;
    case 2:
        check(syscall(SYS_close_range, fd, fd, 0) == 0, "close_range", fd);
        break;
    default:
        close_as_a_stream(fd);
    }
    model[fd].kind = FREE;
    open_numbers--;
}

/* ---- what a child finds ---- */

static void must_be_cut_off(int fd)
{
    char byte;
    check(inode_of(fd) != model[fd].inode, "the child holds a guarded connection", fd);
    check(recv(fd, &byte, 1, 0) == 0, "the cut connection is not at its end", fd);
    check(send(fd, "x", 1, 0) < 0 && errno == EPIPE, "the cut connection takes data", fd);
}

static void must_be_untouched(int fd)
{
    int keepalive = -1;
    socklen_t length = sizeof keepalive;
    check(inode_of(fd) == model[fd].inode, "the child lost a descriptor", fd);
    if (!model[fd].tcp)
        return;
    check(getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &keepalive, &length) == 0, "getsockopt", fd);
    check(keepalive == 0, "a foreign connection was tuned", fd);
}

static void compare_in_child(void)
{
    for (int fd = 0; fd < NUMBERS; fd++)
        if (model[fd].kind == GUARDED)
            must_be_cut_off(fd);
        else if (model[fd].kind == FOREIGN)
            must_be_untouched(fd);
    _exit(0);
}

static void fork_and_compare(void)
{
    pid_t child = fork();
    check(child >= 0, "fork", -1);
    if (child == 0)
        compare_in_child();
    int status = -1;
    waitpid(child, &status, 0);
    if (status != 0)
        exit(1);
    forks++;
    for (int fd = 0; fd < NUMBERS; fd++) {
        if (model[fd].kind == FREE)
            continue;
        cuts += model[fd].kind == GUARDED;
        check(inode_of(fd) == model[fd].inode, "the parent lost a descriptor", fd);
    }
}

static void step(void)
{
    if (open_numbers >= OPEN_AT_MOST) {
        close_one();
        return;
    }
    switch (pick(8)) {
    case 0:
        open_connection(&guarded_address, GUARDED);
        break;
    case 1:
        open_connection(&foreign_address, FOREIGN);
        break;
    case 2:
        open_something_else();
        break;
    case 3:
    case 4:
        copy_one();
        break;
    case 5:
        smuggle_one();
        break;
    default:
        close_one();
    }
}

/* ---- preparation ---- */

/* On the first of these ports that is free. */
static int listen_between(unsigned first, unsigned last, struct sockaddr_in *address)
{
    socklen_t length = sizeof *address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    address->sin_family = AF_INET;
    address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int bound = -1;
    for (unsigned port = first; bound < 0 && port <= last; port++) {
        address->sin_port = htons((in_port_t)port);
        bound = bind(listener, (struct sockaddr *)address, length);
    }
    check(bound == 0, "bind", listener);
    check(listen(listener, 4096) == 0, "listen", listener);
    check(getsockname(listener, (struct sockaddr *)address, &length) == 0, "getsockname", listener);
    return listener;
}

static void raise_open_files_limit(void)
{
    struct rlimit limit = {NUMBERS, NUMBERS};
    check(setrlimit(RLIMIT_NOFILE, &limit) == 0, "setrlimit", -1);
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    random_state = 2 * strtoull(argv[1], NULL, 10) + 1; /* never 0 */
    unsigned long steps = strtoul(argv[2], NULL, 10);
    time_t end = argc > 3 ? time(NULL) + atol(argv[3]) : 0;
    raise_open_files_limit();
    guarded_listener = listen_between(FIRST_PORT, LAST_PORT, &guarded_address);
    foreign_listener = listen_between(0, 0, &foreign_address);
    unsigned long done = 0;
    for (; done < steps && (end == 0 || time(NULL) < end); done++) {
        step();
        if (done % STEPS_A_FORK == 0)
            fork_and_compare();
    }
    printf("%lu steps, %lu forks, %lu connections cut off\n", done, forks, cuts);
    return 0;
}
