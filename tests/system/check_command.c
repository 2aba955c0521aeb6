/*
 * `redisguard --check`: on the way from the words of a command to the program that runs in the end,
 * through PATH, scripts, and programs that start another. The verdict is held against what happens
 * when the command runs.
 */
#include "check.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- is it there? ---- */

Test(check_command, a_command_is_looked_up_in_PATH)
{
    expect_check(WORDS("true"), 0, "ok", "guard: ");
    expect_check(WORDS("no-such-command"), 1, "fail", "\"no-such-command\" is not found in PATH");
    expect_check(WORDS("/no/such/command"), 1, "fail", "/no/such/command does not exist");
    expect_check(WORDS(""), 1, "fail", "\"\" is not found in PATH");
}

Test(check_command, what_cannot_be_executed_is_refused_and_a_later_one_in_PATH_taken)
{
    char *refused = scratch_file("worker", "#!/bin/sh\n", 0644);
    expect_check(WORDS(refused), 1, "fail", "cannot be executed: Permission denied");
    expect_check(WORDS(scratch_directory()), 1, "fail", "cannot be executed: Is a directory");

    char *here = text("PATH=%s:/usr/bin:/bin", scratch_directory());
    expect_finding(checked_by(WRAPPER, WORDS("worker"), WORDS(here)), 1, "fail",
                   text("%s cannot be executed", refused));
    output_of(WORDS("mkdir", text("%s/true", scratch_directory())));
    expect_finding(checked_by(WRAPPER, WORDS("true"), WORDS(here)), 0, "ok", "true is 64-bit");
}

/* ---- scripts ---- */

static char *script(const char *first_line)
{
    static int made;
    return scratch_file(text("script%d", made++), text("%s\n", first_line), 0755);
}

Test(check_command, a_script_gets_the_verdict_of_its_interpreter)
{
    expect_check(WORDS(script("#!/bin/sh")), 0, "ok", "is run by /bin/sh");
    expect_check(WORDS(script("#! \t/bin/sh -e ")), 0, "ok", "is run by /bin/sh");
    char *bare = check_main_built("gcc", WORDS("-static"));
    expect_check(WORDS(script(text("#!%s", bare))), 1, "fail", "is linked statically");
}

Test(check_command, a_script_may_be_run_by_a_script)
{
    char *inner = script(text("#!%s", CHECK_MAIN));
    char *outer = script(text("#!%s with-an-argument", inner));
    expect_check(WORDS(outer), 0, "ok", text("%s is run by %s", inner, CHECK_MAIN));
    char *endless = text("%s/endless", scratch_directory());
    scratch_file("endless", text("#!%s\n", endless), 0755);
    expect_check(WORDS(endless), 1, "fail", "needs another without end");
}

Test(check_command, a_script_finds_its_interpreter_through_env)
{
    expect_check(WORDS(script("#!/usr/bin/env sh")), 0, "ok", "sh is 64-bit");
    expect_check(WORDS(script("#!/usr/bin/env -S sh -e")), 0, "ok", "sh is 64-bit");
    expect_check(WORDS(script("#!/usr/bin/env no-such-command")), 1, "fail", "not found in PATH");
    expect_check(WORDS(script("#!/usr/bin/env -S -i /bin/sh")), 1, "fail", "leaves the guard out");
}

Test(check_command, an_interpreter_that_is_missing_is_named)
{
    expect_check(WORDS(script("#!/no/such/php")), 1, "fail", "its interpreter \"/no/such/php\"");
    expect_check(WORDS(script("#!")), 1, "fail", "its interpreter \"\"");
    expect_check(WORDS(script("#!/bin/sh\r")), 1, "fail", "CR LF");
    expect_check(WORDS(script("#!/usr/bin/env sh\r")), 1, "fail", "sh\\x0d");
}

Test(check_command, a_script_without_an_interpreter_is_run_by_a_shell)
{
    expect_check(WORDS(script("exit 0")), 0, "warn", "has no #! line");
}

Test(check_command, a_shell_hands_the_guard_on_to_what_it_starts)
{
    expect_check(WORDS("sh", "-c", "exit 3"), 0, "ok", "what it starts inherits the guard");
}

/* ---- programs that start another ---- */

Test(check_command, env_passes_on_what_its_words_leave)
{
    expect_true_check(WORDS("env", CHECK_MAIN), 0, "ok", "env: it starts");
    expect_true_check(WORDS("env", "-u", "HOME", "-C", "/", "A=b", CHECK_MAIN), 0, "ok", "guard: ");
    expect_true_check(WORDS("env", "-i", CHECK_MAIN), 1, "fail", "put redisguard behind it: env");
    expect_true_check(WORDS("env", "-", CHECK_MAIN), 1, "fail", "put redisguard behind it");
    expect_true_check(WORDS("env", "-u", "LD_PRELOAD", CHECK_MAIN), 1, "fail", "leaves the guard");
    expect_true_check(WORDS("env", "--unset=LD_PRELOAD", CHECK_MAIN), 1, "fail",
                      "leaves the guard");
    expect_true_check(WORDS("env", "LD_PRELOAD=", CHECK_MAIN), 1, "fail", "leaves the guard out");
    expect_true_check(WORDS("env", "-i", "LD_PRELOAD=" LIBRARY, CHECK_MAIN), 0, "ok", "guard: ");
}

Test(check_command, env_can_change_the_configuration_too)
{
    expect_check(WORDS("env", "REDISGUARD_DETECT=18", "true"), 0, "ok", "USER_TIMEOUT 18000 ms");
    expect_check(WORDS("env", "REDISGUARD_DISABLE=1", "true"), 1, "fail", "DISABLE=1");
}

Test(check_command, what_only_changes_how_a_program_runs_passes_the_guard_on)
{
    const char *passes = "it passes the environment on";
    expect_true_check(WORDS("nice", CHECK_MAIN), 0, "ok", passes);
    expect_true_check(WORDS("nice", "-n", "5", CHECK_MAIN), 0, "ok", passes);
    expect_true_check(WORDS("nice", "-n5", "timeout", "-k", "9", "9", CHECK_MAIN), 0, "ok", passes);
    expect_true_check(WORDS("setsid", "-w", CHECK_MAIN), 0, "ok", passes);
    expect_true_check(WORDS("stdbuf", "-o", "L", "--", CHECK_MAIN), 0, "ok", passes);
    expect_check(WORDS("nice", "no-such-command"), 1, "fail", "not found in PATH");
    expect_check(WORDS("nice", check_main_built("gcc", WORDS("-static"))), 1, "fail", "statically");
}

static void needs_root(void)
{
    if (geteuid() != 0)
        cr_skip_test("needs root, to change the user");
}

Test(check_command, what_changes_the_user_may_clear_the_environment)
{
    needs_root();
    expect_true_check(WORDS("setpriv", "--reuid", "0", CHECK_MAIN), 0, "ok", "setpriv: it passes");
    expect_true_check(WORDS("setpriv", "--reuid", "0", "--reset-env", CHECK_MAIN), 1, "fail",
                      "setpriv: it clears the environment");
    expect_true_check(WORDS("gosu", "root", CHECK_MAIN), 0, "ok", "gosu: it passes");
    expect_true_check(WORDS("runuser", "-u", "root", "--", CHECK_MAIN), 0, "ok",
                      "runuser: it passes");
    expect_check(WORDS("runuser", "-l", "root", "-c", CHECK_MAIN), 1, "fail", "runuser: it clears");
    expect_check(WORDS("su", "-", "root", "-c", CHECK_MAIN), 1, "fail", "su: it clears");
    expect_check(WORDS("su", "root", "-c", CHECK_MAIN), 0, "warn", "what it starts is not known");
}

Test(check_command, sudo_clears_LD_PRELOAD_whatever_it_is_told)
{
    needs_root();
    expect_true_check(WORDS("sudo", CHECK_MAIN), 1, "fail", "sudo: it clears the environment");
    expect_true_check(WORDS("sudo", "-E", CHECK_MAIN), 1, "fail", "put redisguard behind it: sudo");
}

Test(check_command, su_drops_the_preload_of_an_ordinary_user)
{
    const char *const *argv = joined_words(as_nobody(WORDS(installed("here", LIBRARY))),
                                           WORDS("--check", "su", "root", "-c", "true"));
    expect_finding(run_program(argv, NULL), 1, "fail", "su is set-user-ID");
}

Test(check_command, what_another_process_starts_does_not_get_this_environment)
{
    needs_root();
    expect_check(WORDS("systemctl", "start", "worker"), 1, "fail",
                 "put what redisguard --env prints");
    expect_check(WORDS("systemd-run", "-p", "User=www", "php"), 1, "fail",
                 "systemd-run: it clears");
    expect_check(WORDS("systemd-run", "--scope", CHECK_MAIN), 0, "ok", "systemd-run: it passes");
}

/* ---- PHP ---- */

Test(check_command, php_is_told_about_its_extensions)
{
    expect_check(WORDS("php", "worker.php"), 0, "ok",
                 "extensions that it loads with RTLD_DEEPBIND");
    expect_check(WORDS("env", "REDISGUARD_DEEPBIND=keep", "php"), 0, "warn", "DEEPBIND=keep");
}

/* Debian names it by its version. */
static char *php_fpm(void)
{
    char *name = output_of(WORDS("sh", "-c", "ls /usr/sbin/php-fpm[0-9]* | tail -n 1"));
    name[strcspn(name, "\n")] = '\0';
    return name;
}

static void expect_pool(const char *setting, bool warned)
{
    char *pool = scratch_file("pool.conf", text("; clear_env = no\n[shop]\n%s\n", setting), 0644);
    char *main = scratch_file(
        "fpm.conf",
        text("[global]\n include = %.*s*.conf \n", (int)(strlen(pool) - strlen("pool.conf")), pool),
        0644);
    output_of(WORDS("mv", main, text("%s/fpm", scratch_directory())));
    char *given = text("%s/fpm", scratch_directory());
    char *out = checked_by(WRAPPER, WORDS(php_fpm(), "-y", given), NULL).out;
    bool is_warned = strstr(out, "warn  php-fpm: pool shop has clear_env on") != NULL;
    cr_assert_eq(is_warned, warned, "%s:\n%s", setting, out);
}

Test(check_command, a_pool_that_clears_its_environment_is_named)
{
    expect_pool("", true);
    expect_pool("clear_env = yes", true);
    expect_pool("clear_env = no", false);
    expect_pool("env[LD_PRELOAD] = " LIBRARY, false);
    expect_check(WORDS(php_fpm(), "--fpm-config=/no/such"), 0, "warn", "cannot read /no/such");
}
