/*
 * step_hooks SCENE: one call of a hooked function, every instruction of which is tried as the
 * instant at which another thread's fork copies the memory; that fork has copied the descriptors
 * before the call. Tells whether a child kept a connection that was on record then. The library's
 * modules are linked in, hooks and constructor too: whoever steps must be able to say when a fork
 * begins. Every port must be guarded.
 */
#include "child_tools.h"
#include "step.h"

#if defined(__x86_64__)

#include <sys/single_threaded.h>

#include "fork.h"
#include "fork_ring.h"
#include "registry.h"
#include "tcp_state.h"

enum { NUMBER = 40, ANOTHER = 41, NEXT = 42, SAVED = 60 };

static struct sockaddr_in peer;
static uint64_t first; /* the socket behind NUMBER when the descriptors were copied */
static bool
    is_same_instant; /* for both: a socket that is neither recorded nor connected may stay */

static void judge(void)
{
    if (syscall(SYS_dup2, SAVED, NUMBER) != NUMBER)
        _exit(2);
    bool may_stay = is_same_instant && !registry_holds(NUMBER, NULL) && !tcp_is_connected(NUMBER);
    fork_sever();
    _exit(registry_identify(NUMBER) == first && !may_stay ? 1 : 0);
}

/* ---- the calls ---- */

static void call_connect(void)
{
    (void)connect(NUMBER, (struct sockaddr *)&peer, sizeof peer);
}

static void call_dissolve(void)
{
    struct sockaddr nobody = {.sa_family = AF_UNSPEC};
    (void)connect(NUMBER, &nobody, sizeof nobody);
}

static void call_close(void)
{
    close(NUMBER);
}

static void call_dup2(void)
{
    dup2(ANOTHER, NUMBER);
}

static void call_dup3(void)
{
    dup3(ANOTHER, NUMBER, O_CLOEXEC);
}

static void call_setsockopt(void)
{
    int off = 0;
    setsockopt(NUMBER, SOL_SOCKET, SO_KEEPALIVE, &off, sizeof off);
}

/* Its own child is left alone: it traps too, and ends. */
static void call_fork(void)
{
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    waitpid(child, NULL, 0);
}

/* ---- what is there before ---- */

static void listen_for_all(void)
{
    socklen_t length = sizeof peer;
    int fd = checked(socket(AF_INET, SOCK_STREAM, 0), "socket");
    checked(listen(fd, 64), "listen");
    checked(getsockname(fd, (struct sockaddr *)&peer, &length), "getsockname");
    peer.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
}

/* By bare system calls: nothing of it is recorded yet. */
static void socket_at(int number)
{
    int fd = checked(socket(AF_INET, SOCK_STREAM, 0), "socket");
    checked((int)syscall(SYS_dup2, fd, number), "dup2");
    syscall(SYS_close, fd);
}

static void connection_at(int number)
{
    socket_at(number);
    checked(connect(number, (struct sockaddr *)&peer, sizeof peer), "connect");
}

/* The connection at NUMBER is on record, and a fork has just copied the descriptors. */
static void fork_is_under_way(void)
{
    connection_at(NUMBER);
    connection_at(ANOTHER);
    checked((int)syscall(SYS_dup2, NUMBER, SAVED), "dup2");
    fork_ring_begin();
}

static void nothing_is_connected(void)
{
    socket_at(NUMBER);
    checked((int)syscall(SYS_dup2, NUMBER, SAVED), "dup2");
    is_same_instant = true;
}

static void number_is_given_to_another(void)
{
    fork_is_under_way();
    socket_at(NEXT);
    checked((int)syscall(SYS_dup2, NEXT, NUMBER), "dup2");
}

static void number_was_given_to_another(void)
{
    number_is_given_to_another();
    call_connect();
}

static const struct {
    const char *name;
    void (*prepare)(void);
    void (*call)(void);
} scenes[] = {
    {"connect", nothing_is_connected, call_connect},
    {"connect-another", number_is_given_to_another, call_connect},
    {"connect-again", fork_is_under_way, call_connect},
    {"dissolve", fork_is_under_way, call_dissolve},
    {"close", fork_is_under_way, call_close},
    {"dup2", fork_is_under_way, call_dup2},
    {"dup3", fork_is_under_way, call_dup3},
    {"fork", number_was_given_to_another, call_fork},
    {"setsockopt", fork_is_under_way, call_setsockopt},
};

static void step_through(void (*call)(void))
{
    first = registry_identify(SAVED);
    step_prepare(judge, NULL);
    STEP_THROUGH(call());
    fprintf(stderr, "%d instructions\n", step_points);
    printf("tried: %s, kept the connection: %d, failed: %d\n",
           step_points > 100 ? "enough" : "too few", step_bad, step_failed);
}

int main(int argc, char *argv[])
{
    if (argc != 2)
        return 2;
    __libc_single_threaded = 0;
    listen_for_all();
    for (size_t i = 0; i < sizeof scenes / sizeof scenes[0]; i++)
        if (strcmp(scenes[i].name, argv[1]) == 0) {
            scenes[i].prepare();
            step_through(scenes[i].call);
        }
    return 0;
}

#else

int main(void)
{
    return 0;
}

#endif
