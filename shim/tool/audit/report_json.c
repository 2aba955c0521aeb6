/*
 * report_json.c: the report as one JSON document on one line.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "common/print.h"
#include "redisguard.h"
#include "report.h"

static const char *truth(bool value)
{
    return value ? "true" : "false";
}

static const char *truth_of(enum shared shared)
{
    return shared == SHARED_UNKNOWN ? "null" : truth(shared == SHARED_YES);
}

/* null: never, or nothing. */
static void print_seconds(const char *name, double seconds)
{
    if (seconds == INFINITY || seconds < 0)
        printf(", \"%s\": null", name);
    else
        printf(", \"%s\": %.3f", name, seconds);
}

static void print_version(const char *version)
{
    if (version[0] == '\0')
        fputs("null", stdout);
    else
        print_json(version);
}

/* ---- connections ---- */

static void print_holder(const struct audit *audit, const struct connection *connection,
                         size_t first, size_t end)
{
    const struct process *process = &audit->processes[connection->holders[first]->process];
    printf("%s{\"pid\": %d, \"name\": ", first == 0 ? "" : ", ", (int)process->pid);
    print_json(process->name);
    fputs(", \"descriptors\": [", stdout);
    for (size_t i = first; i < end; i++)
        printf("%s%d", i == first ? "" : ", ", connection->holders[i]->fd);
    printf("], \"guard\": \"%s\", \"version\": ", report_guard_names[process->guard]);
    print_version(process->version);
    putchar('}');
}

static void print_options(const struct connection *connection)
{
    const int *of = connection->tuning.times.of;
    if (!connection->tuning.known)
        fputs(", \"options\": null", stdout);
    else
        printf(", \"options\": {\"keepalive\": %s, \"keepidle\": %d, \"keepintvl\": %d, "
               "\"keepcnt\": %d, \"user_timeout_ms\": %d}",
               truth(of[TIME_KEEPALIVE] != 0), of[TIME_IDLE], of[TIME_INTERVAL], of[TIME_COUNT],
               of[TIME_USER_TIMEOUT]);
}

static void print_timer(const struct timer *timer)
{
    if (timer->name[0] == '\0')
        fputs(", \"timer\": null", stdout);
    else
        printf(", \"timer\": {\"name\": \"%s\", \"seconds\": %.3f, \"unanswered\": %d}",
               timer->name, timer->seconds, timer->unanswered);
}

static void print_connection(const struct audit *audit, const struct connection *connection)
{
    enum result result = report_result(audit, connection);
    printf("{\"ok\": %s, \"result\": \"%s\", \"family\": \"%s\", \"namespace\": %lu, "
           "\"inode\": %lu, \"local\": ",
           result == RESULT_UNKNOWN ? "null" : truth(result == RESULT_OK),
           report_result_names[result], connection->is_unix ? "unix" : "tcp",
           (unsigned long)connection->network->namespace.inode, connection->inode);
    if (connection->is_unix)
        fputs("null", stdout);
    else
        print_json(connection->local);
    fputs(", \"peer\": ", stdout);
    print_json(connection->peer);
    printf(", \"state\": \"%s\", \"shared\": %s, \"unnoticed\": %s", connection->state,
           truth_of(connection->shared), truth(detection_is_too_late(audit, connection)));
    print_seconds("noticed_seconds", connection->detect_s);
    print_seconds("noticed_seconds_at_worst", connection->detect_at_worst_s);
    print_seconds("awaits_seconds", connection->awaits_s);
    printf(", \"estimated\": %s, \"in_flight\": %ld", truth(connection->estimated),
           connection->in_flight);
    print_options(connection);
    print_timer(&connection->timer);
    fputs(", \"holders\": [", stdout);
    for (size_t i = 0, next; i < connection->holder_count; i = next) {
        for (next = i + 1; next < connection->holder_count; next++)
            if (connection->holders[next]->process != connection->holders[i]->process)
                break;
        print_holder(audit, connection, i, next);
    }
    fputs("]}", stdout);
}

static void print_connections(const struct audit *audit)
{
    bool first = true;
    for (size_t i = 0; i < audit->connection_count; i++) {
        if (!report_shows(audit, &audit->connections[i]))
            continue;
        fputs(first ? "" : ", ", stdout);
        first = false;
        print_connection(audit, &audit->connections[i]);
    }
}

/* ---- servers and processes ---- */

static void print_servers(const struct audit *audit)
{
    size_t count = 0;
    const struct server *servers = report_servers(audit, &count);
    for (size_t i = 0; i < count; i++) {
        const struct process *process = servers[i].process;
        printf("%s{\"pid\": ", i == 0 ? "" : ", ");
        if (process == NULL)
            fputs("null, \"name\": null", stdout);
        else {
            printf("%d, \"name\": ", (int)process->pid);
            print_json(process->name);
        }
        printf(", \"port\": %u, \"connections\": %zu, \"estimated\": %s", servers[i].port,
               servers[i].connections, truth(servers[i].estimated));
        print_seconds("drop_seconds", servers[i].drop_s);
        putchar('}');
    }
}

static void print_counters(bool known, const uint64_t counters[COUNTERS])
{
    fputs(known ? ", \"counters\": {" : ", \"counters\": null", stdout);
    for (int i = 0; i < COUNTERS && known; i++)
        printf("%s\"%s\": %" PRIu64, i == 0 ? "" : ", ", report_counter_names[i], counters[i]);
    fputs(known ? "}" : "", stdout);
}

static void print_processes(const struct audit *audit)
{
    bool first = true;
    for (size_t i = 0; i < audit->process_count; i++) {
        const struct process *process = &audit->processes[i];
        if (!report_has_library(process))
            continue;
        printf("%s{\"pid\": %d, \"name\": ", first ? "" : ", ", (int)process->pid);
        first = false;
        print_json(process->name);
        printf(", \"guard\": \"%s\", \"version\": ", report_guard_names[process->guard]);
        print_version(process->version);
        printf(", \"connections\": %zu", process->held);
        print_counters(process->has_counters, process->counters);
        putchar('}');
    }
}

static void print_versions(const struct audit *audit)
{
    size_t count = 0;
    const struct version *versions = report_versions(audit, &count);
    for (size_t i = 0; i < count; i++) {
        printf("%s{\"version\": ", i == 0 ? "" : ", ");
        print_version(versions[i].version);
        printf(", \"processes\": %zu, \"connections\": %zu", versions[i].processes,
               versions[i].held);
        print_counters(versions[i].has_counters, versions[i].counters);
        putchar('}');
    }
}

void report_json(const struct audit *audit)
{
    struct summary summary = report_sum_up(audit);
    printf("{\"redisguard\": \"%s\", \"time\": ", REDISGUARD_VERSION);
    print_now();
    fputs(", \"connections\": [", stdout);
    print_connections(audit);
    fputs("], \"servers\": [", stdout);
    print_servers(audit);
    fputs("], \"processes\": [", stdout);
    print_processes(audit);
    fputs("], \"versions\": [", stdout);
    print_versions(audit);
    printf("], \"summary\": {\"connections\": %zu, \"in_order\": %zu, \"shared\": %zu, "
           "\"unknown\": %zu, \"unnoticed\": %zu, \"max_notice_seconds\": %d, "
           "\"without_visible_holder\": %zu, \"unseen_processes\": %zu, \"hidden\": %s, "
           "\"protected_processes\": %zu, \"unread_processes\": %zu, "
           "\"unseen_namespaces\": %zu}}\n",
           summary.connections, summary.well, summary.shared, summary.unknown, summary.unnoticed,
           audit->request->max_detect_s, summary.unheld, audit->unseen.count,
           truth(audit->unseen.hidden), audit->unseen.protected, audit->unread,
           audit->unseen_namespaces);
}
