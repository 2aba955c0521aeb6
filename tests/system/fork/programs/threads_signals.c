/*
 * threads_signals PORT ROUNDS: a timer strikes at whatever instant, in the midst of any hook; its
 * handler calls all of them, on the same numbers as the main flow and on its own. Tells what
 * children found and whether everything is as it should be afterwards.
 */
#include "child_tools.h"

#include <netinet/tcp.h>
#include <stdatomic.h>
#include <sys/time.h>

enum { OURS = 60, HANDLERS = 70 };

static int port, standing;
static uint64_t standing_cookie;
static atomic_int strikes, shared, failed;

static bool has_our_option(int fd)
{
    return fd >= 0 && has_keepalive(fd);
}

static void expect_that(bool expected)
{
    if (!expected)
        atomic_fetch_add(&failed, 1);
}

/* Every hook, on a connection of its own; `number` is where its copies go. */
static void call_every_hook(int number)
{
    int off = 0;
    int fd = connect_socket(port, SOCK_NONBLOCK | SOCK_CLOEXEC);
    int copies[] = {dup(fd), dup2(fd, number), dup3(fd, number + 1, O_CLOEXEC),
                    fcntl(fd, F_DUPFD, number), fcntl64(fd, F_DUPFD_CLOEXEC, number)};
    for (size_t i = 0; i < sizeof copies / sizeof copies[0]; i++) {
        setsockopt(copies[i], SOL_SOCKET, SO_KEEPALIVE, &off, sizeof off);
        expect_that(has_our_option(copies[i]));
        close(copies[i]);
    }
    close(fd);
}

static void look_into_a_child(pid_t (*how)(void))
{
    int status = 0;
    pid_t child = how();
    if (child == 0)
        _exit(cookie_of(standing) == standing_cookie);
    expect_that(child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status));
    if (WEXITSTATUS(status) != 0)
        atomic_fetch_add(&shared, 1);
}

static void strike(int signal)
{
    (void)signal;
    int error = errno;
    call_every_hook(HANDLERS);
    look_into_a_child(atomic_fetch_add(&strikes, 1) % 2 == 0 ? fork : _Fork);
    errno = error;
}

static void strike_every(long microseconds)
{
    struct itimerval often = {{0, microseconds}, {0, microseconds}};
    checked(setitimer(ITIMER_REAL, &often, NULL), "setitimer");
}

int main(int argc, char *argv[])
{
    if (argc != 3)
        return 2;
    struct sigaction action = {.sa_handler = strike, .sa_flags = SA_RESTART};
    redisContext *context = connect_to(argv[1]);
    long long id = client_id(context);
    port = atoi(argv[1]);
    standing = context->fd;
    standing_cookie = cookie_of(standing);
    sigaction(SIGALRM, &action, NULL);
    strike_every(1500);
    while (atomic_load(&strikes) < atoi(argv[2])) {
        call_every_hook(OURS);
        look_into_a_child(fork);
    }
    strike_every(0);
    printf("children that shared the connection: %s\n", atomic_load(&shared) > 0 ? "some" : "none");
    printf("copies without our options, children that crashed: %s\n",
           atomic_load(&failed) > 0 ? "some" : "none");
    printf("parent: %s\n", client_id(context) == id ? "same client" : "lost");
    return 0;
}
