/*
 * rebind_unload LIBRARY: opens the guard's library as a plugin, closes it again and forks, which
 * runs the fork handlers that the library has registered. Tells how the child ended.
 */
#include "child_tools.h"

#include <dlfcn.h>

int main(int argc, char *argv[])
{
    (void)argc;
    int status = 0;
    void *library = dlopen(argv[1], RTLD_NOW);
    if (library == NULL || dlclose(library) != 0)
        die(dlerror());
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    checked(waitpid(child, &status, 0), "waitpid");
    printf("child: status %d\n", status);
    return 0;
}
