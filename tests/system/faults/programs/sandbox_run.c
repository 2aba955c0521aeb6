/*
 * sandbox_run ERROR RULE... -- COMMAND ARGUMENT...: becomes the command, in a sandbox where some
 * system calls fail with that error from the first instruction on (sandbox_filter.h).
 */
#include "sandbox_filter.h"

int main(int argc, char *argv[])
{
    (void)argc;
    char **command = argv + 2;
    while (strcmp(*command, "--") != 0)
        command++;
    *command++ = NULL;
    refuse(argv + 2, atoi(argv[1]));
    execvp(command[0], command);
    die(command[0]);
}
