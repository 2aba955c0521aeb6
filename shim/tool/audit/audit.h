/*
 * audit.h: what `redisguard --audit` finds out about a Redis connection, and which file does.
 *
 * A round goes one way: audit.c picks the network namespaces, sockets.c lists their connections,
 * holders.c finds out who holds them, process.c who of these is guarded, detection.c when a dead
 * peer would be noticed; report.c judges, and report_*.c print. What is asked of the machine is in
 * machine/. Nothing is ever freed: a round ends with its process.
 */
#ifndef AUDIT_H
#define AUDIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/array.h"
#include "common/complain.h"
#include "config.h"
#include "counters.h"
#include "machine/namespaces.h"
#include "machine/processes.h"
#include "machine/times.h"

enum { MAX_DETECT_S = 3600 }; /* unless --max-notice says otherwise */

/* Exit status. A fault that is seen outweighs what is not. */
enum { WELL = 0, FAULTS = 1, UNSEEN = 2 };

enum audit_format { AUDIT_TABLE, AUDIT_JSON, AUDIT_PROMETHEUS };

/* Which connections are shown; all count. */
enum audit_only { ONLY_ALL, ONLY_FAULTS, ONLY_SHARED, ONLY_UNGUARDED };

struct audit_request {
    enum audit_format format;
    enum audit_only only;
    bool all;         /* every network namespace */
    int watch;        /* s between rounds; 0: one round */
    int max_detect_s; /* a dead peer that goes unnoticed for longer is a fault */
    char **pids;      /* whose network namespaces; none: our own. Ends with NULL */
};

/* A network namespace, with the defaults of the sockets in it. */
struct network {
    struct network_namespace namespace;
    int keepalive_time, keepalive_interval, keepalive_probes;
    int retries, connect_retries, connect_linear;
};

enum guard_state { GUARD_UNKNOWN, GUARD_OFF, GUARD_DISABLED, GUARD_ON };

struct process {
    pid_t pid;
    char name[64];
    enum guard_state guard;
    char version[32];  /* of the library that it has loaded, graphic ASCII; empty: not known */
    bool has_counters; /* false: an older version */
    uint64_t counters[COUNTERS];  /* what the library has done in it */
    size_t holders, holder_count; /* in the audit's list */
    size_t held;                  /* connections to Redis */
    bool is_unread;               /* its memory could not be read in time */
    bool is_outside;              /* in none of the network namespaces that are looked at */
};

struct holder {
    size_t connection; /* whose */
    size_t process;
    pid_t task; /* through which the descriptor can be looked at */
    int fd;
};

/* As ss names it: keepalive, on (sent data awaits its acknowledgement), persist. */
struct timer {
    const char *name; /* empty: none runs */
    double seconds;
    int unanswered;
};

/* What the socket itself says. */
struct tuning {
    bool known; /* false: its process does not let us ask */
    struct times times;
    int connect_retries;
};

enum shared { SHARED_NO, SHARED_YES, SHARED_UNKNOWN };

enum { AWAITS_NOTHING = -1, AWAITS_UNKNOWN = -2 };

struct connection {
    unsigned long inode;
    uint64_t cookie; /* SO_COOKIE; 0: not known */
    const struct network *network;
    bool is_unix;
    bool is_server_end;               /* accepted by a local server: its client may vanish */
    const char *local, *peer, *state; /* local is "unix" where is_unix */
    long in_flight;                   /* bytes that the peer has not acknowledged */
    double awaits_s;                  /* since the last request, which has had no reply */
    struct timer timer;
    struct tuning tuning;
    bool estimated;           /* the times rest on defaults of the kernel */
    double detect_s;          /* from now, were the peer to die now; INFINITY: never */
    double detect_at_worst_s; /* the same, whatever the connection does next */
    enum shared shared;
    const struct holder **holders; /* by pid, then descriptor */
    size_t holder_count;
};

struct audit {
    const struct audit_request *request;
    const struct config *config;
    struct network *networks;
    size_t network_count;
    struct connection *connections;
    size_t connection_count;
    struct process *processes; /* all of the machine */
    size_t process_count;
    struct holder *holders;     /* by process */
    const struct holder **held; /* the same, by connection */
    size_t holder_count;
    struct processes_unseen unseen;
    size_t unread;            /* processes whose memory could not be read in time */
    bool unread_holder;       /* one of them has a connection to Redis */
    size_t unseen_namespaces; /* processes that would not tell theirs */
    bool failed;              /* something that was asked for could not be looked at */
};

/* audit.c: returns the exit status; 125: something that was asked for could not be looked at. */
int audit_connections(const struct audit_request *request);

/* sockets.c: adds the connections of the network namespace that we are in; Unix-domain ones are
 * told apart once all namespaces have been asked. */
void sockets_list(struct audit *audit, const struct network *network);
void sockets_end(struct audit *audit);

/* holders.c: fills in the processes, the holders, and which connections are shared. */
void holders_find(struct audit *audit);

/* process.c: reads the process's memory, so it may never come back. */
void process_describe(struct audit *audit, struct process *process);

/* detection.c: the socket is asked in the same child. */
void detection_read_defaults(struct network *network);
void detection_ask(struct audit *audit, const struct process *process);
void detection_estimate(struct audit *audit);
bool detection_is_too_late(const struct audit *audit, const struct connection *connection);

#endif
