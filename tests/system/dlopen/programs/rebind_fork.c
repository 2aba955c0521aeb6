/*
 * rebind_fork FILE: opens a module with RTLD_DEEPBIND, and calls forkpty(), whose fork no hook
 * sees, while another thread is inside dl_iterate_phdr(), under a lock of the loader that a child
 * would find held for ever. The child calls a hooked function; tells whether it ended well.
 */
#include "rebind_tools.h"

#include <link.h>
#include <pthread.h>
#include <pty.h>
#include <stdatomic.h>

static atomic_bool inside, forking;

/* Nothing tells that the other thread has forked, or waits for the lock: it has ample time to. */
static int hold_lock(struct dl_phdr_info *info, size_t size, void *unused)
{
    (void)info;
    (void)size;
    (void)unused;
    atomic_store(&inside, true);
    while (!atomic_load(&forking))
        usleep(100);
    usleep(300000);
    return 1;
}

static void *look_at_objects(void *unused)
{
    dl_iterate_phdr(hold_lock, NULL);
    return unused;
}

/* The last that a program does before libc forks. */
static void begin_fork(void)
{
    atomic_store(&forking, true);
}

int main(int argc, char *argv[])
{
    (void)argc;
    int terminal;
    pthread_t thread;
    const int on = 1;
    int fd = checked(socket(AF_INET, SOCK_STREAM, 0), "socket");
    pthread_atfork(begin_fork, NULL, NULL);
    if (dlopen(argv[1], RTLD_NOW | RTLD_DEEPBIND) == NULL)
        die(dlerror());
    pthread_create(&thread, NULL, look_at_objects, NULL);
    while (!atomic_load(&inside))
        usleep(100);
    pid_t child = forkpty(&terminal, NULL, NULL, NULL);
    if (child == 0) {
        alarm(10);
        _exit(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 ? 0 : 1);
    }
    wait_for(child);
    pthread_join(thread, NULL);
    dprintf(1, "forked\n");
    return 0;
}
