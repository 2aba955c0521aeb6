/*
 * The audit for monitoring systems: Prometheus' own parser reads what it prints, the units of the
 * timer are good, and Nagios is told the truth also where the audit cannot run.
 */
#include "audit.h"
#include "systemd.h"

#include <signal.h>
#include <stdlib.h>

static char *prometheus(const struct server *redis, int status)
{
    char *printed = audited(WORDS(AUDIT, "--format", "prometheus"), TO_PORT_OF(redis), status);
    char *file = scratch_file("redisguard.prom", printed, 0600);
    struct outcome parsed = run_program(
        WORDS("/usr/bin/python3", "-c",
              "import sys\n"
              "from prometheus_client.parser import text_string_to_metric_families as parse\n"
              "for metric in parse(open(sys.argv[1]).read()):\n"
              "    assert metric.type == 'gauge' and metric.documentation, metric\n"
              "    for s in metric.samples:\n"
              "        print(s.name, *sorted(s.labels.items()), int(s.value))\n",
              file),
        NULL);
    if (strstr(parsed.err, "No module named") != NULL)
        cr_skip_test("needs python3-prometheus-client");
    cr_assert_eq(parsed.status, 0, "%s\n%s", parsed.err, printed);
    return parsed.out;
}

Test(audit_formats, prometheus_reads_what_it_prints)
{
    enter_private_network();
    struct server *redis = start_redis(NULL);
    client_of(redis);
    char *well = prometheus(redis, ALL_WELL);
    expect_part(well, "redisguard_audit_connections ('result', 'ok') 1\n");
    expect_part(well, "redisguard_audit_connections ('result', 'fail') 0\n");
    expect_part(well,
                "redisguard_audit_guarded_processes ('version', '" REDISGUARD_VERSION "') 1\n");
    expect_part(well, "redisguard_audit_status 0\n");
    holding(STEPS("socket=tcp", connect_step(redis), "hold"), NULL);
    char *fault = prometheus(redis, FAULTS);
    expect_part(fault, "redisguard_audit_connections ('result', 'fail') 1\n");
    expect_part(fault, "redisguard_audit_unnoticed_connections 1\n");
    expect_part(fault, "redisguard_audit_status 1\n");
}

Test(audit_formats, prometheus_is_for_the_audit_alone)
{
    struct outcome outcome =
        run_program(WORDS(WRAPPER, "--check", "--format", "prometheus", "true"), NULL);
    cr_expect_eq(outcome.status, FAILED);
    cr_expect_str_eq(outcome.err, "redisguard: --format prometheus: only with --audit "
                                  "(try redisguard --help)\n");
}

/* ---- the examples ---- */

/* An example's line that begins so, without that, as the machine's own program would be found. */
static char *command_in(const char *example, const char *key, const char *with)
{
    return output_of(WORDS("sh", "-c",
                           "sed -n \"s|^$2||p\" \"$1\" | sed \"s|[$][$]|$|g; s|sudo -n ||; "
                           "s|/usr/local/bin/redisguard|redisguard|; s|redisguard --audit|$3|\"",
                           "sh", text(SOURCE_DIR "/examples/%s", example), key, with));
}

static int nagios_status(const char *command, const char *const env[])
{
    return run_program(WORDS("sh", "-c", command), env).status;
}

Test(audit_formats, nagios_is_told_critical_and_unknown)
{
    enum { OK, WARNING, CRITICAL, UNKNOWN };
    static const char key[] = "command\\[check_redisguard\\]=";
    needs_sight_of_all_processes();
    struct server *redis = start_redis(NULL);
    char *command = command_in("nagios-nrpe.cfg", key, WRAPPER " --audit");
    client_of(redis);
    cr_expect_eq(nagios_status(command, TO_PORT_OF(redis)), OK, "%s", command);
    holding(STEPS("socket=tcp", connect_step(redis), "hold"), NULL);
    cr_expect_eq(nagios_status(command, TO_PORT_OF(redis)), CRITICAL);
    cr_expect_eq(
        nagios_status(command_in("nagios-nrpe.cfg", key, WRAPPER " --audit 4194304"), NULL),
        UNKNOWN);
    cr_expect_eq(nagios_status(command_in("nagios-nrpe.cfg", key, "/nowhere --audit"), NULL),
                 UNKNOWN);
}

Test(audit_formats, the_timers_service_replaces_the_file_and_keeps_it_when_it_fails)
{
    struct server *redis = start_redis(NULL);
    char *file = text("%s/redisguard.prom", scratch_directory());
    char *good = command_in("redisguard-audit.service", "ExecStart=", WRAPPER " --audit");
    good[strcspn(good, "\n")] = '\0';
    *strrchr(good, ' ') = '\0'; /* the file's own place */
    cr_expect_eq(
        run_program(WORDS("sh", "-c", text("%s %s", good, file)), TO_PORT_OF(redis)).status,
        ALL_WELL, "%s", good);
    expect_part(content_of(file), "\nredisguard_audit_status 0\n");

    char *bad = command_in("redisguard-audit.service", "ExecStart=", WRAPPER " --audit 4194304");
    bad[strcspn(bad, "\n")] = '\0';
    *strrchr(bad, ' ') = '\0';
    cr_expect_eq(run_program(WORDS("sh", "-c", text("%s %s", bad, file)), TO_PORT_OF(redis)).status,
                 FAILED);
    expect_part(content_of(file), "\nredisguard_audit_status 0\n");
}

Test(audit_formats, systemd_finds_no_fault_with_the_timers_units)
{
    char *program = text("%s/redisguard", scratch_directory());
    output_of(WORDS("cp", WRAPPER, program));
    output_of(WORDS("sh", "-c",
                    "sed \"s|/usr/local/bin/redisguard|$2|\" \"$1/redisguard-audit.service\" "
                    ">\"$3/redisguard-audit.service\" && cp \"$1/redisguard-audit.timer\" \"$3\"",
                    "sh", SOURCE_DIR "/examples", program, scratch_directory()));
    struct outcome outcome =
        run_program(WORDS("systemd-analyze", "verify", "--recursive-errors=no",
                          text("%s/redisguard-audit.timer", scratch_directory())),
                    NULL);
    cr_expect_eq(outcome.status, 0, "%s", outcome.err);
    cr_expect_str_eq(outcome.err, "");
}

#define COLLECTOR "/var/lib/prometheus/node-exporter"

Test(audit_formats, systemd_runs_the_timers_service)
{
    const char *script =
        scratch_file("service",
                     "cp " WRAPPER " /run\n" /* ProtectHome= hides home directories */
                     "mount -t tmpfs none /var/lib\n"
                     "mkdir -p " COLLECTOR "\n"
                     "systemctl start redisguard-audit\n"
                     "systemctl show -P Result redisguard-audit\n"
                     "grep ^redisguard_audit_connections " COLLECTOR "/*.prom\n",
                     0755);
    char *printed = in_systemd(
        text("sed -e 's|/usr/local/bin/redisguard|/run/redisguard|'"
             " -e 's|^\\[Unit\\]|&\\nDefaultDependencies=no|' " SOURCE_DIR
             "/examples/redisguard-audit.service >etc/systemd/system/redisguard-audit.service\n"
             "printf 'ExecStart=/bin/sh %%s\\n' %s >service.conf\n",
             script));
    cr_assert_str_eq(printed, "success\n"
                              "redisguard_audit_connections{result=\"ok\"} 0\n"
                              "redisguard_audit_connections{result=\"fail\"} 0\n"
                              "redisguard_audit_connections{result=\"unknown\"} 0\n");
}
