/*
 * sockets.c: asks ss(8) for the sockets of the network namespace that we are in, and keeps those
 * whose peer is a Redis endpoint. Knows the format of ss and nothing else.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "audit.h"
#include "glob.h"

/* A Unix-domain stream socket; which of them are clients of Redis shows when all are known. */
struct end {
    unsigned long inode, peer;
    const struct network *network;
    const char *path, *state;
    long in_flight;
};

static struct end *ends;
static size_t end_count;

static const char *keep(const char *text)
{
    char *copy = strdup(text);
    if (copy == NULL)
        give_up("out of memory");
    return copy;
}

/* ---- one line of ss ---- */

/* A path may hold a newline, and what follows it then looks like a line of its own. */
static bool is_state(const char *word)
{
    return word != NULL && word[strspn(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZ-12")] == '\0';
}

/* "1min30sec", "12sec", "6.720ms" (seconds, whatever it says) or "204ms". */
static double seconds_in(const char *text)
{
    double sum = 0;
    for (char *end = NULL; *text >= '0' && *text <= '9'; text = end) {
        double number = strtod(text, &end);
        bool is_fraction = memchr(text, '.', (size_t)(end - text)) != NULL;
        if (strncmp(end, "min", 3) == 0)
            sum += number * 60;
        else if (strncmp(end, "ms", 2) == 0 && !is_fraction)
            sum += number / 1000;
        else
            sum += number;
        end += strcspn(end, "0123456789,)");
    }
    return sum;
}

/* timer:(keepalive,29sec,0) */
static struct timer timer_in(const char *details)
{
    static const char opening[] = "timer:(";
    static const char lower_case[] = "abcdefghijklmnopqrstuvwxyz";
    struct timer timer = {.seconds = 0};
    const char *at = strstr(details, opening);
    if (at == NULL)
        return timer;
    at += sizeof opening - 1;
    snprintf(timer.name, sizeof timer.name, "%.*s", (int)strspn(at, lower_case), at);
    at += strcspn(at, ",");
    timer.seconds = *at == ',' ? seconds_in(at + 1) : 0;
    at += *at == ',' ? 1 + strcspn(at + 1, ",") : 0;
    timer.unanswered = *at == ',' ? (int)strtol(at + 1, NULL, 10) : 0;
    return timer;
}

static unsigned long inode_in(const char *details)
{
    const char *at = strstr(details, "ino:");
    return at == NULL ? 0 : strtoul(at + strlen("ino:"), NULL, 10);
}

static unsigned port_of(const char *address)
{
    const char *colon = strrchr(address, ':');
    return colon == NULL ? 0 : (unsigned)strtoul(colon + 1, NULL, 10);
}

/* ESTAB 0 0 127.0.0.1:40672 127.0.0.1:6379 timer:(keepalive,29sec,0) uid:33 ino:5858310 ...
 * Without inode it is nobody's any more: closed, and on its way out. */
static void read_tcp(struct audit *audit, const struct network *network, char *line)
{
    char *rest = line;
    const char *state = strtok_r(rest, " ", &rest);
    const char *unread = strtok_r(rest, " ", &rest);
    const char *unacknowledged = strtok_r(rest, " ", &rest);
    const char *local = strtok_r(rest, " ", &rest);
    const char *peer = strtok_r(rest, " ", &rest);
    if (!is_state(state) || unread == NULL || peer == NULL ||
        !config_lists_port(audit->config, port_of(peer)) || inode_in(rest) == 0)
        return;
    *APPEND(audit->connections, audit->connection_count) =
        (struct connection){.inode = inode_in(rest),
                            .network = network,
                            .local = keep(local),
                            .peer = keep(peer),
                            .state = keep(state),
                            .in_flight = strtol(unacknowledged, NULL, 10),
                            .timer = timer_in(rest)};
}

/* Cuts off the last word and returns it; NULL when there is none. */
static char *last_word(char *line)
{
    size_t length = strlen(line);
    while (length > 0 && line[length - 1] == ' ')
        line[--length] = '\0';
    char *space = strrchr(line, ' ');
    if (space == NULL)
        return NULL;
    *space = '\0';
    return space + 1;
}

/* u_str ESTAB 0 0 /run/redis.sock 5858318 * 5858312, where the path may hold spaces. */
static void read_unix(const struct network *network, char *line)
{
    const char *peer = last_word(line);
    const char *peer_path = last_word(line);
    const char *inode = last_word(line);
    char *rest = line;
    const char *type = strtok_r(rest, " ", &rest);
    const char *state = strtok_r(rest, " ", &rest);
    const char *unread = strtok_r(rest, " ", &rest);
    const char *unacknowledged = strtok_r(rest, " ", &rest);
    if (peer == NULL || peer_path == NULL || inode == NULL || unread == NULL ||
        unacknowledged == NULL || !is_state(state) || strcmp(type, "u_str") != 0)
        return;
    *APPEND(ends, end_count) = (struct end){.inode = strtoul(inode, NULL, 10),
                                            .peer = strtoul(peer, NULL, 10),
                                            .network = network,
                                            .path = keep(rest + strspn(rest, " ")),
                                            .state = keep(state),
                                            .in_flight = strtol(unacknowledged, NULL, 10)};
}

/* ---- ss ---- */

/* Not everybody's PATH, cron's say, has the directory where it is. */
static bool spawn(char *const argv[], int output, int errors, pid_t *pid)
{
    static const char *const places[] = {"ss", "/usr/sbin/ss", "/sbin/ss", "/usr/bin/ss"};
    posix_spawn_file_actions_t actions;
    int error = posix_spawn_file_actions_init(&actions);
    if (error == 0)
        error = posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    if (error == 0)
        error = posix_spawn_file_actions_adddup2(&actions, errors, STDERR_FILENO);
    for (size_t i = 0; error == 0 && i < sizeof places / sizeof places[0]; i++) {
        error = posix_spawnp(pid, places[i], &actions, NULL, argv, environ);
        if (error == 0)
            return true;
        error = error == ENOENT && i + 1 < sizeof places / sizeof places[0] ? 0 : error;
    }
    complain("cannot run ss: %s", strerror(error));
    return false;
}

/* Starts it and returns what it prints. */
static FILE *open_ss(char *const argv[], int errors, pid_t *pid)
{
    int ends_of_pipe[2] = {-1, -1};
    if (pipe2(ends_of_pipe, O_CLOEXEC) != 0)
        give_up("pipe: %s", strerror(errno));
    bool started = spawn(argv, ends_of_pipe[1], errors, pid);
    close(ends_of_pipe[1]);
    FILE *output = started ? fdopen(ends_of_pipe[0], "r") : NULL;
    if (started && output == NULL)
        give_up("out of memory");
    return output;
}

static bool ended_well(pid_t pid)
{
    int status = 0;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return false;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool for_each_line(char *const argv[], int errors, struct audit *audit,
                          const struct network *network, bool unix_domain)
{
    pid_t pid = -1;
    FILE *output = open_ss(argv, errors, &pid);
    char *line = NULL;
    size_t size = 0;
    if (output == NULL)
        return false;
    while (getline(&line, &size, output) >= 0) {
        line[strcspn(line, "\n")] = '\0';
        if (unix_domain)
            read_unix(network, line);
        else
            read_tcp(audit, network, line);
    }
    fclose(output);
    return ended_well(pid);
}

/* What ss says on standard error: of interest where it fails, and noise where it does not. It
 * complains, of a column that nobody asked for, wherever no cgroup2 is mounted (iproute2 6.1). */
static void pass_on(int errors)
{
    char part[4096];
    ssize_t length = 0;
    for (off_t at = 0; (length = pread(errors, part, sizeof part, at)) > 0; at += length)
        fwrite(part, 1, (size_t)length, stderr);
}

bool sockets_list(struct audit *audit, const struct network *network)
{
    char *tcp[] = {"ss",        "-HOtnoe", "state",    "connected", "exclude",
                   "time-wait", "exclude", "syn-recv", NULL};
    char *unix_domain[] = {"ss", "-HOxn", "state", "connected", NULL};
    int errors = memfd_create("ss", MFD_CLOEXEC);
    if (errors < 0)
        give_up("memfd_create: %s", strerror(errno));
    bool well = for_each_line(tcp, errors, audit, network, false) &&
                for_each_line(unix_domain, errors, audit, network, true);
    if (!well)
        pass_on(errors);
    close(errors);
    return well;
}

/* ---- Unix-domain: the server's end has the path, the client's end is its peer ---- */

static int by_inode(const void *a, const void *b)
{
    unsigned long left = ((const struct end *)a)->inode;
    unsigned long right = ((const struct end *)b)->inode;
    return (left > right) - (left < right);
}

/* ss shows an abstract name behind an @; the guard leaves those alone. */
static bool is_redis(const struct audit *audit, const struct end *server)
{
    return server != NULL && server->path[0] != '@' && strcmp(server->path, "*") != 0 &&
           glob_list_matches(audit->config->unix_globs, server->path, strlen(server->path));
}

void sockets_end(struct audit *audit)
{
    if (end_count > 0)
        qsort(ends, end_count, sizeof *ends, by_inode);
    for (size_t i = 0; i < end_count; i++) {
        const struct end wanted = {.inode = ends[i].peer};
        const struct end *server = bsearch(&wanted, ends, end_count, sizeof *ends, by_inode);
        if (ends[i].peer == 0 || !is_redis(audit, server))
            continue;
        *APPEND(audit->connections, audit->connection_count) =
            (struct connection){.inode = ends[i].inode,
                                .network = ends[i].network,
                                .is_unix = true,
                                .local = "unix",
                                .peer = server->path,
                                .state = ends[i].state,
                                .in_flight = ends[i].in_flight};
    }
}
