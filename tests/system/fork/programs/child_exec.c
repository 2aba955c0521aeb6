/*
 * child_exec HOW PORT: connects to Redis and runs a command in the way that HOW says: exec (in its
 * own place), fork, vfork, posix_spawn or system. The command is this program again, which looks
 * whether it holds the connection.
 */
#include "child_tools.h"

#include <inttypes.h>
#include <spawn.h>

enum { NUMBERS = 1024 };

static int look_for(const char *wanted)
{
    uint64_t cookie = strtoull(wanted, NULL, 10);
    for (int fd = 0; fd < NUMBERS; fd++)
        if (cookie_of(fd) == cookie) {
            dprintf(1, "the command holds the connection\n");
            return 0;
        }
    dprintf(1, "the command does not hold the connection\n");
    return 0;
}

static void run(const char *how, char *const argv[])
{
    pid_t child = 0;
    if (strcmp(how, "fork") == 0)
        child = fork();
    if (strcmp(how, "vfork") == 0)
        child = vfork(); // NOLINT(clang-analyzer-security.insecureAPI.vfork): it is in use
    if (child == 0) {
        execv(argv[0], argv);
        _exit(127);
    }
    wait_for(child);
}

int main(int argc, char *argv[])
{
    const char *how = argv[1];
    if (argc > 2 && strcmp(how, "look") == 0)
        return look_for(argv[2]);
    int fd = connect_socket(atoi(argv[2]), 0);
    char cookie[32], command[4096];
    snprintf(cookie, sizeof cookie, "%" PRIu64, cookie_of(fd));
    char *const words[] = {argv[0], (char[]){"look"}, cookie, NULL};
    if (strcmp(how, "system") == 0) {
        snprintf(command, sizeof command, "%s look %s", argv[0], cookie);
        return system(command); // NOLINT(cert-env33-c): this is what it is about
    }
    if (strcmp(how, "posix_spawn") == 0) {
        pid_t child = -1;
        posix_spawn(&child, argv[0], NULL, NULL, words, environ);
        wait_for(child);
        return 0;
    }
    run(how, words);
    return 0;
}
