/*
 * connection.h: a connection that is to be tuned, and which file does what to it.
 *
 * A round goes one way: tune.c lists the connections of each network namespace (machine/), seen.c
 * says which of them are due, holders.c looks up in /proc who holds these, tighten.c decides what a
 * socket gets and sets it through a copy of its descriptor, report.c prints a line. rights.c names
 * what is missing, notify.c tells the supervisor.
 */
#ifndef REDISGUARD_TOOL_TUNE_CONNECTION_H
#define REDISGUARD_TOOL_TUNE_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "machine/tcp_sockets.h"
#include "machine/times.h"

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

/* ---- holders.c ---- */

/* Fills in the holders, among these processes (0-terminated; NULL: all). Sorts by inode. Returns
 * how many processes we may not look at; a pid of the list among them is complained of. */
size_t tune_find_holders(struct connections *connections, const pid_t *pids);

/* By inode, once the holders are there; NULL: there is none such. */
struct connection *tune_connection_of(const struct connections *connections, unsigned long inode);

/* ---- seen.c: the connections of the last round, by cookie ---- */

/* A round: begin, is_due for each connection that is listed, end, which forgets the others. silent:
 * no timer runs, so keepalive is off. `again`: it was due in an earlier round. */
void seen_begin(void);
bool seen_is_due(uint64_t cookie, ino_t network, bool silent, bool *again);
void seen_end(void);

/* ---- rights.c ---- */

/* Have we all that it takes to look into any process? */
bool rights_suffice(void);

/* Names the capabilities that we lack; enter: for a namespace too. */
void rights_complain(bool enter);

/* ---- report.c ---- */

void tune_report(const struct connection *connection, bool dry_run);

/* ---- notify.c: sd_notify(3) ---- */

void notify_open(void);
void notify(const char *state);

#endif
