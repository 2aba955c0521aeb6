/*
 * What the audit can see and how it tells: other network namespaces, other users' processes, JSON,
 * one round after another, a crowd.
 */
#include "audit.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <time.h>
#include <unistd.h>

static char *pid_of(const struct program *program)
{
    return text("%d", (int)program->pid);
}

static struct program *client_of(const struct server *redis)
{
    return holding(STEPS("socket=tcp", connect_step(redis), "hold"), guarded(redis, NULL));
}

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

/* ---- rights ---- */

#define NOBODY "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"

/* Nobody may not be able to reach the build directory; a descriptor needs no path. */
static char *audit_by_nobody(const struct server *redis, const char *pid, int status)
{
    return text("%s", audited(WORDS("sh", "-c",
                                    "exec 9<\"$0\"; exec setpriv --reuid=65534 --regid=65534 "
                                    "--clear-groups /proc/self/fd/9 --audit $1 2>&1",
                                    WRAPPER, pid),
                              TO_PORT_OF(redis), status));
}

static void be_root(void)
{
    if (geteuid() != 0 ||
        strstr(output_of(WORDS("cat", "/proc/self/uid_map")), "4294967295") == NULL)
        cr_skip_test("needs to be root, to become somebody else");
}

Test(audit_view, without_rights_it_shows_what_it_can_and_says_what_it_could_not_see)
{
    be_root();
    struct server *redis = start_redis(NULL);
    struct program *client = client_of(redis);
    char *printed = audit_by_nobody(redis, "", ALL_WELL);
    expect_part(printed, " no      ~704s    on             keepalive:");
    expect_part(printed, "  nobody that can be seen\n");
    expect_part(printed, "; 1 held by nobody that can be seen; ");
    expect_part(printed, " processes could not be looked into (run as root)\n");
    expect_no_part(printed, pid_of(client));
}

Test(audit_view, without_rights_a_missing_keepalive_shows_all_the_same)
{
    be_root();
    struct server *redis = start_redis(NULL);
    holding(STEPS("socket=tcp", connect_step(redis), "hold"), NULL);
    expect_part(audit_by_nobody(redis, "", FAULTS), " never    off            -  ");
}

static struct program *nobodys_client(const struct server *redis)
{
    struct program *client = start_program(
        WORDS(NOBODY, "bash", "-c",
              text("exec 3<>/dev/tcp/127.0.0.1/%d; echo connected; read", redis->port)),
        NULL);
    wait_for_line(client, "connected");
    return client;
}

Test(audit_view, without_rights_ones_own_processes_show_in_full)
{
    be_root();
    struct server *redis = start_redis(NULL);
    struct program *client = nobodys_client(redis);
    char *printed = audit_by_nobody(redis, "", FAULTS);
    expect_part(printed, text("%sunguarded", holder("bash", client->pid, "3")));
}

/* Of somebody else's process it is not even told which it is. */
Test(audit_view, a_namespace_that_may_not_be_entered_is_an_error)
{
    be_root();
    enter_private_network();
    struct server *redis = start_redis(NULL);
    struct program *others = client_of(redis);
    struct program *own = nobodys_client(redis);
    leave_for_another_network();
    expect_part(audit_by_nobody(redis, pid_of(others), FAILED),
                text("redisguard: process %s: its network namespace may not be looked at: ",
                     pid_of(others)));
    expect_part(
        audit_by_nobody(redis, pid_of(own), FAILED),
        text("redisguard: process %s: its network namespace may not be entered: ", pid_of(own)));
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
    expect_part(audited(WORDS(AUDIT), to_path, ALL_WELL), text("  %s  ESTAB ", path));
    expect_part(audited(WORDS(AUDIT, "--json"), to_path, ALL_WELL), "/my \\\"redis\\\" 1.sock\"");
}

Test(audit_view, a_name_keeps_to_its_line)
{
    struct server *redis = start_redis(NULL);
    struct program *client = start_program(
        WORDS(PROGRAMS "audit_holder", port_of(redis), "name", "a\n\x1b]b\xc2\x9b c"), NULL);
    wait_for_line(client, "ready");
    expect_part(audit(redis, FAULTS), holder("  a??]b?? c", client->pid, "3"));
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

/* cron's, say. */
Test(audit_view, ss_is_found_where_path_does_not_lead)
{
    cr_expect_eq(run_program(WORDS(AUDIT),
                             WORDS("PATH=/nowhere", "REDISGUARD_PORTS=1", "REDISGUARD_UNIX=/-"))
                     .status,
                 ALL_WELL);
}

Test(audit_view, what_ss_could_not_tell_is_an_error)
{
    scratch_file("ss", "#!/bin/sh\necho Cannot open netlink socket >&2\nexit 1\n", 0700);
    struct outcome outcome = run_program(WORDS(AUDIT), WORDS(text("PATH=%s", scratch_directory())));
    cr_expect_eq(outcome.status, FAILED);
    cr_expect_str_eq(outcome.out, "");
    expect_part(outcome.err,
                "Cannot open netlink socket\nredisguard: ss(8), of iproute2, is needed ");
}

/* Hosts with version 1 alone have none: a job of cron's would send a letter each time. */
Test(audit_view, ss_is_not_heard_where_it_misses_a_cgroup2_mount)
{
    struct server *redis = start_redis(NULL);
    client_of(redis);
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
        cr_skip_test("needs a mount namespace: run as root");
    run_program(WORDS("umount", "--all", "--lazy", "--types", "cgroup2"), NULL);
    if (run_program(WORDS("ss", "-Htne"), NULL).err[0] == '\0')
        cr_skip_test("needs root, to unmount cgroup2, and an ss that complains of it");
    struct outcome outcome = run_program(WORDS(AUDIT), TO_PORT_OF(redis));
    cr_expect_str_eq(outcome.err, "");
    expect_part(outcome.out, "1 connection to Redis: 1 in order, ");
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

/* ---- a crowd: 40 processes with 5 connections each; AUDIT_CROWD=2000 for that many ---- */

Test(audit_view, every_connection_of_a_crowd_is_found)
{
    const char *wanted = getenv("AUDIT_CROWD");
    int processes = wanted == NULL ? 40 : atoi(wanted);
    struct server *redis = start_redis(WORDS("--maxclients", "12000"));
    struct program *crowd = start_program(
        WORDS(PROGRAMS "audit_crowd", port_of(redis), text("%d", processes), "5"), NULL);
    wait_for_line(crowd, "ready");

    struct timespec begin;
    struct timespec end;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    char *printed = audit(redis, FAULTS);
    clock_gettime(CLOCK_MONOTONIC, &end);
    expect_part(printed, text("\n%d connections to Redis: 0 in order, 0 shared, ", processes * 5));
    expect_no_part(printed, "nobody");
    cr_log_info("%d processes with 5 connections each: %.2f s", processes,
                (double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) / 1e9);
}
