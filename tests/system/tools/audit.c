/*
 * The audit's first question: who holds a connection to Redis, and is it shared? The *shared
 * connection* is rebuilt as it was reported, and what looks like one and is none stands beside it.
 */
#include "audit.h"

#include <stdlib.h>

enum { PROCESSES = 5, AUDITS = 6 };

static struct program *start_master(const struct server *server, const char *const env[])
{
    return start_program(
        WORDS("php", SOURCE_DIR "/tests/system/tools/audit_master.php", port_of(server)), env);
}

/* The pids of the workers and, last, of their master. */
static void read_pids(struct program *master, int pids[PROCESSES])
{
    for (int i = 0; i < PROCESSES; i++) {
        const char *line = wait_for_line(master, i < PROCESSES - 1 ? "worker " : "master ");
        pids[i] = atoi(strchr(line, ' ') + 1);
    }
}

Test(audit, a_connection_that_a_master_shares_with_its_workers_is_found_with_every_pid)
{
    int pids[PROCESSES];
    struct server *redis = start_redis(NULL);
    read_pids(start_master(redis, NULL), pids);

    char *printed = audit(redis, FAULTS);
    expect_part(printed, "\n2 connections to Redis: 0 in order, 2 shared, ");
    cr_expect_eq(lines_with(printed, " yes "), 2, "%s", printed);
    for (int i = 0; i < PROCESSES; i++)
        cr_expect_eq(lines_with(printed, text("php[%d] fd ", pids[i])), 2, "%d:\n%s", pids[i],
                     printed);
    expect_part(printed, " unguarded");
}

Test(audit, with_the_guard_each_worker_has_its_own_connections_and_nothing_is_shared)
{
    int pids[PROCESSES];
    struct server *redis = start_redis(NULL);
    read_pids(start_master(redis, guarded(redis, NULL)), pids);

    char *printed = audit(redis, ALL_WELL);
    expect_part(printed, "\n10 connections to Redis: 10 in order, 0 shared, ");
    for (int i = 0; i < PROCESSES; i++)
        cr_expect_eq(lines_with(printed, text("php[%d] fd ", pids[i])), 2, "%d:\n%s", pids[i],
                     printed);
}

Test(audit, two_descriptors_of_one_process_are_not_shared)
{
    struct server *redis = start_redis(NULL);
    struct program *client =
        holding(STEPS("socket=tcp", connect_step(redis), "dup2=9", "hold"), guarded(redis, NULL));
    char *printed = audit(redis, ALL_WELL);
    expect_part(printed, holder("sockets", client->pid, "3,9"));
}

static void is_held_by_one_process(const char *manner)
{
    struct server *redis = start_redis(NULL);
    struct program *client =
        start_program(WORDS(PROGRAMS "audit_holder", port_of(redis), manner), NULL);
    wait_for_line(client, "ready");
    char *printed = audit(redis, FAULTS);
    expect_part(printed, holder("audit_holder", client->pid, "3"));
    expect_part(printed, " 0 shared, ");
}

Test(audit, threads_are_not_processes)
{
    is_held_by_one_process("threads");
}

/* Its directory in /proc shows no descriptors any more. */
Test(audit, a_process_whose_first_thread_has_ended_holds_it_all_the_same)
{
    is_held_by_one_process("orphan");
}

Test(audit, a_connection_that_was_handed_over_to_a_daemon_is_not_shared)
{
    struct server *redis = start_redis(NULL);
    struct program *master =
        holding(STEPS("socket=tcp", connect_step(redis), "daemon", "hold"), guarded(redis, NULL));
    char *printed = audit(redis, ALL_WELL);
    expect_part(printed, " 0 shared, ");
    expect_part(printed, "  sockets[");
    expect_no_part(printed, holder("sockets", master->pid, "3"));
}

Test(audit, a_command_that_is_just_being_started_does_not_share)
{
    struct server *redis = start_redis(NULL);
    struct program *client =
        start_program(WORDS(PROGRAMS "audit_holder", port_of(redis), "starting"), NULL);
    wait_for_line(client, "ready");
    for (int i = 0; i < AUDITS; i++)
        expect_part(audit(redis, FAULTS), " 0 shared, 1 whose dead peer ");
}

Test(audit, a_unix_domain_connection_is_found_and_so_is_who_shares_it)
{
    struct server *redis = start_redis(NULL);
    struct program *client =
        holding(STEPS("socket=unix", connect_unix_step(redis), "hold", "fork", "hold", "wait"),
                guarded(redis, WORDS("REDISGUARD_DISABLE=1")));
    char *alone = audited(WORDS(AUDIT), TO_PATH_OF(redis), ALL_WELL);
    expect_part(alone, text("%s  ESTAB       no      at-once ", redis->unix_socket));
    expect_part(alone, text("%sguard disabled", holder("sockets", client->pid, "3")));

    tell_program(client, "on\n");
    wait_for_line(client, "hold");
    expect_part(audited(WORDS(AUDIT), TO_PATH_OF(redis), FAULTS), ": 0 in order, 1 shared, ");
}

Test(audit, the_version_is_that_of_the_library_in_memory_also_when_its_file_is_gone)
{
    struct server *redis = start_redis(NULL);
    char *library = text("%s/libredisguard.so", scratch_directory());
    output_of(WORDS("cp", LIBRARY, library));
    struct program *client = holding(STEPS("socket=tcp", connect_step(redis), "version", "hold"),
                                     guarded(redis, WORDS(text("LD_PRELOAD=%s", library))));
    output_of(WORDS("rm", library));
    expect_part(audit(redis, ALL_WELL),
                text("%sguarded " REDISGUARD_VERSION "\n", holder("sockets", client->pid, "3")));
}

Test(audit, nothing_to_find_is_no_fault)
{
    struct server *redis = start_redis(NULL);
    EXPECT_LINES(audit(redis, ALL_WELL), "0 connections to Redis: 0 in order, 0 shared, 0 whose "
                                         "dead peer would go unnoticed for more than an hour\n");
}

Test(audit, the_servers_own_end_is_no_connection_to_redis)
{
    struct server *redis = start_redis(NULL);
    holding(STEPS("socket=tcp", connect_step(redis), "hold"), guarded(redis, NULL));
    char *printed = audit(redis, ALL_WELL);
    expect_part(printed, "\n1 connection to Redis: ");
    expect_no_part(printed, "redis-server[");
}
