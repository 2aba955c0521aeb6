/*
 * tune.c: what happens in a round, how often, and the exit status. Whatever looks into /proc with
 * --watch does so in a child: its memory ends with the round.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/array.h"
#include "common/complain.h"
#include "config.h"
#include "machine/capabilities.h"
#include "machine/socket_copy.h"
#include "tune/round.h"
#include "tune/tighten.h"

enum { ESTABLISHED = 1 }; /* <netinet/tcp.h> does not go with <linux/tcp.h> */

/* A client library may turn keepalive off after its connect(), as phpredis does, which is what the
 * second time is for. Whoever does so again and again is left alone. */
enum { TIMES_DUE = 3 };

/* In a round of --watch: a signal is heeded between rounds. */
enum { DUE_AT_MOST = 1000 };

/* Between two connections. Timers that are set together expire together, and a thousand probes in
 * one tick fill the backlog of a network device (net.core.netdev_max_backlog): the kernel drops the
 * rest, three times in a row, and ends healthy connections. */
static const struct timespec pace = {.tv_nsec = 1000000};

enum { ALL_TUNED = 0, NOT_ALL_TUNED = 1 }; /* exit status */

static void list_connections(struct tune *tune,
                             void (*take)(void *context, const struct tcp_socket *socket))
{
    unsigned ends = CLIENT_ENDS | (tune->request->server ? SERVER_ENDS : 0U);
    for (size_t i = 0; i < tune->network_count; i++) {
        if (!tune_enter(tune, &tune->networks[i]))
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

/* No timer runs. */
static bool has_no_keepalive(const struct tcp_socket *socket)
{
    return socket->state == ESTABLISHED && socket->timer == TIMER_NONE;
}

static void take_if_due(void *context, const struct tcp_socket *socket)
{
    struct tune *tune = context;
    ino_t network = tune->now->namespace.inode;
    unsigned before = seen_times_due(socket->cookie, network);
    bool again = before > 0 && before < TIMES_DUE && has_no_keepalive(socket);
    bool due = before == 0 || (again && !tune->request->dry_run);
    bool full = tune->request->watch > 0 && tune->due.count == DUE_AT_MOST;
    tune->more = tune->more || (due && full);
    seen_record(socket->cookie, network, before + (due && !full));
    if (!due || full)
        return;
    *APPEND(tune->due.items, tune->due.count) =
        (struct connection){.socket = *socket, .retries = tune->now->retries, .again = before > 0};
}

/* Closed in between, and its number used again or not. */
static bool is_gone(int error)
{
    return error == EBADF || error == ESRCH || error == ENOENT;
}

static void tune_through(struct connection *connection, const struct holder *holder, bool dry_run)
{
    int process = socket_copy_open(holder->pid, holder->task);
    int copy = socket_copy(process, holder->fd, connection->socket.cookie);
    if (process >= 0)
        close(process);
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
        if (connection->outcome == TUNED && !dry_run)
            nanosleep(&pace, NULL);
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
    tune->more = false;
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
    if (tune_forget_ended(tune) || tune_networks_are_stale(tune))
        tune_find_networks(tune);
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
    const struct timespec at_once = {.tv_sec = 0};
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
    while (sigtimedwait(&signals, NULL, tune->more ? &at_once : &interval) < 0 &&
           !nobody_is_left(tune))
        round_of_watch(tune);
    notify("STOPPING=1");
    return ALL_TUNED;
}

int tune_connections(const struct tune_request *request)
{
    struct tune tune = {.request = request};
    if (config()->strict && config()->mistakes > 0)
        return EXIT_FAILED;
    if (!socket_copies_are_harmless())
        give_up("cgroup v1 classifies traffic here, and tuning would change a connection's class");
    for (char **pid = request->pids; *pid != NULL; pid++)
        tune_open_process(&tune, (pid_t)atoi(*pid));
    tune_find_networks(&tune);
    if (tune.unreachable)
        return status_of(&tune);
    if (request->watch > 0)
        return watch(&tune);
    list_due(&tune);
    tune_due(&tune);
    return status_of(&tune);
}
