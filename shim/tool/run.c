/*
 * run.c: see run.h. Starts no process: pid, signals, terminal and exit status are the command's.
 */
#include "run.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "common/complain.h"
#include "common/print.h"

int run_command(char *const argv[], char *const environment[])
{
    execvpe(argv[0], argv, environment);
    int error = errno;
    fputs("redisguard: ", stderr);
    print_escaped_to(stderr, argv[0]);
    fprintf(stderr, ": %s\n", strerror(error));
    return error == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_EXECUTE;
}
