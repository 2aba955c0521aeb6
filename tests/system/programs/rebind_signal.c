/*
 * rebind_signal FILE: opens and closes a module with RTLD_DEEPBIND, by a bare name, while a signal
 * handler makes calls that may be made in one, at whatever instant a timer strikes. Tells whether
 * the module could be used each time.
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

int main(int argc, char *argv[])
{
    (void)argc;
    int done = 0;
    struct itimerval often = {{0, 97}, {0, 97}}, never = {{0, 0}, {0, 0}};
    struct sigaction action = {.sa_handler = make_calls, .sa_flags = SA_RESTART};
    sigaction(SIGALRM, &action, NULL);
    checked(setitimer(ITIMER_REAL, &often, NULL), "setitimer");
    for (int i = 0; i < ROUNDS; i++) {
        void *module = dlopen(argv[1], RTLD_LAZY | RTLD_DEEPBIND);
        if (calls_of(module)->getppid() == getppid())
            done++;
        dlclose(module);
    }
    checked(setitimer(ITIMER_REAL, &never, NULL), "setitimer");
    printf("done: %s\n", done == ROUNDS ? "all" : "not all");
    return 0;
}
