/*
 * redisguard-audit: every Redis connection of this machine: who holds it, is it shared, would a
 * dead peer be noticed? Reads, and changes nothing; needs no preload. `redisguard --audit` execs
 * it.
 *
 * main.c decides what is looked at and how often, and the exit status.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
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
    if (!sockets_list(audit, network))
        give_up("ss(8), of iproute2, is needed and could not do its work");
}

static int status_of(const struct audit *audit)
{
    if (audit->failed)
        return FAILED;
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
        return FAILED;
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
    return WIFEXITED(status) ? WEXITSTATUS(status) : FAILED;
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
        if (stopped || status == FAILED)
            return status;
        sigdelset(&signals, SIGCHLD);
        if (signal_within(&signals, request->watch) != 0)
            return status;
        sigaddset(&signals, SIGCHLD);
    }
}

static int whole_number(const char *text, const char *what)
{
    char *end = NULL;
    errno = 0;
    long number = strtol(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || number < 1 ||
        number > 1 << 22)
        give_up("%s: not %s (try redisguard --audit --help)", text, what);
    return (int)number;
}

static const char usage[] =
    "Usage: redisguard --audit [OPTION]... [PID]...\n"
    "Show every Redis connection in the network namespaces of these processes, or in\n"
    "our own: who holds it, whether it is shared, and how soon a dead peer is noticed.\n"
    "\n"
    "      --json             one JSON document a round, on one line\n"
    "      --watch SECONDS    again and again, until SIGINT or SIGTERM\n"
    "  -h, --help             print this\n"
    "  -V, --version          print the version\n"
    "\n"
    "Which connections: REDISGUARD_PORTS and REDISGUARD_UNIX. Exit status: 0 when all\n"
    "is well, 1 when a connection is shared, or a dead peer would go unnoticed for more\n"
    "than an hour, 125 when something could not be looked at. Best run as root.\n";

static void print_and_leave(const char *text)
{
    fputs(text, stdout);
    exit(WELL);
}

static struct request read_arguments(int argc, char *argv[])
{
    static const struct option options[] = {{"json", no_argument, NULL, 'j'},
                                            {"watch", required_argument, NULL, 'w'},
                                            {"help", no_argument, NULL, 'h'},
                                            {"version", no_argument, NULL, 'V'},
                                            {NULL, 0, NULL, 0}};
    struct request request = {.json = false};
    opterr = 0;
    for (int option; (option = getopt_long(argc, argv, ":hV", options, NULL)) != -1;) {
        switch (option) {
        case 'j':
            request.json = true;
            break;
        case 'w':
            request.watch = whole_number(optarg, "a number of seconds");
            break;
        case 'h':
            print_and_leave(usage);
            break;
        case 'V':
            print_and_leave("redisguard " REDISGUARD_VERSION "\n");
            break;
        case ':':
            give_up("--watch needs a number of seconds (try redisguard --audit --help)");
        default:
            give_up("unknown option %s (try redisguard --audit --help)", argv[optind - 1]);
        }
    }
    request.pids = argv + optind;
    for (char **pid = request.pids; *pid != NULL; pid++)
        whole_number(*pid, "a process id");
    return request;
}

int main(int argc, char *argv[])
{
    struct request request = read_arguments(argc, argv);
    if (config()->strict && config()->mistakes > 0)
        return FAILED;
    return request.watch > 0 ? watch(&request) : one_round(&request);
}
