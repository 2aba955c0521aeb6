/*
 * fork.c: the child's side of a fork; see fork.h. Touches the descriptors that the registry
 * vouches for, and empties the registry.
 */
#include "fork.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/resource.h>

#include "config.h"
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

static atomic_bool is_forked; /* written where TRAP wants to know, in the child */

static void log_cut(int fd, const struct record *record)
{
    struct target_name peer;
    if (!log_wants(LOG_LEVEL_DEBUG))
        return;
    target_name(&peer, &record->endpoint, fd);
    log_write(LOG_LEVEL_DEBUG, "descriptor %d %s in this child: %s, opened %jd s ago by pid %d", fd,
              config()->fork == FORK_CLOSE ? "closed" : "cut off", peer.text,
              (intmax_t)(kernel_clock(CLOCK_MONOTONIC_COARSE) - record->opened), record->opener);
}

static void log_makeshift(int error)
{
    log_write(LOG_LEVEL_WARN, "socketpair: %s; connections are cut off with another socket",
              error_name(error));
}

/* A number that by now stands for something else goes off the record, untouched. */
static void drop_what_is_no_longer_ours(void)
{
    struct record record;
    for (int fd = registry_next(-1); fd >= 0; fd = registry_next(fd))
        if (registry_holds(fd, &record))
            log_cut(fd, &record);
        else
            registry_drop(fd);
}

/*
 * A socket that behaves as one whose peer has closed: reads say end of file, writes say EPIPE. Of
 * all kinds only SOCK_SEQPACKET does so without SIGPIPE (Linux, unix(7)). Nothing ever blocks on
 * it, so that one serves every number.
 */
static int make_closed_socket(void)
{
    int pair[2] = {-1, -1};
    int error = kernel_socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, pair);
    if (error < 0)
        return error;
    if (kernel_close(pair[1]) < 0) /* by a sandbox: then nobody would ever see the end */
        kernel_shutdown(pair[0]);
    return pair[0];
}

static int set_open_files_limit(const struct rlimit64 *wanted, struct rlimit64 *before)
{
    return (int)kernel_call(SYS_prlimit64, 0, RLIMIT_NOFILE, kernel_pointer(wanted),
                            kernel_pointer(before), 0, 0);
}

/* At its soft limit the child borrows from the hard one, for these two calls. */
static int make_closed_socket_above_the_limit(void)
{
    struct rlimit64 before = {0, 0};
    if (set_open_files_limit(NULL, &before) < 0 || before.rlim_cur == before.rlim_max)
        return -EMFILE;
    struct rlimit64 raised = {.rlim_cur = before.rlim_max, .rlim_max = before.rlim_max};
    if (set_open_files_limit(&raised, NULL) < 0)
        return -EMFILE;
    int closed = make_closed_socket();
    set_open_files_limit(&before, NULL);
    return closed;
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

/* Nothing to replace them with: close them all first, and use the room. */
static int make_room_and_a_makeshift(int error)
{
    log_makeshift(error);
    for (int fd = registry_next(-1); fd >= 0; fd = registry_next(fd))
        kernel_close(fd);
    int closed = make_closed_socket();
    closed = closed >= 0 ? closed : make_unconnected_socket();
    return closed >= 0 ? closed : open_dev_null();
}

/*
 * The number must stay taken. A sandbox may know dup2 and not dup3; above the open files limit
 * nothing can be put, but there nobody else can be given the number either.
 */
static void replace(int fd, int closed)
{
    if (closed >= 0 && kernel_dup3(closed, fd, O_CLOEXEC) >= 0)
        return;
    kernel_close(fd);
    if (closed >= 0)
        kernel_fcntl(closed, F_DUPFD_CLOEXEC, fd);
}

static void replace_all(void)
{
    int closed = make_closed_socket();
    if (closed == -EMFILE)
        closed = make_closed_socket_above_the_limit();
    if (closed < 0)
        closed = make_room_and_a_makeshift(closed);
    bool in_place = false; /* the room that was made may be the very number that it is for */
    for (int fd = registry_next(-1); fd >= 0; fd = registry_next(fd)) {
        if (fd == closed)
            in_place = true;
        else
            replace(fd, closed);
        registry_drop(fd);
    }
    if (closed >= 0 && !in_place)
        kernel_close(closed);
}

static void close_all(void)
{
    for (int fd = registry_next(-1); fd >= 0; fd = registry_next(fd)) {
        kernel_close(fd);
        registry_drop(fd);
    }
}

static void cut_off_inherited(void)
{
    if (config()->fork == FORK_OFF)
        return;
    drop_what_is_no_longer_ours();
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
