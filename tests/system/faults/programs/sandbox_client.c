/*
 * sandbox_client PORT STATE [ERROR RULE...]: goes into a sandbox where some system calls fail with
 * that error (sandbox_filter.h), uses Redis, and forks. STATE is what else is the case: nothing,
 * full (no descriptor is free at the fork), high (a copy has a high number), small (no file may
 * grow). Its own affairs are told on standard output, and must be the same with the guard and
 * without; what the guard did, on standard error.
 */
#include "sandbox_filter.h"

#include <sys/resource.h>

enum { CONNECTIONS = 3, DESCRIPTORS = 64, HIGH = 2000 };

static int fds[CONNECTIONS];
static int copy;

static void limit(__rlimit_resource_t resource, rlim_t soft)
{
    struct rlimit limits;
    checked(getrlimit(resource, &limits), "getrlimit");
    limits.rlim_cur = soft;
    checked(setrlimit(resource, &limits), "setrlimit");
}

static void prepare(const char *state)
{
    if (strcmp(state, "full") == 0)
        limit(RLIMIT_NOFILE, DESCRIPTORS);
    if (strcmp(state, "high") == 0)
        limit(RLIMIT_NOFILE, HIGH + DESCRIPTORS);
    if (strcmp(state, "small") == 0)
        limit(RLIMIT_FSIZE, 0);
}

/* ---- its own affairs ---- */

static void try_bad_addresses(void)
{
    int fd = checked(socket(AF_INET, SOCK_STREAM, 0), "socket");
    const struct sockaddr *nowhere = (const struct sockaddr *)(intptr_t)-4096;
    const char *first = result_of(connect(fd, nowhere, sizeof(struct sockaddr_in)));
    dprintf(1, "connect to a bad address: %s\n", first);
    dprintf(1, "connect to no address: %s\n", result_of(connect(fd, NULL, 16)));
    close(fd);
}

static void connect_all(int port, bool high)
{
    int off = 0;
    for (int i = 0; i < CONNECTIONS; i++)
        fds[i] = connect_socket(port, 0);
    dprintf(1, "setsockopt: %s\n",
            result_of(setsockopt(fds[0], SOL_SOCKET, SO_KEEPALIVE, &off, sizeof off)));
    copy = fcntl(fds[0], F_DUPFD, high ? HIGH : 0);
    dprintf(1, "copy: %s\n", result_of(copy > 0 ? 0 : copy));
}

static void take_every_descriptor(void)
{
    while (dup(0) >= 0)
        ;
    dprintf(1, "no more: %s\n", strerrorname_np(errno));
}

static const char *answer_on(int fd)
{
    static char reply[8];
    memset(reply, 0, sizeof reply);
    return write(fd, "PING\r\n", 6) == 6 && recv(fd, reply, 7, MSG_WAITALL) == 7 ? "+PONG"
                                                                                 : "no answer";
}

/* ---- what the guard did ---- */

/* By calls that no rule is about: libc's fstat is newfstatat(2). */
static const char *what_is_left_at(int fd, ino_t of_parent)
{
    struct stat status;
    char byte;
    if (fstat(fd, &status) < 0)
        return "closed";
    if (status.st_ino == of_parent)
        return "shared";
    if (!S_ISSOCK(status.st_mode))
        return "no socket";
    ssize_t got = recv(fd, &byte, 1, MSG_DONTWAIT);
    return got == 0 ? "cut off" : got < 0 ? strerrorname_np(errno) : "bytes";
}

static const char *keepalive_of(int fd)
{
    int on = 0;
    socklen_t length = sizeof on;
    if (getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, &length) < 0)
        return "unknown";
    return on != 0 ? "on" : "off";
}

static void fork_and_look(void)
{
    struct stat status;
    checked(fstat(fds[0], &status), "fstat");
    const char *keepalive = keepalive_of(fds[0]);
    const char *on_exec = fcntl(fds[0], F_GETFD) == FD_CLOEXEC ? "closed" : "kept";
    pid_t child = fork();
    if (child == 0) {
        const char *original = what_is_left_at(fds[0], status.st_ino);
        dprintf(2, "keepalive %s, %s on exec, in a child %s, the copy %s\n", keepalive, on_exec,
                original, what_is_left_at(copy, status.st_ino));
        _exit(0);
    }
    wait_for(child);
}

int main(int argc, char *argv[])
{
    const char *state = argv[2];
    prepare(state);
    if (argc > 3)
        refuse(argv + 4, atoi(argv[3]));
    try_bad_addresses();
    connect_all(atoi(argv[1]), strcmp(state, "high") == 0);
    if (strcmp(state, "full") == 0)
        take_every_descriptor();
    fork_and_look();
    for (int i = 0; i < CONNECTIONS; i++)
        dprintf(1, "parent: %s\n", answer_on(fds[i]));
    return 0;
}
