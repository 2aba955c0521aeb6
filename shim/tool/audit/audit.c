/*
 * audit.c: decides what is looked at and how often, and the exit status. Reads, and changes
 * nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "audit.h"

struct request {
    bool json;
    int watch; /* s between rounds; 0: one round */
    char **pids;
};

/* Grows to the next power of two when it holds one. */
void *append(void *array, size_t count, size_t size)
{
    if ((count & (count - 1)) == 0)
        array = reallocarray(array, count == 0 ? 1 : count * 2, size);
    if (array == NULL)
        give_up("out of memory");
    memset((char *)array + count * size, 0, size);
    return array;
}

static ino_t own_network(void)
{
    struct stat status = {0};
    if (stat("/proc/self/ns/net", &status) != 0)
        give_up("/proc/self/ns/net: %s", strerror(errno));
    return status.st_ino;
}

/* Which namespace is it? Several processes in one are one network. */
static void add_network(struct audit *audit, pid_t pid)
{
    char path[64];
    struct stat status = {0};
    snprintf(path, sizeof path, "/proc/%d/ns/net", (int)pid);
    if (stat(path, &status) != 0) {
        if (errno == ENOENT)
            complain("there is no process %d", (int)pid);
        else
            complain("process %d: its network namespace may not be looked at: %s", (int)pid,
                     strerror(errno));
        audit->failed = true;
        return;
    }
    for (size_t i = 0; i < audit->network_count; i++)
        if (audit->networks[i].id == status.st_ino)
            return;
    *APPEND(audit->networks, audit->network_count) =
        (struct network){.id = status.st_ino, .pid = pid};
}

static bool enter(const struct network *network)
{
    char path[64];
    if (network->id == own_network())
        return true;
    snprintf(path, sizeof path, "/proc/%d/ns/net", (int)network->pid);
    int namespace = open(path, O_RDONLY | O_CLOEXEC);
    bool entered = namespace >= 0 && setns(namespace, CLONE_NEWNET) == 0;
    if (!entered)
        complain("process %d: its network namespace may not be entered: %s", (int)network->pid,
                 strerror(errno));
    if (namespace >= 0)
        close(namespace);
    return entered;
}

static void look_into(struct audit *audit, struct network *network)
{
    if (!enter(network)) {
        audit->failed = true;
        return;
    }
    notice_read_defaults(network);
    sockets_list(audit, network);
}

static int status_of(const struct audit *audit)
{
    if (audit->failed)
        return EXIT_FAILED;
    for (size_t i = 0; i < audit->connection_count; i++)
        if (audit->connections[i].shared || notice_is_too_late(&audit->connections[i]))
            return FAULTS;
    return WELL;
}

static int one_round(const struct request *request)
{
    struct audit audit = {.config = config()};
    for (char **pid = request->pids; *pid != NULL; pid++)
        add_network(&audit, (pid_t)atoi(*pid));
    if (*request->pids == NULL)
        add_network(&audit, getpid());
    if (audit.network_count == 0)
        return EXIT_FAILED;
    for (size_t i = 0; i < audit.network_count; i++)
        look_into(&audit, &audit.networks[i]);
    sockets_end(&audit);
    holders_find(&audit);
    notice_estimate(&audit);
    (request->json ? report_json : report_text)(&audit);
    if (fflush(stdout) != 0 || ferror(stdout))
        give_up("standard output: %s", strerror(errno));
    return status_of(&audit);
}

/* Waits for one of the signals, at most so long; returns 0 when none came. */
static int signal_within(const sigset_t *signals, int seconds)
{
    const struct timespec limit = {.tv_sec = seconds};
    int signal = sigtimedwait(signals, NULL, &limit);
    return signal < 0 ? 0 : signal;
}

/* A round that has begun is finished, unless whoever reads it makes no progress. */
static int finish(pid_t round, const sigset_t *signals, bool *stopped)
{
    int status = 0;
    while (waitpid(round, &status, WNOHANG) == 0) {
        int signal = signal_within(signals, *stopped ? 2 : 3600);
        if (signal == 0 && *stopped)
            kill(round, SIGKILL);
        *stopped = *stopped || signal == SIGINT || signal == SIGTERM;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILED;
}

/* Until SIGINT or SIGTERM, or until nobody reads any more. Each round is a process of its own. */
static int watch(const struct request *request)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGCHLD);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    for (bool stopped = false;;) {
        pid_t round = fork();
        if (round < 0)
            give_up("fork: %s", strerror(errno));
        if (round == 0)
            exit(one_round(request));
        int status = finish(round, &signals, &stopped);
        if (stopped || status == EXIT_FAILED)
            return status;
        sigdelset(&signals, SIGCHLD);
        if (signal_within(&signals, request->watch) != 0)
            return status;
        sigaddset(&signals, SIGCHLD);
    }
}

int audit_connections(char **pids, bool as_json, int seconds)
{
    const struct request request = {.json = as_json, .watch = seconds, .pids = pids};
    if (config()->strict && config()->mistakes > 0)
        return EXIT_FAILED;
    return seconds > 0 ? watch(&request) : one_round(&request);
}
