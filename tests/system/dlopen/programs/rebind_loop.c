/*
 * rebind_loop PORT MODULE...: opens the modules by their bare names with RTLD_DEEPBIND, all from
 * one place and with no call in between that the guard hooks. Then each calls setsockopt(). Tells
 * of which call the guard noticed.
 */
#include "rebind_tools.h"

int main(int argc, char *argv[])
{
    enum { MODULES_AT_MOST = 8 };
    void *modules[MODULES_AT_MOST];
    int fd = connect_socket(atoi(argv[1]), 0);
    for (int i = 2; i < argc && i < MODULES_AT_MOST; i++)
        modules[i] = dlopen(argv[i], RTLD_LAZY | RTLD_DEEPBIND);
    checked(fcntl(fd, F_GETFD), "fcntl");
    for (int i = 2; i < argc && i < MODULES_AT_MOST; i++)
        printf("%s: %s\n", argv[i],
               setsockopt_is_guarded(calls_of(modules[i]), fd) ? "guarded" : "bypasses");
    return 0;
}
