/*
 * The wrapper, shim/redisguard: the environment that it gives, the command that it becomes, and
 * what it says when it cannot. Runs the built one, or one built from the same source into the
 * test's own directory where the place matters.
 */
#include "redisguard.h"
#include "support.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static struct outcome wrapped(const char *const argv[])
{
    return run_program(argv, NULL);
}

static void expect_out(struct outcome outcome, const char *out)
{
    cr_assert_eq(outcome.status, 0, "status %d: %s", outcome.status, outcome.err);
    cr_assert_str_eq(outcome.out, out);
}

static size_t lines_in(const char *words)
{
    size_t lines = 0;
    while ((words = strchr(words, '\n')) != NULL) {
        lines++;
        words++;
    }
    return lines;
}

/* One line on standard error that begins with our name and holds part; nothing on the other. */
static void expect_refusal(struct outcome outcome, const char *part)
{
    cr_assert_eq(outcome.status, 125, "status %d: %s", outcome.status, outcome.err);
    cr_assert_str_empty(outcome.out);
    cr_assert(strncmp(outcome.err, "redisguard: ", 12) == 0, "%s", outcome.err);
    cr_assert(strstr(outcome.err, part), "no \"%s\" in: %s", part, outcome.err);
    cr_assert_eq(lines_in(outcome.err), 1, "%s", outcome.err);
}

/* ---- options ---- */

static void expect_variable(const char *const options[], const char *variable, const char *value)
{
    const char *argv[8] = {WRAPPER};
    size_t count = 1;
    for (size_t i = 0; options[i]; i++)
        argv[count++] = options[i];
    argv[count++] = "printenv";
    argv[count] = variable;
    expect_out(wrapped(argv), text("%s\n", value));
}

Test(wrapper, each_option_sets_its_variable)
{
    expect_variable(WORDS("--ports", "7000-7005"), "REDISGUARD_PORTS", "7000-7005");
    expect_variable(WORDS("--unix", "/a b/*:/c"), "REDISGUARD_UNIX", "/a b/*:/c");
    expect_variable(WORDS("--detect", "45"), "REDISGUARD_DETECT", "45");
    expect_variable(WORDS("--keepidle", "31"), "REDISGUARD_KEEPIDLE", "31");
    expect_variable(WORDS("--keepintvl", "6"), "REDISGUARD_KEEPINTVL", "6");
    expect_variable(WORDS("--keepcnt", "4"), "REDISGUARD_KEEPCNT", "4");
    expect_variable(WORDS("--user-timeout", "9000"), "REDISGUARD_USER_TIMEOUT", "9000");
    expect_variable(WORDS("--fork", "close"), "REDISGUARD_FORK", "close");
    expect_variable(WORDS("--log", "stderr"), "REDISGUARD_LOG", "stderr");
    expect_variable(WORDS("--log-level", "warn"), "REDISGUARD_LOG_LEVEL", "warn");
    expect_variable(WORDS("--trap"), "REDISGUARD_TRAP", "1");
}

Test(wrapper, an_argument_may_be_attached_or_stand_apart)
{
    expect_variable(WORDS("--ports=7000"), "REDISGUARD_PORTS", "7000");
    expect_variable(WORDS("--unix=/a=b/*"), "REDISGUARD_UNIX", "/a=b/*");
    expect_variable(WORDS("-p", "7000"), "REDISGUARD_PORTS", "7000");
    expect_variable(WORDS("-p7000"), "REDISGUARD_PORTS", "7000");
    expect_variable(WORDS("-d", "45"), "REDISGUARD_DETECT", "45");
    expect_variable(WORDS("-d45"), "REDISGUARD_DETECT", "45");
    expect_variable(WORDS("-p", "7000", "-d45", "--"), "REDISGUARD_PORTS", "7000");
}

Test(wrapper, an_option_wins_over_the_inherited_variable)
{
    expect_out(run_program(WORDS(WRAPPER, "-p", "7001", "printenv", "REDISGUARD_PORTS"),
                           WORDS("REDISGUARD_PORTS=7000")),
               "7001\n");
}

Test(wrapper, a_bad_value_is_the_librarys_to_report_and_the_command_runs)
{
    struct outcome outcome = wrapped(WORDS(WRAPPER, "--keepidle", "99999", "echo", "ran"));
    expect_out(outcome, "ran\n");
    cr_assert(strstr(outcome.err, "REDISGUARD_KEEPIDLE"), "%s", outcome.err);
    cr_assert_eq(lines_in(outcome.err), 1, "%s", outcome.err);
}

Test(wrapper, an_unknown_option_is_refused_and_the_known_ones_are_named)
{
    expect_refusal(wrapped(WORDS(WRAPPER, "--prots", "7000", "true")), "--prots");
    expect_refusal(wrapped(WORDS(WRAPPER, "-x", "true")), "--ports");
}

Test(wrapper, an_option_without_its_argument_is_refused)
{
    expect_refusal(wrapped(WORDS(WRAPPER, "--fork")), "sever, close or off");
    expect_refusal(wrapped(WORDS(WRAPPER, "-d")), "seconds");
}

Test(wrapper, an_argument_that_an_option_does_not_take_is_refused)
{
    expect_refusal(wrapped(WORDS(WRAPPER, "--trap=1", "true")), "--trap");
    expect_refusal(wrapped(WORDS(WRAPPER, "-Vx")), "-V");
}

Test(wrapper, help_goes_to_standard_output)
{
    struct outcome outcome = wrapped(WORDS(WRAPPER, "--help"));
    cr_assert_eq(outcome.status, 0);
    cr_assert_str_empty(outcome.err);
    cr_assert(strstr(outcome.out, "Usage: redisguard"));
    cr_assert_str_eq(wrapped(WORDS(WRAPPER, "-h")).out, outcome.out);
}

Test(wrapper, the_version_is_that_of_the_library)
{
    expect_out(wrapped(WORDS(WRAPPER, "--version")), "redisguard " REDISGUARD_VERSION "\n");
    expect_out(wrapped(WORDS(WRAPPER, "-V")), "redisguard " REDISGUARD_VERSION "\n");
}

/* ---- --env ---- */

Test(wrapper, env_prints_what_it_would_set_and_nothing_else)
{
    expect_out(run_program(WORDS(WRAPPER, "--env", "-p", "7000", "--unix", "/a b/*", "--trap"),
                           WORDS("REDISGUARD_FORK=off")),
               "LD_PRELOAD=" LIBRARY "\nREDISGUARD_PORTS=7000\nREDISGUARD_UNIX=/a b/*\n"
               "REDISGUARD_TRAP=1\n");
}

Test(wrapper, what_env_prints_loads_the_library)
{
    struct outcome outcome =
        wrapped(WORDS("sh", "-c", "env $(" WRAPPER " --env -p 7000) cat /proc/self/maps"));
    cr_assert(strstr(outcome.out, LIBRARY), "%s%s", outcome.out, outcome.err);
}

Test(wrapper, env_with_a_command_is_refused)
{
    expect_refusal(wrapped(WORDS(WRAPPER, "--env", "echo", "hello")), "echo");
}

/* ---- the command ---- */

Test(wrapper, the_command_runs_under_the_library)
{
    struct outcome outcome = wrapped(WORDS(WRAPPER, "cat", "/proc/self/maps"));
    cr_assert(strstr(outcome.out, LIBRARY), "%s%s", outcome.out, outcome.err);
}

Test(wrapper, arguments_arrive_as_they_were_given)
{
    expect_out(wrapped(WORDS(WRAPPER, "printf", "<%s>", "a b", "", "*", "$HOME", "--help")),
               "<a b><><*><$HOME><--help>");
    expect_out(wrapped(WORDS(WRAPPER, "--", "printf", "<%s>", "-p")), "<-p>");
}

Test(wrapper, standard_input_reaches_the_command)
{
    struct program *cat = start_program(WORDS(WRAPPER, "cat"), NULL);
    tell_program(cat, "hello\n");
    expect_out(finish_program(cat), "hello\n");
}

Test(wrapper, the_exit_status_is_that_of_the_command)
{
    cr_assert_eq(wrapped(WORDS(WRAPPER, "sh", "-c", "exit 7")).status, 7);
}

Test(wrapper, the_command_has_the_wrappers_pid_and_gets_its_signals)
{
    struct program *program =
        start_program(WORDS(WRAPPER, "sh", "-c", "echo pid $$; read forever"), NULL);
    cr_assert_str_eq(wait_for_line(program, "pid"), text("pid %d", (int)program->pid));
    kill(program->pid, SIGTERM);
    cr_assert_eq(finish_program(program).signal, SIGTERM);
}

Test(wrapper, no_command_ends_with_125)
{
    expect_refusal(wrapped(WORDS(WRAPPER)), "COMMAND");
    expect_refusal(wrapped(WORDS(WRAPPER, "-p", "7000", "--")), "COMMAND");
}

/* With a PATH of folders that everybody may search: EACCES on the way would mean 126. */
static void expect_exec_failure(const char *command, int status)
{
    struct outcome outcome = run_program(WORDS(WRAPPER, command), WORDS("PATH=/usr/bin:/bin"));
    cr_assert_eq(outcome.status, status, "status %d: %s", outcome.status, outcome.err);
    cr_assert(strstr(outcome.err, command), "%s", outcome.err);
    cr_assert_eq(lines_in(outcome.err), 1, "%s", outcome.err);
}

Test(wrapper, a_missing_command_ends_with_127)
{
    expect_exec_failure("no-such-command", 127);
    expect_exec_failure("/no/such/command", 127);
}

Test(wrapper, a_command_that_cannot_be_executed_ends_with_126)
{
    expect_exec_failure(scratch_file("data", "not a program\n", 0644), 126);
    expect_exec_failure(scratch_directory(), 126);
}

/* ---- LD_PRELOAD ---- */

Test(wrapper, it_stands_first_in_an_existing_preload_list)
{
    expect_out(run_program(WORDS(WRAPPER, "printenv", "LD_PRELOAD"), WORDS("LD_PRELOAD=libm.so.6")),
               LIBRARY ":libm.so.6\n");
}

static void expect_unchanged_preload(const char *list)
{
    expect_out(
        run_program(WORDS(WRAPPER, "printenv", "LD_PRELOAD"), WORDS(text("LD_PRELOAD=%s", list))),
        text("%s\n", list));
}

Test(wrapper, it_is_not_preloaded_twice)
{
    expect_out(wrapped(WORDS(WRAPPER, WRAPPER, "printenv", "LD_PRELOAD")), LIBRARY "\n");
    expect_unchanged_preload("libm.so.6:" LIBRARY);
    expect_unchanged_preload("libm.so.6 " LIBRARY " libdl.so.2");
}

Test(wrapper, a_longer_name_in_the_preload_list_is_not_taken_for_it)
{
    struct outcome outcome =
        run_program(WORDS(WRAPPER, "printenv", "LD_PRELOAD"), WORDS("LD_PRELOAD=" LIBRARY ".old"));
    cr_assert_str_eq(outcome.out, LIBRARY ":" LIBRARY ".old\n"); /* ld.so complains of the .old */
}

/* ---- where the library is ---- */

/* A folder of the test's own. */
static char *folder(const char *name)
{
    char *path = text("%s/%s", scratch_directory(), name);
    output_of(WORDS("mkdir", "-p", path));
    return path;
}

/* The wrapper as the Makefile would build it for this library folder. */
static char *wrapper_in(const char *where, const char *library_folder)
{
    static const char build[] = "sed \"s|@LIBDIR@|$1|\" <\"$2\" >\"$3\" && chmod 755 \"$3\"";
    char *path = text("%s/redisguard", where);
    output_of(WORDS("sh", "-c", build, "sh", library_folder, SOURCE_DIR "/shim/redisguard", path));
    return path;
}

static void library_in(const char *where)
{
    output_of(WORDS("cp", LIBRARY, where));
}

static char *preload_line(const char *where)
{
    return text("LD_PRELOAD=%s/libredisguard.so\n", where);
}

Test(wrapper, the_library_beside_it_is_taken_before_the_installed_one)
{
    char *here = folder("here"), *installed = folder("installed");
    char *wrapper = wrapper_in(here, installed);
    library_in(here);
    library_in(installed);
    expect_out(wrapped(WORDS(wrapper, "--env")), preload_line(here));
}

Test(wrapper, the_installed_library_is_taken_when_none_is_beside_it)
{
    char *installed = folder("installed");
    char *wrapper = wrapper_in(folder("here"), installed);
    library_in(installed);
    expect_out(wrapped(WORDS(wrapper, "--env")), preload_line(installed));
}

Test(wrapper, a_symbolic_link_to_it_leads_to_the_library_beside_the_real_one)
{
    char *link = text("%s/guard", folder("elsewhere"));
    output_of(WORDS("ln", "-s", WRAPPER, link));
    expect_out(wrapped(WORDS(link, "--env")), preload_line(BUILD_DIR));
}

Test(wrapper, a_relative_path_to_it_leads_to_an_absolute_one_to_the_library)
{
    expect_out(wrapped(WORDS("env", "-C", BUILD_DIR, "./redisguard", "--env")),
               preload_line(BUILD_DIR));
}

Test(wrapper, no_library_ends_with_125)
{
    char *wrapper = wrapper_in(folder("here"), "/no/such/folder");
    expect_refusal(wrapped(WORDS(wrapper, "true")), "libredisguard.so");
}

Test(wrapper, a_library_in_the_working_directory_is_never_taken)
{
    char *working = folder("working");
    library_in(working);
    char *wrapper = wrapper_in(folder("here"), "/no/such/folder");
    expect_refusal(wrapped(WORDS("env", "-C", working, wrapper, "true")), "libredisguard.so");

    char *not_installed = wrapper_in(folder("there"), ".");
    expect_refusal(wrapped(WORDS("env", "-C", working, not_installed, "true")), "libredisguard.so");
}

/* `sh redisguard` leaves it without a path of its own. */
Test(wrapper, without_a_path_of_its_own_it_asks_PATH_but_for_the_working_directory)
{
    char *working = folder("working");
    library_in(working);
    wrapper_in(working, "/no/such/folder");
    char *no_help = text("PATH=.::/usr/bin:/bin"), *help = text("%s:" BUILD_DIR, no_help);
    expect_refusal(wrapped(WORDS("env", "-C", working, no_help, "sh", "redisguard", "true")),
                   "libredisguard.so");
    expect_out(wrapped(WORDS("env", "-C", working, help, "sh", "redisguard", "--env")),
               preload_line(BUILD_DIR));
}

Test(wrapper, a_library_path_that_LD_PRELOAD_cannot_hold_ends_with_125)
{
    char *spaced = folder("with space"), *colon = folder("with:colon");
    library_in(spaced);
    library_in(colon);
    expect_refusal(wrapped(WORDS(wrapper_in(spaced, "/no/such"), "true")), "with space");
    expect_refusal(wrapped(WORDS(wrapper_in(colon, "/no/such"), "true")), "with:colon");
}

/* ---- shells ---- */

Test(wrapper, busybox_runs_it_as_dash_does)
{
    const char *shells[] = {"dash", "busybox sh"};
    for (size_t i = 0; i < 2; i++) {
        char *run = text("exec %s " WRAPPER " \"$@\"", shells[i]);
        expect_out(wrapped(WORDS("sh", "-c", run, "sh", "-p7000", "--trap", "--log-level=debug",
                                 "-d", "45", "--env")),
                   "LD_PRELOAD=" LIBRARY "\nREDISGUARD_PORTS=7000\nREDISGUARD_TRAP=1\n"
                   "REDISGUARD_LOG_LEVEL=debug\nREDISGUARD_DETECT=45\n");
        cr_assert_eq(wrapped(WORDS("sh", "-c", run, "sh", "/no/such/command")).status, 127);
        cr_assert_eq(wrapped(WORDS("sh", "-c", run, "sh", scratch_directory())).status, 126);
    }
}
