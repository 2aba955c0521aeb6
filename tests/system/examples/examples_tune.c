/*
 * The examples that tune a whole machine. The unit runs under a real systemd; no cluster runs here:
 * the DaemonSet's command is started with exactly the capabilities that it asks for.
 */
#include "examples.h"
#include "sockets.h"
#include "systemd.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>

#define UNIT "redisguard-tune.service"
#define POD  "kubernetes-tune.yaml"

/* ---- the unit ---- */

static char *edited_unit(const char *edit)
{
    const char *unit = from_shell("sed -e 's|^ExecStart=.*|ExecStart=/bin/true|' -e \"$2\" \"$1\"",
                                  example(UNIT), edit);
    return scratch_file(UNIT, unit, 0644);
}

static struct outcome verified(const char *edit)
{
    needs("systemd-analyze");
    return run_program(
        WORDS("systemd-analyze", "verify", "--recursive-errors=no", edited_unit(edit)), NULL);
}

Test(examples, systemd_finds_no_fault_with_the_unit_that_tunes)
{
    struct outcome outcome = verified("");
    cr_expect_eq(outcome.status, 0, "status %d: %s", outcome.status, outcome.err);
    cr_expect(strstr(outcome.err, UNIT) == NULL, "%s", outcome.err);
}

Test(examples, systemd_would_find_a_misspelt_key_in_the_unit_that_tunes)
{
    struct outcome outcome = verified("s/^AmbientCapabilities/AmbientCapability/");
    cr_expect(strstr(outcome.err, "AmbientCapability") != NULL, "%s", outcome.err);
}

/* 3.0 of 10 at most. */
Test(examples, systemd_finds_little_exposure_of_the_unit_that_tunes)
{
    needs("systemd-analyze");
    struct outcome outcome = run_program(
        WORDS("systemd-analyze", "security", "--offline=true", "--threshold=30", edited_unit("")),
        NULL);
    cr_expect_eq(outcome.status, 0, "status %d:\n%s%s", outcome.status, outcome.out, outcome.err);
}

/* ---- their commands, with the rights that they ask for ---- */

/* command: a shell's, in which redisguard is ours. */
static void tunes(const struct server *server, const char *command)
{
    struct program *client =
        start_program(STEPS("socket=tcp", connect_step(server), "hold", "options", "hold"), NULL);
    wait_for_line(client, "hold");
    struct program *tune = start_program(
        WORDS("sh", "-c",
              text("exec 9<" WRAPPER
                   "; redisguard() { exec setpriv $RIGHTS /proc/self/fd/9 \"$@\"; }\n%s",
                   command)),
        WORDS(text("REDISGUARD_PORTS=%d", server->port), "REDISGUARD_DETECT=15"));
    wait_for_line(tune, text("held by sockets[%d]", (int)client->pid));
    tell_program(client, "\n");
    char *line = wait_for_line(client, "options");
    cr_expect(strstr(line, "KEEPALIVE 1 KEEPIDLE 9 ") != NULL, "%s", line);
    kill(tune->pid, SIGTERM);
    cr_expect_eq(finish_program(tune).status, 0);
}

/* The unit, with a copy of the program that was built, and without what boots a machine. */
#define INSTALLED                                                                                  \
    "sed -e 's|^ExecStart=/usr/local/bin/redisguard|ExecStart=/run/redisguard|'"                   \
    " -e 's|^\\[Unit\\]|&\\nDefaultDependencies=no|' %s >etc/systemd/system/" UNIT "\n"            \
    "printf 'ExecStart=/bin/sh %%s\n' %s >service.conf\n"

/* A client that nobody guards is connected when the unit starts, and is tuned when it has started.
 */
static const char service[] =
    "PATH=/usr/sbin:/usr/bin:/sbin:/bin\n"
    "cp " WRAPPER " /run\n" /* ProtectHome= hides home directories */
    "ip link set lo up\n"
    "redis-server --port 6379 --save '' --logfile /run/redis.log &\n"
    "until redis-cli ping 2>&1 | grep -q PONG; do :; done\n"
    "mkfifo /run/go\ntouch /run/client\n" PROGRAMS
    "sockets socket=tcp connect=127.0.0.1:6379 hold options hold"
    " </run/go >/run/client &\n"
    "exec 3>/run/go\n"
    "until grep -q hold /run/client; do :; done\n"
    "systemctl start redisguard-tune || systemctl status redisguard-tune\n"
    "echo >&3\n"
    "until grep ^options /run/client; do :; done\n"
    "systemctl show -P CapabilityBoundingSet redisguard-tune\n"
    "systemctl stop redisguard-tune\n"
    "systemctl show -P Result redisguard-tune\n";

Test(examples, systemd_runs_the_unit_that_tunes_and_it_ends_in_order)
{
    const char *script = scratch_file("service", service, 0755);
    char *printed = in_systemd(text(INSTALLED, example(UNIT), script));
    cr_assert_str_eq(printed, "options KEEPALIVE 1 KEEPIDLE 9 KEEPINTVL 2 KEEPCNT 3 "
                              "USER_TIMEOUT 15000 CLOEXEC 0\n"
                              "cap_dac_read_search cap_sys_ptrace\n"
                              "success\n");
}

/* Prints the capabilities, as setpriv(1) names them, and the command. */
static const char reading_yaml[] =
    "import sys, yaml\n"
    "_, daemons = yaml.safe_load_all(open(sys.argv[1]))\n"
    "assert daemons['kind'] == 'DaemonSet'\n"
    "pod = daemons['spec']['template']['spec']\n"
    "assert pod['hostPID'] is True\n"
    "tune, = pod['containers']\n"
    "assert tune['securityContext']['capabilities']['drop'] == ['ALL']\n"
    "assert all(isinstance(word, str) for word in tune['command'])\n"
    "print(''.join(',+' + name.lower()\n"
    "    for name in tune['securityContext']['capabilities']['add']))\n"
    "print(' '.join(tune['command']))\n";

Test(examples, the_daemon_sets_command_tunes_with_its_capabilities_and_no_others)
{
    const char *python = "/usr/bin/python3"; /* Debian's, which python3-yaml belongs to */
    needs_root("to give up all other capabilities");
    if (run_program(WORDS(python, "-c", "import yaml"), NULL).status != 0)
        cr_skip_test("needs python3-yaml: tests/dependencies test");
    char *lines = output_of(WORDS(python, "-c", reading_yaml, example(POD)));
    const char *capabilities = strsep(&lines, "\n");
    const char *command = strsep(&lines, "\n");
    enter_private_network();
    struct server *server = start_redis(NULL);
    tunes(server,
          text("RIGHTS='--inh-caps=-all --bounding-set=-all%s'\n%s", capabilities, command));
}
