/*
 * fork.c: the child's side of a fork; see fork.h. Touches the descriptors that the registry
 * vouches for, and empties the registry.
 */
#include "fork.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>

#include "config.h"
#include "counters.h"
#include "error_name.h"
#include "fork_ring.h"
#include "half_open.h"
#include "kernel.h"
#include "log.h"
#include "registry.h"
#include "this_thread.h"

/* Of a thread, since a child begins with one, and the kernel writes to that page for it anyway. */
static OF_THIS_THREAD unsigned generation;

static OF_THIS_THREAD bool handing_over;

/*
 * The forks that this thread is inside: in a child too, until fork_child. A signal handler may fork
 * within a fork. `process` began the innermost: whoever has another pid is its child. cut_inside:
 * so many forks deep it was cut off early; 0: it was not. None is written while nothing is on
 * record: the parent's first write after a fork costs a page fault.
 */
static OF_THIS_THREAD unsigned forks_inside;
static OF_THIS_THREAD pid_t process;
static OF_THIS_THREAD unsigned cut_inside;

static atomic_bool is_forked; /* written where TRAP wants to know, in the child */

static void log_cut(int fd, const struct record *record)
{
    struct target_name peer;
    if (!log_wants(LOG_LEVEL_DEBUG))
        return;
    target_name(&peer, &record->endpoint, fd);
    intmax_t age = kernel_clock(CLOCK_MONOTONIC_COARSE) - record->opened;
    if (config()->fork == FORK_CLOSE)
        log_write(LOG_LEVEL_DEBUG,
                  "descriptor %d closed in this child: %s, opened %jd s ago by pid %d", fd,
                  peer.text, age, record->opener);
    else
        log_write(LOG_LEVEL_DEBUG,
                  "descriptor %d cut off in this child: %s, opened %jd s ago by pid %d", fd,
                  peer.text, age, record->opener);
}

/* The program closed these connections, and may have reused their numbers: they are left alone. */
static void drop_stale_records(void)
{
    struct record record;
    for (int fd = registry_next(-1); fd >= 0; fd = registry_next(fd))
        if (!registry_holds(fd, &record)) {
            registry_drop(fd);
        } else if (record.endpoint.family == AF_UNSPEC) { /* a knock, not the program's */
            kernel_close(fd);
            registry_drop(fd);
        } else {
            log_cut(fd, &record);
        }
}

/*
 * A socket that behaves as one whose peer has closed: reads say end of file, writes say EPIPE. Of
 * all kinds only SOCK_SEQPACKET does so without SIGPIPE (Linux, unix(7)). Nothing ever blocks on
 * it, so that one serves every number.
 */
static int make_dead_socket(void)
{
    int pair[2] = {-1, -1};
    int error = kernel_socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, pair);
    if (error < 0)
        return error;
    if (kernel_close(pair[1]) < 0) /* by a sandbox: then nobody would ever see the end */
        kernel_shutdown(pair[0]);
    return pair[0];
}

/* At its soft limit the child borrows from the hard one, for these two calls. */
static int make_dead_socket_above_the_limit(void)
{
    struct kernel_limit before = {0, 0};
    if (kernel_open_files_limit(NULL, &before) < 0 || before.soft == before.hard)
        return -EMFILE;
    struct kernel_limit raised = {.soft = before.hard, .hard = before.hard};
    if (kernel_open_files_limit(&raised, NULL) < 0)
        return -EMFILE;
    int dead = make_dead_socket();
    kernel_open_files_limit(&before, NULL);
    return dead;
}

/* No pair, for want of a second number: a socket that was never connected says ENOTCONN to all. */
static int make_unconnected_socket(void)
{
    return kernel_socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC);
}

/* No socket either, where a sandbox allows no AF_UNIX: this at least keeps the number taken. */
static int open_dev_null(void)
{
    return kernel_openat(AT_FDCWD, "/dev/null", O_RDWR | O_CLOEXEC, 0);
}

/*
 * The number must stay taken. A sandbox may know dup2 and not dup3; above the open files limit
 * nothing can be put, but there nobody else can be given the number either.
 */
static void replace(int fd, int dead)
{
    if (dead >= 0 && kernel_dup3(dead, fd, O_CLOEXEC) >= 0)
        return;
    kernel_close(fd);
    if (dead >= 0)
        kernel_fcntl(dead, F_DUPFD_CLOEXEC, fd);
}

static void replace_each(int dead)
{
    bool in_place = false; /* the dead socket may have been given one of the closed numbers */
    for (int fd = registry_next(-1); fd >= 0; fd = registry_next(fd)) {
        if (fd == dead)
            in_place = true;
        else
            replace(fd, dead);
        registry_drop(fd);
        count(COUNT_CUT_OFF);
    }
    if (dead >= 0 && !in_place)
        kernel_close(dead);
}

/* There is no descriptor left for a dead socket: closing the connections makes room for one. */
static void close_first_then_replace(int error)
{
    log_write(LOG_LEVEL_WARN, "socketpair: %s; connections are cut off with another socket",
              error_name(error));
    for (int fd = registry_next(-1); fd >= 0; fd = registry_next(fd))
        kernel_close(fd);
    int dead = make_dead_socket();
    dead = dead >= 0 ? dead : make_unconnected_socket();
    replace_each(dead >= 0 ? dead : open_dev_null());
}

static void replace_all(void)
{
    int dead = make_dead_socket();
    if (dead == -EMFILE)
        dead = make_dead_socket_above_the_limit();
    if (dead < 0)
        close_first_then_replace(dead);
    else
        replace_each(dead);
}

static void close_all(void)
{
    for (int fd = registry_next(-1); fd >= 0; fd = registry_next(fd)) {
        kernel_close(fd);
        registry_drop(fd);
        count(COUNT_CUT_OFF);
    }
}

static void cut_off_inherited(void)
{
    if (config()->fork == FORK_OFF)
        return;
    drop_stale_records();
    if (registry_next(-1) < 0)
        return;
    if (config()->fork == FORK_CLOSE)
        close_all();
    else
        replace_all();
}

unsigned fork_generation(void)
{
    return generation;
}

void fork_sever(void)
{
    registry_restore();
    if (!handing_over) {
        generation++;
        counters_forget();
        if (config()->trap)
            atomic_store(&is_forked, true);
        half_open_forget_all();
        cut_off_inherited();
    }
    registry_adopt();
}

void fork_sever_since(unsigned before)
{
    if (fork_generation() == before)
        fork_sever();
}

void fork_prepare(void)
{
    if (config()->fork != FORK_OFF)
        registry_prune();
    if (!registry_is_empty() || config()->trap) {
        process = kernel_getpid();
        forks_inside++;
    }
    fork_ring_begin();
}

static bool is_cut(void)
{
    return cut_inside != 0 && cut_inside == forks_inside;
}

static void leave(bool in_child)
{
    if (is_cut())
        cut_inside = 0;
    if (forks_inside > 0)
        forks_inside--;
    fork_ring_end(in_child);
}

void fork_parent(void)
{
    leave(false);
}

void fork_child(void)
{
    if (forks_inside == 0 && registry_is_own())
        generation++; /* an earlier handler made the first connection there is */
    else if (!is_cut())
        fork_sever();
    leave(true);
    if (forks_inside > 0)
        process = kernel_getpid();
}

void fork_child_since(unsigned before)
{
    if (fork_generation() != before)
        cut_inside = forks_inside;
    fork_child();
}

void fork_cut_first(void)
{
    if (forks_inside == 0 || is_cut() || kernel_getpid() == process)
        return;
    fork_sever();
    cut_inside = forks_inside;
}

void daemon_begin(void)
{
    handing_over = true;
}

void daemon_end(void)
{
    handing_over = false;
}

bool fork_hands_over(void)
{
    return handing_over;
}

bool fork_is_child(void)
{
    return atomic_load(&is_forked);
}
