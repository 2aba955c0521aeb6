/*
 * preload_sanitized PORT MODULE: connects, also from threads and from a module, allocates, forks,
 * and tells how each went. Built with each of gcc's sanitizers, linked in and shared (see
 * modules/flags.mk): a report would end it with a status of its own.
 */
#include "child_tools.h"
#include "rebind_tools.h"

#include <pthread.h>

enum { THREADS = 4, ROUNDS = 20 };

static int port;

static bool answers(int fd)
{
    char reply[8] = "";
    return write(fd, "PING\r\n", 6) == 6 && recv(fd, reply, 7, MSG_WAITALL) == 7 &&
           strcmp(reply, "+PONG\r\n") == 0;
}

static void *ask_again_and_again(void *nothing)
{
    long good = 0;
    (void)nothing;
    for (int round = 0; round < ROUNDS; round++) {
        int off = 0;
        int fd = connect_socket(port, 0);
        setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &off, sizeof off);
        int copy = dup(fd);
        good += answers(copy);
        close(copy);
        close(fd);
    }
    return (void *)(intptr_t)(good == ROUNDS);
}

static int threads_that_were_answered(void)
{
    pthread_t threads[THREADS];
    int good = 0;
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, ask_again_and_again, NULL);
    for (int i = 0; i < THREADS; i++) {
        void *result = NULL;
        pthread_join(threads[i], &result);
        good += result != NULL;
    }
    return good;
}

int main(int argc, char *argv[])
{
    (void)argc;
    port = atoi(argv[1]);
    int fd = connect_socket(port, 0);
    uint64_t cookie = cookie_of(fd);
    printf("connected: keepalive %s\n", has_keepalive(fd) ? "on" : "off");
    printf("threads: %d of %d answered\n", threads_that_were_answered(), THREADS);
    const struct calls *calls = calls_of(dlopen(argv[2], RTLD_NOW));
    printf("module: keepalive %s\n", setsockopt_is_guarded(calls, fd) ? "stays on" : "turned off");
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        void *memory = malloc(100000);
        dprintf(1, "child: %s\n", what_is_at(fd, cookie));
        free(memory);
        exit(0);
    }
    wait_for(child);
    printf("parent: %s\n", answers(fd) ? "+PONG" : "lost its connection");
    return 0;
}
