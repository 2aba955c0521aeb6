/*
 * Many processes with many connections to Redis each: prints "ready" when all are made, and stays
 * until its standard input ends. Run bare by the audit suites.
 *
 *     audit_crowd PORT PROCESSES CONNECTIONS-EACH
 */
#include "child_tools.h"

/* Until the pipe has no writer any more; what comes through it wakes one reader. */
static void await_end(int fd)
{
    char byte = 0;
    while (read(fd, &byte, 1) > 0)
        ;
}

static void hold(int port, int count, int ready)
{
    for (int i = 0; i < count; i++)
        connect_socket(port, SOCK_CLOEXEC);
    if (write(ready, "", 1) != 1)
        die("write");
    await_end(STDIN_FILENO);
    _exit(EXIT_SUCCESS);
}

int main(int argc, char *argv[])
{
    if (argc != 4)
        return 2;
    int processes = atoi(argv[2]);
    int ready[2];
    char byte = 0;
    checked(pipe2(ready, O_CLOEXEC), "pipe");
    for (int i = 0; i < processes; i++)
        if (checked(fork(), "fork") == 0)
            hold(atoi(argv[1]), atoi(argv[3]), ready[1]);
    close(ready[1]);
    for (int i = 0; i < processes; i++)
        if (read(ready[0], &byte, 1) != 1)
            die("a process could not connect");
    puts("ready");
    fflush(stdout);
    await_end(STDIN_FILENO);
    while (wait(NULL) > 0)
        ;
    return EXIT_SUCCESS;
}
