/*
 * child_signal PORT: a signal handler forks, at whatever instant a timer strikes, while the program
 * opens, copies and closes connections. Tells what its children found, and whether the connection
 * that was there all the time still is.
 */
#include "child_tools.h"

#include <stdatomic.h>
#include <sys/time.h>

enum { FORKS = 100 };

static int standing;
static uint64_t standing_cookie;
static atomic_int forks, shared, failed;

static void fork_here(int signal)
{
    (void)signal;
    int error = errno;
    int status = 0;
    pid_t child = atomic_load(&forks) % 2 == 0 ? fork() : _Fork();
    if (child == 0)
        _exit(cookie_of(standing) == standing_cookie);
    if (child < 0 || waitpid(child, &status, 0) < 0 || !WIFEXITED(status))
        atomic_fetch_add(&failed, 1);
    else if (WEXITSTATUS(status) != 0)
        atomic_fetch_add(&shared, 1);
    atomic_fetch_add(&forks, 1);
    errno = error;
}

static void strike_every(long microseconds)
{
    struct itimerval often = {{0, microseconds}, {0, microseconds}};
    checked(setitimer(ITIMER_REAL, &often, NULL), "setitimer");
}

int main(int argc, char *argv[])
{
    (void)argc;
    struct sigaction action = {.sa_handler = fork_here, .sa_flags = SA_RESTART};
    redisContext *context = connect_to(argv[1]);
    long long id = client_id(context);
    standing = context->fd;
    standing_cookie = cookie_of(standing);
    sigaction(SIGALRM, &action, NULL);
    strike_every(1500);
    while (atomic_load(&forks) < FORKS) {
        int fd = connect_socket(atoi(argv[1]), SOCK_NONBLOCK);
        int copy = dup(fd);
        close(fd);
        close(copy);
    }
    strike_every(0);
    printf("children that shared the connection: %s\n", atomic_load(&shared) > 0 ? "some" : "none");
    printf("children that crashed: %d\n", atomic_load(&failed));
    printf("parent: %s\n", client_id(context) == id ? "same client" : "lost");
    return 0;
}
