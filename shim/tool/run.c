/*
 * run.c: see run.h. Starts no process: pid, signals, terminal and exit status are the command's.
 */
#include "run.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "common/complain.h"

int run_command(char *const argv[], char *const environment[])
{
    execvpe(argv[0], argv, environment);
    int error = errno;
    complain("%s: %s", argv[0], strerror(error));
    return error == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_EXECUTE;
}
