/*
 * audit.c: decides what is looked at and how often, and the exit status. Reads, and changes
 * nothing.
 */
#include "audit.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "machine/bounded.h"
#include "report.h"

/* ---- which network namespaces ---- */

static void add_network(struct audit *audit, const struct network_namespace *namespace)
{
    for (size_t i = 0; i < audit->network_count; i++)
        if (audit->networks[i].namespace.inode == namespace->inode)
            return;
    *APPEND(audit->networks, audit->network_count) = (struct network){.namespace = *namespace};
}

static void add_network_of(struct audit *audit, pid_t pid)
{
    struct network_namespace namespace;
    int error = namespace_of(pid, &namespace);
    if (error == 0)
        add_network(audit, &namespace);
    else if (error == ENOENT)
        complain("there is no process %d", (int)pid);
    else
        complain("process %d: its network namespace may not be looked at: %s", (int)pid,
                 strerror(error));
    audit->failed = audit->failed || error != 0;
}

static void add_every_network(struct audit *audit)
{
    size_t count = 0;
    struct network_namespace *all = namespaces_of_all(&count, &audit->unseen_namespaces);
    for (size_t i = 0; i < count; i++)
        add_network(audit, &all[i]);
}

static void pick_networks(struct audit *audit)
{
    char **pids = audit->request->pids;
    if (audit->request->all)
        add_every_network(audit);
    else if (*pids == NULL)
        add_network_of(audit, getpid());
    for (; *pids != NULL; pids++)
        add_network_of(audit, (pid_t)atoi(*pids));
}

static void look_into(struct audit *audit, struct network *network)
{
    int error = namespace_enter(&network->namespace);
    if (error != 0) {
        complain("process %d: its network namespace may not be entered: %s",
                 (int)network->namespace.pid, strerror(error));
        audit->failed = true;
        return;
    }
    detection_read_defaults(network);
    sockets_list(audit, network);
}

/* ---- one round ---- */

static void ask_process(void *context, size_t item)
{
    struct audit *audit = context;
    struct process *process = &audit->processes[item];
    detection_ask(audit, process);
    process_describe(audit, process);
}

/* What the child had found out by then stays. */
static void abandon_process(void *context, size_t item)
{
    const struct audit *audit = context;
    complain("process %d: its memory could not be read in time", (int)audit->processes[item].pid);
    audit->processes[item].is_unread = true;
}

/* What the child fills in must lie where it can be seen. */
static void *shared_copy(const void *array, size_t count, size_t size)
{
    void *copy = bounded_memory(count * size);
    return count > 0 ? memcpy(copy, array, count * size) : copy;
}

static void ask_processes(struct audit *audit)
{
    const struct bounded_work work = {audit, ask_process, abandon_process};
    audit->processes =
        shared_copy(audit->processes, audit->process_count, sizeof *audit->processes);
    audit->connections =
        shared_copy(audit->connections, audit->connection_count, sizeof *audit->connections);
    bounded_each(audit->process_count, &work);
    for (size_t i = 0; i < audit->process_count; i++) {
        const struct process *process = &audit->processes[i];
        audit->unread += process->is_unread;
        audit->unread_holder = audit->unread_holder || (process->is_unread && process->held > 0);
    }
}

static int one_round(const struct audit_request *request)
{
    struct audit audit = {.request = request, .config = config()};
    pick_networks(&audit);
    if (audit.network_count == 0)
        return EXIT_FAILED;
    for (size_t i = 0; i < audit.network_count; i++)
        look_into(&audit, &audit.networks[i]);
    sockets_end(&audit);
    holders_find(&audit);
    ask_processes(&audit);
    detection_estimate(&audit);
    int status = report_print(&audit);
    if (fflush(stdout) != 0 || ferror(stdout))
        give_up("standard output: %s", strerror(errno));
    return status;
}

/* ---- again and again ---- */

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
static int watch(const struct audit_request *request)
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

int audit_connections(const struct audit_request *request)
{
    if (config()->strict && config()->mistakes > 0)
        return EXIT_FAILED;
    return request->watch > 0 ? watch(request) : one_round(request);
}
