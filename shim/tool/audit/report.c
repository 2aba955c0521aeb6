/*
 * report.c: see report.h.
 */
#include "report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

const char *const report_result_names[] = {"ok", "fail", "unknown"};
const char *const report_guard_names[] = {"unknown", "off", "disabled", "on"};
const char *const report_counter_names[COUNTERS] = {
    [COUNT_GUARDED] = "guarded",       [COUNT_CUT_OFF] = "cut_off", [COUNT_RESTORED] = "restored",
    [COUNT_RESET] = "reset_half_open", [COUNT_REFUSED] = "refused", [COUNT_REBOUND] = "rebound"};

enum result report_result(const struct audit *audit, const struct connection *connection)
{
    if (connection->shared == SHARED_YES || detection_is_too_late(audit, connection))
        return RESULT_FAIL;
    return connection->shared == SHARED_UNKNOWN ? RESULT_UNKNOWN : RESULT_OK;
}

struct summary report_sum_up(const struct audit *audit)
{
    struct summary summary = {.longest_wait_s = AWAITS_NOTHING};
    for (size_t i = 0; i < audit->connection_count; i++) {
        const struct connection *connection = &audit->connections[i];
        if (connection->is_server_end)
            continue;
        enum result result = report_result(audit, connection);
        summary.connections++;
        summary.well += result == RESULT_OK;
        summary.unknown += connection->shared == SHARED_UNKNOWN;
        summary.shared += connection->shared == SHARED_YES;
        summary.unnoticed += detection_is_too_late(audit, connection);
        summary.unheld += connection->holder_count == 0;
        summary.longest_wait_s = fmax(summary.longest_wait_s, connection->awaits_s);
    }
    return summary;
}

int report_status(const struct audit *audit)
{
    struct summary summary = report_sum_up(audit);
    if (audit->failed)
        return EXIT_FAILED;
    if (summary.shared > 0 || summary.unnoticed > 0)
        return FAULTS;
    return summary.unknown > 0 || audit->unseen_namespaces > 0 || audit->unread_holder ? UNSEEN
                                                                                       : WELL;
}

/* ---- servers ---- */

static unsigned port_of(const char *address)
{
    const char *colon = strrchr(address, ':');
    return colon == NULL ? 0 : (unsigned)strtoul(colon + 1, NULL, 10);
}

struct server *report_servers(const struct audit *audit, size_t *count)
{
    struct server *servers = NULL;
    *count = 0;
    for (size_t i = 0; i < audit->connection_count; i++) {
        const struct connection *end = &audit->connections[i];
        if (!end->is_server_end)
            continue;
        struct server server = {
            .process = end->holder_count > 0 ? &audit->processes[end->holders[0]->process] : NULL,
            .local = end->local,
            .port = port_of(end->local),
            .estimated = end->estimated,
            .drop_s = end->in_flight > 0 ? end->detect_at_worst_s : end->detect_s};
        size_t at = 0;
        while (at < *count &&
               (servers[at].process != server.process || servers[at].port != server.port ||
                ceil(servers[at].drop_s) != ceil(server.drop_s)))
            at++;
        if (at == *count)
            *APPEND(servers, *count) = server;
        servers[at].connections++;
    }
    return servers;
}

/* ---- processes ---- */

bool report_has_library(const struct process *process)
{
    return process->guard >= GUARD_DISABLED && !process->is_outside;
}

static void add_process(struct version *version, const struct process *process)
{
    version->processes++;
    version->held += process->held;
    version->has_counters = version->has_counters || process->has_counters;
    for (int i = 0; i < COUNTERS; i++)
        version->counters[i] += process->counters[i];
}

struct version *report_versions(const struct audit *audit, size_t *count)
{
    struct version *versions = NULL;
    *count = 0;
    for (size_t i = 0; i < audit->process_count; i++) {
        const struct process *process = &audit->processes[i];
        size_t at = 0;
        if (!report_has_library(process))
            continue;
        while (at < *count && strcmp(versions[at].version, process->version) != 0)
            at++;
        if (at == *count)
            *APPEND(versions, *count) = (struct version){.version = process->version};
        add_process(&versions[at], process);
    }
    return versions;
}

/* ---- which rows ---- */

static bool is_unguarded(const struct audit *audit, const struct connection *connection)
{
    for (size_t i = 0; i < connection->holder_count; i++)
        if (audit->processes[connection->holders[i]->process].guard != GUARD_ON)
            return true;
    return connection->holder_count == 0;
}

bool report_shows(const struct audit *audit, const struct connection *connection)
{
    if (connection->is_server_end)
        return false;
    switch (audit->request->only) {
    case ONLY_FAULTS:
        return report_result(audit, connection) == RESULT_FAIL;
    case ONLY_SHARED:
        return connection->shared == SHARED_YES;
    case ONLY_UNGUARDED:
        return is_unguarded(audit, connection);
    case ONLY_ALL:
        return true;
    }
    return true;
}

/* ---- all of it ---- */

int report_print(const struct audit *audit)
{
    switch (audit->request->format) {
    case AUDIT_TABLE:
        report_table(audit);
        break;
    case AUDIT_JSON:
        report_json(audit);
        break;
    case AUDIT_PROMETHEUS:
        report_prometheus(audit);
        break;
    }
    return report_status(audit);
}
