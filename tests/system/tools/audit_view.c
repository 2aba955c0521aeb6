/*
 * What the audit can see and how it tells: other network namespaces, JSON, one round after another,
 * a crowd.
 */
#include "audit.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>

/* ---- network namespaces ---- */

static void leave_for_another_network(void)
{
    cr_assert(unshare(CLONE_NEWNET) == 0);
}

Test(audit_view, a_pid_stands_for_its_network_namespace_whoever_else_is_named)
{
    enter_private_network();
    struct server *redis = start_redis(NULL);
    struct program *client = client_of(redis);
    leave_for_another_network();

    expect_part(audit(redis, ALL_WELL), "0 connections to Redis: ");
    char *printed = audited(WORDS(AUDIT, pid_of(client), pid_of(redis->program), pid_of(client)),
                            TO_PORT_OF(redis), ALL_WELL);
    expect_part(printed, "\n1 connection to Redis: 1 in order, ");
    expect_part(printed, holder("sockets", client->pid, "3"));
}

Test(audit_view, several_namespaces_are_one_audit)
{
    enter_private_network();
    struct server *first = start_redis(NULL);
    struct program *one = client_of(first);
    leave_for_another_network();
    output_of(WORDS("/usr/sbin/ip", "link", "set", "lo", "up"));
    struct server *second = start_redis(NULL);
    struct program *other = client_of(second);

    char *printed =
        audited(WORDS(AUDIT, pid_of(one), pid_of(other)),
                WORDS(text("REDISGUARD_PORTS=%d,%d", first->port, second->port)), ALL_WELL);
    expect_part(printed, "\n2 connections to Redis: 2 in order, ");
    expect_part(printed, holder("sockets", one->pid, "3"));
    expect_part(printed, holder("sockets", other->pid, "3"));
}

Test(audit_view, a_process_that_is_not_there_is_an_error_and_the_others_are_shown)
{
    struct server *redis = start_redis(NULL);
    struct program *client = client_of(redis);
    struct program *gone = client_of(redis);
    finish_program(gone);

    struct outcome outcome =
        run_program(WORDS(AUDIT, pid_of(gone), pid_of(client)), TO_PORT_OF(redis));
    cr_expect_eq(outcome.status, FAILED);
    cr_expect_str_eq(outcome.err, text("redisguard: there is no process %d\n", (int)gone->pid));
    expect_part(outcome.out, holder("sockets", client->pid, "3"));
}

/* ---- JSON ---- */

static char *json(const struct server *redis, int status)
{
    char *printed = audited(WORDS(AUDIT, "--json"), TO_PORT_OF(redis), status);
    char *file = scratch_file("audit.json", printed, 0600);
    cr_expect_eq(lines_with(printed, "{"), 1, "not one line:\n%s", printed);
    return output_of(WORDS("python3", "-m", "json.tool", file));
}

Test(audit_view, json_says_the_same)
{
    struct server *redis = start_redis(NULL);
    client_of(redis);
    char *read = json(redis, ALL_WELL);
    expect_part(read, "\"shared\": false");
    expect_part(read, "\"noticed_seconds\": 45.0");
    expect_part(read, "\"user_timeout_ms\": 45000");
    expect_part(read, "\"guard\": \"on\"");
    expect_part(read, "\"version\": \"" REDISGUARD_VERSION "\"");
    expect_part(read, "\"in_order\": 1,");
}

static char *json_of_a_process_named(const char *name)
{
    struct server *redis = start_redis(NULL);
    struct program *client =
        start_program(WORDS(PROGRAMS "audit_holder", port_of(redis), "name", name), NULL);
    wait_for_line(client, "ready");
    return json(redis, FAULTS);
}

Test(audit_view, json_holds_any_name_of_a_process)
{
    expect_part(json_of_a_process_named("a \"b\") (c\\"), "\"name\": \"a \\\"b\\\") (c\\\\\"");
    expect_part(json_of_a_process_named("a\nb\tc\x1b[1m"), "\"name\": \"a\\nb\\tc\\u001b[1m\"");
    expect_part(json_of_a_process_named("caf\xc3\xa9 \xff\xc3("), "\"caf\\u00e9 \\ufffd\\ufffd(\"");
}

Test(audit_view, a_path_may_hold_spaces_and_quotes)
{
    char *path = text("%s/my \"redis\" 1.sock", scratch_directory());
    holding(STEPS("socket=unix", text("bind=%s", path), "listen", "socket=unix", "connect=listener",
                  "use=3", "accept", "hold"),
            NULL);
    const char *const to_path[] = {"REDISGUARD_PORTS=1", text("REDISGUARD_UNIX=%s", path), NULL};
    expect_part(audited(WORDS(AUDIT), to_path, ALL_WELL), text("  %s\n", path));
    expect_part(audited(WORDS(AUDIT, "--json"), to_path, ALL_WELL), "/my \\\"redis\\\" 1.sock\"");
}

/* Behind the newline stands what looks like another connection. */
Test(audit_view, newline_in_unix_path_neither_hides_nor_forges_a_row)
{
    char *path = text("%s/r\nu_str ESTAB 0 0 redis.sock 1 * 2\n.sock", scratch_directory());
    holding(STEPS("socket=unix", text("bind=%s", path), "listen", "socket=unix", "connect=listener",
                  "use=3", "accept", "hold"),
            NULL);
    const char *const to_path[] = {
        "REDISGUARD_PORTS=1", text("REDISGUARD_UNIX=%s/*:redis.sock", scratch_directory()), NULL};
    char *printed = audited(WORDS(AUDIT), to_path, ALL_WELL);
    expect_part(printed, "/r?u_str ESTAB 0 0 redis.sock 1 * 2?.sock\n");
    expect_part(printed, "\n1 connection to Redis: ");
    expect_part(audited(WORDS(AUDIT, "--json"), to_path, ALL_WELL), "1 * 2\\u000a.sock\"");
}

Test(audit_view, no_other_program_is_needed)
{
    struct server *redis = start_redis(NULL);
    client_of(redis);
    char *ports = text("REDISGUARD_PORTS=%d", redis->port);
    const char *const *env = WORDS("PATH=/nowhere", ports, "REDISGUARD_UNIX=/nowhere");
    expect_part(audited(WORDS(AUDIT), env, ALL_WELL), "1 connection to Redis: 1 in order, ");
    struct outcome traced = run_program(WORDS("strace", "-f", "-e", "trace=execve", AUDIT), NULL);
    cr_expect_eq(lines_with(traced.err, "execve("), 1, "%s", traced.err);
}

Test(audit_view, a_name_keeps_to_its_line)
{
    struct server *redis = start_redis(NULL);
    struct program *client = start_program(
        WORDS(PROGRAMS "audit_holder", port_of(redis), "name", "a\n\x1b]b\xc2\x9b c"), NULL);
    wait_for_line(client, "ready");
    expect_part(audit(redis, FAULTS), holder("  a??]b?? c", client->pid, "3"));
}

/* Of a library that somebody has changed: its note may say anything. */
Test(audit_view, a_version_keeps_to_its_line)
{
    static const char changing[] = "LC_ALL=C sed 's/" REDISGUARD_VERSION "/1\\n\\x1b\"0/g' "
                                   "\"$1\" >\"$2\"";
    struct server *redis = start_redis(NULL);
    char *library = text("%s/libredisguard.so", scratch_directory());
    output_of(WORDS("sh", "-c", changing, "sh", LIBRARY, library));
    struct program *client = holding(STEPS("socket=tcp", connect_step(redis), "hold"),
                                     guarded(redis, WORDS(text("LD_PRELOAD=%s", library))));
    char *printed = audit(redis, ALL_WELL);
    expect_part(printed, text("%sguarded 1?"
                              "??0\n",
                              holder("sockets", client->pid, "3")));
    expect_part(printed, text("\non        1?"
                              "??0               1  sockets[%d]\n",
                              (int)client->pid));
}

/* ---- again and again ---- */

Test(audit_view, watch_goes_on_until_it_is_told_to_end)
{
    static const int signals[] = {SIGTERM, SIGINT};
    struct server *redis = start_redis(NULL);
    for (int i = 0; i < 2; i++) {
        struct program *watch = start_program(
            WORDS(AUDIT, "--watch", "1", i == 0 ? "--json" : "--"), TO_PORT_OF(redis));
        wait_for_line(watch, "0");
        wait_for_line(watch, "0");
        kill(watch->pid, signals[i]);
        struct outcome outcome = finish_program(watch);
        cr_expect_eq(outcome.status, ALL_WELL, "status %d, signal %d", outcome.status,
                     outcome.signal);
    }
}

static int bytes_in(int pipe)
{
    int count = 0;
    ioctl(pipe, FIONREAD, &count);
    return count;
}

Test(audit_view, watch_ends_also_while_nobody_reads)
{
    int unread[2];
    struct server *redis = start_redis(NULL);
    struct program *crowd =
        start_program(WORDS(PROGRAMS "audit_crowd", port_of(redis), "1", "400"), NULL);
    wait_for_line(crowd, "ready");
    cr_assert(pipe2(unread, O_CLOEXEC) == 0);
    struct program *watch =
        start_program(WORDS("sh", "-c", "exec \"$0\" --audit --json --watch 1 >\"$1\"", WRAPPER,
                            text("/proc/%d/fd/%d", (int)getpid(), unread[1])),
                      TO_PORT_OF(redis));
    WAIT_UNTIL(bytes_in(unread[0]) == fcntl(unread[0], F_GETPIPE_SZ));
    kill(watch->pid, SIGTERM);
    cr_expect_eq(finish_program(watch).status, FAILED);
}

Test(audit_view, what_makes_no_sense_is_refused)
{
    const char *const lines[][3] = {
        {"--wtach", "1"}, {"--watch"}, {"--watch", "0"}, {"12x"}, {"-1"}, {"0"}, {""}};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        struct outcome outcome = run_program(WORDS(AUDIT, lines[i][0], lines[i][1]), NULL);
        cr_expect_eq(outcome.status, FAILED, "%s", lines[i][0]);
        expect_part(outcome.err, "redisguard: ");
        cr_expect_eq(lines_with(outcome.err, ""), 1, "%s", outcome.err);
    }
}

Test(audit_view, a_full_disk_is_an_error)
{
    struct outcome outcome =
        run_program(WORDS("sh", "-c", "exec \"$0\" --audit >/dev/full", WRAPPER), NULL);
    cr_expect_eq(outcome.status, FAILED);
    expect_part(outcome.err, "redisguard: standard output: No space left on device\n");
}

Test(audit_view, options_and_pids_may_come_in_any_order)
{
    struct server *redis = start_redis(NULL);
    char *ports = text("--ports=%d", redis->port);
    const char *pid = pid_of(client_of(redis));
    const char *const *const orders[] = {
        WORDS(WRAPPER, "--json", "--audit", ports, "--unix", "/-", pid),
        WORDS(WRAPPER, "--audit", pid, ports, pid, "--format", "json", "--unix=/-"),
        WORDS(WRAPPER, "--audit", pid, "--unix=/-", ports, "--format=json", "--", pid),
        WORDS(WRAPPER, "--unix=/-", ports, "--audit", "--json", "--", pid),
    };
    for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++) {
        char *printed = audited(orders[i], NULL, ALL_WELL);
        expect_part(printed, "{\"redisguard\": ");
        expect_part(printed, "\"in_order\": 1,");
    }
}

/* ---- a crowd ---- */

static void start_crowd(const struct server *redis, const char *processes)
{
    struct program *crowd =
        start_program(WORDS(PROGRAMS "audit_crowd", port_of(redis), processes, "5"), NULL);
    wait_for_line(crowd, "ready");
}

Test(audit_view, every_connection_of_a_crowd_is_found)
{
    struct server *redis = start_redis(NULL);
    start_crowd(redis, "40");
    char *printed = audit(redis, FAULTS);
    expect_part(printed, "\n200 connections to Redis: 0 in order, 0 shared, ");
    expect_no_part(printed, "nobody");
}

enum { ROUNDS = 5 };

/* Of the processor: a clock on the wall would tell what else the machine does. */
static double children_s(void)
{
    struct rusage usage;
    getrusage(RUSAGE_CHILDREN, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static double seconds_of(const char *const argv[], const char *const env[])
{
    double before = children_s();
    run_program(argv, env);
    return children_s() - before;
}

static int by_size(const void *a, const void *b)
{
    double left = *(const double *)a;
    double right = *(const double *)b;
    return (left > right) - (left < right);
}

static double median(double *seconds)
{
    qsort(seconds, ROUNDS, sizeof *seconds, by_size);
    return seconds[ROUNDS / 2];
}

/* Medians of runs in turn; output goes to /dev/null: how fast a test reads does not matter. */
static double ratio_to_ss(const struct server *redis)
{
    double ours[ROUNDS];
    double its[ROUNDS];
    for (int i = 0; i < ROUNDS; i++) {
        ours[i] = seconds_of(WORDS("sh", "-c", "exec \"$0\" --audit >/dev/null", WRAPPER),
                             TO_PORT_OF(redis));
        its[i] = seconds_of(WORDS("sh", "-c", "exec ss -tnop >/dev/null"), NULL);
    }
    double lsof = seconds_of(WORDS("sh", "-c", "exec lsof -i >/dev/null"), NULL);
    double audit_s = median(ours);
    double ss_s = median(its);
    cr_log_info("audit %.2f s, ss -tnop %.2f s, lsof -i %.2f s", audit_s, ss_s, lsof);
    return audit_s / ss_s;
}

/* The audit works on two processors at a time and is done sooner than ss; it takes as much of them
 * as ss, or a little more. The margin is for what else the machine does. */
Test(audit_view, it_takes_no_more_than_ss_with_10000_connections_of_2000_processes)
{
    const double margin = 1.5;
    struct server *redis = start_redis(WORDS("--maxclients", "12000"));
    start_crowd(redis, "2000");
    double ratio = ratio_to_ss(redis);
    cr_expect(ratio <= margin, "%.2f times the processor's time that ss takes", ratio);
}
