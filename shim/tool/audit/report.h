/*
 * report.h: what the formats of the report share: the verdict on a connection, the sums, and what
 * to go through. report.c judges; report_table.c, report_json.c and report_prometheus.c print.
 */
#ifndef REDISGUARD_TOOL_REPORT_H
#define REDISGUARD_TOOL_REPORT_H

#include "audit.h"

enum result { RESULT_OK, RESULT_FAIL, RESULT_UNKNOWN };

struct summary {
    size_t connections, well, unknown, shared, unnoticed, unheld;
    double longest_wait_s; /* for a reply; below 0: nobody waits */
};

/* Connections of one server process that drop a client which vanishes after the same time. */
struct server {
    const struct process *process; /* NULL: none that can be seen */
    const char *local;             /* an address of them */
    unsigned port;                 /* of it */
    size_t connections;
    bool estimated;
    double drop_s; /* INFINITY: never */
};

/* Processes that have loaded one version of the library. */
struct version {
    const char *version; /* empty: not known */
    size_t processes, held;
    bool has_counters; /* false: it has none */
    uint64_t counters[COUNTERS];
};

/* What a connection's row is about: RESULT_FAIL where both a fault and something unseen is. */
enum result report_result(const struct audit *audit, const struct connection *connection);
extern const char *const report_result_names[];
extern const char *const report_guard_names[];
extern const char *const report_counter_names[COUNTERS];

struct summary report_sum_up(const struct audit *audit);
struct server *report_servers(const struct audit *audit, size_t *count);
struct version *report_versions(const struct audit *audit, size_t *count);

/* Is it a client's end, and one that --only lets through? */
bool report_shows(const struct audit *audit, const struct connection *connection);

/* Has it loaded the library, and is it in a namespace that was looked at? */
bool report_has_library(const struct process *process);

/* report.c: returns the exit status. */
int report_print(const struct audit *audit);
int report_status(const struct audit *audit);

void report_table(const struct audit *audit);
void report_json(const struct audit *audit);
void report_prometheus(const struct audit *audit);

#endif
