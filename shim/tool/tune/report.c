/*
 * report.c: one line a connection. Names of processes are somebody else's choice: print.h.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/print.h"
#include "tune/round.h"

static void print_name(pid_t pid)
{
    char path[64];
    char name[64] = "";
    snprintf(path, sizeof path, "/proc/%d/comm", (int)pid);
    FILE *file = fopen(path, "re");
    if (file != NULL && fgets(name, sizeof name, file) != NULL)
        name[strcspn(name, "\n")] = '\0';
    if (file != NULL)
        fclose(file);
    print_escaped(name);
    printf("[%d]", (int)pid);
}

static void print_holders(const struct connection *connection)
{
    size_t shown =
        connection->holder_count < HOLDERS_KEPT ? connection->holder_count : HOLDERS_KEPT;
    for (size_t i = 0; i < shown; i++) {
        fputs(i == 0 ? " held by " : ", ", stdout);
        print_name(connection->holders[i].pid);
    }
    if (connection->holder_count > shown)
        printf(" and %zu more", connection->holder_count - shown);
}

static void print_probes(const struct times *times)
{
    const int *of = times->of;
    if (of[TIME_KEEPALIVE] != 0)
        printf("%d+%dx%d s", of[TIME_IDLE], of[TIME_COUNT], of[TIME_INTERVAL]);
    else
        fputs("off", stdout);
}

static void print_seconds(double seconds)
{
    if (isinf(seconds))
        fputs("unlimited", stdout);
    else
        printf("%.10g s", ceil(seconds * 10) / 10);
}

static void print_user_timeout(const struct times *times)
{
    if (times->of[TIME_USER_TIMEOUT] > 0)
        print_seconds(times->of[TIME_USER_TIMEOUT] / 1000.0);
    else
        fputs("none", stdout);
}

static void print_detection(const struct connection *connection, const struct times *times)
{
    double in_flight = times_when_in_flight(times, connection->retries);
    print_seconds(fmax(times_when_silent(times), in_flight));
}

/* keepalive off -> 2+1x3 s: idle time, count, interval. */
static void print_change(const struct connection *connection)
{
    fputs(": keepalive ", stdout);
    print_probes(&connection->was);
    fputs(" -> ", stdout);
    print_probes(&connection->now);
    fputs(", user timeout ", stdout);
    print_user_timeout(&connection->was);
    fputs(" -> ", stdout);
    print_user_timeout(&connection->now);
    fputs(", detection time ", stdout);
    print_detection(connection, &connection->was);
    fputs(" -> ", stdout);
    print_detection(connection, &connection->now);
}

/* A retransmission or a probe of a closed window is due then, and only then the kernel looks at the
 * user timeout. */
static void print_delay(const struct tcp_socket *socket)
{
    bool waits = socket->timer == TIMER_RETRANSMIT || socket->timer == TIMER_PERSIST;
    if (waits && socket->unanswered > 0)
        printf("; takes effect within %u s", socket->timer_ms / 1000 + 1);
}

static void print_failure(const struct connection *connection)
{
    if (connection->error != 0)
        printf(": %s", strerror(connection->error));
    else
        fputs(": no process holds it that can be looked at from here", stdout);
}

void tune_report(const struct connection *connection, bool dry_run)
{
    static const char *const words[] = {
        [VANISHED] = "vanished", [TUNED] = "tuned", [KEPT] = "kept", [FAILED] = "failed"};
    char local[TCP_ENDPOINT_TEXT];
    char peer[TCP_ENDPOINT_TEXT];
    bool would = dry_run && connection->outcome == TUNED;
    tcp_endpoint_text(&connection->socket, &connection->socket.local, local);
    tcp_endpoint_text(&connection->socket, &connection->socket.peer, peer);
    printf("%s %s > %s", would ? "would tune" : words[connection->outcome], local, peer);
    print_holders(connection);
    if (connection->outcome == FAILED)
        print_failure(connection);
    else
        print_change(connection);
    if (connection->outcome == TUNED)
        print_delay(&connection->socket);
    putchar('\n');
}
