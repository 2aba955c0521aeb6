/*
 * Holds one connection to Redis in the ways that an audit must tell apart, prints "ready" and stays
 * until its standard input ends. Run bare by the audit suites.
 *
 *     audit_holder PORT threads      two threads
 *     audit_holder PORT orphan       a thread, and the first one has ended
 *     audit_holder PORT starting     always in the midst of starting a command, which takes 60 ms
 *     audit_holder PORT name NAME    under this name, see prctl(2)
 */
#include "child_tools.h"

#include <poll.h>
#include <pthread.h>
#include <sys/prctl.h>

static void stay(void)
{
    char byte = 0;
    puts("ready");
    fflush(stdout);
    while (read(STDIN_FILENO, &byte, 1) > 0)
        ;
    exit(EXIT_SUCCESS);
}

static void *stay_in_a_thread(void *unused)
{
    stay();
    return unused;
}

static void start_a_thread(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, stay_in_a_thread, NULL);
}

static void start_a_command(void)
{
    pid_t child = checked(fork(), "fork");
    if (child == 0) {
        poll(NULL, 0, 60);
        execlp("true", "true", NULL);
        _exit(1);
    }
    waitpid(child, NULL, 0);
}

static void keep_starting_commands(void)
{
    struct pollfd end = {.fd = STDIN_FILENO, .events = POLLIN};
    puts("ready");
    fflush(stdout);
    while (poll(&end, 1, 0) == 0)
        start_a_command();
}

int main(int argc, char *argv[])
{
    if (argc < 3)
        return 2;
    connect_socket(atoi(argv[1]), SOCK_CLOEXEC);
    if (strcmp(argv[2], "threads") == 0) {
        start_a_thread();
        pause();
    }
    if (strcmp(argv[2], "orphan") == 0) {
        start_a_thread();
        pthread_exit(NULL);
    }
    if (strcmp(argv[2], "starting") == 0)
        keep_starting_commands();
    if (strcmp(argv[2], "name") == 0 && argc == 4) {
        prctl(PR_SET_NAME, argv[3], 0, 0, 0);
        stay();
    }
    return 0;
}
