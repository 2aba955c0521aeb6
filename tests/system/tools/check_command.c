/*
 * `redisguard --check`: on the way from the words of a command to the program that runs in the end,
 * through PATH, scripts, and programs that start another. The verdict is held against what happens
 * when the command runs.
 */
#include "check.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

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

Test(check_command, directory_of_PATH_that_may_not_be_searched_has_no_command)
{
    char *closed = text("%s/closed", scratch_directory());
    const char *const *check =
        joined_words(as_nobody(WORDS(installed("here", LIBRARY))), WORDS("--check", "no-such"));
    output_of(WORDS("mkdir", "-m", "700", closed));
    expect_finding(run_program(check, WORDS(text("PATH=%s:/usr/bin:/bin", closed))), 1, "fail",
                   "\"no-such\" is not found in PATH");
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
    installed("other", LIBRARY);
    const char *other = text("LD_PRELOAD=%s/other/libredisguard.so", scratch_directory());
    expect_true_check(WORDS("env", "-i", other, CHECK_MAIN), 0, "ok", "guard: ");
    expect_true_check(WORDS("env", "-u", "PATH", CHECK_MAIN), 0, "warn", "it takes PATH out");
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

Test(check_command, what_changes_the_user_may_clear_the_environment)
{
    needs_root("to change the user");
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
    needs_root("to change the user");
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
    needs_root("to change the user");
    expect_check(WORDS("systemctl", "start", "worker"), 1, "fail",
                 "put what redisguard --env=systemd prints");
    expect_check(WORDS("systemd-run", "-p", "User=www", "php"), 1, "fail",
                 "systemd-run: it clears");
    expect_check(WORDS("systemd-run", "--scope", CHECK_MAIN), 0, "ok", "systemd-run: it passes");
}

/* ---- launchers of Debian, each really run ---- */

Test(check_command, launchers_of_debian_are_followed_to_what_they_start)
{
    const char *passes = "it passes the environment on to " CHECK_MAIN;
    const char *lock = text("%s/lock", scratch_directory());
    const char *output = text("--output=%s/output", scratch_directory());
    const char *const *const commands[] = {
        WORDS("flock", "-n", lock, CHECK_MAIN),
        WORDS("flock", "-nw", "5", lock, CHECK_MAIN),
        WORDS("time", "-f", "", CHECK_MAIN),
        WORDS("strace", "-f", output, CHECK_MAIN),
        WORDS("prlimit", "--nofile=64", CHECK_MAIN),
        WORDS("fakeroot", CHECK_MAIN),
        WORDS("chpst", "-n", "1", CHECK_MAIN),
        WORDS("/lib64/ld-linux-x86-64.so.2", "--argv0", "x", CHECK_MAIN),
        WORDS("busybox", "timeout", "9", CHECK_MAIN),
        WORDS("xargs", "-a", "/dev/null", CHECK_MAIN),
        WORDS("start-stop-daemon", "--start", "--exec", CHECK_MAIN, "--pidfile", "/no/pid", "--"),
        WORDS(WRAPPER, "-d", "5", "--", CHECK_MAIN),
    };
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)

        expect_true_check(commands[i], 0, "ok", passes);
}

Test(check_command, what_a_launcher_of_debian_starts_is_judged)
{
    needs_root("to change the user");
    char *bare = check_main_built("gcc", WORDS("-static"));
    const char *lock = text("%s/lock", scratch_directory());
    expect_true_check(WORDS("flock", "-n", lock, "sudo", CHECK_MAIN), 1, "fail", "sudo: it clears");
    expect_true_check(WORDS("flock", "-n", lock, bare), 1, "fail", "is linked statically");
    expect_true_check(WORDS("time", bare), 1, "fail", "is linked statically");
    expect_true_check(WORDS("unshare", "-n", bare), 1, "fail", "is linked statically");
    expect_true_check(WORDS("unshare", "-n", CHECK_MAIN), 0, "ok", "unshare: it passes");
    expect_check(WORDS("ip", "netns", "exec", "name", bare), 1, "fail", "is linked statically");
    expect_check(WORDS("ip", "-n", "name", "netns", "exec", "name", CHECK_MAIN), 0, "ok",
                 "ip: it p");
    expect_check(WORDS("ip", "link"), 0, "ok", "ip is 64-bit");
    expect_check(WORDS("start-stop-daemon", "-S", "-x", bare, "--", "-v"), 1, "fail", "statically");
    expect_check(WORDS("flock", lock, "-c", "php x"), 0, "warn", "what it starts is not known");
    expect_true_check(WORDS("setarch", "x86_64", "-R", "sudo", CHECK_MAIN), 1, "fail",
                      "sudo: it c");
}

Test(check_command, a_command_in_another_root_is_not_judged_from_outside)
{
    needs_root("to change the user");
    char *root = text("%s/root", scratch_directory());
    output_of(WORDS("mkdir", root));
    expect_check(WORDS("chroot", root, "php"), 1, "fail", text("directory %s there is no", root));
    expect_true_check(WORDS("chroot", "/", CHECK_MAIN), 0, "ok", "chroot: it passes");
    output_of(WORDS("sh", "-c", "mkdir -p \"$1\" && cp " LIBRARY " \"$1\"", "sh",
                    text("%s" BUILD_DIR, root)));
    expect_check(WORDS("unshare", "--root", root, "php"), 0, "warn", "sees another root directory");
    expect_check(WORDS("nsenter", "-t", "1", "-m", "php"), 0, "warn", "another root directory");
    expect_check(
        WORDS("start-stop-daemon", "--start", "--chroot", "/no/such", "--exec", CHECK_MAIN), 1,
        "fail", "root directory /no/such there is no");
}

/* The real ones are static programs, and not all of them Debian's. */
static char *static_launcher(const char *name)
{
    char *source = scratch_file("launcher.c",
                                "#include <string.h>\n#include <unistd.h>\n"
                                "int main(int argc, char **argv)\n{\n"
                                "    int first = 1 + (argc > 1 && strcmp(argv[1], \"--\") == 0);\n"
                                "    execvp(argv[first], argv + first);\n"
                                "    return 1;\n}\n",
                                0644);
    char *program = text("%s/%s", scratch_directory(), name);
    output_of(WORDS("gcc", "-static", "-o", program, source));
    return program;
}

Test(check_command, a_static_init_of_a_container_passes_the_guard_on)
{
    expect_true_check(WORDS(static_launcher("tini-static"), "--", CHECK_MAIN), 0, "ok",
                      "it passes");
    expect_true_check(WORDS(static_launcher("catatonit"), "--", CHECK_MAIN), 0, "ok", "it passes");
    expect_true_check(WORDS(static_launcher("docker-init"), CHECK_MAIN), 0, "ok", "it passes");
}

/* As in images that hold nothing but busybox. */
Test(check_command, static_busybox_passes_the_guard_on)
{
    char *busybox = static_launcher("busybox");
    const char *passes = "not guarded itself; what it starts is";
    expect_check(WORDS(busybox, "sh", "-c", CHECK_MAIN), 0, "warn", passes);
    expect_check(WORDS(busybox, "su", "-c", CHECK_MAIN), 0, "warn", passes);
    expect_check(WORDS(busybox, "start-stop-daemon", "-S", "-x", CHECK_MAIN), 0, "ok",
                 "it passes the environment on to " CHECK_MAIN);
    expect_check(WORDS(script(text("#!%s sh", busybox))), 0, "warn", passes);
}

Test(check_command, envdir_may_replace_the_preload_list)
{
    char *program = static_launcher("envdir");
    char *variables = text("%s/variables", scratch_directory());
    output_of(WORDS("mkdir", variables));
    expect_check(WORDS(program, variables, CHECK_MAIN), 0, "ok", "envdir: it passes");
    output_of(WORDS("sh", "-c", "echo libm.so.6 >\"$1/LD_PRELOAD\"", "sh", variables));
    expect_check(WORDS(program, variables, CHECK_MAIN), 1, "fail", "LD_PRELOAD without the guard");
    expect_true_check(WORDS("chpst", "-e", variables, CHECK_MAIN), 1, "fail",
                      "LD_PRELOAD without the guard");
}

Test(check_command, a_program_that_may_start_another_is_named_with_that_other)
{
    char *other = text("%s/unheard-of", scratch_directory());
    output_of(WORDS("cp", CHECK_MAIN, other));
    expect_check(WORDS(other, "-v", CHECK_MAIN), 0, "warn",
                 "check that command too: redisguard --check -- " CHECK_MAIN);
    expect_check(WORDS(other, "cat", "file"), 0, "warn", "its argument cat is a program");
    char *out = checked_by(WRAPPER, WORDS(other, "no-program", "/etc/passwd"), NULL).out;
    cr_assert(strstr(out, "argument") == NULL, "%s", out);
    out = checked_by(WRAPPER, WORDS("php", CHECK_MAIN, "cat"), NULL).out;
    cr_assert(strstr(out, "argument") == NULL, "%s", out);
    expect_check(WORDS("npm", "start"), 0, "warn", "not known here: the scripts of package.json");
}

/* As in its specification: these three bytes, from the ninth on. */
Test(check_command, an_appimage_is_not_judged_by_its_runtime)
{
    const char *const options[] = {"-O1", "-static"};
    for (size_t i = 0; i < 2; i++) {
        char *image = check_main_built("gcc", WORDS(options[i]));
        output_of(WORDS("sh", "-c",
                        "printf 'AI\\002' | dd of=\"$0\" bs=1 seek=8 conv=notrunc status=none",
                        image));
        expect_check(WORDS(image), 0, "warn", "is an AppImage");
    }
}

/* ---- first lines that look right ---- */

Test(check_command, env_reads_letters_in_one_word_and_quotes)
{
    expect_check(WORDS(script("#!/usr/bin/env -iS /bin/sh")), 1, "fail", "leaves the guard out");
    expect_check(WORDS(script("#!/usr/bin/env -vS 'sh' -e")), 0, "ok", "env: it starts sh");
    expect_true_check(WORDS("env", "-iv", CHECK_MAIN), 1, "fail", "leaves the guard out");
    expect_true_check(WORDS("env", "-uLD_PRELOAD", CHECK_MAIN), 1, "fail", "leaves the guard out");
    expect_true_check(WORDS("env", "-S", CHECK_MAIN), 0, "ok", "guard: ");
    expect_true_check(WORDS("env", text("-S'%s'", CHECK_MAIN)), 0, "ok", "guard: ");
}

Test(check_command, a_byte_order_mark_hides_a_first_line)
{
    expect_check(WORDS(script("\xef\xbb\xbf#!/bin/sh")), 0, "warn", "byte order mark before #!");
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
    cr_assert(strstr(out, "pool global") == NULL, "%s:\n%s", setting, out);
}

Test(check_command, a_pool_that_clears_its_environment_is_named)
{
    expect_pool("", true);
    expect_pool("clear_env = yes", true);
    expect_pool("clear_env = no", false);
    expect_pool("env[LD_PRELOAD] = " LIBRARY, false);
    expect_check(WORDS(php_fpm(), "--fpm-config=/no/such"), 0, "warn", "cannot read /no/such");
}

/* As php-fpm does it; a later file goes on with the pool of an earlier one. */
Test(check_command, sections_of_one_pool_in_several_files_are_one_pool)
{
    expect_pool("[other]\nclear_env = no\n[shop]\nclear_env = no", false);
    expect_pool("clear_env = no\n[other]\nclear_env = no\n[shop]\nclear_env = yes", true);
    expect_pool("[global]\n[shop]\nenv[LD_PRELOAD] = \"" LIBRARY "\"", false);
}
