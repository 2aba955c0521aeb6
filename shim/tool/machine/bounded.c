/*
 * bounded.c: see bounded.h.
 */
#include "machine/bounded.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/complain.h"

enum { LIMIT = 1000, SHORT_LIMIT = 100, PATIENT_TIMES = 3 }; /* ms */

void *bounded_memory(size_t size)
{
    void *memory =
        mmap(NULL, size > 0 ? size : 1, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        give_up("out of memory");
    return memory;
}

/* Whoever reads our output waits until the child has closed it too, and a child that sleeps
 * uninterruptibly never does. `pipe`, its descriptor 0, tells when it ends. */
static _Noreturn void work_from(atomic_size_t *next, size_t count, const struct bounded_work *work,
                                int pipe)
{
    dup2(pipe, 0);
    syscall(SYS_close_range, 1, ~0U, 0); /* Linux 5.9; musl has no closefrom(3) */
    for (size_t item; (item = atomic_load(next)) < count; atomic_store(next, item + 1))
        work->work(work->context, item);
    _exit(0);
}

/* Returns when the child has ended, or has worked on one item for too long. */
static void await(int pipe, const atomic_size_t *next, int limit)
{
    struct pollfd end = {.fd = pipe};
    for (size_t before;;) {
        before = atomic_load(next);
        int ready = poll(&end, 1, limit);
        if (ready > 0 || (ready == 0 && atomic_load(next) == before))
            return;
    }
}

static void run_child(atomic_size_t *next, size_t count, const struct bounded_work *work, int limit)
{
    int pipe[2];
    if (pipe2(pipe, O_CLOEXEC) != 0)
        give_up("pipe: %s", strerror(errno));
    pid_t child = fork();
    if (child < 0)
        give_up("fork: %s", strerror(errno));
    if (child == 0)
        work_from(next, count, work, pipe[1]);
    close(pipe[1]);
    await(pipe[0], next, limit);
    close(pipe[0]);
    bool ended = atomic_load(next) == count;
    kill(child, SIGKILL);
    waitpid(child, NULL,
            ended ? 0 : WNOHANG); /* one that sleeps uninterruptibly ends when it may */
}

void bounded_each(size_t count, const struct bounded_work *work)
{
    atomic_size_t *next = bounded_memory(sizeof *next);
    for (int abandoned = 0; atomic_load(next) < count; abandoned++) {
        run_child(next, count, work, abandoned < PATIENT_TIMES ? LIMIT : SHORT_LIMIT);
        size_t item = atomic_load(next);
        if (item == count)
            break;
        work->abandoned(work->context, item);
        atomic_store(next, item + 1);
    }
    munmap(next, sizeof *next);
}
