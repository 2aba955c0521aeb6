/*
 * What the library has done in each process, as the audit reads it from the memory of the process.
 * In a network namespace of its own: the audit lists every process there that has the library.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "audit.h"

#define MODULE BUILD_DIR "/tests/system/modules/half_open_module.so"

static struct server *redis_in_private_network(void)
{
    enter_private_network();
    return start_redis(WORDS("--tcp-keepalive", "300"));
}

static char *row(const struct program *program, const char *counters)
{
    return text("sockets[%d]\n         %s", (int)program->pid, counters);
}

/* A master that turns keepalive off, with a child that has the connection from it. */
static struct program *start_master(const struct server *redis)
{
    struct program *master = holding(
        STEPS("socket=tcp", connect_step(redis), "set=KEEPALIVE:0", "hold", "fork", "hold", "wait"),
        guarded(redis, NULL));
    tell_program(master, "on\n");
    wait_for_line(master, "hold");
    return master;
}

Test(audit_counters, a_child_counts_anew_and_the_total_is_of_both)
{
    struct server *redis = redis_in_private_network();
    struct program *master = start_master(redis);
    char *printed = audit(redis, ALL_WELL);
    expect_part(printed, row(master, "guarded 1, cut off 0, restored 1, reset half open 0, "
                                     "refused 0, rebound 0\n"));
    expect_part(printed, "]\n         guarded 0, cut off 1, restored 0, reset half open 0, "
                         "refused 0, rebound 0\n");
    expect_part(printed, "2 processes\n         guarded 1, cut off 1, restored 1, reset half open "
                         "0, refused 0, rebound 0\n");
}

Test(audit_counters, json_and_prometheus_have_them)
{
    struct server *redis = redis_in_private_network();
    start_master(redis);
    char *json = audited(WORDS(AUDIT, "--json"), TO_PORT_OF(redis), ALL_WELL);
    expect_part(json, "\"counters\": {\"guarded\": 0, \"cut_off\": 1, \"restored\": 0, "
                      "\"reset_half_open\": 0, \"refused\": 0, \"rebound\": 0}");
    char *gauges = audited(WORDS(AUDIT, "--format", "prometheus"), TO_PORT_OF(redis), ALL_WELL);
    expect_part(gauges, "\nredisguard_audit_events{event=\"guarded\"} 1\n");
    expect_part(gauges, "\nredisguard_audit_events{event=\"cut_off\"} 1\n");
    expect_part(gauges, "\nredisguard_audit_events{event=\"restored\"} 1\n");
}

Test(audit_counters, a_connection_that_trap_refuses_counts_as_refused)
{
    struct server *redis = redis_in_private_network();
    struct program *client = holding(STEPS("socket=tcp", connect_step(redis), "hold"),
                                     guarded(redis, WORDS("REDISGUARD_TRAP=1")));
    expect_part(audit(redis, ALL_WELL), row(client, "guarded 0, cut off 0, restored 0, reset half "
                                                    "open 0, refused 1, rebound 0\n"));
}

/* The module is opened with RTLD_DEEPBIND, connects and closes. */
Test(audit_counters, a_module_that_is_rebound_and_a_connection_that_is_reset_count)
{
    struct server *redis = redis_in_private_network();
    struct program *worker = start_program(
        WORDS(PROGRAMS "half_open_worker", text("%d", redis->port), MODULE, MODULE),
        guarded(redis, WORDS("REDISGUARD_DETECT=3", text("REDISGUARD_LOG=%s", log_path()),
                             "REDISGUARD_LOG_LEVEL=debug")));
    WAIT_UNTIL(strstr(redis_ask(redis, "CLIENT LIST"), "cmd=blpop") != NULL);
    expect_part(audit(redis, ALL_WELL), "guarded 1, cut off 0, restored 0, reset half open 0, ");
    cut_link(redis);
    wait_for_line(worker, "died: Connection timed out");
    heal_link();
    tell_program(worker, "again\n");
    wait_for_line(worker, "connected");
    char *printed = audit(redis, ALL_WELL);
    expect_part(printed, "guarded 2, cut off 0, restored 0, reset half open 1, ");
    int rebound = lines_with(content_of(log_path()), " rebound");
    cr_expect(rebound > 0);
    expect_part(printed, text("rebound %d\n", rebound));
}
