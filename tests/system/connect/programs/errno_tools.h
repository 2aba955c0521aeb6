/*
 * What the programs of the errno_parity suite share: a line for each call, and one descriptor of
 * every kind to make it on. They run bare and under the preload, and must print the same: no port,
 * pid or time is ever printed. Included by programs/errno_*.c.
 */
#ifndef REDISGUARD_TESTS_ERRNO_TOOLS_H
#define REDISGUARD_TESTS_ERRNO_TOOLS_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { UNTOUCHED = 12345, NOBODY = 65534 };

/* ---- one line a call ---- */

/* Evaluates the call with an errno of our own; the line ends with what else the caller has to say:
 *     case: result errno effect
 */
#define TRY(name, call, ...)                                                                       \
    do {                                                                                           \
        errno = UNTOUCHED;                                                                         \
        long result_ = (long)(call);                                                               \
        int error_ = errno;                                                                        \
        tell(name, result_, error_, __VA_ARGS__);                                                  \
    } while (0)

static inline void tell(const char *name, long result, int error, const char *effect)
{
    printf("%s: %ld %s %s\n", name, result, error == UNTOUCHED ? "-" : strerrorname_np(error),
           effect);
}

/* In memory that nobody frees. */
static inline __attribute__((format(printf, 1, 2))) char *words(const char *format, ...)
{
    char *made = NULL;
    va_list arguments;
    va_start(arguments, format);
    if (vasprintf(&made, format, arguments) < 0)
        abort();
    va_end(arguments);
    return made;
}

/* For what is not under test. */
static inline int checked(int result, const char *what)
{
    if (result < 0) {
        fprintf(stderr, "%s: %s\n", what, strerror(errno));
        _exit(1);
    }
    return result;
}

/* The process that nobody has special rights in; where it had none anyway it stays who it is. */
static inline void become_nobody(void)
{
    if (geteuid() == 0)
        checked(setresuid(NOBODY, NOBODY, NOBODY), "setresuid");
}

/* Runs a part of the table in a process of its own, whose limits and rights may then change. */
static inline void apart(void (*part)(void))
{
    fflush(stdout);
    pid_t child = checked(fork(), "fork");
    if (child == 0) {
        part();
        fflush(stdout);
        _exit(0);
    }
    int status = 0;
    checked(waitpid(child, &status, 0), "waitpid");
    if (status != 0)
        printf("a part of the table ended with %#x\n", (unsigned)status);
}

/* ---- signals ---- */

static inline void on_alarm(int signal)
{
    (void)signal;
}

/* By SIGALRM, every 20 ms. */
static inline void interrupt_soon(void)
{
    struct sigaction action = {.sa_handler = on_alarm}; /* without SA_RESTART */
    struct itimerval often = {{0, 20000}, {0, 20000}};
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &often, NULL);
}

static inline void no_more_interruptions(void)
{
    struct itimerval never = {{0, 0}, {0, 0}};
    setitimer(ITIMER_REAL, &never, NULL);
}

/* ---- sockets ---- */

static const char *directory; /* an empty one, where a program makes its files */

static inline const char *path_of(const char *name)
{
    return words("%s/%s", directory, name);
}

static inline struct sockaddr_in loopback(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    return address;
}

static inline struct sockaddr_un unix_address(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strncpy(address.sun_path, path, sizeof address.sun_path - 1);
    return address;
}

static inline struct sockaddr_in own_address(int fd)
{
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    checked(getsockname(fd, (struct sockaddr *)&address, &length), "getsockname");
    return address;
}

static inline int bound_socket(int type)
{
    struct sockaddr_in any = loopback(0);
    int fd = checked(socket(AF_INET, type | SOCK_CLOEXEC, 0), "socket");
    checked(bind(fd, (struct sockaddr *)&any, sizeof any), "bind");
    return fd;
}

static inline int listener(int backlog)
{
    int fd = bound_socket(SOCK_STREAM);
    checked(listen(fd, backlog), "listen");
    return fd;
}

static inline void wait_for_event(int fd, short event)
{
    struct pollfd watched = {.fd = fd, .events = event};
    checked(poll(&watched, 1, 20000), "poll");
}

/* Nobody accepts: while one waits in a queue that should hold none, Linux drops every further SYN.
 * The one must be seen in it: loopback need not have delivered the last ACK when connect returns.
 */
static inline int full_listener(struct sockaddr_in *address)
{
    int server = listener(0);
    *address = own_address(server);
    int fd = checked(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
    checked(connect(fd, (struct sockaddr *)address, sizeof *address), "connect");
    wait_for_event(server, POLLIN);
    return server;
}

static inline int unix_listener(const char *path, int backlog)
{
    struct sockaddr_un address = unix_address(path);
    unlink(path);
    int fd = checked(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
    checked(bind(fd, (struct sockaddr *)&address, sizeof address), "bind");
    checked(listen(fd, backlog), "listen");
    return fd;
}

/* ---- one descriptor of every kind ---- */

enum kind {
    CONNECTION, /* the first two are guarded, if anything is */
    UNIX_CONNECTION,
    ACCEPTED,
    LISTENER,
    FRESH_SOCKET,
    UDP_SOCKET,
    SOCKET_PAIR,
    PIPE,
    PLAIN_FILE,
    DIRECTORY,
    PATH_ONLY,
    EPOLL,
    EVENTFD,
    MEMFD,
    CLOSED,
    MINUS_ONE,
    LOWEST,
    HIGHEST,
    KINDS,
};

static const char *const kind_names[] = {
    "connection", "Unix connection", "accepted", "listener", "fresh socket",
    "UDP socket", "socketpair",      "pipe",     "file",     "directory",
    "O_PATH",     "epoll",           "eventfd",  "memfd",    "closed",
    "-1",         "INT_MIN",         "INT_MAX",
};

_Static_assert(sizeof kind_names / sizeof kind_names[0] == KINDS, "a name for each kind");

static int other_end = -1; /* of the last descriptor that has one */

static inline int make_connection(bool client)
{
    int server = listener(1);
    struct sockaddr_in address = own_address(server);
    int fd = checked(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
    checked(connect(fd, (struct sockaddr *)&address, sizeof address), "connect");
    int accepted = checked(accept4(server, NULL, NULL, SOCK_CLOEXEC), "accept4");
    close(server);
    other_end = client ? accepted : fd;
    return client ? fd : accepted;
}

static inline int make_unix_connection(void)
{
    const char *path = path_of("redis.sock");
    struct sockaddr_un address = unix_address(path);
    int server = unix_listener(path, 1);
    int fd = checked(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
    checked(connect(fd, (struct sockaddr *)&address, sizeof address), "connect");
    other_end = checked(accept4(server, NULL, NULL, SOCK_CLOEXEC), "accept4");
    close(server);
    return fd;
}

static inline int make_pair(int (*make)(int[2]))
{
    int ends[2];
    checked(make(ends), "pair");
    other_end = ends[1];
    return ends[0];
}

static inline int make_socket_pair(int ends[2])
{
    return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends);
}

static inline int make_pipe(int ends[2])
{
    return pipe2(ends, O_CLOEXEC);
}

/* A new inode too: it would keep what fcntl() has told it. */
static inline int make_file(void)
{
    unlink(path_of("file"));
    return checked(open(path_of("file"), O_RDWR | O_CREAT | O_CLOEXEC, 0600), "open");
}

static inline int make_closed(void)
{
    int fd = checked(dup(0), "dup");
    close(fd);
    return fd;
}

/* A new one each time: what one call leaves behind is not what the next one finds. */
static inline int make(enum kind kind)
{
    other_end = -1;
    switch (kind) {
    case CONNECTION:
        return make_connection(true);
    case UNIX_CONNECTION:
        return make_unix_connection();
    case ACCEPTED:
        return make_connection(false);
    case LISTENER:
        return listener(1);
    case FRESH_SOCKET:
        return checked(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
    case UDP_SOCKET:
        return checked(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket");
    case SOCKET_PAIR:
        return make_pair(make_socket_pair);
    case PIPE:
        return make_pair(make_pipe);
    case PLAIN_FILE:
        return make_file();
    case DIRECTORY:
        return checked(open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC), "open");
    case PATH_ONLY:
        return checked(open(directory, O_PATH | O_CLOEXEC), "open");
    case EPOLL:
        return checked(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
    case EVENTFD:
        return checked(eventfd(0, EFD_CLOEXEC), "eventfd");
    case MEMFD:
        return checked(memfd_create("memfd", MFD_CLOEXEC | MFD_ALLOW_SEALING), "memfd_create");
    case CLOSED:
        return make_closed();
    case MINUS_ONE:
        return -1;
    case LOWEST:
        return INT_MIN;
    default:
        return INT_MAX;
    }
}

/* With the other end, where there is one. */
static inline void discard(int fd)
{
    if (fd > STDERR_FILENO)
        close(fd);
    if (other_end > STDERR_FILENO)
        close(other_end);
    other_end = -1;
}

#endif
