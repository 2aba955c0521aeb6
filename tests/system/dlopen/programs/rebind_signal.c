/*
 * rebind_signal PORT FILE: opens and closes a module with RTLD_DEEPBIND while a signal handler
 * makes calls that may be made in one, at whatever instant a timer strikes. Tells how often the
 * guard did not notice when the module called setsockopt().
 */
#include "rebind_tools.h"

#include <sys/time.h>

enum { ROUNDS = 1500 };

static void make_calls(int signal)
{
    (void)signal;
    int error = errno;
    close(dup(1));
    errno = error;
}

static void strike_every(long microseconds)
{
    struct itimerval often = {{0, microseconds}, {0, microseconds}};
    checked(setitimer(ITIMER_REAL, &often, NULL), "setitimer");
}

static bool is_guarded_this_time(const char *file, int connection)
{
    int on = 1;
    void *module = dlopen(file, RTLD_LAZY | RTLD_DEEPBIND);
    checked(setsockopt(connection, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on), "setsockopt");
    bool guarded = setsockopt_is_guarded(calls_of(module), connection);
    dlclose(module);
    return guarded;
}

int main(int argc, char *argv[])
{
    (void)argc;
    int bypassed = 0;
    struct sigaction action = {.sa_handler = make_calls, .sa_flags = SA_RESTART};
    int connection = connect_socket(atoi(argv[1]), 0);
    sigaction(SIGALRM, &action, NULL);
    strike_every(97);
    for (int i = 0; i < ROUNDS; i++)
        bypassed += !is_guarded_this_time(argv[2], connection);
    strike_every(0);
    printf("bypassed: %s\n", bypassed == 0 ? "never" : bypassed < ROUNDS ? "sometimes" : "always");
    return 0;
}
