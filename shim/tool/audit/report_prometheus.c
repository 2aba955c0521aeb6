/*
 * report_prometheus.c: the report in Prometheus' text format, for node_exporter's textfile
 * collector. Sums only: one series a connection would be a new one with each reconnect. All are
 * gauges, since a process takes its numbers with it when it ends.
 */
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "report.h"

static void print_head(const char *name, const char *help)
{
    printf("# HELP %s %s\n# TYPE %s gauge\n", name, help, name);
}

static void print_gauge(const char *name, const char *help, double value)
{
    print_head(name, help);
    printf("%s %.17g\n", name, value);
}

static void print_results(const struct audit *audit)
{
    static const char name[] = "redisguard_audit_connections";
    size_t counts[] = {0, 0, 0};
    for (size_t i = 0; i < audit->connection_count; i++)
        if (!audit->connections[i].is_server_end)
            counts[report_result(audit, &audit->connections[i])]++;
    print_head(name, "Connections to Redis, by the result of the audit.");
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        printf("%s{result=\"%s\"} %zu\n", name, report_result_names[i], counts[i]);
}

static void print_processes(const struct audit *audit)
{
    static const char name[] = "redisguard_audit_guarded_processes";
    size_t count = 0;
    const struct version *versions = report_versions(audit, &count);
    print_head(name, "Processes that have loaded the library, by its version.");
    for (size_t i = 0; i < count; i++)
        printf("%s{version=\"%s\"} %zu\n", name, versions[i].version, versions[i].processes);
}

static void print_counters(const struct audit *audit)
{
    static const char name[] = "redisguard_audit_events";
    size_t count = 0;
    uint64_t sums[COUNTERS] = {0};
    const struct version *versions = report_versions(audit, &count);
    for (size_t i = 0; i < count; i++)
        for (int j = 0; j < COUNTERS; j++)
            sums[j] += versions[i].counters[j];
    print_head(name, "What the library has done in the processes that run now.");
    for (int j = 0; j < COUNTERS; j++)
        printf("%s{event=\"%s\"} %" PRIu64 "\n", name, report_counter_names[j], sums[j]);
}

void report_prometheus(const struct audit *audit)
{
    struct summary summary = report_sum_up(audit);
    print_results(audit);
    print_gauge("redisguard_audit_shared_connections",
                "Connections to Redis that several processes hold.", (double)summary.shared);
    print_gauge("redisguard_audit_unnoticed_connections",
                "Connections to Redis whose dead peer would go unnoticed for too long.",
                (double)summary.unnoticed);
    print_gauge("redisguard_audit_longest_wait_seconds",
                "How long the oldest request has gone unanswered.",
                summary.longest_wait_s < 0 ? 0 : summary.longest_wait_s);
    print_processes(audit);
    print_counters(audit);
    print_gauge("redisguard_audit_unseen_processes",
                "Processes that the audit had no right to look into.", (double)audit->unseen.count);
    print_gauge("redisguard_audit_status",
                "Exit status of the audit: 0 in order, 1 a fault, 2 something could not be seen.",
                report_status(audit));
    print_gauge("redisguard_audit_time_seconds", "When the audit was made, since 1970.",
                (double)time(NULL));
}
