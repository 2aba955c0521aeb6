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

enum { LIMIT = 1000, SHORT_LIMIT = 100, PATIENT_TIMES = 3, WORTH_TWO = 200 };

void *bounded_memory(size_t size)
{
    void *memory =
        mmap(NULL, size > 0 ? size : 1, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        give_up("out of memory");
    return memory;
}

/* Each lane has a child that claims one item after the other; two of them use two processors. */
struct lanes {
    size_t count;
    const struct bounded_work *work;
    atomic_size_t *next;  /* item that nobody has claimed */
    atomic_size_t *claim; /* of each lane: what its child works on; count: it has come to the end */
};

/* Whoever reads our output waits until the child has closed it too, and a child that sleeps
 * uninterruptibly never does. `pipe`, its descriptor 0, tells when it ends. */
static _Noreturn void work_in(const struct lanes *lanes, atomic_size_t *claim, int pipe)
{
    dup2(pipe, 0);
    if (syscall(SYS_close_range, 1, ~0U, 0) != 0) /* before Linux 5.9 at least the outputs */
        for (int fd = 1; fd <= 2; fd++)
            close(fd);
    for (size_t item; (item = atomic_fetch_add(lanes->next, 1)) < lanes->count;) {
        atomic_store(claim, item);
        lanes->work->work(lanes->work->context, item);
    }
    atomic_store(claim, lanes->count);
    _exit(0);
}

/* Returns when the child has ended, or has worked on one item for too long. */
static void await(int pipe, const atomic_size_t *claim, int limit)
{
    struct pollfd end = {.fd = pipe};
    for (size_t before;;) {
        before = atomic_load(claim);
        int ready = poll(&end, 1, limit);
        if (ready > 0 || (ready == 0 && atomic_load(claim) == before))
            return;
    }
}

static void run_child(const struct lanes *lanes, atomic_size_t *claim, int limit)
{
    int pipe[2];
    if (pipe2(pipe, O_CLOEXEC) != 0)
        give_up("pipe: %s", strerror(errno));
    pid_t child = fork();
    if (child < 0)
        give_up("fork: %s", strerror(errno));
    if (child == 0)
        work_in(lanes, claim, pipe[1]);
    close(pipe[1]);
    await(pipe[0], claim, limit);
    close(pipe[0]);
    bool ended = atomic_load(claim) == lanes->count;
    kill(child, SIGKILL);
    waitpid(child, NULL,
            ended ? 0 : WNOHANG); /* one that sleeps uninterruptibly ends when it may */
}

static void run_lane(const struct lanes *lanes, atomic_size_t *claim)
{
    for (int abandoned = 0;; abandoned++) {
        run_child(lanes, claim, abandoned < PATIENT_TIMES ? LIMIT : SHORT_LIMIT);
        size_t item = atomic_load(claim);
        if (item == lanes->count)
            return;
        lanes->work->abandoned(lanes->work->context, item);
    }
}

/* The lane of another process, which itself touches nothing that could hold it up. */
static pid_t start_lane(const struct lanes *lanes, atomic_size_t *claim)
{
    pid_t lane = fork();
    if (lane == 0) {
        run_lane(lanes, claim);
        _exit(0);
    }
    return lane;
}

void bounded_each(size_t count, const struct bounded_work *work)
{
    atomic_size_t *shared = bounded_memory(3 * sizeof *shared);
    const struct lanes lanes = {count, work, &shared[0], &shared[1]};
    pid_t second = count < WORTH_TWO ? -1 : start_lane(&lanes, &lanes.claim[1]);
    run_lane(&lanes, &lanes.claim[0]);
    if (second > 0)
        waitpid(second, NULL, 0);
    munmap(shared, 3 * sizeof *shared);
}
