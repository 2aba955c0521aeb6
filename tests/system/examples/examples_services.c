/*
 * The examples for services that the system starts: a systemd unit and a drop-in for another unit,
 * php-fpm, cron. systemd itself does not run here: it verifies the units, and the test starts their
 * commands with their variables.
 */
#include "examples.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>

/* In a shell: env, with the variables of that unit or drop-in. */
static char *env_of(const char *unit)
{
    return text("env $(sed -n 's/^Environment=//p' %s)", unit);
}

/* ---- a unit ---- */

#define UNIT "redisguard-worker.service"

/* Of its warnings only those about this unit count; without the option it ends with 0 for any. */
static struct outcome verified(const char *unit)
{
    return run_program(WORDS("systemd-analyze", "verify", "--recursive-errors=no", unit), NULL);
}

/* The command need not exist where the unit is verified: the guard is not installed here. */
static struct outcome verified_example(const char *edit)
{
    const char *unit = from_shell("sed -e 's|^ExecStart=.*|ExecStart=/bin/true|' -e \"$2\" \"$1\"",
                                  example(UNIT), edit);
    return verified(scratch_file(UNIT, unit, 0644));
}

Test(examples, systemd_finds_no_fault_with_its_unit)
{
    needs("systemd-analyze");
    struct outcome outcome = verified_example("");
    cr_expect_eq(outcome.status, 0, "status %d: %s", outcome.status, told_by(outcome));
    cr_expect(strstr(told_by(outcome), UNIT) == NULL, "%s", told_by(outcome));
}

Test(examples, systemd_would_find_misspelt_key)
{
    needs("systemd-analyze");
    struct outcome outcome = verified_example("s/KillMode/KilMode/");
    cr_expect_neq(outcome.status, 0);
    cr_expect(strstr(outcome.err, "KilMode") != NULL, "%s", outcome.err);
}

Test(examples, systemd_units_command_is_guarded_by_units_variables)
{
    struct server *server = start_redis_on_its_port();
    struct program *worker = follow(UNIT, text("unit=/etc/systemd/system/" UNIT "\n"
                                               "exec %s $(sed -n 's/^ExecStart=//p' $unit)",
                                               env_of("$unit")));
    is_at_work_and_guarded(worker, server);
    is_seen_to_work(worker, 1);
    ends_in_order(worker, SIGTERM);
}

/* ---- a drop-in ---- */

#define DROP_IN "systemd-drop-in.conf"

/* Beside a unit of somebody else's. */
static struct outcome verified_beside(const char *edit)
{
    const char *unit = scratch_file(
        "php8.2-fpm.service", "[Service]\nType=exec\nExecStart=/bin/true --of-its-own\n", 0644);
    from_shell("mkdir \"$1.d\" && sed \"$2\" " SOURCE_DIR "/examples/" DROP_IN
               " >\"$1.d/redisguard.conf\"",
               unit, edit);
    return verified(unit);
}

Test(examples, systemd_finds_no_fault_with_drop_in)
{
    needs("systemd-analyze");
    struct outcome outcome = verified_beside("");
    cr_expect_eq(outcome.status, 0, "status %d: %s", outcome.status, told_by(outcome));
    cr_expect(strstr(told_by(outcome), "redisguard.conf") == NULL, "%s", told_by(outcome));
}

Test(examples, systemd_would_find_misspelt_key_in_drop_in)
{
    needs("systemd-analyze");
    struct outcome outcome = verified_beside("s/^Environment=/Enviroment=/");
    cr_expect(strstr(told_by(outcome), "redisguard.conf:") != NULL, "%s", told_by(outcome));
}

/* ---- php-fpm ---- */

/* Debian's service: the command of its unit, and the pool that it comes with. */
#define FPM                                                                                        \
    "mkdir -p /run/php\n"                                                                          \
    "exec %s $(sed -n 's/^ExecStart=//p' /lib/systemd/system/php8.2-fpm.service)"
#define FPM_DROP_IN "/etc/systemd/system/php8.2-fpm.service.d/redisguard.conf"

static struct program *start_fpm(const char *before)
{
    struct program *fpm =
        follow("php-fpm-pool.conf", text("%s\n" FPM, before, env_of(FPM_DROP_IN)));
    WAIT_UNTIL(succeeds_inside(fpm, "test -S /run/php/php8.2-fpm.sock"));
    return fpm;
}

/* The script says whether the command that it executes is guarded. */
static char *answer_of(const struct program *fpm)
{
    inside(fpm, "install -m 644 " RECIPES "/fpm.php /srv"); /* www-data may not read ours */
    return inside(fpm, "env REQUEST_METHOD=GET SCRIPT_FILENAME=/srv/fpm.php"
                       " cgi-fcgi -bind -connect /run/php/php8.2-fpm.sock");
}

#define COMMAND_IS_GUARDED "REDISGUARD_KEEPIDLE=9\n" /* what DETECT=15 makes of it */

static void end_fpm(struct program *fpm)
{
    kill(fpm->pid, SIGQUIT);
    struct outcome outcome = finish_program(fpm);
    cr_expect_eq(outcome.status, 0, "status %d: %s", outcome.status, told_by(outcome));
}

Test(examples, php_fpms_workers_and_their_commands_are_guarded)
{
    needs("cgi-fcgi");
    struct server *server = start_redis_on_its_port();
    struct program *fpm = start_fpm(":");
    char *answer = answer_of(fpm);
    cr_expect(strstr(answer, COMMAND_IS_GUARDED) != NULL, "%s", answer);
    is_guarded_as_told(server);
    is_seen_to_work(fpm, 1);
    end_fpm(fpm);
}

/* What the comment says of clear_env. */
Test(examples, php_fpms_commands_are_not_guarded_without_pools_variables)
{
    needs("cgi-fcgi");
    struct server *server = start_redis_on_its_port();
    struct program *fpm = start_fpm("rm /etc/php/8.2/fpm/pool.d/zz-redisguard.conf");
    char *answer = answer_of(fpm);
    cr_expect(strstr(answer, "REDISGUARD") == NULL, "%s", answer);
    is_guarded_as_told(server);
    is_seen_to_work(fpm, 1);
    end_fpm(fpm);
}

/* What it says of env[LD_PRELOAD]: too late without the drop-in. */
Test(examples, php_fpms_workers_are_not_guarded_by_pools_variables)
{
    needs("cgi-fcgi");
    start_redis_on_its_port();
    struct program *fpm = start_fpm(": >" FPM_DROP_IN);
    char *answer = answer_of(fpm);
    cr_expect(strstr(answer, COMMAND_IS_GUARDED) != NULL, "%s", answer);
    char *audit = inside(fpm, "redisguard --audit || true");
    cr_expect(strstr(audit, "unguarded") != NULL, "%s", audit);
    end_fpm(fpm);
}

/* ---- cron ---- */

/* cron alone is told that a minute is about to begin: its jobs get none of its environment. */
#define CRON                                                                                       \
    "find /etc/cron.d /etc/crontab ! -name redis-worker -type f -delete\n"                         \
    "exec env LD_PRELOAD=$(ls /usr/lib/*/faketime/libfaketime.so.1) FAKETIME='@2026-01-01 "        \
    "00:00:58' cron -f"

Test(examples, cron_runs_guarded_job)
{
    needs("cron");
    struct server *server = start_redis_on_its_port();
    struct program *cron = follow("redis-worker.cron", CRON);
    is_guarded_as_told(server);
    is_seen_to_work(cron, 1);
    redis_ask(server, "LPUSH jobs %s", "from cron");
    WAIT_UNTIL(strcmp(redis_ask(server, "LLEN jobs"), "0") == 0);
    end_program(cron);
}
