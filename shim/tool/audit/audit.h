/*
 * audit.h: what `redisguard --audit` finds out about a Redis connection, and which file does.
 *
 * A round goes one way: audit.c picks the network namespaces, sockets.c asks ss(8) for their
 * connections, holders.c looks up in /proc who holds them, process.c who of these is guarded,
 * notice.c when a dead peer would be noticed; report.c prints it. Nothing is ever freed: a round
 * ends with its process.
 */
#ifndef AUDIT_H
#define AUDIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>

#include "common/complain.h"
#include "config.h"

/* A dead peer that goes unnoticed for longer is a fault. */
enum { PATIENCE = 3600 }; /* s */

enum { WELL = 0, FAULTS = 1 }; /* exit status */

/* A network namespace, with the defaults of the sockets in it. */
struct network {
    ino_t id;
    pid_t pid; /* somebody in it */
    int keepalive_time, keepalive_interval, keepalive_probes;
    int retries, connect_retries, connect_linear;
};

enum guard_state { GUARD_UNKNOWN, GUARD_OFF, GUARD_DISABLED, GUARD_ON };

struct process {
    pid_t pid;
    char name[64];
    enum guard_state guard;
    char version[32]; /* of the library that it has loaded; empty: not known */
};

struct holder {
    size_t connection; /* whose */
    size_t process;
    pid_t task; /* through which the descriptor can be looked at */
    int fd;
};

/* As ss names it: keepalive, on (sent data awaits its acknowledgement), persist. */
struct timer {
    char name[16]; /* empty: none runs */
    double seconds;
    int unanswered;
};

/* What the socket itself says. */
struct tuning {
    bool known; /* false: its process does not let us ask */
    int keepalive, idle, interval, probes;
    int user_timeout; /* ms */
    int connect_retries;
};

struct connection {
    unsigned long inode;
    const struct network *network;
    bool is_unix;
    const char *local, *peer, *state; /* local is "unix" where is_unix */
    long in_flight;                   /* bytes that the peer has not acknowledged */
    struct timer timer;
    struct tuning tuning;
    bool estimated;  /* the times rest on defaults of the kernel */
    double noticed;  /* s from now, were the peer to die now; INFINITY: never */
    double at_worst; /* the same, whatever the connection does next */
    bool shared;
    const struct holder *holders; /* by pid, then descriptor */
    size_t holder_count;
};

struct audit {
    const struct config *config;
    struct network *networks;
    size_t network_count;
    struct connection *connections;
    size_t connection_count;
    struct process *processes;
    size_t process_count;
    struct holder *holders;
    size_t holder_count;
    size_t unseen; /* processes whose descriptors we may not see */
    bool failed;   /* something that was asked for could not be looked at */
};

/* audit.c: pids say which network namespaces, none: our own. seconds: between rounds, 0: one round.
 * Returns the exit status: 0 all is well, 1 a fault, 125 something could not be looked at. */
int audit_connections(char **pids, bool as_json, int seconds);

/* sockets.c: adds the Redis connections of the network namespace that we are in; Unix-domain ones
 * are told apart once all namespaces have been asked. False: ss failed. */
bool sockets_list(struct audit *audit, const struct network *network);
void sockets_end(struct audit *audit);

/* holders.c: fills in the holders, by connection, and which connections are shared. */
void holders_find(struct audit *audit);

/* process.c */
void process_describe(struct process *process);

/* notice.c */
void notice_read_defaults(struct network *network);
void notice_estimate(struct audit *audit);
bool notice_is_too_late(const struct connection *connection);

/* report.c */
void report_text(const struct audit *audit);
void report_json(const struct audit *audit);

/* Room for one more element at the end, all zero (audit.c). */
#define APPEND(array, count)                                                                       \
    ((array) = append((array), (count)++, sizeof *(array)), &(array)[(count)-1])
void *append(void *array, size_t count, size_t size);

#endif
