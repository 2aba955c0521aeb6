/*
 * errno_close DIRECTORY: close(2) on every kind of descriptor, once and again, dup2 and dup3 over
 * one, and close as a cancellation point. Prints a line for each, with what became of the
 * descriptor and of its other end.
 */
#include "errno_tools.h"

#include <netinet/tcp.h>
#include <pthread.h>
#include <sys/resource.h>

enum { ONTO = 150 };

/* Does the other end see that this one is gone? Only where there is one that can be read. */
static const char *state_of(int fd)
{
    char byte;
    const char *here = fcntl(fd, F_GETFD) < 0 ? "closed" : "open";
    if (other_end < 0)
        return here;
    ssize_t length = recv(other_end, &byte, 1, MSG_DONTWAIT);
    return words("%s, other end %s", here, length == 0 ? "at its end" : strerrorname_np(errno));
}

static void try_close(enum kind kind)
{
    int fd = make(kind);
    if (fd > STDERR_FILENO || fd < 0)
        TRY(words("close, %s", kind_names[kind]), close(fd), state_of(fd));
    TRY(words("close again, %s", kind_names[kind]), close(fd), state_of(fd));
    close(other_end);
}

/* The last descriptor goes, and the one before it takes nothing with it. */
static void try_close_of_copies(enum kind kind)
{
    int fd = make(kind);
    int copy = checked(dup(fd), "dup");
    TRY(words("close the first, %s", kind_names[kind]), close(fd), state_of(copy));
    TRY(words("close its copy, %s", kind_names[kind]), close(copy), state_of(copy));
    close(other_end);
}

static void close_with_reset(enum kind kind)
{
    const struct linger reset = {1, 0};
    int fd = make(kind);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    TRY(words("close with SO_LINGER, %s", kind_names[kind]), close(fd), state_of(fd));
    close(other_end);
}

/* ---- over a descriptor that is open ---- */

static int dup2_over(int from, int to, int flags)
{
    return flags == 0 ? dup2(from, to) : -2;
}

static void try_over(enum kind kind, int from, const char *what)
{
    static const struct {
        const char *name;
        int (*copy)(int from, int to, int flags);
        int flags;
    } ways[] = {{"dup2", dup2_over, 0},
                {"dup3", dup3, 0},
                {"dup3", dup3, O_CLOEXEC},
                {"dup3", dup3, O_NONBLOCK}};
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        int fd = make(kind);
        TRY(words("%s of %s with %#x over %s", ways[i].name, what, (unsigned)ways[i].flags,
                  kind_names[kind]),
            ways[i].copy(from == ONTO ? fd : from, fd, ways[i].flags) == fd ? 0 : -1, state_of(fd));
        discard(fd);
    }
}

static unsigned last_ack_of(int fd)
{
    struct tcp_info info;
    socklen_t length = sizeof info;
    checked(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length), "TCP_INFO");
    return info.tcpi_last_ack_recv;
}

static int user_timeout_of(int fd)
{
    int value = -1;
    socklen_t length = sizeof value;
    checked(getsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &value, &length), "TCP_USER_TIMEOUT");
    return value;
}

static rlim_t set_open_files(rlim_t count)
{
    struct rlimit limit;
    checked(getrlimit(RLIMIT_NOFILE, &limit), "getrlimit");
    rlim_t before = limit.rlim_cur;
    limit.rlim_cur = count;
    checked(setrlimit(RLIMIT_NOFILE, &limit), "setrlimit");
    return before;
}

static int dup2_over_the_limit(int fd)
{
    rlim_t before = set_open_files((rlim_t)fd);
    int result = dup2(STDIN_FILENO, fd);
    int error = errno;
    set_open_files(before);
    errno = error;
    return result;
}

/* On a connection whose last acknowledgement is a second old: it is still in use. */
static void try_refused_over_a_quiet_one(void)
{
    int fd = make(CONNECTION);
    int before = user_timeout_of(fd);
    while (last_ack_of(fd) <= 1000)
        usleep(10000);
    TRY("dup3 that is refused, over a quiet connection", dup3(STDIN_FILENO, fd, O_NONBLOCK),
        user_timeout_of(fd) == before ? "as it was" : "another TCP_USER_TIMEOUT");
    TRY("dup2 above RLIMIT_NOFILE, over a quiet connection", dup2_over_the_limit(fd),
        user_timeout_of(fd) == before ? "as it was" : "another TCP_USER_TIMEOUT");
    discard(fd);
}

/* ---- as a cancellation point ---- */

static int given; /* to the thread that is cancelled */

static void *close_when_cancelled(void *unused)
{
    pthread_cancel(pthread_self());
    close(given);
    return unused;
}

static void try_cancelled(enum kind kind)
{
    pthread_t thread;
    void *result = NULL;
    given = make(kind);
    pthread_create(&thread, NULL, close_when_cancelled, NULL);
    pthread_join(thread, &result);
    printf("close in a cancelled thread, %s: %s, %s\n", kind_names[kind],
           result == PTHREAD_CANCELED ? "ended" : "went on", state_of(given));
    discard(given);
}

int main(int argc, char *argv[])
{
    if (argc != 2)
        return 2;
    directory = argv[1];
    setvbuf(stdout, NULL, _IOLBF, 0); /* a crash must show how far it came */
    int file = make_file();
    for (int kind = 0; kind < KINDS; kind++)
        try_close((enum kind)kind);
    for (int kind = CONNECTION; kind < EPOLL; kind++)
        try_close_of_copies((enum kind)kind);
    close_with_reset(CONNECTION);
    close_with_reset(ACCEPTED);
    try_refused_over_a_quiet_one();
    for (int kind = CONNECTION; kind < CLOSED; kind++) {
        try_over((enum kind)kind, file, "a file");
        try_over((enum kind)kind, ONTO, "itself");
        try_over((enum kind)kind, INT_MAX, "nothing");
        try_over((enum kind)kind, -1, "-1");
        try_cancelled((enum kind)kind);
    }
    return EXIT_SUCCESS;
}
