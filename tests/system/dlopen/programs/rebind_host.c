/*
 * rebind_host PORT MODULE OTHER: loads the module with RTLD_DEEPBIND and tells, for each of libc's
 * functions that the guard hooks, whether the guard notices when the module calls it. OTHER is a
 * module for the module to load.
 */
#include "rebind_tools.h"

enum { SPARE = 50 };

static const char *port;

static void tell(const char *name, bool guarded)
{
    dprintf(1, "%s: %s\n", name, guarded ? "guarded" : "bypasses");
}

static bool keeps_options(const struct calls *calls)
{
    int fd = connect_socket(atoi(port), 0);
    bool guarded = setsockopt_is_guarded(calls, fd);
    close(fd);
    return guarded;
}

static bool connect_is_guarded(const struct calls *calls)
{
    struct sockaddr_in peer = {.sin_family = AF_INET,
                               .sin_port = htons((uint16_t)atoi(port)),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = checked(socket(AF_INET, SOCK_STREAM, 0), "socket");
    checked(calls->connect(fd, (struct sockaddr *)&peer, sizeof peer), "connect");
    bool tuned = has_keepalive(fd);
    close(fd);
    return tuned;
}

/* Whether the child of this fork, be it ours or the module's, is without the connection at fd. */
static bool is_cut_off(pid_t (*its_fork)(void), int fd, uint64_t cookie)
{
    int status = 0;
    pid_t child = its_fork();
    if (child == 0)
        _exit(cookie_of(fd) != cookie);
    checked(waitpid(child, &status, 0), "waitpid");
    return status != 0;
}

static bool fork_no_handlers_is_guarded(const struct calls *calls)
{
    int fd = connect_socket(atoi(port), 0);
    bool cut_off = is_cut_off(calls->fork_no_handlers, fd, cookie_of(fd));
    close(fd);
    return cut_off;
}

static void tell_of_copies(const struct calls *calls)
{
    int fd = connect_socket(atoi(port), 0);
    uint64_t cookie = cookie_of(fd);
    tell("dup", is_cut_off(fork, calls->dup(fd), cookie));
    tell("dup2", is_cut_off(fork, calls->dup2(fd, SPARE), cookie));
    tell("dup3", is_cut_off(fork, calls->dup3(fd, SPARE + 1, O_CLOEXEC), cookie));
    tell("fcntl", is_cut_off(fork, calls->fcntl(fd, F_DUPFD, SPARE + 2), cookie));
}

int main(int argc, char *argv[])
{
    (void)argc;
    port = argv[1];
    const struct calls *calls = calls_of(dlopen(argv[2], RTLD_LAZY | RTLD_DEEPBIND));
    tell("setsockopt", keeps_options(calls));
    tell("setsockopt again", keeps_options(calls));
    tell("connect", connect_is_guarded(calls));
    tell("_Fork", fork_no_handlers_is_guarded(calls));
    tell_of_copies(calls);
    calls = calls_of(calls->dlopen(argv[3], RTLD_LAZY | RTLD_DEEPBIND));
    tell("dlopen", keeps_options(calls));
    return 0;
}
