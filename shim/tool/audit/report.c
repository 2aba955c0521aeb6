/*
 * report.c: prints what was found, as a table or as JSON. Names that somebody else chose keep to
 * their place: no control characters, and nothing but valid UTF-8.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "audit.h"
#include "common/print.h"

struct summary {
    size_t well, shared, unnoticed, unheld;
};

static struct summary sum_up(const struct audit *audit)
{
    struct summary summary = {.well = 0};
    for (size_t i = 0; i < audit->connection_count; i++) {
        const struct connection *connection = &audit->connections[i];
        bool unnoticed = notice_is_too_late(connection);
        summary.shared += connection->shared;
        summary.unnoticed += unnoticed;
        summary.well += !connection->shared && !unnoticed;
        summary.unheld += connection->holder_count == 0;
    }
    return summary;
}

/* Calls print for each holder that is the first of its process. */
static void for_each_process(const struct audit *audit, const struct connection *connection,
                             void (*print)(const struct process *, const struct holder *,
                                           size_t count, bool first))
{
    for (size_t i = 0, next; i < connection->holder_count; i = next) {
        const struct holder *holder = &connection->holders[i];
        for (next = i + 1; next < connection->holder_count; next++)
            if (connection->holders[next].process != holder->process)
                break;
        print(&audit->processes[holder->process], holder, next - i, i == 0);
    }
}

/* ---- the table ---- */

enum { WORD = 48 };

static void format_noticed(const struct connection *connection, char word[WORD])
{
    if (connection->noticed == INFINITY)
        snprintf(word, WORD, "never");
    else if (connection->noticed == 0)
        snprintf(word, WORD, "at-once");
    else
        snprintf(word, WORD, "%s%.0fs", connection->estimated ? "~" : "",
                 ceil(connection->noticed));
}

static void format_keepalive(const struct connection *connection, char word[WORD])
{
    const struct tuning *tuning = &connection->tuning;
    if (connection->is_unix)
        snprintf(word, WORD, "-");
    else if (tuning->known && tuning->keepalive)
        snprintf(word, WORD, "%ds+%dx%ds", tuning->idle, tuning->probes, tuning->interval);
    else if (tuning->known)
        snprintf(word, WORD, "off");
    else if (strcmp(connection->timer.name, "keepalive") == 0)
        snprintf(word, WORD, "on");
    else
        snprintf(word, WORD, connection->estimated ? "?" : "off");
}

static void format_timer(const struct connection *connection, char word[WORD])
{
    const struct timer *timer = &connection->timer;
    if (timer->name[0] == '\0')
        snprintf(word, WORD, "-");
    else
        snprintf(word, WORD, "%s:%.1fs:%d", timer->name, timer->seconds, timer->unanswered);
}

static void print_process(const struct process *process, const struct holder *holders, size_t count,
                          bool first)
{
    static const char *const guards[] = {"guard unknown", "unguarded", "guard disabled", "guarded"};
    fputs(first ? "  " : "; ", stdout);
    print_flat(process->name);
    printf("[%d] fd ", (int)process->pid);
    for (size_t i = 0; i < count; i++)
        printf("%s%d", i == 0 ? "" : ",", holders[i].fd);
    printf(" %s%s", guards[process->guard], process->version[0] == '\0' ? "" : " ");
    print_flat(process->version);
}

static void print_padded(const char *text, int width)
{
    print_flat(text);
    printf("%*s  ", width - (int)strlen(text), "");
}

static void print_row(const struct audit *audit, const struct connection *connection, int local,
                      int peer)
{
    char noticed[WORD];
    char keepalive[WORD];
    char timer[WORD];
    bool well = !connection->shared && !notice_is_too_late(connection);
    format_noticed(connection, noticed);
    format_keepalive(connection, keepalive);
    format_timer(connection, timer);
    printf("%-6s  ", well ? "ok" : "fail");
    print_padded(connection->local, local);
    print_padded(connection->peer, peer);
    printf("%-10s  %-6s  %-7s  %-13s  %-18s  %9ld", connection->state,
           connection->shared ? "yes" : "no", noticed, keepalive, timer, connection->in_flight);
    if (connection->holder_count == 0)
        fputs("  nobody that can be seen", stdout);
    for_each_process(audit, connection, print_process);
    putchar('\n');
}

static void print_rows(const struct audit *audit)
{
    size_t local = strlen("LOCAL");
    size_t peer = strlen("PEER");
    for (size_t i = 0; i < audit->connection_count; i++) {
        const struct connection *connection = &audit->connections[i];
        local = strlen(connection->local) > local ? strlen(connection->local) : local;
        peer = strlen(connection->peer) > peer ? strlen(connection->peer) : peer;
    }
    if (audit->connection_count > 0)
        printf("RESULT  %-*s  %-*s  STATE       SHARED  NOTICED  KEEPALIVE      TIMER             "
               "  IN-FLIGHT  HELD BY\n",
               (int)local, "LOCAL", (int)peer, "PEER");
    for (size_t i = 0; i < audit->connection_count; i++)
        print_row(audit, &audit->connections[i], (int)local, (int)peer);
}

void report_text(const struct audit *audit)
{
    struct summary summary = sum_up(audit);
    print_rows(audit);
    printf("%zu connection%s to Redis: %zu in order, %zu shared, %zu whose dead peer would go "
           "unnoticed for more than an hour",
           audit->connection_count, audit->connection_count == 1 ? "" : "s", summary.well,
           summary.shared, summary.unnoticed);
    if (summary.unheld > 0)
        printf("; %zu held by nobody that can be seen", summary.unheld);
    if (audit->unseen > 0)
        printf("; %zu processes could not be looked into (run as root)", audit->unseen);
    putchar('\n');
}

/* ---- JSON ---- */

static const char *truth(bool value)
{
    return value ? "true" : "false";
}

static void print_json_process(const struct process *process, const struct holder *holders,
                               size_t count, bool first)
{
    static const char *const guards[] = {"unknown", "off", "disabled", "on"};
    printf("%s{\"pid\": %d, \"name\": ", first ? "" : ", ", (int)process->pid);
    print_json(process->name);
    fputs(", \"descriptors\": [", stdout);
    for (size_t i = 0; i < count; i++)
        printf("%s%d", i == 0 ? "" : ", ", holders[i].fd);
    printf("], \"guard\": \"%s\", \"version\": ", guards[process->guard]);
    if (process->version[0] == '\0')
        fputs("null", stdout);
    else
        print_json(process->version);
    putchar('}');
}

static void print_json_options(const struct connection *connection)
{
    const struct tuning *tuning = &connection->tuning;
    if (!tuning->known)
        fputs(", \"options\": null", stdout);
    else
        printf(", \"options\": {\"keepalive\": %s, \"keepidle\": %d, \"keepintvl\": %d, "
               "\"keepcnt\": %d, \"user_timeout_ms\": %d}",
               truth(tuning->keepalive), tuning->idle, tuning->interval, tuning->probes,
               tuning->user_timeout);
}

static void print_json_timer(const struct timer *timer)
{
    if (timer->name[0] == '\0')
        fputs(", \"timer\": null", stdout);
    else
        printf(", \"timer\": {\"name\": \"%s\", \"seconds\": %.3f, \"unanswered\": %d}",
               timer->name, timer->seconds, timer->unanswered);
}

/* null: never. */
static void print_json_seconds(const char *name, double seconds)
{
    if (seconds == INFINITY)
        printf(", \"%s\": null", name);
    else
        printf(", \"%s\": %.3f", name, seconds);
}

static void print_json_connection(const struct audit *audit, const struct connection *connection)
{
    bool late = notice_is_too_late(connection);
    printf("{\"ok\": %s, \"family\": \"%s\", \"namespace\": %lu, \"inode\": %lu, \"local\": ",
           truth(!connection->shared && !late), connection->is_unix ? "unix" : "tcp",
           (unsigned long)connection->network->id, connection->inode);
    if (connection->is_unix)
        fputs("null", stdout);
    else
        print_json(connection->local);
    fputs(", \"peer\": ", stdout);
    print_json(connection->peer);
    printf(", \"state\": \"%s\", \"shared\": %s, \"unnoticed\": %s", connection->state,
           truth(connection->shared), truth(late));
    print_json_seconds("noticed_seconds", connection->noticed);
    print_json_seconds("noticed_seconds_at_worst", connection->at_worst);
    printf(", \"estimated\": %s, \"in_flight\": %ld", truth(connection->estimated),
           connection->in_flight);
    print_json_options(connection);
    print_json_timer(&connection->timer);
    fputs(", \"holders\": [", stdout);
    for_each_process(audit, connection, print_json_process);
    fputs("]}", stdout);
}

void report_json(const struct audit *audit)
{
    struct summary summary = sum_up(audit);
    printf("{\"redisguard\": \"%s\", \"time\": ", REDISGUARD_VERSION);
    print_now();
    fputs(", \"connections\": [", stdout);
    for (size_t i = 0; i < audit->connection_count; i++) {
        fputs(i == 0 ? "" : ", ", stdout);
        print_json_connection(audit, &audit->connections[i]);
    }
    printf("], \"summary\": {\"connections\": %zu, \"in_order\": %zu, \"shared\": %zu, "
           "\"unnoticed\": %zu, \"without_visible_holder\": %zu, \"unseen_processes\": %zu}}\n",
           audit->connection_count, summary.well, summary.shared, summary.unnoticed, summary.unheld,
           audit->unseen);
}
