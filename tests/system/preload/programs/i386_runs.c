/*
 * Runs a command as system(3) does, by the shell, which is not of its own class: the i386 suite has
 * programs of both start each other.
 *
 *     i386_runs COMMAND
 */
#include <stdlib.h>

int main(int argc, char *argv[])
{
    return argc == 2 && system(argv[1]) == 0 ? EXIT_SUCCESS : EXIT_FAILURE; // NOLINT(cert-env33-c)
}
