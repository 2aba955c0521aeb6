/*
 * networks.c: the processes that were asked for, and the network namespaces to go through.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "common/array.h"
#include "common/complain.h"
#include "machine/capabilities.h"
#include "machine/sysctl.h"
#include "tune/round.h"

/* With --all and --watch, between searches for new namespaces. */
enum { SEARCH_EVERY = 60 }; /* s */

static time_t now(void)
{
    struct timespec time = {.tv_sec = 0};
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec;
}

/* ---- processes ---- */

void tune_open_process(struct tune *tune, pid_t pid)
{
    int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (pidfd < 0) {
        complain("process %d: %s", (int)pid, errno == ESRCH ? "there is none" : strerror(errno));
        tune->unreachable = true;
        return;
    }
    *APPEND(tune->processes, tune->process_count) = (struct process){pid, pidfd};
}

static bool has_ended(const struct process *process)
{
    struct pollfd state = {.fd = process->pidfd, .events = POLLIN};
    return poll(&state, 1, 0) == 1;
}

bool tune_forget_ended(struct tune *tune)
{
    size_t count = 0;
    size_t before = tune->process_count;
    for (size_t i = 0; i < before; i++)
        if (has_ended(&tune->processes[i]))
            close(tune->processes[i].pidfd);
        else
            tune->processes[count++] = tune->processes[i];
    tune->process_count = count;
    return count < before;
}

/* ---- network namespaces ---- */

static void forget_networks(struct tune *tune)
{
    for (size_t i = 0; i < tune->network_count; i++)
        close(tune->networks[i].namespace.fd);
    free(tune->networks);
    tune->networks = NULL;
    tune->network_count = 0;
}

static bool is_known(const struct tune *tune, ino_t inode)
{
    for (size_t i = 0; i < tune->network_count; i++)
        if (tune->networks[i].namespace.inode == inode)
            return true;
    return false;
}

static void add_network(struct tune *tune, const struct network_namespace *namespace)
{
    *APPEND(tune->networks, tune->network_count) = (struct network){.namespace = *namespace};
}

static void add_network_of(struct tune *tune, pid_t pid)
{
    struct network_namespace namespace = {.fd = -1};
    int error = namespace_of(pid, &namespace);
    if (error == ENOENT) /* it has ended meanwhile */
        return;
    if (error != 0) {
        complain("process %d: its network namespace: %s", (int)pid, strerror(error));
        tune->refused = tune->refused || is_denial(error);
        tune->unreachable = true;
    } else if (is_known(tune, namespace.inode)) {
        close(namespace.fd);
    } else {
        add_network(tune, &namespace);
    }
}

static void add_all_networks(struct tune *tune)
{
    size_t count = 0;
    size_t unseen = 0;
    struct network_namespace *list = namespaces_of_all(&count, &unseen);
    for (size_t i = 0; i < count; i++)
        add_network(tune, &list[i]);
    free(list);
    if (unseen == 0)
        return;
    if (!tune->complained)
        complain("processes that do not show their network namespace: %zu", unseen);
    tune->complained = true;
    if (capabilities_suffice()) /* a security module, say; most such processes are in one that we
                                   know */
        tune->failed = true;
    else
        tune->refused = true;
}

void tune_find_networks(struct tune *tune)
{
    forget_networks(tune);
    tune->searched = now();
    if (tune->request->all)
        add_all_networks(tune);
    for (size_t i = 0; i < tune->process_count; i++)
        add_network_of(tune, tune->processes[i].pid);
    if (!tune->request->all && *tune->request->pids == NULL)
        add_network_of(tune, getpid());
}

bool tune_networks_are_stale(const struct tune *tune)
{
    return tune->request->all && now() - tune->searched >= SEARCH_EVERY;
}

bool tune_enter(struct tune *tune, struct network *network)
{
    int error = namespace_enter(&network->namespace);
    if (error != 0) {
        complain("the network namespace of process %d: %s", (int)network->namespace.pid,
                 strerror(error));
        tune->refused = tune->refused || is_denial(error);
        tune->enter = true;
        tune->unreachable = true;
        return false;
    }
    if (network->retries == 0)
        network->retries = sysctl_number("net/ipv4/tcp_retries2", 15);
    return true;
}
