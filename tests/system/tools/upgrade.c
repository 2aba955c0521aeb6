/*
 * The library is replaced while processes run under it. What runs goes on with what it has, what
 * starts gets the new one, nothing ever sees half a file. An older version of ours is built from
 * the same sources first.
 */
#include "install.h"
#include "redisguard.h"
#include "sockets.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define OLD_VERSION "0.0.9"

static char *prefix(void)
{
    return text("%s/usr", scratch_directory());
}

static char *installed_library(void)
{
    return text("%s/lib/redisguard/libredisguard.so", prefix());
}

static void install_from(const char *tree, const char *build)
{
    struct outcome outcome = make_in(tree, "install", text("BUILD=%s PREFIX=%s", build, prefix()));
    cr_assert_eq(outcome.status, 0, "%s%s", outcome.out, outcome.err);
}

static void install_new_version(void)
{
    install_from(SOURCE_DIR, BUILD_DIR);
}

/* Unoptimised: it takes half the time to compile. */
static void install_old_version(void)
{
    char *tree = text("%s/old", scratch_directory());
    output_of(WORDS("sh", "-c",
                    text("mkdir -p %s && cd " SOURCE_DIR " && cp -R Makefile include shim examples"
                         " %s && sed -i 's/" REDISGUARD_VERSION "/" OLD_VERSION "/'"
                         " %s/include/redisguard.h",
                         tree, tree, tree)));
    install_from(tree, text("%s/build CFLAGS=-O0", tree));
}

static char *wrapper_version(void)
{
    return output_of(WORDS(text("%s/bin/redisguard", prefix()), "--version"));
}

/* ---- by make install ---- */

Test(upgrade,
     a_running_process_keeps_its_version_and_its_guard_and_what_is_executed_gets_the_new_one)
{
    struct server *redis = start_redis(NULL);
    struct stat before, after;
    install_old_version();
    const char *const *env = guarded(redis, WORDS(text("LD_PRELOAD=%s", installed_library())));
    struct program *program = start_program(
        STEPS("version", "socket=tcp", connect_step(redis), "hold", "version", "guards", "fork",
              "version", "ping", "wait", "ping", "socket=tcp", connect_step(redis), "guards",
              "fork", "ping", "wait", "ping", "exec", "version"),
        env);
    wait_for_line(program, "hold");
    cr_assert_eq(stat(installed_library(), &before), 0);
    cr_assert_str_eq(wrapper_version(), "redisguard " OLD_VERSION "\n");

    install_new_version();
    cr_assert_eq(stat(installed_library(), &after), 0);
    cr_assert_neq(before.st_ino, after.st_ino, "written into the same file");
    cr_assert_str_eq(wrapper_version(), "redisguard " REDISGUARD_VERSION "\n");
    cr_assert_str_eq(printed_by(STEPS("version"), env), "version " REDISGUARD_VERSION "\n");
    char *maps = content_of(text("/proc/%d/maps", program->pid));
    cr_assert(strstr(maps, text(" %lu ", (unsigned long)before.st_ino)), "%s", maps);
    cr_assert(strstr(maps, text("%s (deleted)", installed_library())), "%s", maps);

    tell_program(program, "\n");
    EXPECT_LINES(finish_program(program).out,
                 "version " OLD_VERSION "\nsocket 3\nconnect 0\nhold\n"
                 "version " OLD_VERSION "\nguards 1\nchild\nversion " OLD_VERSION
                 "\nping -1 Broken pipe\nparent\nping +PONG\n"
                 "socket 4\nconnect 0\nguards 1\nchild\nping -1 Broken pipe\nparent\nping +PONG\n"
                 "version " REDISGUARD_VERSION "\n");
}

/* The loader complains of a library that is missing, empty or cut off, and goes on without it. */
Test(upgrade, whatever_starts_during_an_install_gets_a_whole_library)
{
    enum { INSTALLATIONS = 6 };
    install_new_version();
    struct program *starter = start_program(
        WORDS("sh", "-c",
              text("until [ -e %s/stop ]; do LD_PRELOAD=%s " PROGRAMS "sockets version; done",
                   scratch_directory(), installed_library())),
        NULL);
    for (int i = 0; i < INSTALLATIONS; i++) {
        wait_for_line(starter, "version");
        install_new_version();
    }
    scratch_file("stop", "", 0600);
    struct outcome outcome = finish_program(starter);
    cr_assert_str_empty(outcome.err);
    cr_assert_eq(lines_with(outcome.out, "version " REDISGUARD_VERSION),
                 lines_with(outcome.out, ""));
}

Test(upgrade, the_programs_of_older_versions_are_removed)
{
    char *directory = text("%s/lib/redisguard", prefix());
    output_of(WORDS("sh", "-c",
                    "mkdir -p $0 && touch $0/redisguard-check $0/redisguard-audit $0/mine",
                    directory));
    install_new_version();
    EXPECT_LINES(output_of(WORDS("ls", directory)), "libredisguard.so\nmine\n");
}

/* ---- without ---- */

/* What cp(1) does first to a file that is there. */
Test(upgrade, a_library_that_is_written_into_instead_takes_the_process_with_it)
{
    struct server *redis = start_redis(NULL);
    char *library = text("%s/libredisguard.so", scratch_directory());
    output_of(WORDS("cp", LIBRARY, library));
    struct program *program =
        start_program(STEPS("socket=tcp", "hold", connect_step(redis), "ping"),
                      guarded(redis, WORDS(text("LD_PRELOAD=%s", library))));
    wait_for_line(program, "hold");
    cr_assert_eq(truncate(library, 0), 0);
    tell_program(program, "\n");
    struct outcome outcome = finish_program(program);
    cr_assert(outcome.signal == SIGBUS || outcome.signal == SIGSEGV, "status %d, signal %d",
              outcome.status, outcome.signal);
}
