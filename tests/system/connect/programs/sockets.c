/*
 * Makes the socket calls that its arguments spell, one after another, and prints a line for each:
 * the call and what it returned. A call that fails also names the error; one that succeeds and has
 * not left errno alone is told on. Run by the system tests, bare and under the preload; knows
 * nothing of the guard but its public functions, which it declares weak.
 *
 *     sockets socket=tcp connect=127.0.0.1:6379 options fork ping wait ping
 */
#define REDISGUARD_WEAK
#include "redisguard.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { UNTOUCHED = 1234, MISUSED = 2 };

static int current = -1; /* the descriptor that the next step is about */
static struct sockaddr_storage listener;
static socklen_t listener_length;

static void misused(const char *word)
{
    dprintf(STDERR_FILENO, "sockets: cannot make sense of %s\n", word);
    exit(MISUSED);
}

static void report(const char *call, int result)
{
    int error = errno;
    if (result < 0)
        dprintf(STDOUT_FILENO, "%s -1 %s\n", call, strerror(error));
    else
        dprintf(STDOUT_FILENO, "%s %d%s\n", call, result,
                error == UNTOUCHED ? "" : " and changed errno");
}

/* A call that makes a descriptor: it is the current one from now on. */
static void report_new(const char *call, int fd)
{
    report(call, fd);
    if (fd >= 0)
        current = fd;
}

/* ---- addresses ---- */

static socklen_t unix_address(const char *path, struct sockaddr_storage *address)
{
    struct sockaddr_un *un = (struct sockaddr_un *)address;
    size_t length = strlen(path);
    if (length >= sizeof un->sun_path)
        misused(path);
    un->sun_family = AF_UNIX;
    memcpy(un->sun_path, path, length + 1);
    if (path[0] == '@')
        un->sun_path[0] = '\0';
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + (path[0] != '@'));
}

static socklen_t inet_address(const char *text, struct sockaddr_storage *address)
{
    char host[INET6_ADDRSTRLEN] = "";
    unsigned short port = 0;
    struct sockaddr_in *in = (struct sockaddr_in *)address;
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)address;
    if (sscanf(text, "[%45[^]]]:%hu", host, &port) == 2 &&
        inet_pton(AF_INET6, host, &in6->sin6_addr) == 1) {
        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons(port);
        return sizeof *in6;
    }
    if (sscanf(text, "%15[^:]:%hu", host, &port) != 2 ||
        inet_pton(AF_INET, host, &in->sin_addr) != 1)
        misused(text);
    in->sin_family = AF_INET;
    in->sin_port = htons(port);
    return sizeof *in;
}

static socklen_t read_address(const char *text, struct sockaddr_storage *address)
{
    memset(address, 0, sizeof *address);
    if (strcmp(text, "unspec") == 0)
        return sizeof(struct sockaddr); /* AF_UNSPEC is 0 */
    if (strcmp(text, "listener") == 0) {
        *address = listener;
        return listener_length;
    }
    if (text[0] == '/' || text[0] == '@')
        return unix_address(text, address);
    return inet_address(text, address);
}

/* ---- sockets ---- */

static void take_socket(const char *value)
{
    static const struct {
        const char *name;
        int domain, type;
    } kinds[] = {
        {"tcp", AF_INET, SOCK_STREAM},
        {"tcp6", AF_INET6, SOCK_STREAM},
        {"udp", AF_INET, SOCK_DGRAM},
        {"udp6", AF_INET6, SOCK_DGRAM},
        {"unix", AF_UNIX, SOCK_STREAM},
        {"unix-datagram", AF_UNIX, SOCK_DGRAM},
        {"unix-packet", AF_UNIX, SOCK_SEQPACKET},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(value, kinds[i].name) == 0) {
            report_new("socket", socket(kinds[i].domain, kinds[i].type, 0));
            return;
        }
    misused(value);
}

static void take_use(const char *value)
{
    current = atoi(value);
}

static void take_connect(const char *value)
{
    struct sockaddr_storage address;
    socklen_t length = read_address(value, &address);
    report("connect", connect(current, (struct sockaddr *)&address, length));
}

static void take_bind(const char *value)
{
    struct sockaddr_storage address;
    socklen_t length = read_address(value, &address);
    report("bind", bind(current, (struct sockaddr *)&address, length));
}

static void take_listen(const char *value)
{
    (void)value;
    report("listen", listen(current, 8));
    listener_length = sizeof listener;
    getsockname(current, (struct sockaddr *)&listener, &listener_length);
}

static void take_accept(const char *value)
{
    (void)value;
    report_new("accept", accept(current, NULL, NULL));
}

static void take_nonblocking(const char *value)
{
    (void)value;
    report("nonblocking", fcntl(current, F_SETFL, fcntl(current, F_GETFL) | O_NONBLOCK));
}

static void take_blocking(const char *value)
{
    (void)value;
    report("blocking", fcntl(current, F_SETFL, fcntl(current, F_GETFL) & ~O_NONBLOCK));
}

/* Waits until the handshake is over, one way or the other. */
static void take_connected(const char *value)
{
    (void)value;
    struct pollfd watched = {.fd = current, .events = POLLOUT};
    int error = 0;
    socklen_t length = sizeof error;
    poll(&watched, 1, -1);
    getsockopt(current, SOL_SOCKET, SO_ERROR, &error, &length);
    dprintf(STDOUT_FILENO, "connected: %s\n", error == 0 ? "yes" : strerror(error));
}

/* Asks a Redis server whether this is a connection to it. */
static void take_ping(const char *value)
{
    (void)value;
    char answer[64] = "";
    if (send(current, "PING\r\n", 6, MSG_NOSIGNAL) < 0) {
        report("ping", -1);
        return;
    }
    ssize_t got = recv(current, answer, sizeof answer - 1, 0);
    if (got < 0)
        report("ping", -1);
    else
        dprintf(STDOUT_FILENO, "ping %s\n", got == 0 ? "end of file" : strtok(answer, "\r\n"));
}

/* Waits for a byte that nobody sends. */
static void take_read(const char *value)
{
    (void)value;
    char byte;
    report("read", (int)recv(current, &byte, 1, 0));
}

/* ---- options ---- */

static const struct {
    const char *name;
    int level, number;
} options[] = {
    {"KEEPALIVE", SOL_SOCKET, SO_KEEPALIVE},         {"KEEPIDLE", IPPROTO_TCP, TCP_KEEPIDLE},
    {"KEEPINTVL", IPPROTO_TCP, TCP_KEEPINTVL},       {"KEEPCNT", IPPROTO_TCP, TCP_KEEPCNT},
    {"USER_TIMEOUT", IPPROTO_TCP, TCP_USER_TIMEOUT}, {"NODELAY", IPPROTO_TCP, TCP_NODELAY},
};

enum { SHOWN = 5 }; /* the guard's five; NODELAY is anybody's */

static void take_options(const char *value)
{
    (void)value;
    char line[256] = "options";
    for (int i = 0; i < SHOWN; i++) {
        int present = 0;
        socklen_t length = sizeof present;
        size_t end = strlen(line);
        if (getsockopt(current, options[i].level, options[i].number, &present, &length) == 0)
            snprintf(line + end, sizeof line - end, " %s %d", options[i].name, present);
        else
            snprintf(line + end, sizeof line - end, " %s -", options[i].name);
    }
    int flags = fcntl(current, F_GETFD);
    dprintf(STDOUT_FILENO, "%s CLOEXEC %d\n", line, flags < 0 ? -1 : flags & FD_CLOEXEC);
}

static void take_set(const char *value)
{
    size_t length = strcspn(value, ":");
    int number = value[length] == ':' ? atoi(value + length + 1) : 0;
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++)
        if (strlen(options[i].name) == length && strncmp(options[i].name, value, length) == 0) {
            errno = UNTOUCHED;
            report("set", setsockopt(current, options[i].level, options[i].number, &number,
                                     sizeof number));
            return;
        }
    misused(value);
}

static void take_cloexec(const char *value)
{
    report("cloexec", fcntl(current, F_SETFD, atoi(value) ? FD_CLOEXEC : 0));
}

/* ---- descriptors ---- */

static void take_dup(const char *value)
{
    (void)value;
    report_new("dup", dup(current));
}

static void take_dup2(const char *value)
{
    report_new("dup2", dup2(current, atoi(value)));
}

static void take_dup3(const char *value)
{
    report_new("dup3", dup3(current, atoi(value), O_CLOEXEC));
}

static void take_dupfd(const char *value)
{
    report_new("dupfd", fcntl(current, F_DUPFD, atoi(value)));
}

static void take_dupfd_cloexec(const char *value)
{
    report_new("dupfd-cloexec", fcntl(current, F_DUPFD_CLOEXEC, atoi(value)));
}

static void take_open(const char *value)
{
    report_new("open", open(value, O_RDWR | O_CREAT, 0600));
}

static void take_close(const char *value)
{
    (void)value;
    report("close", close(current));
}

/* ---- the public functions ---- */

static void take_version(const char *value)
{
    (void)value;
    dprintf(STDOUT_FILENO, "version %s\n",
            redisguard_version == NULL ? "of nothing" : redisguard_version());
}

static void take_guards(const char *value)
{
    (void)value;
    if (redisguard_guards == NULL)
        dprintf(STDOUT_FILENO, "guards nothing\n");
    else
        report("guards", redisguard_guards(current));
}

static void take_release(const char *value)
{
    (void)value;
    if (redisguard_release == NULL)
        dprintf(STDOUT_FILENO, "release nothing\n");
    else
        report("release", redisguard_release(current));
}

/* ---- processes ---- */

static void do_nothing(int signal)
{
    (void)signal;
}

/* SIGUSR1 interrupts a call from now on: no SA_RESTART. */
static void take_interruptible(const char *value)
{
    (void)value;
    struct sigaction action = {.sa_handler = do_nothing};
    report("interruptible", sigaction(SIGUSR1, &action, NULL));
}

static void take_daemon(const char *value)
{
    (void)value;
    report("daemon", daemon(1, 1));
}

/* Until the test says go on. */
static void take_hold(const char *value)
{
    (void)value;
    char byte = 0;
    dprintf(STDOUT_FILENO, "hold\n");
    while (read(STDIN_FILENO, &byte, 1) == 1 && byte != '\n')
        ;
}

static void take_wait(const char *value)
{
    (void)value;
    _exit(EXIT_SUCCESS); /* only a child comes here: its parent goes on behind the word */
}

static const struct step {
    const char *name;
    void (*take)(const char *value);
} known[] = {
    {"socket", take_socket},
    {"use", take_use},
    {"connect", take_connect},
    {"bind", take_bind},
    {"listen", take_listen},
    {"accept", take_accept},
    {"nonblocking", take_nonblocking},
    {"blocking", take_blocking},
    {"connected", take_connected},
    {"ping", take_ping},
    {"read", take_read},
    {"options", take_options},
    {"set", take_set},
    {"cloexec", take_cloexec},
    {"dup", take_dup},
    {"dup2", take_dup2},
    {"dup3", take_dup3},
    {"dupfd", take_dupfd},
    {"dupfd-cloexec", take_dupfd_cloexec},
    {"open", take_open},
    {"close", take_close},
    {"version", take_version},
    {"guards", take_guards},
    {"release", take_release},
    {"interruptible", take_interruptible},
    {"daemon", take_daemon},
    {"hold", take_hold},
    {"wait", take_wait},
};

static void take(const char *word)
{
    size_t length = strcspn(word, "=");
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strlen(known[i].name) == length && strncmp(known[i].name, word, length) == 0) {
            errno = UNTOUCHED;
            known[i].take(word + length + (word[length] == '='));
            return;
        }
    misused(word);
}

/* The steps from here to "wait" are the child's; returns where its parent, or itself, goes on. */
static char **fork_at(char **step)
{
    errno = UNTOUCHED;
    pid_t child = fork();
    if (child == 0) {
        dprintf(STDOUT_FILENO, "child\n");
        return step;
    }
    if (child < 0)
        report("fork", -1);
    int status = 0;
    waitpid(child, &status, 0);
    dprintf(STDOUT_FILENO, WIFSIGNALED(status) ? "parent, child killed\n" : "parent\n");
    while (step[1] != NULL && strcmp(*step, "wait") != 0)
        step++;
    return step;
}

/* The rest of the steps, in a fresh image of this program. */
static void execute(char *program, char **rest)
{
    char **argv = rest - 1; /* there was a word before them: "exec" */
    argv[0] = program;
    execv("/proc/self/exe", argv);
    report("exec", -1);
}

static void run(char *program, char **step)
{
    char **repeat = NULL;
    int times = 0;
    for (;; step++) {
        if (*step == NULL) {
            if (--times <= 0)
                return;
            step = repeat;
        } else if (strncmp(*step, "repeat=", 7) == 0) {
            repeat = step;
            times = atoi(*step + 7);
        } else if (strcmp(*step, "fork") == 0) {
            step = fork_at(step);
        } else if (strcmp(*step, "exec") == 0) {
            execute(program, step + 1);
        } else {
            take(*step);
        }
    }
}

int main(int argc, char *argv[])
{
    if (argc > 1)
        run(argv[0], argv + 1);
    return EXIT_SUCCESS;
}
