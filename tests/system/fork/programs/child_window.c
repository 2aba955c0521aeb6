/*
 * child_window PORT again|dissolve: fork(2) copies the descriptors first and the memory later, and
 * here there is much of it. In between, the main thread closes its connection and makes another at
 * the same number (again), or dissolves it and connects the same socket once more after the fork
 * (dissolve). Goes on until some forks were hit in between, and tells whether their children share
 * the connection.
 *
 * The kernel copies memory from low addresses to high ones. So that what the main thread writes is
 * copied last, the big mapping lies below it: the library was mapped before, and `round` is on the
 * stack.
 */
#include "child_tools.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>

enum { ROUNDS_AT_MOST = 400, HITS_WANTED = 5, SHARES = 1, HIT = 2 };

static const size_t much = (size_t)512 << 20;

struct round {
    int fd, marker, before, after, go[2];
    uint64_t cookie, marker_cookie;
    atomic_bool forking, forked, done;
    int status;
};

static void fill_memory(void)
{
    char *memory = mmap(NULL, much, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        die("mmap");
    madvise(memory, much, MADV_NOHUGEPAGE);
    for (size_t at = 0; at < much; at += 4096)
        memory[at] = 1;
}

/* Hit: the child has the descriptors from before, and the memory from after. */
static int judge(struct round *round)
{
    char byte;
    checked((int)read(round->go[0], &byte, 1), "read");
    bool hit = cookie_of(round->marker) == round->marker_cookie && atomic_load(&round->done);
    return (hit ? HIT : 0) | (cookie_of(round->fd) == round->cookie ? SHARES : 0);
}

static void *fork_once(void *argument)
{
    struct round *round = argument;
    atomic_store(&round->forking, true);
    pid_t child = fork();
    if (child == 0)
        _exit(judge(round));
    atomic_store(&round->forked, true);
    checked(waitpid(child, &round->status, 0), "waitpid");
    return NULL;
}

static void dissolve(int fd)
{
    struct sockaddr nothing = {.sa_family = AF_UNSPEC};
    checked(connect(fd, &nothing, sizeof nothing), "AF_UNSPEC");
}

static void connect_once_more(int fd, int port)
{
    struct sockaddr_in peer = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    peer.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    checked(connect(fd, (struct sockaddr *)&peer, sizeof peer), "connect");
}

static void connect_anew(int fd, int port)
{
    close(fd);
    if (connect_socket(port, 0) != fd)
        die("another number");
}

static int play(struct round *round, int port, bool again, unsigned delay)
{
    pthread_t thread;
    round->fd = connect_socket(port, 0);
    round->cookie = cookie_of(round->fd);
    checked(dup2(round->before, round->marker), "dup2");
    atomic_store(&round->forking, false);
    atomic_store(&round->forked, false);
    atomic_store(&round->done, false);
    pthread_create(&thread, NULL, fork_once, round);
    while (!atomic_load(&round->forking))
        ;
    usleep(
        delay); /* nothing tells when the descriptors have been copied: each round tries another */
    checked(dup2(round->after, round->marker), "dup2");
    if (again)
        connect_anew(round->fd, port);
    else
        dissolve(round->fd);
    atomic_store(&round->done, true);
    while (!atomic_load(&round->forked))
        ;
    if (!again)
        connect_once_more(round->fd, port);
    checked((int)write(round->go[1], "x", 1), "write");
    pthread_join(thread, NULL);
    close(round->fd);
    return WEXITSTATUS(round->status);
}

int main(int argc, char *argv[])
{
    (void)argc;
    struct round round;
    int hits = 0;
    int shared = 0;
    memset(&round, 0, sizeof round);
    round.before = checked(socket(AF_UNIX, SOCK_STREAM, 0), "socket");
    round.after = checked(socket(AF_UNIX, SOCK_STREAM, 0), "socket");
    round.marker = dup(round.before);
    round.marker_cookie = cookie_of(round.before);
    checked(pipe(round.go), "pipe");
    fill_memory();
    for (unsigned i = 0; i < ROUNDS_AT_MOST && hits < HITS_WANTED; i++) {
        int status = play(&round, atoi(argv[1]), strcmp(argv[2], "again") == 0, i % 20 * 100);
        hits += (status & HIT) != 0;
        shared += status == (HIT | SHARES);
    }
    printf("hit: %s, shared: %s\n", hits == HITS_WANTED ? "enough" : "too few",
           shared == hits ? "all"
           : shared > 0   ? "some"
                          : "none");
    return 0;
}
