/*
 * report_table.c: the report for people: at most 100 columns, a connection's row and, below it, its
 * options and its holders. Names that somebody else chose keep to their place: no control
 * characters, and nothing but valid UTF-8.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/print.h"
#include "line.h"
#include "report.h"

enum { COLUMNS = 100, WORD = 48, INDENT = 9, BEFORE_LOCAL = 48, LOCAL = 22 };

static void format_seconds(double seconds, bool estimated, char word[WORD])
{
    if (seconds == INFINITY)
        snprintf(word, WORD, "never");
    else if (seconds == 0)
        snprintf(word, WORD, "at-once");
    else
        snprintf(word, WORD, "%s%.0fs", estimated ? "~" : "", ceil(seconds));
}

static void format_awaits(double seconds, char word[WORD])
{
    if (seconds < 0)
        snprintf(word, WORD, "%s", seconds == AWAITS_UNKNOWN ? "?" : "-");
    else
        snprintf(word, WORD, "%.0fs", floor(seconds));
}

static void format_keepalive(const struct connection *connection, char word[WORD])
{
    const struct tuning *tuning = &connection->tuning;
    const int *of = tuning->times.of;
    if (connection->is_unix)
        snprintf(word, WORD, "-");
    else if (tuning->known && of[TIME_KEEPALIVE] != 0)
        snprintf(word, WORD, "%ds+%dx%ds", of[TIME_IDLE], of[TIME_COUNT], of[TIME_INTERVAL]);
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

/* ---- connections ---- */

/* The end of a path says more than its beginning. */
static void print_tail(const char *text, size_t columns)
{
    size_t length = strlen(text);
    if (length > columns) {
        fputs("...", stdout);
        text += length - columns + strlen("...");
    }
    print_flat(text);
}

/* Two long addresses do not fit: then LOCAL stands below. */
static void print_addresses(const struct connection *connection)
{
    enum { ROOM = COLUMNS - BEFORE_LOCAL - 2 };
    size_t local = strlen(connection->local);
    size_t width = local > LOCAL ? local : LOCAL;
    if (width + strlen(connection->peer) <= ROOM) {
        printf("%-*s  ", (int)width, connection->local);
        print_flat(connection->peer);
    } else if (local + strlen(connection->peer) <= ROOM || connection->is_unix) {
        printf("%s  ", connection->local);
        print_tail(connection->peer, ROOM - local);
    } else {
        printf("...  ");
        print_flat(connection->peer);
        printf("\n%*sfrom %s", INDENT, "", connection->local);
    }
}

static void print_row(const struct audit *audit, const struct connection *connection)
{
    static const char *const shared[] = {"no", "yes", "?"};
    char word[WORD];
    printf("%-7s  ", report_result_names[report_result(audit, connection)]);
    printf("%-6s  ", shared[connection->shared]);
    format_seconds(connection->detect_s, connection->estimated, word);
    printf("%-8s  ", word);
    format_awaits(connection->awaits_s, word);
    printf("%-7s  ", word);
    printf("%-10s  ", connection->state);
    print_addresses(connection);
    format_keepalive(connection, word);
    printf("\n%*skeepalive %s, ", INDENT, "", word);
    format_timer(connection, word);
    printf("timer %s, %ld bytes in flight\n", word, connection->in_flight);
}

/* Continues on the next line where it would grow too long. */
static void print_descriptors(const struct connection *connection, size_t first, size_t end,
                              int column)
{
    char word[WORD];
    for (size_t i = first; i < end; i++) {
        int length =
            snprintf(word, sizeof word, "%s%d", i == first ? "" : ",", connection->holders[i]->fd);
        if (column + length > COLUMNS - 24) { /* guard and version follow */
            printf("\n%*s", INDENT + 2, "");
            column = INDENT + 2;
        }
        fputs(word, stdout);
        column += length;
    }
}

static void print_holders(const struct audit *audit, const struct connection *connection)
{
    static const char *const guards[] = {"guard unknown", "unguarded", "guard disabled", "guarded"};
    if (connection->holder_count == 0)
        printf("%*snobody that can be seen\n", INDENT, "");
    for (size_t i = 0, next; i < connection->holder_count; i = next) {
        const struct process *process = &audit->processes[connection->holders[i]->process];
        for (next = i + 1; next < connection->holder_count; next++)
            if (connection->holders[next]->process != connection->holders[i]->process)
                break;
        printf("%*s", INDENT, "");
        print_flat(process->name);
        int pid_columns = printf("[%d] fd ", (int)process->pid);
        print_descriptors(connection, i, next, INDENT + (int)strlen(process->name) + pid_columns);
        printf(" %s%s%s\n", guards[process->guard], process->version[0] == '\0' ? "" : " ",
               process->version);
    }
}

static void print_connections(const struct audit *audit)
{
    bool any = false;
    for (size_t i = 0; i < audit->connection_count; i++) {
        const struct connection *connection = &audit->connections[i];
        if (!report_shows(audit, connection))
            continue;
        if (!any)
            printf("%-7s  %-6s  %-8s  %-7s  %-10s  %-*s  PEER\n", "RESULT", "SHARED", "NOTICED",
                   "AWAITS", "STATE", LOCAL, "LOCAL");
        any = true;
        print_row(audit, connection);
        print_holders(audit, connection);
    }
    if (any)
        putchar('\n');
}

/* ---- servers and processes ---- */

static const char *plural(size_t count)
{
    return count == 1 ? "" : "es";
}

static void print_servers(const struct audit *audit)
{
    size_t count = 0;
    const struct server *servers = report_servers(audit, &count);
    if (count > 0)
        printf("%-8s  %-7s  %-5s  SERVER\n", "DROPS", "CLIENTS", "PORT");
    for (size_t i = 0; i < count; i++) {
        char word[WORD];
        format_seconds(servers[i].drop_s, servers[i].estimated, word);
        printf("%-8s  %7zu  %5u  ", word, servers[i].connections, servers[i].port);
        print_flat(servers[i].process == NULL ? "?" : servers[i].process->name);
        if (servers[i].process != NULL)
            printf("[%d]", (int)servers[i].process->pid);
        putchar('\n');
    }
    if (count > 0)
        putchar('\n');
}

/* A line of their own. */
static void print_counters(bool known, const uint64_t counters[COUNTERS])
{
    for (int i = 0; i < COUNTERS && known; i++) {
        printf("%*s", i == 0 ? INDENT : 0, "");
        for (const char *name = report_counter_names[i]; *name != '\0'; name++)
            putchar(*name == '_' ? ' ' : *name);
        printf(" %" PRIu64 "%s", counters[i], i + 1 < COUNTERS ? ", " : "\n");
    }
}

static void print_process(const struct process *process)
{
    printf("%-8s  %-12s  %7zu  ", report_guard_names[process->guard],
           process->version[0] == '\0' ? "?" : process->version, process->held);
    print_flat(process->name);
    printf("[%d]\n", (int)process->pid);
    print_counters(process->has_counters, process->counters);
}

static void print_total(const struct version *version)
{
    printf("%-8s  %-12s  %7zu  %zu process%s\n", "total",
           version->version[0] == '\0' ? "?" : version->version, version->held, version->processes,
           plural(version->processes));
    print_counters(version->has_counters, version->counters);
}

static void print_processes(const struct audit *audit)
{
    size_t count = 0;
    const struct version *versions = report_versions(audit, &count);
    if (count > 0)
        printf("%-8s  %-12s  %7s  PROCESS\n", "GUARD", "VERSION", "HOLDS");
    for (size_t i = 0; i < audit->process_count; i++)
        if (report_has_library(&audit->processes[i]))
            print_process(&audit->processes[i]);
    for (size_t i = 0; i < count; i++)
        print_total(&versions[i]);
    if (count > 0)
        putchar('\n');
}

/* ---- what it comes to ---- */

static void print_unseen(const struct audit *audit, const struct summary *summary)
{
    const struct processes_unseen *unseen = &audit->unseen;
    if (summary->unheld > 0)
        printf("%zu held by nobody that can be seen\n", summary->unheld);
    if (unseen->hidden)
        puts("processes of other users are hidden: /proc is mounted with hidepid");
    if (unseen->count > 0)
        printf("%zu process%s could not be looked into: run as root, or with CAP_SYS_PTRACE and\n"
               "  CAP_DAC_READ_SEARCH\n",
               unseen->count, plural(unseen->count));
    if (unseen->protected > 0)
        printf("%zu process%s may not be looked into whatever our rights\n", unseen->protected,
               plural(unseen->protected));
    if (audit->unread > 0)
        printf("%zu process%s whose memory could not be read in time\n", audit->unread,
               plural(audit->unread));
    if (audit->unseen_namespaces > 0)
        printf("%zu process%s in a network namespace that may not be looked at\n",
               audit->unseen_namespaces, plural(audit->unseen_namespaces));
}

void report_table(const struct audit *audit)
{
    struct summary summary = report_sum_up(audit);
    struct line now = {.length = 0};
    line_timestamp(&now, time(NULL));
    if (audit->request->watch > 0)
        printf("%.*s\n", (int)now.length, now.text);
    print_connections(audit);
    if (audit->request->only == ONLY_ALL) {
        print_servers(audit);
        print_processes(audit);
    }
    print_unseen(audit, &summary);
    printf(
        "%zu connection%s to Redis: %zu in order, %zu shared, %zu unknown, %zu unnoticed for more "
        "than %d s\n",
        summary.connections, summary.connections == 1 ? "" : "s", summary.well, summary.shared,
        summary.unknown, summary.unnoticed, audit->request->max_detect_s);
}
