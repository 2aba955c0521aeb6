/*
 * The program redisguard as a wrapper: the environment that it gives, the command that it becomes,
 * and what it says when it cannot. Runs the built one, or a copy in the test's own directory where
 * the place matters.
 */
#include "install.h"
#include "redisguard.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>
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

static const char long_word[] =
    "999999999999999999999999999999999999999999999999999999999999999999";

Test(wrapper, a_bad_option_value_runs_nothing_and_names_what_is_allowed)
{
    static const char *const values[][3] = {
        {"--ports", "0", "ports from 1 to 65535 and ranges"},
        {"--unix", "", "globs separated by ':'"},
        {"--detect", "2", "from 3 to 32767, not 2"},
        {"--keepidle", "99999", "from 1 to 32767, not 99999"},
        {"--keepintvl", "-1", "from 1 to 32767, not -1"},
        {"--keepcnt", "128", "from 1 to 127, not 128"},
        {"--user-timeout", "2147483648", "from 0 to 2147483647, not 2147483648"},
        {"--fork", "cut\n\x1b[1m", "sever, close or off, not cut\\x0a\\x1b[1m"},
        {"--log", "relative", "stderr or an absolute path"},
        {"--log-level", "loud", "error, warn, info or debug, not loud"},
        {"--log-level", long_word, "takes error, warn, info or debug"},
        {NULL},
    };
    for (size_t i = 0; values[i][0]; i++) {
        const char *trace = text("%s/ran", scratch_directory());
        struct outcome outcome =
            wrapped(WORDS(WRAPPER, values[i][0], values[i][1], "--", "touch", trace));
        expect_refusal(outcome, values[i][2]);
        cr_assert(strstr(outcome.err, values[i][0]), "%s", outcome.err);
        cr_assert(strlen(outcome.err) <= 101, "more than 100 columns: %s", outcome.err);
        cr_assert(access(trace, F_OK) != 0, "it ran");
    }
}

Test(wrapper, a_bad_inherited_variable_is_still_the_librarys_to_report)
{
    struct outcome outcome =
        run_program(WORDS(WRAPPER, "echo", "ran"), WORDS("REDISGUARD_KEEPIDLE=99999"));
    expect_out(outcome, "ran\n");
    cr_assert(strstr(outcome.err, "REDISGUARD_KEEPIDLE"), "%s", outcome.err);
    cr_assert_eq(lines_in(outcome.err), 1, "%s", outcome.err);
}

Test(wrapper, an_unknown_option_is_refused_and_the_nearest_is_suggested)
{
    expect_refusal(wrapped(WORDS(WRAPPER, "--prots", "7000", "true")), "did you mean --ports?");
    expect_refusal(wrapped(WORDS(WRAPPER, "--keepdile=3", "true")), "did you mean --keepidle?");
    expect_refusal(wrapped(WORDS(WRAPPER, "--keep=3", "true")), "did you mean --keepidle?");
    expect_refusal(wrapped(WORDS(WRAPPER, "-x", "true")), "unknown option -x (try");
    struct outcome far = wrapped(WORDS(WRAPPER, text("--%s", long_word), "true"));
    expect_refusal(far, "unknown option --999");
    cr_assert(strstr(far.err, "mean") == NULL && strlen(far.err) <= 101, "%s", far.err);
}

Test(wrapper, every_complaint_about_options_fits_100_columns)
{
    char *value = text("--prots=%s", long_word);
    const char *const *const wrong[] = {
        WORDS(value),         WORDS("--env", long_word), WORDS("--audit", long_word),
        WORDS("--ports"),     WORDS("--unix"),           WORDS("--log"),
        WORDS("--keepidle"),  WORDS("--user-timeout"),   WORDS("--detect"),
        WORDS("--watch"),     WORDS("--env", "--check"), WORDS("--watch", "1", long_word),
        WORDS("--log-level"), WORDS("--trap=1"),         WORDS("--format", long_word)};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        const char *argv[8] = {WRAPPER};
        for (size_t j = 0; wrong[i][j]; j++)
            argv[j + 1] = wrong[i][j];
        struct outcome outcome = wrapped(argv);
        expect_refusal(outcome, "redisguard: ");
        cr_assert(strlen(outcome.err) <= 101, "more than 100 columns: %s", outcome.err);
    }
}

Test(wrapper, options_are_read_until_the_command_and_in_any_order)
{
    expect_out(wrapped(WORDS(WRAPPER, "--env", "-p", "7000")),
               "LD_PRELOAD=" LIBRARY "\nREDISGUARD_PORTS=7000\n");
    expect_out(wrapped(WORDS(WRAPPER, "-d", "9", "--env", "-d5")),
               "LD_PRELOAD=" LIBRARY "\nREDISGUARD_DETECT=5\n");
    expect_refusal(wrapped(WORDS(WRAPPER, "--watch", "1", "true")), "only with --audit");
}

Test(wrapper, an_option_without_its_argument_is_refused)
{
    expect_refusal(wrapped(WORDS(WRAPPER, "--fork")), "sever, close or off");
    expect_refusal(wrapped(WORDS(WRAPPER, "-d")), "seconds");
}

Test(wrapper, an_argument_that_an_option_does_not_take_is_refused)
{
    expect_refusal(wrapped(WORDS(WRAPPER, "--trap=1", "true")), "--trap");
    expect_refusal(wrapped(WORDS(WRAPPER, "--version=1")), "--version takes no");
}

Test(wrapper, help_goes_to_standard_output)
{
    struct outcome outcome = wrapped(WORDS(WRAPPER, "--help"));
    cr_assert_eq(outcome.status, 0);
    cr_assert_str_empty(outcome.err);
    cr_assert(strstr(outcome.out, "Usage: redisguard"));
    cr_assert_str_eq(wrapped(WORDS(WRAPPER, "-h")).out, outcome.out);
    for (const char *line = outcome.out; *line; line += strcspn(line, "\n") + 1)
        cr_assert(strcspn(line, "\n") <= 80, "more than 80 columns: %.90s", line);
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

/* ---- --env=STYLE: each tried with what reads it ---- */

#define AWKWARD       "--unix", "/a b/*:/c$HOME:/it's:/\"q\":/back\\slash:/#x:/`y`", "-p", "7000"
#define AWKWARD_VALUE "/a b/*:/c$HOME:/it's:/\"q\":/back\\slash:/#x:/`y`"

Test(wrapper, sh_takes_what_env_prints_for_it)
{
    const char *const shells[] = {"dash", "bash", "busybox"};
    char *file = scratch_file("env", output_of(WORDS(WRAPPER, "--env=sh", AWKWARD)), 0644);
    for (size_t i = 0; i < sizeof shells / sizeof shells[0]; i++) {
        char *run = text("%s -c '. %s; exec printenv LD_PRELOAD REDISGUARD_UNIX REDISGUARD_PORTS'",
                         i == 2 ? "busybox sh" : shells[i], file);
        expect_out(wrapped(WORDS("sh", "-c", run)), LIBRARY "\n" AWKWARD_VALUE "\n7000\n");
    }
}

/* environment.d(5) is read by the parser of EnvironmentFile=, in a generator that needs no manager;
 * but it expands variables, so the value here holds no dollar. What it prints is quoted for sh. */
Test(wrapper, systemd_takes_what_env_prints_for_it)
{
    static const char run[] =
        "mkdir -p $1/environment.d && \"$2\" --env=systemd --unix \"$3\" -p7000 "
        ">$1/environment.d/guard.conf && XDG_CONFIG_HOME=$1 "
        "/usr/lib/systemd/user-environment-generators/30-systemd-environment-d-generator >$1/read "
        "&& . $1/read && printf '%s\\n' \"$LD_PRELOAD\" \"$REDISGUARD_UNIX\" \"$REDISGUARD_PORTS\"";
    static const char value[] = "/a b/*:/it's:/\"q\":/back\\slash:/#x:/;y";
    expect_out(wrapped(WORDS("sh", "-c", run, "sh", scratch_directory(), WRAPPER, value)),
               text(LIBRARY "\n%s\n7000\n", value));
}

Test(wrapper, docker_takes_what_env_prints_for_it)
{
    if (run_program(WORDS("sh", "-c", "command -v docker"), NULL).status != 0)
        cr_skip_test("needs docker's client");
    char *file = scratch_file("env", output_of(WORDS(WRAPPER, "--env=docker", AWKWARD)), 0644);
    expect_out(
        wrapped(WORDS("env", text("HOME=%s", scratch_directory()), "python3",
                      SOURCE_DIR "/tests/system/tools/docker_env.py", scratch_directory(), file)),
        "LD_PRELOAD=" LIBRARY "\nREDISGUARD_UNIX=" AWKWARD_VALUE "\nREDISGUARD_PORTS=7000\n");
}

Test(wrapper, an_unknown_style_is_refused)
{
    expect_refusal(wrapped(WORDS(WRAPPER, "--env=csh")), "systemd, docker, sh or plain");
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

/* With a PATH of directories that everybody may search: EACCES on the way would mean 126. */
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

/* A newline, and CSI in the C0 and the C1 way. */
Test(wrapper, a_missing_commands_name_cannot_control_the_terminal)
{
    struct outcome outcome = wrapped(WORDS(WRAPPER, "/no/\n\x1b[1m\xc2\x9b"
                                                    "1m"));
    cr_assert_eq(outcome.status, 127);
    cr_assert_str_eq(outcome.err,
                     "redisguard: /no/\\x0a\\x1b[1m\\xc2\\x9b1m: No such file or directory\n");
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

/* ---- the same in sh ---- */

Test(wrapper, the_six_lines_of_sh_preload_the_library_once)
{
    char *script = text("%s/preload.sh", scratch_directory());
    output_of(WORDS("sh", "-c",
                    "sed 's|/usr/local/lib/redisguard/|" BUILD_DIR "/|' " SOURCE_DIR
                    "/examples/preload.sh >\"$0\" && chmod 755 \"$0\"",
                    script));
    expect_out(wrapped(WORDS(script, script, "printenv", "LD_PRELOAD")), LIBRARY "\n");
    expect_out(run_program(WORDS(script, "printf", "<%s>", "a b", ""), WORDS("library=1")),
               "<a b><>");
    cr_assert_eq(wrapped(WORDS(script, "sh", "-c", "exit 7")).status, 7);
    cr_assert_eq(wrapped(WORDS(SOURCE_DIR "/examples/preload.sh", "true")).status,
                 access("/usr/local/lib/redisguard/libredisguard.so", F_OK) == 0 ? 0 : 125);
}

/* ---- where the library is ---- */

/* A directory of the test's own. */
static char *directory(const char *name)
{
    char *path = text("%s/%s", scratch_directory(), name);
    output_of(WORDS("mkdir", "-p", path));
    return path;
}

static char *wrapper_in(const char *where)
{
    output_of(WORDS("cp", WRAPPER, where));
    return text("%s/redisguard", where);
}

/* Linked as `make install` links it for this LIBDIR. */
static char *wrapper_for(const char *where, const char *libdir)
{
    char *image = text("%s/image", where);
    struct outcome outcome = make_in(
        SOURCE_DIR, "install", text("BUILD=%s DESTDIR=%s LIBDIR=%s", BUILD_DIR, image, libdir));
    cr_assert_eq(outcome.status, 0, "%s%s", outcome.out, outcome.err);
    output_of(WORDS("cp", text("%s/usr/local/bin/redisguard", image), where));
    return text("%s/redisguard", where);
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
    char *here = directory("here"), *installed = directory("installed");
    char *wrapper = wrapper_for(here, installed);
    library_in(here);
    library_in(installed);
    expect_out(wrapped(WORDS(wrapper, "--env")), preload_line(here));
    output_of(WORDS("rm", text("%s/libredisguard.so", here)));
    expect_out(wrapped(WORDS(wrapper, "--env")), preload_line(installed));
}

Test(wrapper, a_symbolic_link_to_it_leads_to_the_library_beside_the_real_one)
{
    char *link = text("%s/guard", directory("elsewhere"));
    output_of(WORDS("ln", "-s", WRAPPER, link));
    expect_out(wrapped(WORDS(link, "--env")), preload_line(BUILD_DIR));
}

Test(wrapper, a_relative_path_to_it_leads_to_an_absolute_one_to_the_library)
{
    expect_out(wrapped(WORDS("env", "-C", BUILD_DIR, "./redisguard", "--env")),
               preload_line(BUILD_DIR));
}

Test(wrapper, a_library_in_the_working_directory_is_never_taken)
{
    char *working = directory("working");
    library_in(working);
    char *wrapper = wrapper_for(directory("here"), "/no/such/directory");
    expect_refusal(wrapped(WORDS("env", "-C", working, wrapper, "true")),
                   "libredisguard.so is neither in ");
    char *elsewhere = text("PATH=%s:/usr/bin:/bin", directory("here"));
    expect_refusal(wrapped(WORDS("env", "-C", working, elsewhere, "redisguard", "true")),
                   "libredisguard.so is neither in ");
}

Test(wrapper, by_its_bare_name_it_finds_the_library_beside_itself_whatever_argv0_says)
{
    char *path = text("PATH=" BUILD_DIR ":/usr/bin:/bin");
    expect_out(wrapped(WORDS("env", path, "redisguard", "--env")), preload_line(BUILD_DIR));
    expect_out(wrapped(WORDS("bash", "-c", "exec -a -x " WRAPPER " --env")),
               preload_line(BUILD_DIR));
}

Test(wrapper, a_library_path_that_LD_PRELOAD_cannot_hold_ends_with_125)
{
    char *spaced = directory("with space"), *colon = directory("with:colon");
    library_in(spaced);
    library_in(colon);
    expect_refusal(wrapped(WORDS(wrapper_in(spaced), "true")), "with space");
    expect_refusal(wrapped(WORDS(wrapper_in(colon), "true")), "with:colon");
}

/* Installed with these settings too: the wrapper's path. */
static char *installed_with(const char *prefix, const char *settings)
{
    struct outcome outcome =
        make_in(SOURCE_DIR, "install", text("BUILD=%s PREFIX=%s %s", BUILD_DIR, prefix, settings));
    cr_assert_eq(outcome.status, 0, "%s%s", outcome.out, outcome.err);
    return text("%s/bin/redisguard", prefix);
}

/* Only the directories matter here: a copy of this machine's library stands for that of i386. */
#define WITH_BOTH_CLASSES "I386_LIBRARY=" LIBRARY

Test(wrapper, path_holds_LIB_only_where_library_for_i386_is_installed_too)
{
    char *prefix = directory("usr");
    char *here = text("%s/lib/redisguard", prefix);
    expect_out(wrapped(WORDS(installed_with(prefix, ""), "--env")), preload_line(here));
    expect_out(wrapped(WORDS(installed_with(prefix, WITH_BOTH_CLASSES), "--env")),
               preload_line(text("%s/$LIB", here)));
}

/* The loader makes a directory of $LIB, ld.so(8). The wrapper under itself adds no second path. */
Test(wrapper, command_runs_under_library_whose_path_holds_LIB)
{
    char *prefix = directory("usr");
    char *wrapper = installed_with(prefix, WITH_BOTH_CLASSES);
    struct outcome outcome = wrapped(WORDS(wrapper, wrapper, "cat", "/proc/self/maps"));
    cr_assert(strstr(outcome.out, text("%s/lib/redisguard/", prefix)), "%s", outcome.out);
    cr_assert_str_empty(outcome.err);
    expect_out(wrapped(WORDS(wrapper, wrapper, "printenv", "LD_PRELOAD")),
               text("%s/lib/redisguard/$LIB/libredisguard.so\n", prefix));
}

/* ---- the environment, byte for byte ---- */

/* Names that are no shell identifier, an exported function, what a script would call its own. */
#define ODD_ENVIRONMENT                                                                            \
    "spring.redis.host=a", "MY-VAR=b", "BASH_FUNC_f%%=() {  echo; }", "version=1", "value=2",      \
        "option=3", "library=4", "settings=5", "json=6", "found=7", "IFS=x", "PWD=/elsewhere",     \
        "OLDPWD=", "_=before", "=no name", "no value", "SHLVL=41", "TWICE=1", "TWICE=2",           \
        "bytes=\x01\xff\n"

/* What the command gets under env -i and these words, each ended by a bar. */
static char *environment_through(const char *const before[], const char *const wrapper[])
{
    /* python3 makes the environment exactly: execve of the rest, with the words before "--". */
    static const char start[] =
        "import ctypes, os, sys\n"
        "words = [os.fsencode(w) for w in sys.argv[1:]]\n"
        "cut = words.index(b'--')\n"
        "array = lambda l: (ctypes.c_char_p * (len(l) + 1))(*l, None)\n"
        "ctypes.CDLL(None).execve(words[cut + 1], array(words[cut + 1:]), array(words[:cut]))\n"
        "os._exit(3)\n";
    const char *argv[64] = {"python3", "-c", start};
    size_t count = 3;
    for (size_t i = 0; before[i]; i++)
        argv[count++] = before[i];
    argv[count++] = "--";
    for (size_t i = 0; wrapper[i]; i++)
        argv[count++] = wrapper[i];
    argv[count++] = BUILD_DIR "/tests/system/programs/print_environment";
    return output_of(argv);
}

Test(wrapper, the_command_gets_the_callers_environment_byte_for_byte)
{
    const char *const *caller = WORDS(ODD_ENVIRONMENT);
    char *plain = environment_through(caller, WORDS("/usr/bin/env"));
    cr_assert(strstr(plain, "spring.redis.host=a|MY-VAR=b|BASH_FUNC_f"), "%s", plain);
    cr_assert_str_eq(environment_through(caller, WORDS(WRAPPER, "-d5", "--")),
                     text("%sLD_PRELOAD=" LIBRARY "|REDISGUARD_DETECT=5|", plain));
}

Test(wrapper, a_variable_is_replaced_where_it_stands_and_only_once)
{
    const char *const *caller = WORDS("A=1", "LD_PRELOAD=libm.so.6", "REDISGUARD_PORTS=1", "B=2",
                                      "REDISGUARD_PORTS=2", "C=3");
    cr_assert_str_eq(environment_through(caller, WORDS(WRAPPER, "-p7000")),
                     "A=1|LD_PRELOAD=" LIBRARY ":libm.so.6|REDISGUARD_PORTS=7000|B=2|C=3|");
}

Test(wrapper, probe_and_strict_reach_the_command_where_the_library_is_preloaded_already)
{
    const char *preloaded = "LD_PRELOAD=" LIBRARY;
    struct outcome probe =
        run_program(WORDS(WRAPPER, "-d", "20", "true"), WORDS(preloaded, "REDISGUARD_PROBE=1"));
    cr_assert(strstr(probe.out, "REDISGUARD_DETECT=20\n"), "%s", probe.out);
    struct outcome strict =
        run_program(WORDS(WRAPPER, "echo", "ran"),
                    WORDS(preloaded, "REDISGUARD_STRICT=1", "REDISGUARD_FORK=x"));
    cr_assert_eq(strict.status, 125);
    cr_assert_str_empty(strict.out);
}

/* ---- what it costs ---- */

/* From its own execve to the command's. */
Test(wrapper, nothing_is_opened_mapped_or_started_before_the_command)
{
    char *trace = text("%s/trace", scratch_directory());
    output_of(WORDS("strace", "-f", "-o", trace, WRAPPER, "-d5", "-p7000", "/bin/true"));
    char *calls = content_of(trace);
    char *end = strstr(calls, "execve(\"/bin/true\"");
    cr_assert(end, "%s", calls);
    *end = '\0';
    static const char *const others[] = {"clone", "fork", "mmap", "open", "write", "kill", "wait"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        cr_assert(strstr(calls, text(" %s", others[i])) == NULL, "%s:\n%s", others[i], calls);
}

/* Pairs, one after the other, so that what else the machine does concerns both; their median. */
Test(wrapper, it_starts_a_command_at_most_half_as_slow_again_as_env)
{
    static const char race[] =
        "import os, statistics, subprocess, sys, time\n"
        "def start(words):\n"
        "    begin = time.perf_counter()\n"
        "    subprocess.run(words, check=True)\n"
        "    return time.perf_counter() - begin\n"
        "ratios = [start([sys.argv[1], '-d5', '/bin/true']) / start(['env', 'A=5', '/bin/true'])"
        " for i in range(300)]\n"
        "print(statistics.median(ratios))\n";
    double ratio = strtod(output_of(WORDS("python3", "-c", race, WRAPPER)), NULL);
    cr_log_info("%.2f times as long as env(1)", ratio);
    cr_assert(ratio > 0 && ratio <= 1.5, "%.2f times as long as env(1)", ratio);
}
