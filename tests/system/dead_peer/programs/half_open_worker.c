/*
 * half_open_worker PORT CLOSE CONNECT: a queue worker that waits in BLPOP without any timeout, and
 * connects again when its connection has died or when it is told "give up". It reads a line between
 * the two, so that a test can heal the network first, and prints what it does.
 *
 * CLOSE is how it lets go of the old connection: close, dup2 and dup3 (as OpenJDK), unspec (connect
 * to AF_UNSPEC, on the same socket again), shutdown (then close, as redis-py), or the path of
 * modules/half_open_module, which closes it.
 * CONNECT is how it connects again: blocking; same-port (blocking, from its old port); error
 * (non-blocking, then SO_ERROR, as redis-py and event loops); option (non-blocking, then
 * setsockopt, as phpredis); or the path of that module, which asks for SO_ERROR.
 */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct sockaddr_in server, own;

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static int is(const char *word, const char *other)
{
    return strcmp(word, other) == 0;
}

/* As PHP loads an extension. */
static int call_module(const char *path, const char *name, int fd)
{
    void *module = dlopen(path, RTLD_NOW | RTLD_DEEPBIND);
    int (*function)(int) = NULL;
    if (module != NULL)
        *(void **)&function = dlsym(module, name);
    if (function == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        exit(1);
    }
    return function(fd);
}

static int error_of(int fd)
{
    int error = 0;
    socklen_t length = sizeof error;
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0 ? -1 : error;
}

static void connect_without_blocking(int fd, const char *how)
{
    const int on = 1;
    fcntl(fd, F_SETFL, O_NONBLOCK);
    if (connect(fd, (struct sockaddr *)&server, sizeof server) < 0 && errno != EINPROGRESS)
        fail("connect");
    struct pollfd socket = {fd, POLLOUT, 0};
    poll(&socket, 1, -1);
    if (is(how, "option"))
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    else if ((*how == '/' ? call_module(how, "error_of", fd) : error_of(fd)) != 0)
        fail("SO_ERROR");
    fcntl(fd, F_SETFL, 0);
}

static void connect_again(int fd, const char *how)
{
    bool same_port = is(how, "same-port");
    if (same_port && bind(fd, (struct sockaddr *)&own, sizeof own) < 0)
        fail("bind");
    if (!same_port && !is(how, "blocking"))
        connect_without_blocking(fd, how);
    else if (connect(fd, (struct sockaddr *)&server, sizeof server) < 0)
        fail("connect");
    getsockname(fd, (struct sockaddr *)&own, &(socklen_t){sizeof own});
    static const char wait[] = "BLPOP queue 0\r\n";
    if (send(fd, wait, sizeof wait - 1, MSG_NOSIGNAL) < 0)
        fail("send");
}

/* Closes it, and returns the socket that is to connect next. */
static int let_go(int fd, const char *how)
{
    if (is(how, "unspec")) {
        struct sockaddr unspec = {.sa_family = AF_UNSPEC};
        (void)connect(fd, &unspec, sizeof unspec);
        return fd;
    }
    if (is(how, "shutdown"))
        shutdown(fd, SHUT_RDWR);
    if (*how == '/')
        call_module(how, "let_go_of", fd);
    else if (is(how, "dup2"))
        dup2(STDIN_FILENO, fd);
    else if (is(how, "dup3"))
        dup3(STDIN_FILENO, fd, O_CLOEXEC);
    else
        close(fd);
    return socket(AF_INET, SOCK_STREAM, 0);
}

static void read_line(char *line, int size)
{
    if (fgets(line, size, stdin) == NULL)
        exit(0);
}

int main(int argc, char *argv[])
{
    char line[256];
    if (argc != 4)
        return 2;
    server.sin_family = AF_INET;
    server.sin_port = htons((uint16_t)atoi(argv[1]));
    server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    connect_again(fd, "blocking");
    for (;;) {
        struct pollfd sockets[2] = {{fd, POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}};
        poll(sockets, 2, -1);
        if (sockets[1].revents != 0) {
            read_line(line, sizeof line);
            fd = let_go(fd, argv[2]);
            dprintf(STDOUT_FILENO, "gave up\n");
        } else {
            ssize_t length = read(fd, line, sizeof line - 1);
            if (length > 0) {
                dprintf(STDOUT_FILENO, "popped\n");
                continue;
            }
            dprintf(STDOUT_FILENO, "died: %s\n", length == 0 ? "end of file" : strerror(errno));
            fd = let_go(fd, argv[2]);
        }
        read_line(line, sizeof line);
        connect_again(fd, argv[3]);
        dprintf(STDOUT_FILENO, "connected\n");
    }
}
