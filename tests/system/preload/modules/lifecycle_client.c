/*
 * A library that is a client of Redis, on EARLY_PORT, outside main: its constructor connects and
 * turns keepalive off, copies the descriptor, forks, and keeps the connection; its destructor asks
 * on that one and does the same with another. Prints what it finds; the program that has it loaded
 * decides who of it, the guard and main comes first.
 */
#include "child_tools.h"

static int kept = -1;

static const char *answer_on(int fd)
{
    static char reply[8];
    memset(reply, 0, sizeof reply);
    return write(fd, "PING\r\n", 6) == 6 && recv(fd, reply, 7, MSG_WAITALL) == 7 ? "+PONG"
                                                                                 : "no answer";
}

static void fork_and_look(const char *when, int fd, int copy)
{
    uint64_t cookie = cookie_of(fd);
    pid_t child = fork();
    if (child == 0) {
        dprintf(1, "%s, in a child: %s, its copy: %s\n", when,
                cookie_of(fd) == cookie ? "shared" : "cut off",
                cookie_of(copy) == cookie ? "shared" : "cut off");
        _exit(0);
    }
    wait_for(child);
}

static int connect_and_fork(const char *when)
{
    int off = 0;
    int fd = connect_socket(atoi(getenv("EARLY_PORT")), 0);
    checked(setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &off, sizeof off), "setsockopt");
    dprintf(1, "%s: keepalive %s\n", when, has_keepalive(fd) ? "on" : "off");
    fork_and_look(when, fd, fcntl(fd, F_DUPFD_CLOEXEC, 0));
    dprintf(1, "%s: %s\n", when, answer_on(fd));
    return fd;
}

__attribute__((constructor)) static void before_main(void)
{
    if (getenv("EARLY_PORT") != NULL)
        kept = connect_and_fork("before main");
}

__attribute__((destructor)) static void after_main(void)
{
    if (kept < 0)
        return;
    fork_and_look("after main, the kept one", kept, kept);
    dprintf(1, "after main, the kept one: %s\n", answer_on(kept));
    connect_and_fork("after main");
}
