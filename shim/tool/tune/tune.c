/*
 * tune.c: which network namespaces and processes, how often, and the exit status. Whatever looks
 * into /proc with --watch does so in a child: its memory ends with the round.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/complain.h"
#include "config.h"
#include "machine/namespaces.h"
#include "machine/socket_copy.h"
#include "tune/connection.h"
#include "tune/tighten.h"
#include "tune/tune.h"

enum { ESTABLISHED = 1 }; /* <netinet/tcp.h> does not go with <linux/tcp.h> */

enum { ALL_TUNED = 0, NOT_ALL_TUNED = 1 }; /* exit status */

/* With --all and --watch, between searches for new namespaces. */
enum { SEARCH_EVERY = 60 }; /* s */

struct network {
    struct network_namespace namespace;
    int retries; /* tcp_retries2 */
};

struct process {
    pid_t pid;
    int pidfd; /* readable when it has ended */
};

/* The whole run. */
struct tune {
    const struct tune_request *request;
    struct network *networks;
    size_t network_count;
    struct process *processes; /* those that were asked for */
    size_t process_count;
    time_t searched;
    ino_t here;                /* the namespace that we are in */
    const struct network *now; /* being listed */
    struct connections due;
    bool refused;     /* for lack of a right */
    bool enter;       /* that of entering a namespace */
    bool unreachable; /* something that was asked for could not be looked at */
    bool failed;
    bool complained; /* of namespaces that are not shown */
};

static void *grow(void *items, size_t count, size_t size)
{
    if ((count & (count - 1)) == 0)
        items = reallocarray(items, count == 0 ? 1 : count * 2, size);
    if (items == NULL)
        give_up("out of memory");
    return items;
}

static bool is_denial(int error)
{
    return error == EPERM || error == EACCES;
}

static time_t now(void)
{
    struct timespec time = {.tv_sec = 0};
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec;
}

/* ---- processes ---- */

/* Held by its pidfd: its number is not given to another process unnoticed. */
static void open_process(struct tune *tune, pid_t pid)
{
    int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (pidfd < 0) {
        complain("process %d: %s", (int)pid, errno == ESRCH ? "there is none" : strerror(errno));
        tune->unreachable = true;
        return;
    }
    tune->processes = grow(tune->processes, tune->process_count, sizeof *tune->processes);
    tune->processes[tune->process_count++] = (struct process){pid, pidfd};
}

static bool has_ended(const struct process *process)
{
    struct pollfd state = {.fd = process->pidfd, .events = POLLIN};
    return poll(&state, 1, 0) == 1;
}

/* Returns true where one had. */
static bool forget_ended_processes(struct tune *tune)
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
    tune->networks = grow(tune->networks, tune->network_count, sizeof *tune->networks);
    tune->networks[tune->network_count++] = (struct network){.namespace = *namespace};
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
    if (rights_suffice()) /* a security module, say; most such processes are in one that we know */
        tune->failed = true;
    else
        tune->refused = true;
}

static void find_networks(struct tune *tune)
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

static bool networks_are_stale(const struct tune *tune)
{
    return tune->request->all && now() - tune->searched >= SEARCH_EVERY;
}

static int read_retries(void)
{
    enum { DEFAULT = 15 };
    int retries = DEFAULT;
    FILE *file = fopen("/proc/sys/net/ipv4/tcp_retries2", "re");
    if (file == NULL)
        return DEFAULT;
    if (fscanf(file, "%d", &retries) != 1)
        retries = DEFAULT;
    fclose(file);
    return retries;
}

static bool enter(struct tune *tune, struct network *network)
{
    int error = 0;
    if (tune->here != network->namespace.inode)
        error = namespace_enter(&network->namespace);
    if (error != 0) {
        complain("the network namespace of process %d: %s", (int)network->namespace.pid,
                 strerror(error));
        tune->refused = tune->refused || is_denial(error);
        tune->enter = true;
        tune->unreachable = true;
        return false;
    }
    tune->here = network->namespace.inode;
    if (network->retries == 0)
        network->retries = read_retries();
    return true;
}

static void list_connections(struct tune *tune,
                             void (*take)(void *context, const struct tcp_socket *socket))
{
    unsigned ends = CLIENT_ENDS | (tune->request->server ? SERVER_ENDS : 0U);
    for (size_t i = 0; i < tune->network_count; i++) {
        if (!enter(tune, &tune->networks[i]))
            continue;
        tune->now = &tune->networks[i];
        int error = tcp_sockets_list(config(), ends, false, take, tune);
        if (error != 0) {
            complain("sock_diag(7): %s", strerror(error));
            tune->unreachable = true;
        }
    }
}

/* ---- connections ---- */

static void take_if_due(void *context, const struct tcp_socket *socket)
{
    struct tune *tune = context;
    bool again = false;
    bool silent = socket->state == ESTABLISHED && socket->timer == TIMER_NONE;
    if (!seen_is_due(socket->cookie, tune->now->namespace.inode, silent && !tune->request->dry_run,
                     &again))
        return;
    tune->due.items = grow(tune->due.items, tune->due.count, sizeof *tune->due.items);
    tune->due.items[tune->due.count++] =
        (struct connection){.socket = *socket, .retries = tune->now->retries, .again = again};
}

/* Closed in between, and its number used again or not. */
static bool is_gone(int error)
{
    return error == EBADF || error == ESRCH || error == ENOENT;
}

static void tune_through(struct connection *connection, const struct holder *holder, bool dry_run)
{
    int copy = socket_copy(holder->pid, holder->task, holder->fd, connection->socket.cookie);
    if (copy < 0 && is_gone(-copy))
        return;
    if (copy < 0) {
        connection->error = -copy;
        connection->outcome = FAILED;
        return;
    }
    connection->error = tune_tighten(copy, dry_run, &connection->was, &connection->now);
    bool kept = memcmp(&connection->was, &connection->now, sizeof connection->was) == 0;
    connection->outcome = connection->error != 0 ? FAILED : kept ? KEPT : TUNED;
    close(copy);
}

/* One holder is enough: the connection is the same for all of them. */
static void tune_connection(struct connection *connection, bool dry_run)
{
    for (size_t i = 0; i < connection->holder_count && i < HOLDERS_KEPT; i++) {
        tune_through(connection, &connection->holders[i], dry_run);
        if (connection->outcome == TUNED || connection->outcome == KEPT)
            return;
    }
}

static void mark_listed(void *context, const struct tcp_socket *socket)
{
    struct tune *tune = context;
    struct connection *due = tune_connection_of(&tune->due, socket->inode);
    if (due != NULL)
        due->listed = due->socket.cookie == socket->cookie;
}

/* Connections come and go: only what still exists, and nobody who can be seen holds it, failed. */
static void fail_unheld(struct tune *tune)
{
    size_t unheld = 0;
    for (size_t i = 0; i < tune->due.count; i++)
        unheld += tune->due.items[i].holder_count == 0;
    if (unheld == 0 || *tune->request->pids != NULL)
        return;
    list_connections(tune, mark_listed);
    for (size_t i = 0; i < tune->due.count; i++)
        if (tune->due.items[i].holder_count == 0 && tune->due.items[i].listed)
            tune->due.items[i].outcome = FAILED;
}

static bool is_worth_a_line(const struct tune *tune, const struct connection *connection)
{
    if (connection->outcome == FAILED)
        return !connection->again;
    return connection->outcome == TUNED ||
           (connection->outcome == KEPT && tune->request->watch == 0);
}

/* unseen: among the processes that we may not look at is who holds it. */
static void conclude(struct tune *tune, const struct connection *connection, bool unseen)
{
    if (is_worth_a_line(tune, connection))
        tune_report(connection, tune->request->dry_run);
    if (connection->outcome != FAILED)
        return;
    tune->failed = true;
    tune->refused =
        tune->refused || is_denial(connection->error) || (connection->holder_count == 0 && unseen);
}

static void tune_due(struct tune *tune)
{
    pid_t pids[tune->process_count + 1];
    for (size_t i = 0; i < tune->process_count; i++)
        pids[i] = tune->processes[i].pid;
    pids[tune->process_count] = 0;
    bool for_all = *tune->request->pids == NULL;
    size_t unseen = tune_find_holders(&tune->due, for_all ? NULL : pids);
    tune->refused = tune->refused || (!for_all && unseen > 0);
    for (size_t i = 0; i < tune->due.count; i++)
        tune_connection(&tune->due.items[i], tune->request->dry_run);
    fail_unheld(tune);
    for (size_t i = 0; i < tune->due.count; i++)
        conclude(tune, &tune->due.items[i], unseen > 0);
    if (fflush(stdout) != 0 || ferror(stdout))
        give_up("standard output: %s", strerror(errno));
}

/* ---- rounds ---- */

static void list_due(struct tune *tune)
{
    tune->due.count = 0;
    seen_begin();
    list_connections(tune, take_if_due);
    seen_end();
}

static int status_of(const struct tune *tune)
{
    if (tune->refused)
        rights_complain(tune->enter);
    if (tune->refused || tune->unreachable)
        return EXIT_FAILED;
    return tune->failed ? NOT_ALL_TUNED : ALL_TUNED;
}

static int in_child(struct tune *tune)
{
    int status = 0;
    pid_t child = fork();
    if (child < 0)
        give_up("fork: %s", strerror(errno));
    if (child == 0) {
        tune->refused = tune->unreachable = false; /* the parent has complained of that */
        tune_due(tune);
        exit(status_of(tune));
    }
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILED;
}

static int round_of_watch(struct tune *tune)
{
    tune->refused = tune->unreachable = tune->failed = false;
    if (forget_ended_processes(tune) || networks_are_stale(tune))
        find_networks(tune);
    list_due(tune);
    int status = status_of(tune);
    int of_due = tune->due.count > 0 ? in_child(tune) : ALL_TUNED;
    return status == EXIT_FAILED ? status : of_due;
}

static bool nobody_is_left(const struct tune *tune)
{
    return *tune->request->pids != NULL && tune->process_count == 0;
}

/* Until SIGINT or SIGTERM, or until the processes have ended. What fails in the first round fails
 * the start; later rounds complain and go on. */
static int watch(struct tune *tune)
{
    const struct timespec interval = {.tv_sec = tune->request->watch};
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    notify_open();
    int status = round_of_watch(tune);
    if (status == EXIT_FAILED)
        return status;
    notify("READY=1");
    while (sigtimedwait(&signals, NULL, &interval) < 0 && !nobody_is_left(tune))
        round_of_watch(tune);
    notify("STOPPING=1");
    return ALL_TUNED;
}

static ino_t own_network(void)
{
    struct network_namespace own;
    int error = namespace_of(getpid(), &own);
    if (error != 0)
        give_up("/proc/self/ns/net: %s", strerror(error));
    close(own.fd);
    return own.inode;
}

int tune_connections(const struct tune_request *request)
{
    struct tune tune = {.request = request};
    if (config()->strict && config()->mistakes > 0)
        return EXIT_FAILED;
    if (!socket_copies_are_harmless())
        give_up("cgroup v1 classifies traffic here, and tuning would change a connection's class");
    tune.here = own_network();
    for (char **pid = request->pids; *pid != NULL; pid++)
        open_process(&tune, (pid_t)atoi(*pid));
    find_networks(&tune);
    if (tune.unreachable)
        return status_of(&tune);
    if (request->watch > 0)
        return watch(&tune);
    list_due(&tune);
    tune_due(&tune);
    return status_of(&tune);
}
