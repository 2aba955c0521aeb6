/*
 * spawn [NAME=VALUE]... COMMAND [ARGUMENT]...: starts the command, by its path, with these
 * variables, and waits for its end. Its output is thrown away. Itself it is never under a preload.
 */
#include "worker.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char **command;
static char **environment;
static posix_spawn_file_actions_t actions;

static int64_t batch(long count)
{
    int64_t start = nanoseconds();
    for (long i = 0; i < count; i++) {
        pid_t child = 0;
        int status = 0;
        if (posix_spawn(&child, command[0], &actions, NULL, command, environment) != 0)
            exit(1);
        checked(waitpid(child, &status, 0), "waitpid");
        if (status != 0) {
            fprintf(stderr, "spawn: %s failed\n", command[0]);
            exit(1);
        }
    }
    return nanoseconds() - start;
}

int main(int argc, char *argv[])
{
    int at = 1;
    static char *variables[16];
    for (int i = 0; at < argc && strchr(argv[at], '=') != NULL && i < 15; at++)
        variables[i++] = argv[at];
    if (at == argc) {
        fputs("usage: spawn [NAME=VALUE]... COMMAND [ARGUMENT]...\n", stderr);
        return 2;
    }
    command = &argv[at];
    environment = variables;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    return work(batch);
}
