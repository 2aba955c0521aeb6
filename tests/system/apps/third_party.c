/*
 * Programs of other projects, with and without the guard: a shell and Perl that work much with
 * processes and descriptors, and a compiler under make. Both runs must give the same results.
 * Python is in third_party_python.c, servers are in third_party_servers.c.
 */
#include "sockets.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOREIGN SOURCE_DIR "/tests/system/apps/third_party/"

/* The guard was there: its log says so. */
static const char *const *guarded_and_logged(const struct server *redis)
{
    return guarded(redis, WORDS(LOGGED(log_path())));
}

/* What it prints in an empty directory of its own. */
static char *printed_in(const char *directory, const char *const argv[], const char *const env[])
{
    char *path = text("%s/%s", scratch_directory(), directory);
    cr_assert_eq(mkdir(path, 0700), 0);
    cr_assert_eq(chdir(path), 0);
    return printed_by(argv, env);
}

/* The guard was in that process, too, and in its children. */
static void expect_a_log(void)
{
    char *log = content_of(log_path());
    cr_assert_gt(lines_with(log, " guarded: 127.0.0.1:"), 0, "%s", log);
    cr_assert_gt(lines_with(log, " cut off in this child: 127.0.0.1:"), 0, "%s", log);
}

Test(third_party, bash_gives_the_same_results)
{
    struct server *redis = start_redis(NULL);
    const char *const shell[] = {"bash", FOREIGN "shell.bash", text("%d", redis->port), NULL};
    const char *const script[] = {"sh",     "-c", "bash \"$@\"; echo \"status $?\"", "sh", shell[1],
                                  shell[2], NULL};
    char *bare = printed_in("bare", script, NULL);
    EXPECT_LINES(printed_in("guarded", script, guarded_and_logged(redis)), bare);
    cr_assert_eq(lines_with(bare, "status 7"), 1, "it did not come to its end:\n%s", bare);
    expect_a_log();
}

Test(third_party, perl_gives_the_same_results)
{
    struct server *redis = start_redis(NULL);
    const char *const perl[] = {"env", text("REDIS_PORT=%d", redis->port), "perl",
                                FOREIGN "processes.t", NULL};
    char *bare = printed_in("bare", perl, NULL);
    EXPECT_LINES(printed_in("guarded", perl, guarded_and_logged(redis)), bare);
    cr_assert_eq(lines_with(bare, "not ok"), 0, "%s", bare);
    expect_a_log();
}

/* Into the same directory both times, as its name is part of what is built. What make was told by
 * the make that runs this test is not for it. */
static void build(const char *const env[])
{
    struct outcome outcome = run_program(WORDS("env", "-u", "MAKEFLAGS", "-u", "MAKELEVEL", "-u",
                                               "MFLAGS", "make", "-s", "-j2", "BUILD=out", "all"),
                                         env);
    cr_assert_eq(outcome.status, 0, "%s", outcome.err);
    cr_assert_str_empty(outcome.err);
}

Test(third_party, make_and_compiler_build_guard_itself_byte_for_byte)
{
    cr_assert_eq(chdir(scratch_directory()), 0);
    output_of(WORDS("cp", "-r", SOURCE_DIR "/Makefile", SOURCE_DIR "/shim", SOURCE_DIR "/include",
                    scratch_directory()));
    build(NULL);
    cr_assert_eq(rename("out", "bare"), 0);
    build(WORDS(GUARDED_EVERYWHERE));
    output_of(WORDS("diff", "-r", "bare", "out"));
    cr_assert_eq(access("out/libredisguard.so", F_OK), 0);
}
