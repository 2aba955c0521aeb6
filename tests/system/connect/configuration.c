/*
 * The environment of a real program: a mistake costs one line on standard error and never the
 * program; what STRICT, PROBE and DISABLE do; and a set-user-ID program ignores the variables.
 */
#include "redisguard.h"
#include "sockets.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define PRELOAD "LD_PRELOAD=" LIBRARY

/* A program that has something to say and a status of its own. */
#define ALIVE WORDS("sh", "-c", "echo alive; exit 7")

static void expect_alive(struct outcome outcome)
{
    cr_assert_eq(outcome.status, 7, "status %d, signal %d: %s", outcome.status, outcome.signal,
                 outcome.err);
    EXPECT_LINES(outcome.out, "alive\n");
}

static char *repeated(const char *word, int times)
{
    char *all = calloc((size_t)times, strlen(word) + 1);
    char *end = all;
    for (int i = 0; i < times; i++)
        end = stpcpy(end, word);
    return all;
}

static char *effective(const char *const more[])
{
    const char *env[32] = {PRELOAD, "REDISGUARD_PROBE=1"};
    for (size_t i = 0; more && more[i]; i++)
        env[i + 2] = more[i];
    struct outcome outcome = run_program(WORDS("true"), env);
    cr_assert_eq(outcome.status, 0);
    return outcome.out;
}

/* ---- mistakes ---- */

struct mistake {
    const char *name, *value, *fallback;
};

static const struct mistake mistakes[] = {
    {"PORTS", "0", REDISGUARD_PORTS_DEFAULT},
    {"PORTS", "65536", REDISGUARD_PORTS_DEFAULT},
    {"PORTS", "7000-", REDISGUARD_PORTS_DEFAULT},
    {"PORTS", "7005-7000", REDISGUARD_PORTS_DEFAULT},
    {"PORTS", "7000,,7001", REDISGUARD_PORTS_DEFAULT},
    {"PORTS", "7000;7001", REDISGUARD_PORTS_DEFAULT},
    {"PORTS", "7000 ", REDISGUARD_PORTS_DEFAULT},
    {"PORTS", "redis", REDISGUARD_PORTS_DEFAULT},
    {"UNIX", "", REDISGUARD_UNIX_DEFAULT},
    {"UNIX", "/a::/b", REDISGUARD_UNIX_DEFAULT},
    {"KEEPIDLE", "0", "30"},
    {"KEEPIDLE", "32768", "30"},
    {"KEEPIDLE", "-1", "30"},
    {"KEEPIDLE", "45s", "30"},
    {"KEEPIDLE", " 45", "30"},
    {"KEEPIDLE", "0x1f", "30"},
    {"KEEPIDLE", "", "30"},
    {"KEEPIDLE", "18446744073709551646", "30"}, /* 2^64 + 30 */
    {"KEEPINTVL", "0", "5"},
    {"KEEPINTVL", "32768", "5"},
    {"KEEPCNT", "0", "3"},
    {"KEEPCNT", "128", "3"},
    {"USER_TIMEOUT", "-1", "45000"},
    {"USER_TIMEOUT", "2147483648", "45000"},
    {"DETECT", "2", "(unset)"},
    {"DETECT", "32768", "(unset)"},
    {"FORCE", "2", "1"},
    {"FORCE", "tight", "1"},
    {"FORK", "cut", "sever"},
    {"CLOEXEC", "true", "1"},
    {"DEEPBIND", "strip", "rebind"},
    {"LOG", "log", "(unset)"},
    {"LOG_LEVEL", "verbose", "info"},
    {"STRICT", "yes", "0"},
    {"PROBE", "yes", "0"},
    {"TRAP", "on", "0"},
    {"DISABLE", "no", "0"},
};

enum { MISTAKES = sizeof mistakes / sizeof mistakes[0] };

static char *variable(const struct mistake *mistake)
{
    return text("REDISGUARD_%s=%s", mistake->name, mistake->value);
}

Test(configuration, every_bad_value_is_one_line_on_stderr_and_program_runs_on)
{
    for (const struct mistake *m = mistakes; m < mistakes + MISTAKES; m++) {
        struct outcome outcome = run_program(ALIVE, WORDS(PRELOAD, variable(m)));
        expect_alive(outcome);
        cr_assert_eq(lines_with(outcome.err, ""), 1, "%s: %s", variable(m), outcome.err);
        char *names = text("redisguard: REDISGUARD_%s=\"%s\" is not ", m->name, m->value);
        char *default_used = text("; using the default, %s\n", m->fallback);
        cr_assert(strncmp(outcome.err, names, strlen(names)) == 0, "%s", outcome.err);
        cr_assert(strstr(outcome.err, default_used), "%s is not in: %s", default_used, outcome.err);
    }
}

Test(configuration, default_replaces_every_bad_value)
{
    char *defaults = effective(NULL);
    for (const struct mistake *m = mistakes; m < mistakes + MISTAKES; m++)
        if (strcmp(m->name, "PROBE") != 0)
            EXPECT_LINES(effective(WORDS(variable(m))), defaults);
}

Test(configuration, each_mistake_has_its_own_line)
{
    struct outcome outcome =
        run_program(ALIVE, WORDS(PRELOAD, "REDISGUARD_KEEPIDLE=x", "REDISGUARD_KEEPCNT=y",
                                 "REDISGUARD_PORTS=z", "REDISGUARD_KEEPINTVL=9"));
    expect_alive(outcome);
    cr_assert_eq(lines_with(outcome.err, ""), 3, "%s", outcome.err);
}

Test(configuration, unknown_name_is_one_line_on_stderr)
{
    struct outcome outcome =
        run_program(ALIVE, WORDS(PRELOAD, "REDISGUARD_KEEPIDEL=30", "NOT_REDISGUARD_AT_ALL=1"));
    expect_alive(outcome);
    cr_assert_eq(lines_with(outcome.err, ""), 1, "%s", outcome.err);
    cr_assert(strstr(outcome.err, "REDISGUARD_KEEPIDEL"), "%s", outcome.err);
    cr_assert(strstr(outcome.err, "KEEPIDLE,"), "the known ones are named: %s", outcome.err);
}

/* What somebody else put there must not look like a line of ours, or move the cursor. */
Test(configuration, control_characters_in_value_are_not_repeated)
{
    struct outcome outcome =
        run_program(ALIVE, WORDS(PRELOAD, "REDISGUARD_KEEPIDLE=1\nredisguard: all is well\033[2J"));
    expect_alive(outcome);
    cr_assert_eq(lines_with(outcome.err, ""), 1, "%s", outcome.err);
    cr_assert_not(strchr(outcome.err, '\033'), "%s", outcome.err);
}

Test(configuration, control_characters_in_unknown_name_are_not_repeated)
{
    struct outcome outcome =
        run_program(ALIVE, WORDS(PRELOAD, "REDISGUARD_X\nredisguard: all is well\033[2J=1"));
    expect_alive(outcome);
    cr_assert_eq(lines_with(outcome.err, ""), 1, "%s", outcome.err);
    cr_assert_not(strchr(outcome.err, '\033'), "%s", outcome.err);
}

static void expect_short_line(const char *variable_)
{
    struct outcome outcome = run_program(ALIVE, WORDS(PRELOAD, variable_));
    expect_alive(outcome);
    cr_assert_eq(lines_with(outcome.err, ""), 1, "%s", outcome.err);
    cr_assert_lt(strlen(outcome.err), 400, "%s", outcome.err);
}

Test(configuration, bad_value_of_100_kB_is_one_short_line)
{
    expect_short_line(text("REDISGUARD_PORTS=%s", repeated("x", 100000)));
    expect_short_line(text("REDISGUARD_UNIX=%s", repeated("/", 100000)));
    expect_short_line(text("REDISGUARD_KEEPIDLE=%s", repeated("3", 100000)));
    expect_short_line(text("REDISGUARD_LOG=/%s", repeated("x/", 50000)));
    expect_short_line(text("REDISGUARD_%s=1", repeated("X", 100000)));
}

Test(configuration, good_value_of_100_kB_is_taken)
{
    struct server *redis = start_redis(NULL);
    const char *ports = text("REDISGUARD_PORTS=%s%d", repeated("1,2-3,", 16000), redis->port);
    EXPECT_LINES(
        printed_by(STEPS("socket=tcp", connect_step(redis), "guards"), WORDS(PRELOAD, ports)),
        "socket 3\nconnect 0\nguards 1\n");
}

/* ---- STRICT ---- */

Test(configuration, mistake_with_strict_ends_program_before_main)
{
    const char *const one_each[] = {"REDISGUARD_KEEPIDLE=0", "REDISGUARD_KEEPIDEL=30"};
    for (int i = 0; i < 2; i++) {
        struct outcome outcome =
            run_program(ALIVE, WORDS(PRELOAD, "REDISGUARD_STRICT=1", one_each[i]));
        cr_assert_eq(outcome.status, REDISGUARD_EXIT_STRICT, "status %d", outcome.status);
        cr_assert_str_empty(outcome.out);
        cr_assert_eq(lines_with(outcome.err, ""), 1, "%s", outcome.err);
    }
}

Test(configuration, program_without_mistakes_runs_with_strict)
{
    struct outcome outcome =
        run_program(ALIVE, WORDS(PRELOAD, "REDISGUARD_STRICT=1", "REDISGUARD_KEEPIDLE=31"));
    expect_alive(outcome);
    cr_assert_str_empty(outcome.err);
}

Test(configuration, children_inherit_all_variables_but_strict_and_probe)
{
    char *env = printed_by(WORDS("sh", "-c", "env"),
                           WORDS(PRELOAD, "REDISGUARD_STRICT=1", "REDISGUARD_PROBE=0",
                                 "REDISGUARD_KEEPIDLE=31", "REDISGUARD_TRAP=0"));
    cr_assert_not(strstr(env, "REDISGUARD_STRICT"), "%s", env);
    cr_assert_not(strstr(env, "REDISGUARD_PROBE"), "%s", env);
    cr_assert(strstr(env, "REDISGUARD_KEEPIDLE=31\n"), "%s", env);
    cr_assert(strstr(env, "REDISGUARD_TRAP=0\n"), "%s", env);
}

Test(configuration, mistake_in_childs_environment_does_not_end_it)
{
    struct outcome outcome =
        run_program(WORDS("sh", "-c", "REDISGUARD_KEEPIDLE=x sh -c 'echo alive'; exit 7"),
                    WORDS(PRELOAD, "REDISGUARD_STRICT=1"));
    expect_alive(outcome);
    cr_assert_eq(lines_with(outcome.err, "REDISGUARD_KEEPIDLE"), 1, "%s", outcome.err);
}

/* ---- PROBE ---- */

Test(configuration, probe_prints_version_and_values_and_exits_0_before_main)
{
    struct outcome outcome = run_program(
        ALIVE, WORDS(PRELOAD, "REDISGUARD_PROBE=1", "REDISGUARD_PORTS=7000-7005,6379",
                     "REDISGUARD_UNIX=/a b/*:/c", "REDISGUARD_KEEPIDLE=31", "REDISGUARD_FORK=close",
                     "REDISGUARD_LOG=/var/log/guard", "REDISGUARD_LOG_LEVEL=warn"));
    cr_assert_eq(outcome.status, 0);
    cr_assert_str_empty(outcome.err);
    EXPECT_LINES(outcome.out,
                 "redisguard " REDISGUARD_VERSION "\nREDISGUARD_PORTS=6379,7000-7005\n"
                 "REDISGUARD_UNIX=/a b/*:/c\nREDISGUARD_KEEPIDLE=31\nREDISGUARD_KEEPINTVL=5\n"
                 "REDISGUARD_KEEPCNT=3\nREDISGUARD_USER_TIMEOUT=46000\n"
                 "REDISGUARD_FORCE=1\nREDISGUARD_RESET_HALF_OPEN=1\nREDISGUARD_FORK="
                 "close\nREDISGUARD_CLOEXEC=1\n"
                 "REDISGUARD_DEEPBIND=rebind\nREDISGUARD_LOG=/var/log/guard\n"
                 "REDISGUARD_LOG_LEVEL=warn\nREDISGUARD_STRICT=0\nREDISGUARD_PROBE=1\n"
                 "REDISGUARD_TRAP=0\nREDISGUARD_DISABLE=0\n");
}

Test(configuration, connection_gets_values_that_probe_prints)
{
    struct server *redis = start_redis(NULL);
    char *values = effective(WORDS("REDISGUARD_DETECT=45", "REDISGUARD_KEEPCNT=4"));
    char *printed =
        printed_by(STEPS("socket=tcp", connect_step(redis), "options"),
                   guarded(redis, WORDS("REDISGUARD_DETECT=45", "REDISGUARD_KEEPCNT=4")));
    int keepidle = 0, keepintvl = 0, keepcnt = 0, user_timeout = 0;
    sscanf(strstr(values, "REDISGUARD_KEEPIDLE"),
           "REDISGUARD_KEEPIDLE=%d REDISGUARD_KEEPINTVL=%d REDISGUARD_KEEPCNT=%d "
           "REDISGUARD_USER_TIMEOUT=%d",
           &keepidle, &keepintvl, &keepcnt, &user_timeout);
    cr_assert_eq(keepcnt, 4);
    EXPECT_LINES(printed, text("socket 3\nconnect 0\noptions KEEPALIVE 1 KEEPIDLE %d KEEPINTVL %d "
                               "KEEPCNT %d USER_TIMEOUT %d CLOEXEC 1\n",
                               keepidle, keepintvl, keepcnt, user_timeout));
}

/* ---- DISABLE ---- */

Test(configuration, disabled_guard_changes_nothing)
{
    struct server *redis = start_redis(NULL);
    char *log = log_path();
    printed_alike(STEPS("socket=tcp", connect_step(redis), "options", "set=KEEPALIVE:1",
                        "set=KEEPIDLE:99", "options", "dup", "fork", "ping", "wait", "ping",
                        "socket=unix", connect_unix_step(redis), "options", "fork", "ping", "wait",
                        "daemon", "ping", "exec", "use=3", "ping"),
                  guarded(redis, WORDS(TUNED, text("REDISGUARD_LOG=%s", log), "REDISGUARD_TRAP=1",
                                       "REDISGUARD_LOG_LEVEL=debug", "REDISGUARD_DISABLE=1")));
    cr_assert_eq(access(log, F_OK), -1, "%s", content_of(log));
}

Test(configuration, disabled_guard_adds_no_system_call_to_connect)
{
    struct server *redis = start_redis(NULL);
    const char *const steps[] = {PROGRAMS "sockets", "socket=tcp", connect_step(redis), NULL};
    char *bare = calls_of(steps, NULL, "all");
    char *disabled = calls_of(steps, guarded(redis, WORDS("REDISGUARD_DISABLE=1")), "all");
    cr_assert_eq(lines_with(strstr(disabled, "socket(AF_INET"), ""),
                 lines_with(strstr(bare, "socket(AF_INET"), ""), "%s", disabled);
}

/* ---- privilege ---- */

/* Linked against a copy of the library, as the loader does not preload into such a program. */
static char *linked_program(void)
{
    const char *directory = scratch_directory();
    cr_assert_eq(chmod(directory, 0755), 0);
    output_of(WORDS("install", "-m", "755", LIBRARY, directory));
    char *program = text("%s/linked", directory);
    output_of(WORDS("cc", "-std=gnu11", "-D_GNU_SOURCE", "-I" SOURCE_DIR "/include", "-o", program,
                    SOURCE_DIR "/tests/system/connect/programs/sockets.c", "-Wl,--no-as-needed",
                    text("%s/libredisguard.so", directory), text("-Wl,-rpath,%s", directory)));
    return program;
}

static void skip_unless_set_user_id_works(void)
{
    struct statvfs where;
    cr_assert_eq(statvfs(scratch_directory(), &where), 0);
    if (geteuid() != 0 || (where.f_flag & ST_NOSUID) != 0 || prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0))
        cr_skip_test("needs root, and a file system and process where set-user-ID works");
}

Test(configuration, set_user_id_program_ignores_environment)
{
    enum { NOBODY = 65534 };
    skip_unless_set_user_id_works();
    struct server *redis = start_redis(NULL);
    char *program = linked_program();
    const char *const steps[] = {program, "socket=tcp", connect_step(redis), "guards", NULL};
    const char *const env[] = {text("REDISGUARD_PORTS=%d", redis->port), NULL};
    const char *const hostile[] = {text("REDISGUARD_PORTS=%d", redis->port), "REDISGUARD_STRICT=1",
                                   "REDISGUARD_KEEPIDLE=x",
                                   text("REDISGUARD_LOG=%s/log", scratch_directory()), NULL};
    EXPECT_LINES(printed_by(steps, env), "socket 3\nconnect 0\nguards 1\n");
    if (chown(program, NOBODY, (gid_t)-1) != 0)
        cr_skip_test("needs a second user: not in this user namespace");
    cr_assert_eq(chmod(program, 04755), 0);
    EXPECT_LINES(printed_by(steps, hostile), "socket 3\nconnect 0\nguards 0\n");
    cr_assert_eq(access(log_path(), F_OK), -1);
}
