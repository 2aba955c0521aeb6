/*
 * A reaper is a process that outlives the test for a moment, to end the program that the test has
 * started with everything that came of it, or to remove the test's directory. A test may return,
 * fail, crash or be killed by Criterion: the reaper sees its process end and needs no word from it.
 *
 * The reaper is the program's parent and a subreaper, so that even a daemon ends up as its child,
 * and the pid of a child that nobody has waited for is never given to another process: the reaper
 * kills what it started and nothing else. Called by support.c and files.c.
 */
#include "reaper.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CONTROL = 3, TEST = 4, FIRST_UNUSED = 5 }; /* the reaper's descriptors */

/* Our own end, as the reaper may poll it. Opened before fork(), so that it can only mean us. */
static int this_process(void)
{
    int fd = pidfd_open(getpid(), 0);
    cr_assert(fd >= 0, "pidfd_open: %s", strerror(errno));
    return fd;
}

static pid_t fork_or_fail(void)
{
    pid_t pid = fork();
    cr_assert(pid >= 0, "fork: %s", strerror(errno));
    return pid;
}

/* A session of its own: Ctrl-C ends the tests, not those who clean up behind them. */
static void become_reaper(int control, int test)
{
    setsid();
    prctl(PR_SET_NAME, "test-reaper");
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    int out_of_the_way[] = {fcntl(control, F_DUPFD, FIRST_UNUSED),
                            fcntl(test, F_DUPFD, FIRST_UNUSED)};
    dup3(out_of_the_way[0], CONTROL, O_CLOEXEC);
    dup3(out_of_the_way[1], TEST, O_CLOEXEC);
}

/* Whoever waits for the end of the test's outputs, or of a pipe, must not wait for the reaper. */
static void let_go_of_everything_else(void)
{
    close_range(FIRST_UNUSED, ~0U, 0);
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = 0; fd < CONTROL; fd++)
        dup2(null, fd);
    close(null);
}

static void report(pid_t pid, int code, int status)
{
    struct report what = {.pid = pid, .code = code, .status = status};
    send(CONTROL, &what, sizeof what, MSG_NOSIGNAL);
}

static void kill_children(void)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    FILE *children = fopen(path, "re");
    if (!children)
        return;
    for (long pid; fscanf(children, "%ld", &pid) == 1;)
        kill((pid_t)pid, SIGKILL);
    fclose(children);
}

/* A killed child may leave children of its own to us: go on until there are none. */
static void end_all(pid_t program)
{
    siginfo_t end = {0};
    for (kill_children(); waitid(P_ALL, 0, &end, WEXITED) == 0; kill_children())
        if (end.si_pid == program)
            report(program, end.si_code, end.si_status);
}

static void report_end_of(pid_t program)
{
    siginfo_t end = {0};
    waitid(P_PID, (id_t)program, &end, WEXITED | WNOWAIT);
    report(program, end.si_code, end.si_status);
}

/* Until the test has ended, or says so. The program stays a zombie, and keeps its pid, till then.
 */
static void watch(pid_t program)
{
    struct pollfd watched[] = {{.fd = TEST, .events = POLLIN},
                               {.fd = CONTROL, .events = POLLIN},
                               {.fd = pidfd_open(program, 0), .events = POLLIN}};
    while (poll(watched, 3, -1) >= 0 || errno == EINTR) {
        if (watched[0].revents || watched[1].revents)
            return;
        if (watched[2].revents) {
            report_end_of(program);
            watched[2].fd = -1;
        }
    }
}

struct reaper keep_program(void (*run)(void *), void *argument)
{
    int control[2];
    int made = socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control);
    cr_assert(made == 0, "socketpair: %s", strerror(errno));
    int test = this_process();

    pid_t reaper = fork_or_fail();
    if (reaper == 0) {
        become_reaper(control[1], test);
        pid_t program = fork();
        if (program == 0)
            run(argument);
        report(program, 0, 0);
        let_go_of_everything_else();
        watch(program);
        end_all(program);
        _exit(0);
    }
    close(control[1]);
    close(test);
    return (struct reaper){.pid = reaper, .control = control[0]};
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *where)
{
    (void)status, (void)where;
    if (kind == FTW_DNR)
        chmod(path, S_IRWXU); /* it can be listed the next time */
    return remove(path);
}

/* A program that is being ended at this moment may still make a file behind our back. */
static void remove_tree(const char *directory)
{
    while (nftw(directory, remove_one, 16, FTW_DEPTH | FTW_PHYS) != 0 && errno == ENOTEMPTY)
        ;
}

void keep_directory(const char *directory)
{
    int test = this_process();
    if (fork_or_fail() == 0) {
        become_reaper(test, test);
        let_go_of_everything_else();
        struct pollfd watched = {.fd = TEST, .events = POLLIN};
        while (poll(&watched, 1, -1) < 0 && errno == EINTR)
            ;
        remove_tree(directory);
        _exit(0);
    }
    close(test);
}
