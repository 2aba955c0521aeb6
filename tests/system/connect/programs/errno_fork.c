/*
 * errno_fork DIRECTORY: fork, _Fork and daemon where they succeed and where they cannot. Prints a
 * line for each, with what the child is like.
 */
#include "errno_tools.h"

#include <sched.h>
#include <sys/resource.h>

static pid_t daemon_in_the_background(void);

static const struct {
    const char *name;
    pid_t (*call)(void);
} functions[] = {{"fork", fork}, {"_Fork", _Fork}, {"daemon", daemon_in_the_background}};

enum { FUNCTIONS = sizeof functions / sizeof functions[0] };

static pid_t daemon_in_the_background(void)
{
    return daemon(1, 1);
}

/* ---- where it cannot succeed ---- */

/* A pid if it succeeds after all: then the name of the case is all that matters. */
static void try_to_fork(const char *why)
{
    for (int i = 0; i < FUNCTIONS; i++) {
        pid_t parent = getpid();
        errno = UNTOUCHED;
        pid_t result = functions[i].call();
        int error = errno;
        if (getpid() != parent)
            _exit(0);
        tell(words("%s, %s", functions[i].name, why), result > 0 ? 1 : result, error, "");
    }
}

static void try_without_processes(void)
{
    const struct rlimit none = {.rlim_cur = 0, .rlim_max = 0};
    checked(setrlimit(RLIMIT_NPROC, &none), "setrlimit");
    become_nobody();
    try_to_fork("RLIMIT_NPROC 0");
}

/* In a pid namespace whose first process has exited there can be no other, pid_namespaces(7). */
static void try_in_a_dead_namespace(void)
{
    if (unshare(CLONE_NEWPID) != 0) {
        printf("no right to make a pid namespace\n");
        return;
    }
    pid_t first = checked(fork(), "fork");
    if (first == 0)
        _exit(0);
    waitpid(first, NULL, 0);
    try_to_fork("dead pid namespace");
}

/* ---- where it does ---- */

static const char *what_is_at(int fd)
{
    struct stat status, null;
    if (fstat(fd, &status) < 0)
        return "closed";
    if (stat("/dev/null", &null) == 0 && status.st_rdev == null.st_rdev && S_ISCHR(status.st_mode))
        return "/dev/null";
    return S_ISFIFO(status.st_mode) ? "pipe" : "something else";
}

static const char *what_it_is_like(pid_t before)
{
    char here[PATH_MAX];
    bool in_directory = getcwd(here, sizeof here) != NULL && strcmp(here, directory) == 0;
    return words("%s, session %s, in %s, 0 %s, 1 %s, 2 %s",
                 getpid() == before ? "same process" : "another process",
                 getsid(0) == getpid() ? "own" : "same",
                 in_directory             ? "its directory"
                 : strcmp(here, "/") == 0 ? "/"
                                          : "another directory",
                 what_is_at(0), what_is_at(1), what_is_at(2));
}

/* Output is a copy of the pipe at standard output; whoever reads waits for the last of them. */
static void report_to(int output, const char *name, long result, int error, pid_t before)
{
    dprintf(output, "%s: %ld %s %s\n", name, result,
            error == UNTOUCHED ? "-" : strerrorname_np(error), what_it_is_like(before));
}

static void read_all(int fd)
{
    char text[4096];
    for (ssize_t got = 0; (got = read(fd, text, sizeof text)) > 0;)
        fwrite(text, 1, (size_t)got, stdout);
    close(fd);
}

static void try_daemon(int nochdir, int noclose)
{
    int ends[2];
    fflush(stdout);
    checked(pipe2(ends, O_CLOEXEC), "pipe");
    pid_t child = checked(fork(), "fork");
    if (child == 0) {
        pid_t self = getpid();
        checked(chdir(directory), "chdir");
        errno = UNTOUCHED;
        int result = daemon(nochdir, noclose);
        report_to(ends[1], words("daemon(%d, %d)", nochdir, noclose), result,
                  result == 0 ? UNTOUCHED : errno, self);
        _exit(0);
    }
    int status = 0;
    close(ends[1]);
    waitpid(child, &status, 0);
    read_all(ends[0]);
    printf("  its parent: %#x\n", (unsigned)status);
}

static void try_fork(int function)
{
    int ends[2];
    pid_t self = getpid();
    fflush(stdout);
    checked(pipe2(ends, O_CLOEXEC), "pipe");
    errno = UNTOUCHED;
    pid_t child = functions[function].call();
    int error = errno;
    if (child == 0) {
        report_to(ends[1], words("%s in the child", functions[function].name), child, error, self);
        _exit(7);
    }
    int status = 0;
    close(ends[1]);
    pid_t ended = waitpid(child, &status, 0);
    read_all(ends[0]);
    tell(words("%s in the parent", functions[function].name), child > 0, error,
         words("child %d status %#x", ended == child, (unsigned)status));
}

int main(int argc, char *argv[])
{
    if (argc != 2)
        return 2;
    directory = argv[1];
    int connection = make(CONNECTION); /* so that there is something to cut off */
    for (int i = 0; i < 2; i++)
        try_fork(i);
    for (int i = 0; i < 4; i++)
        try_daemon(i & 1, i >> 1);
    apart(try_without_processes);
    apart(try_in_a_dead_namespace);
    discard(connection);
    return EXIT_SUCCESS;
}
