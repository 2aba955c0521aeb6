/*
 * What an operator asks the audit: what waits for a reply, what becomes of a server's ends, which
 * processes have the library, only the faults; and that the table keeps its form.
 */
#include "audit.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static char *audit_by(const struct server *redis, const char *option, const char *value, int status)
{
    return audited(WORDS(AUDIT, option, value), TO_PORT_OF(redis), status);
}

static void expect_columns(const char *printed)
{
    size_t length = 0;
    for (const char *line = printed; *line != '\0'; line += length + 1) {
        length = strcspn(line, "\n");
        cr_expect(length <= 100, "%zu columns: %.*s", length, (int)length, line);
    }
}

/* ---- how late is too late ---- */

Test(audit_report, max_notice_says_what_is_a_fault)
{
    struct server *redis = start_redis(NULL);
    client_of(redis);
    expect_part(audit_by(redis, "--max-notice", "44", FAULTS),
                ", 1 unnoticed for more than 44 s\n");
    expect_part(audit_by(redis, "--max-notice", "45", ALL_WELL),
                ", 0 unnoticed for more than 45 s\n");
}

/* ---- a request without a reply ---- */

Test(audit_report, a_request_that_a_stopped_server_leaves_unanswered_is_shown)
{
    struct server *redis = start_redis(NULL);
    struct program *client =
        holding(STEPS("socket=tcp", connect_step(redis), "hold", "ping", "hold"), NULL);
    expect_part(audit(redis, FAULTS), " never     -        ESTAB ");

    kill(redis->program->pid, SIGSTOP);
    tell_program(client, "on\n");
    WAIT_UNTIL(strstr(audit(redis, FAULTS), " never     2s       ESTAB ") != NULL);
    kill(redis->program->pid, SIGCONT);
    WAIT_UNTIL(strstr(audit(redis, FAULTS), " never     -        ESTAB ") != NULL);
}

/* Each retransmission is a sending of its own to the kernel. */
Test(audit_report, a_request_that_is_sent_again_and_again_waits_since_the_first_time)
{
    enter_private_network();
    struct server *redis = start_redis(NULL);
    struct program *client =
        holding(STEPS("socket=tcp", connect_step(redis), "hold", "ping", "hold"), NULL);
    cut_link(redis);
    tell_program(client, "on\n");
    double sent = seconds_now();
    WAIT_UNTIL(seconds_now() - sent > 5);
    char *printed = audit(redis, FAULTS);
    double elapsed = seconds_now() - sent;
    const char *row = strstr(printed, " never ");
    row = row != NULL ? row : strstr(printed, " 925s ");
    cr_assert(row != NULL, "%s", printed);
    int seconds = atoi(row + strcspn(row, "s") + strspn(row + strcspn(row, "s"), "s "));
    cr_expect(seconds >= 3 && seconds <= elapsed, "%d s of %.1f:\n%s", seconds, elapsed, printed);
}

/* ---- the server's ends ---- */

Test(audit_report, a_local_server_drops_a_vanished_client_after_its_own_keepalive)
{
    struct server *redis = start_redis(WORDS("--tcp-keepalive", "60"));
    client_of(redis);
    client_of(redis);
    expect_part(audit(redis, ALL_WELL), "\nDROPS     CLIENTS  PORT   SERVER\n");
    char *row =
        text("\n120s            2  %5d  redis-server[%d]\n", redis->port, (int)redis->program->pid);
    WAIT_UNTIL(strstr(audit(redis, ALL_WELL), row) != NULL); /* the server accepts both */
    redis_ask(redis, "CONFIG SET tcp-keepalive 0");
    client_of(redis);
    row = text("\nnever           1  %5d  ", redis->port);
    WAIT_UNTIL(strstr(audit(redis, ALL_WELL), row) != NULL);
}

/* ---- which rows ---- */

Test(audit_report, only_some_are_shown_and_all_are_counted)
{
    struct server *redis = start_redis(NULL);
    struct program *well = client_of(redis);
    struct program *bare = holding(STEPS("socket=tcp", connect_step(redis), "hold"), NULL);
    struct program *shared =
        holding(STEPS("socket=tcp", connect_step(redis), "hold", "fork", "hold", "wait"),
                guarded(redis, WORDS("REDISGUARD_FORK=off")));
    tell_program(shared, "on\n");
    wait_for_line(shared, "hold");
    static const struct {
        const char *only;
        bool bare, shared;
    } cases[] = {{"faults", true, true}, {"shared", false, true}, {"unguarded", true, false}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *printed = audit_by(redis, "--only", cases[i].only, FAULTS);
        expect_no_part(printed, holder("sockets", well->pid, "3"));
        (cases[i].bare ? expect_part : expect_no_part)(printed, holder("sockets", bare->pid, "3"));
        (cases[i].shared ? expect_part : expect_no_part)(printed,
                                                         holder("sockets", shared->pid, "3"));
        expect_part(printed, "\n3 connections to Redis: 1 in order, 1 shared, ");
    }
}

/* ---- processes ---- */

Test(audit_report, processes_that_have_the_library_and_no_connection_are_shown)
{
    enter_private_network();
    struct server *redis = start_redis(NULL);
    struct program *idle = holding(STEPS("version", "hold"), guarded(redis, NULL));
    struct program *client = client_of(redis);
    char *printed = audit(redis, ALL_WELL);
    expect_part(printed, text("\non        %-12s        0  sockets[%d]\n", REDISGUARD_VERSION,
                              (int)idle->pid));
    expect_part(printed, text("\non        %-12s        1  sockets[%d]\n", REDISGUARD_VERSION,
                              (int)client->pid));
    expect_part(printed, text("\ntotal     %-12s        1  2 processes\n", REDISGUARD_VERSION));
}

Test(audit_report, processes_of_another_network_are_left_out)
{
    enter_private_network();
    struct server *redis = start_redis(NULL);
    struct program *idle = holding(STEPS("version", "hold"), guarded(redis, NULL));
    cr_assert(unshare(CLONE_NEWNET) == 0);
    expect_no_part(audit(redis, ALL_WELL), text("sockets[%d]", (int)idle->pid));
}

Test(audit_report, all_namespaces_are_looked_into)
{
    enter_private_network();
    struct server *redis = start_redis(NULL);
    struct program *client = client_of(redis);
    cr_assert(unshare(CLONE_NEWNET) == 0);
    expect_part(audit(redis, ALL_WELL), "0 connections to Redis: ");
    struct outcome outcome = run_program(WORDS(AUDIT, "--all"), TO_PORT_OF(redis));
    expect_part(outcome.out, holder("sockets", client->pid, "3"));
}

/* ---- the form ---- */

Test(audit_report, no_line_is_longer_than_100_columns)
{
    char *path = text("%s/%078d.sock", scratch_directory(), 0);
    path[107] = '\0';
    struct server *redis = start_redis(NULL);
    const char *words[128] = {PROGRAMS "sockets", "socket=tcp6", connect6_step(redis)};
    int count = 3;
    for (int fd = 900; fd < 960; fd++)
        words[count++] = text("dup2=%d", fd);
    words[count] = "hold";
    struct program *many = holding(words, guarded(redis, NULL));
    holding(STEPS("socket=unix", text("bind=%s", path), "listen", "socket=unix", "connect=listener",
                  "use=3", "accept", "hold"),
            NULL);
    char *printed =
        audited(WORDS(AUDIT),
                WORDS(text("REDISGUARD_PORTS=%d", redis->port), text("REDISGUARD_UNIX=%s", path)),
                ALL_WELL);
    expect_columns(printed);
    expect_part(printed, text("sockets[%d] fd 3,900,", (int)many->pid));
    expect_part(printed, ",959 guarded ");
    expect_part(printed, "unix  ...");
}

Test(audit_report, each_round_of_watch_begins_with_the_time)
{
    struct server *redis = start_redis(NULL);
    struct program *watch = start_program(WORDS(AUDIT, "--watch", "1"), TO_PORT_OF(redis));
    for (int i = 0; i < 2; i++) {
        int year = 0;
        char end = '\0';
        char *line = wait_for_line(watch, "T");
        cr_expect(sscanf(line, "%d-%*d-%*dT%*d:%*d:%*d%c", &year, &end) == 2 && end == 'Z', "%s",
                  line);
        wait_for_line(watch, "0 connections to Redis: ");
    }
    kill(watch->pid, SIGTERM);
    cr_expect_eq(finish_program(watch).status, ALL_WELL);
}
