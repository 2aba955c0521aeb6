/*
 * What the programs of the child and rebind suites share: a connection, which socket a descriptor
 * is, and what it is like to use one in a child. They run with and without the preload, so nothing
 * here may depend on it. Included by programs/child_*.c and programs/rebind_*.c.
 */
#ifndef REDISGUARD_TESTS_CHILD_TOOLS_H
#define REDISGUARD_TESTS_CHILD_TOOLS_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { LONGEST_DESCRIPTION = 256 };

static inline _Noreturn void die(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    _exit(1);
}

static inline long long nanoseconds_now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static inline int checked(int result, const char *what)
{
    if (result < 0)
        die(what);
    return result;
}

/* ---- connections ---- */

/* A port on 127.0.0.1, or the path of a Unix-domain socket. */
static inline redisContext *connect_to(const char *address)
{
    redisContext *context =
        strchr(address, '/') ? redisConnectUnix(address) : redisConnect("127.0.0.1", atoi(address));
    if (context == NULL || context->err != 0)
        die(context == NULL ? "out of memory" : context->errstr);
    return context;
}

static inline int connect_socket(int port, int flags)
{
    static _Thread_local struct sockaddr_in peer = {.sin_family = AF_INET};
    peer.sin_port = htons((uint16_t)port);
    peer.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = checked(socket(AF_INET, SOCK_STREAM | flags, 0), "socket");
    if (connect(fd, (struct sockaddr *)&peer, sizeof peer) < 0 && errno != EINPROGRESS)
        die("connect");
    return fd;
}

/* Connects so many at a time, and closes them all. */
static inline void use_numbers(int port, int count)
{
    int *numbers = calloc((size_t)count + 1, sizeof *numbers);
    for (int i = 0; i < count; i++)
        numbers[i] = connect_socket(port, 0);
    for (int i = 0; i < count; i++)
        close(numbers[i]);
    free(numbers);
}

/* What the server calls this connection; -1 when the connection is no more. */
static inline long long client_id(redisContext *context)
{
    redisReply *reply = redisCommand(context, "CLIENT ID");
    return reply != NULL && reply->type == REDIS_REPLY_INTEGER ? reply->integer : -1;
}

static inline bool has_keepalive(int fd)
{
    int on = 0;
    socklen_t length = sizeof on;
    checked(getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, &length), "getsockopt");
    return on != 0;
}

/* ---- descriptors ---- */

/* The kernel's name for this one socket; 0 for anything else. Old kernels, qemu and the sandboxes
 * of the tests have no cookies: there its inode. */
static inline uint64_t cookie_of(int fd)
{
    uint64_t cookie = 0;
    socklen_t length = sizeof cookie;
    struct stat status;
    if (getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &length) == 0)
        return cookie;
    return fstat(fd, &status) == 0 && S_ISSOCK(status.st_mode) ? status.st_ino : 0;
}

static inline ino_t inode_of(int fd)
{
    struct stat status;
    return fstat(fd, &status) < 0 ? 0 : status.st_ino;
}

static inline bool is_connecting(int fd)
{
    struct tcp_info info;
    socklen_t length = sizeof info;
    checked(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length), "TCP_INFO");
    return info.tcpi_state == TCP_SYN_SENT;
}

static inline const char *result_of(ssize_t result)
{
    return result < 0 ? strerrorname_np(errno) : result == 0 ? "0" : "bytes";
}

static inline const char *events_of(unsigned events)
{
    static const char *const names[] = {"nothing", "readable", "hung-up", "readable hung-up"};
    return names[((events & EPOLLIN) != 0) + 2 * ((events & EPOLLHUP) != 0)];
}

static inline const char *epoll_says(int fd)
{
    struct epoll_event event = {.events = EPOLLIN};
    int epoll = checked(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0)
        return strerrorname_np(errno);
    int ready = epoll_wait(epoll, &event, 1, 0);
    close(epoll);
    return events_of(ready == 1 ? event.events : 0);
}

static inline const char *poll_says(int fd)
{
    struct pollfd watched = {.fd = fd, .events = POLLIN};
    poll(&watched, 1, 0);
    return events_of((unsigned)watched.revents);
}

/* Uses a descriptor in every way that a client would, unless it is still that very socket. */
static inline const char *what_is_at(int fd, uint64_t cookie)
{
    static char words[LONGEST_DESCRIPTION];
    struct stat status;
    char byte;
    if (fstat(fd, &status) < 0)
        return "closed";
    if (cookie_of(fd) == cookie)
        return "shared";
    const char *poll_word = poll_says(fd);
    const char *epoll_word = epoll_says(fd);
    const char *read_word = result_of(read(fd, &byte, 1));
    const char *recv_word = result_of(recv(fd, &byte, 1, 0));
    const char *write_word = result_of(write(fd, "x", 1));
    const char *send_word = result_of(send(fd, "x", 1, 0));
    snprintf(words, sizeof words, "%s, poll %s, epoll %s, read %s, recv %s, write %s, send %s",
             S_ISSOCK(status.st_mode) ? "socket" : "no socket", poll_word, epoll_word, read_word,
             recv_word, write_word, send_word);
    return words;
}

/* ---- children ---- */

/* Says so when the child did not end well. */
static inline void wait_for(pid_t child)
{
    int status = 0;
    checked(child, "fork");
    checked(waitpid(child, &status, 0), "waitpid");
    if (WIFSIGNALED(status))
        dprintf(1, "the child died of SIG%s\n", sigabbrev_np(WTERMSIG(status)));
    else if (WEXITSTATUS(status) != 0)
        dprintf(1, "the child exited with %d\n", WEXITSTATUS(status));
}

#endif
