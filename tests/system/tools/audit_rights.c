/*
 * What the audit may not see it does not deny: it says unknown. And whatever it reads, it comes
 * back.
 */
#include "audit.h"

#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>

static void leave_for_another_network(void)
{
    cr_assert(unshare(CLONE_NEWNET) == 0);
}

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

Test(audit_rights, without_rights_it_shows_what_it_can_and_says_what_it_could_not_see)
{
    needs_root("to become somebody else");
    struct server *redis = start_redis(NULL);
    struct program *client = client_of(redis);
    char *printed = audit_by_nobody(redis, "", UNSEEN);
    expect_part(printed, "\nunknown  ?       ~70");
    expect_part(printed, "  nobody that can be seen\n");
    expect_part(printed, "\n1 held by nobody that can be seen\n");
    expect_part(printed,
                " processes could not be looked into: run as root, or with CAP_SYS_PTRACE ");
    expect_part(printed, " 0 in order, 0 shared, 1 unknown, 0 unnoticed ");
    expect_no_part(printed, pid_of(client));
}

Test(audit_rights, without_rights_a_missing_keepalive_shows_all_the_same)
{
    needs_root("to become somebody else");
    struct server *redis = start_redis(NULL);
    holding(STEPS("socket=tcp", connect_step(redis), "hold"), NULL);
    expect_part(audit_by_nobody(redis, "", FAULTS), "fail     ?       never ");
}

static struct program *start_as_nobody(const struct server *redis, const char *then)
{
    struct program *client = start_program(
        WORDS(NOBODY, "bash", "-c",
              text("exec 3<>/dev/tcp/127.0.0.1/%d; %s echo connected; read", redis->port, then)),
        NULL);
    wait_for_line(client, "connected");
    return client;
}

static struct program *nobodys_client(const struct server *redis)
{
    return start_as_nobody(redis, "");
}

static struct program *nobodys_shared_client(const struct server *redis)
{
    return start_as_nobody(redis, "sleep 1000 &");
}

Test(audit_rights, without_rights_ones_own_processes_show_in_full)
{
    needs_root("to become somebody else");
    struct server *redis = start_redis(NULL);
    struct program *client = nobodys_client(redis);
    char *printed = audit_by_nobody(redis, "", FAULTS);
    expect_part(printed, text("%sunguarded", holder("bash", client->pid, "3")));
}

/* Of somebody else's process it is not even told which it is. */
Test(audit_rights, a_namespace_that_may_not_be_entered_is_an_error)
{
    needs_root("to become somebody else");
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

/* ---- unknown ---- */

Test(audit_rights, root_sees_a_shared_connection_where_nobody_says_unknown)
{
    needs_root("to become somebody else");
    struct server *redis = start_redis(NULL);
    struct program *client =
        holding(STEPS("socket=tcp", connect_step(redis), "hold", "fork", "hold", "wait"),
                guarded(redis, WORDS("REDISGUARD_FORK=off")));
    tell_program(client, "on\n");
    wait_for_line(client, "hold");
    expect_part(audit(redis, FAULTS), "\nfail     yes ");
    char *printed = audit_by_nobody(redis, "", UNSEEN);
    expect_part(printed, "\nunknown  ? ");
    expect_part(audit_by_nobody(redis, "--json", UNSEEN), "\"ok\": null, \"result\": \"unknown\"");
    expect_part(audit_by_nobody(redis, "--json", UNSEEN), "\"shared\": null");
}

Test(audit_rights, what_is_seen_to_be_shared_is_a_fault_whatever_else_is_unseen)
{
    needs_root("to become somebody else");
    struct server *redis = start_redis(NULL);
    nobodys_shared_client(redis);
    expect_part(audit_by_nobody(redis, "", FAULTS), "\nfail     yes ");
}

/* It may be held by somebody else as well. */
Test(audit_rights, ones_own_connection_is_unknown_too)
{
    needs_root("to become somebody else");
    struct server *redis = start_redis(NULL);
    nobodys_client(redis);
    expect_part(audit_by_nobody(redis, "--max-notice 1000000", FAULTS), "\nfail     ?  ");
    expect_part(audit_by_nobody(redis, "--json", FAULTS), "\"shared\": null");
}

/* ---- hidepid ---- */

static void mount_proc(const char *options)
{
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("proc", "/proc", "proc", 0, options) != 0)
        cr_skip_test("needs to mount proc: run as root");
}

Test(audit_rights, processes_that_hidepid_hides_are_unseen)
{
    needs_root("to become somebody else");
    struct server *redis = start_redis(NULL);
    client_of(redis);
    mount_proc("hidepid=2");
    char *printed = audit_by_nobody(redis, "", UNSEEN);
    expect_part(printed, "\nunknown  ? ");
    expect_part(printed, "\nprocesses of other users are hidden: /proc is mounted with hidepid\n");
    expect_part(audit(redis, ALL_WELL), "\nok       no ");
}

Test(audit_rights, processes_that_hidepid_closes_are_unseen)
{
    needs_root("to become somebody else");
    struct server *redis = start_redis(NULL);
    client_of(redis);
    mount_proc("hidepid=1");
    char *printed = audit_by_nobody(redis, "", UNSEEN);
    expect_part(printed, "\nunknown  ? ");
    expect_part(printed, " could not be looked into: ");
}

/* ---- capabilities ---- */

static char *audit_with(const struct server *redis, const char *capabilities, int status)
{
    return audited(WORDS("sh", "-c",
                         "exec 9<\"$0\"; exec setpriv --reuid=65534 --regid=65534 --clear-groups "
                         "--inh-caps=$1 --ambient-caps=$1 /proc/self/fd/9 --audit 2>&1",
                         WRAPPER, capabilities),
                   TO_PORT_OF(redis), status);
}

Test(audit_rights, two_capabilities_suffice)
{
    needs_root("to become somebody else");
    struct server *redis = start_redis(NULL);
    struct program *client = client_of(redis);
    char *printed = audit_with(redis, "+sys_ptrace,+dac_read_search", ALL_WELL);
    expect_part(printed, "\nok       no      45s ");
    expect_part(printed,
                text("%sguarded " REDISGUARD_VERSION "\n", holder("sockets", client->pid, "3")));
}

/* With the other one alone it may list the descriptors and not read them. */
Test(audit_rights, one_of_them_does_not)
{
    needs_root("to become somebody else");
    struct server *redis = start_redis(NULL);
    client_of(redis);
    expect_part(audit_with(redis, "+sys_ptrace", UNSEEN), "\nunknown  ? ");
    expect_part(audit_with(redis, "+dac_read_search", UNSEEN), "\nunknown  ? ");
}

/* ---- memory that never comes ---- */

Test(audit_rights, a_process_whose_memory_never_comes_does_not_hang_the_audit)
{
    needs_mounts();
    enter_private_network(); /* audits elsewhere leave it alone */
    struct server *redis = start_redis(NULL);
    char *mount_point = text("%s/mnt", scratch_directory());
    cr_assert(mkdir(mount_point, 0700) == 0);
    struct program *stuck =
        start_program(WORDS(PROGRAMS "audit_stuck", port_of(redis), mount_point), NULL);
    wait_for_line(stuck, "ready");
    struct program *client = client_of(redis);
    struct program *auditor = start_program(
        WORDS("sh", "-c", "\"$0\" --audit | cat; echo ended", WRAPPER), TO_PORT_OF(redis));
    wait_for_line(auditor, "ended");
    end_program(stuck); /* whoever sleeps in a read of its memory can be killed from here on */
    struct outcome outcome = finish_program(auditor);
    expect_part(outcome.out, holder("audit_stuck", stuck->pid, "3"));
    expect_part(outcome.out, " keepalive off, ");
    expect_part(outcome.out,
                text("%sguarded " REDISGUARD_VERSION "\n", holder("sockets", client->pid, "3")));
    expect_part(outcome.out, "\n1 process whose memory could not be read in time\n");
    expect_part(outcome.err, text("redisguard: process %d: its memory could not be read in time\n",
                                  (int)stuck->pid));
}
