/*
 * round.h: one round of --tune, and which file does what.
 *
 * A round goes one way: networks.c picks the network namespaces, tune.c lists their connections,
 * seen.c says which of them are due, holders.c looks up in /proc who holds these, tighten.c decides
 * what a socket gets and sets it through a copy of its descriptor, report.c prints a line. rights.c
 * names what is missing, notify.c tells the supervisor.
 */
#ifndef REDISGUARD_TOOL_TUNE_ROUND_H
#define REDISGUARD_TOOL_TUNE_ROUND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "machine/namespaces.h"
#include "machine/tcp_sockets.h"
#include "machine/times.h"
#include "tune/tune.h"

struct holder {
    pid_t pid;
    pid_t task;
    int fd;
};

enum { HOLDERS_KEPT = 4 };

enum outcome { VANISHED, TUNED, KEPT, FAILED };

struct connection {
    struct tcp_socket socket;
    int retries;       /* tcp_retries2 of its network namespace */
    bool again;        /* seen before: what failed then is not said again */
    bool listed;       /* still */
    pid_t last_holder; /* the process that was walked last of those that hold it */
    struct holder holders[HOLDERS_KEPT];
    size_t holder_count; /* processes; more than HOLDERS_KEPT are counted only */
    enum outcome outcome;
    int error; /* errno, where it failed; 0: nobody holds it who can be seen */
    struct times was, now;
};

struct connections {
    struct connection *items;
    size_t count;
};

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
    const struct network *now; /* being listed */
    struct connections due;
    bool more;        /* due, and left to the next round */
    bool refused;     /* for lack of a right */
    bool enter;       /* that of entering a namespace */
    bool unreachable; /* something that was asked for could not be looked at */
    bool failed;
    bool complained; /* of namespaces that are not shown */
};

/* ---- networks.c ---- */

/* Holds it by its pidfd, so that its number is not given to another process unnoticed. */
void tune_open_process(struct tune *tune, pid_t pid);

/* Returns true where one had ended. */
bool tune_forget_ended(struct tune *tune);

void tune_find_networks(struct tune *tune);

/* With --all: it is time to look for new ones. */
bool tune_networks_are_stale(const struct tune *tune);

/* Goes into it; false: it may not be entered, and the user has been told. */
bool tune_enter(struct tune *tune, struct network *network);

/* ---- holders.c ---- */

/* Fills in the holders, among these processes (0-terminated; NULL: all). Sorts by inode. Returns
 * how many processes we may not look at; a pid of the list among them is complained of. */
size_t tune_find_holders(struct connections *connections, const pid_t *pids);

/* By inode, once the holders are there; NULL: there is none such. */
struct connection *tune_connection_of(const struct connections *connections, unsigned long inode);

/* ---- seen.c: the connections of the last round, by cookie ---- */

/* A round: begin, record for each connection that is listed, end, which forgets the others. */
void seen_begin(void);
void seen_record(uint64_t cookie, ino_t network, unsigned times_due);
void seen_end(void);

/* How often it was due, up to the last round. */
unsigned seen_times_due(uint64_t cookie, ino_t network);

/* ---- rights.c ---- */

/* Names the capabilities that we lack; enter: for a namespace too. */
void rights_complain(bool enter);

/* ---- report.c ---- */

void tune_report(const struct connection *connection, bool dry_run);

/* ---- notify.c: sd_notify(3) ---- */

void notify_open(void);
void notify(const char *state);

#endif
