/*
 * lifecycle_main PORT: a program that has its own turn in each of the moments around main: before
 * any library's constructor (.preinit_array), in main, at exit, in the destructor of a thread and
 * in its own. In each it connects, turns keepalive off, forks, and tells what the child finds.
 */
#include "child_tools.h"

#include <pthread.h>

static int port;

static void connect_and_fork(const char *when)
{
    int off = 0;
    int fd = connect_socket(port, 0);
    uint64_t cookie = cookie_of(fd);
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &off, sizeof off);
    const char *keepalive = has_keepalive(fd) ? "on" : "off";
    pid_t child = fork();
    if (child == 0) {
        dprintf(1, "%s: keepalive %s, in a child %s\n", when, keepalive,
                cookie_of(fd) == cookie ? "shared" : "cut off");
        _exit(0);
    }
    wait_for(child);
    close(fd);
}

static void first_of_all(int argc, char *argv[], char *env[])
{
    (void)env;
    port = argc > 1 ? atoi(argv[1]) : 0;
    connect_and_fork("preinit");
}

__attribute__((section(".preinit_array"),
               used)) static void (*const preinit)(int, char *[], char *[]) = first_of_all;

static void at_exit(void)
{
    connect_and_fork("atexit");
}

__attribute__((destructor)) static void last(void)
{
    connect_and_fork("destructor");
}

static void end_of_thread(void *value)
{
    (void)value;
    connect_and_fork("end of a thread");
}

static void *have_a_value(void *key)
{
    pthread_setspecific(*(pthread_key_t *)key, key);
    return NULL;
}

int main(void)
{
    pthread_key_t key;
    pthread_t thread;
    atexit(at_exit);
    connect_and_fork("main");
    pthread_key_create(&key, end_of_thread);
    pthread_create(&thread, NULL, have_a_value, &key);
    pthread_join(thread, NULL);
    return 0;
}
