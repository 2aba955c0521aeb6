/*
 * The library built for i386, in i386 programs, which this machine runs itself; and beside the one
 * for x86-64, when programs of both classes start each other. The tests cover what is particular to
 * the machine: the system calls, the jump to dlopen, relocations without addends. i386.mk builds it
 * all.
 */
#include "install.h"
#include "machine.h"

#include <criterion/criterion.h>
#include <string.h>
#include <unistd.h>

#define I386         BUILD_DIR "/i386/"
#define I386_LIBRARY I386 "libredisguard.so"
#define I386_PROGRAM I386 "tests/system/programs/"

static void needs_i386(void)
{
    if (access(I386_LIBRARY, R_OK) != 0)
        cr_skip_test("needs the i386 library: the package gcc-i686-linux-gnu, and make i386");
    if (access("/lib/ld-linux.so.2", X_OK) != 0)
        cr_skip_test("needs a loader for i386: the package libc6-i386");
    if (run_program(WORDS(I386_PROGRAM "sockets"), NULL).status != 0)
        cr_skip_test("needs a kernel that runs i386 programs");
}

TestSuite(i386, .init = needs_i386);

static const struct machine i386 = {
    .library = I386_LIBRARY,
    .programs = I386_PROGRAM,
    .runner = (const char *const[]){NULL},
    .preload = "LD_PRELOAD=" I386_LIBRARY,
};

Test(i386, library_has_the_same_symbols_as_native_one)
{
    expect_library_for(&i386, "Intel 80386");
    EXPECT_LINES(symbols_of(I386_LIBRARY, "--defined-only"), symbols_of(LIBRARY, "--defined-only"));
    EXPECT_LINES(symbols_of(I386_LIBRARY, "--undefined-only"),
                 symbols_of(LIBRARY, "--undefined-only"));
    cr_assert_not(
        strstr(output_of(WORDS("readelf", "--wide", "--dynamic", I386_LIBRARY)), "TEXTREL"));
}

Test(i386, connection_is_tuned_and_stays_so)
{
    expect_tuned_for_good(&i386);
}

Test(i386, child_reads_eof_on_every_copy_and_reconnects)
{
    expect_children_cut_off(&i386);
}

Test(i386, daemon_keeps_connection)
{
    expect_daemon_handed_over(&i386);
}

Test(i386, guarded_and_severed_connections_are_logged)
{
    char *log = expect_logged(&i386);
    cr_assert_eq(lines_with(log, ""), 3, "%s", log);
}

/* ---- modules that bypass a preload ---- */

Test(i386, module_is_found_by_runpath_of_program_and_guarded)
{
    expect_module_guarded(&i386, "program", "rebind_of_program.so");
}

Test(i386, module_is_found_by_origin_of_library_and_guarded)
{
    expect_module_guarded(&i386, "library", "$ORIGIN/by_library/rebind_of_library.so");
}

Test(i386, module_is_found_by_path_and_guarded_with_any_binding)
{
    expect_module_guarded(&i386, "library", I386 "tests/system/modules/rebind_lazy.so");
    expect_module_guarded(&i386, "program", I386 "tests/system/modules/rebind_now.so");
    expect_module_guarded(&i386, "program", I386 "tests/system/modules/rebind_relro.so");
    expect_module_guarded(&i386, "program", I386 "tests/system/modules/rebind_noplt.so");
}

Test(i386, bare_names_opened_in_loop_are_all_rebound)
{
    expect_modules_in_a_loop_guarded(&i386);
}

Test(i386, signal_handler_may_call_hooks_during_dlopen_by_name)
{
    expect_no_bypass_while_opening(&i386);
}

Test(i386, bad_addresses_are_refused_as_without_guard)
{
    struct server *redis = start_redis(NULL);
    char *printed = printed_alike(
        WORDS(I386_PROGRAM "bad_addresses", text("%d", redis->port), redis->unix_socket),
        environment_on(&i386, redis, NULL));
    cr_assert_gt(lines_with(printed, "Bad address"), 100);
    cr_assert_gt(lines_with(printed, "Operation now in progress"), 10);
}

Test(i386, log_may_be_longer_than_two_gigabytes)
{
    struct server *redis = start_redis(NULL);
    const char *log = log_path();
    output_of(WORDS("truncate", "--size=3G", log));
    printed_by(WORDS(I386_PROGRAM "sockets", "socket=tcp", connect_step(redis)),
               environment_on(&i386, redis, WORDS(LOGGED(log))));
    char *last = output_of(WORDS("tail", "--bytes=+3221225473", log));
    cr_assert_eq(lines_with(last, "debug: descriptor 3 guarded: 127.0.0.1:"), 1, "%s", last);
}

/* Records beyond the first 1,024 are in memory that was asked for. */
Test(i386, high_descriptor_is_guarded)
{
    struct server *redis = start_redis(NULL);
    EXPECT_LINES(
        printed_by(WORDS("prlimit", "--nofile=4096", "env", "LD_PRELOAD=" I386_LIBRARY,
                         I386_PROGRAM "sockets", "socket=tcp", connect_step(redis), "dup2=4000",
                         "use=4000", "guards", "fork", "ping", "wait", "ping"),
                   WORDS(text("REDISGUARD_PORTS=%d", redis->port))),
        "socket 3\nconnect 0\ndup2 4000\nguards 1\nchild\nping -1 Broken pipe\nparent\n"
        "ping +PONG\n");
}

/* That takes the mode of a directory, as the kernel tells it. */
Test(i386, log_behind_untrusted_link_is_not_written)
{
    struct server *redis = start_redis(NULL);
    const char *link = text("%s/anybody/link", scratch_directory());
    output_of(WORDS("sh", "-c",
                    text("cd %s && mkdir anybody && chmod 1777 anybody && ln -s ../log %s",
                         scratch_directory(), link)));
    struct outcome outcome =
        run_program(WORDS(I386_PROGRAM "sockets", "socket=tcp", connect_step(redis)),
                    environment_on(&i386, redis, WORDS(LOGGED(link))));
    cr_assert(strstr(outcome.err, "it is a link where others can put one"), "%s", outcome.err);
}

/* ---- beside the library for x86-64 ---- */

/* The wrapper, installed below the test's own directory: with both libraries, or with one. */
static char *installed_wrapper(const char *i386_library)
{
    char *prefix = text("%s/usr", scratch_directory());
    struct outcome outcome =
        make_in(SOURCE_DIR, "install",
                text("BUILD=%s PREFIX=%s I386_LIBRARY=%s", BUILD_DIR, prefix, i386_library));
    cr_assert_eq(outcome.status, 0, "%s%s", outcome.out, outcome.err);
    return text("%s/bin/redisguard", prefix);
}

static char *command(const char *programs, const struct server *redis)
{
    return text("%ssockets socket=tcp %s options", programs, connect_step(redis));
}

#define IS_TUNED "socket 3\nconnect 0\n" TUNED_OPTIONS " CLOEXEC 1\n"

Test(i386, programs_of_both_classes_start_each_other_guarded_and_silent)
{
    struct server *redis = start_redis(NULL);
    char *wrapper = installed_wrapper(I386_LIBRARY);
    char *ports = text("--ports=%d", redis->port);
    char *one = command(PROGRAMS, redis), *other = command(I386_PROGRAM, redis);
    EXPECT_LINES(printed_by(WORDS(wrapper, ports, I386_PROGRAM "i386_runs",
                                  text("%s; " I386_PROGRAM "i386_runs '%s; %s'", one, other, one)),
                            WORDS(TUNED)),
                 IS_TUNED IS_TUNED IS_TUNED);
    EXPECT_LINES(printed_by(WORDS(wrapper, ports, PROGRAMS "i386_runs", other), WORDS(TUNED)),
                 IS_TUNED);
}

/* musl expands nothing: to it $LIB is the name of a directory. */
Test(i386, musl_program_finds_library)
{
    if (access("/usr/bin/musl-gcc", X_OK) != 0)
        cr_skip_test("needs musl-gcc: the package musl-tools");
    struct server *redis = start_redis(NULL);
    char *program = text("%s/sockets", scratch_directory());
    output_of(WORDS("musl-gcc", "-std=gnu11", "-D_GNU_SOURCE", "-I", SOURCE_DIR "/include", "-o",
                    program, SOURCE_DIR "/tests/system/connect/programs/sockets.c"));
    EXPECT_LINES(printed_by(WORDS(installed_wrapper(I386_LIBRARY), text("--ports=%d", redis->port),
                                  program, "socket=tcp", connect_step(redis), "options"),
                            WORDS(TUNED)),
                 IS_TUNED);
}

Test(i386, library_is_loaded_once_by_any_of_its_paths)
{
    char *wrapper = installed_wrapper(I386_LIBRARY);
    char *plain = text("%s/usr/lib/redisguard/libredisguard.so", scratch_directory());
    EXPECT_LINES(printed_by(WORDS(wrapper, "sh", "-c", "echo \"$LD_PRELOAD\""), NULL),
                 text("%s/usr/lib/redisguard/$LIB/libredisguard.so\n", scratch_directory()));
    EXPECT_LINES(
        printed_by(WORDS(wrapper, "grep", "-c", "r-xp .*/libredisguard.so", "/proc/self/maps"),
                   WORDS(text("LD_PRELOAD=%s", plain))),
        "1\n");
}

Test(i386, loader_warns_where_one_library_is_missing_and_program_runs)
{
    struct outcome outcome =
        run_program(WORDS(installed_wrapper(""), I386_PROGRAM "sockets", "version"), NULL);
    cr_assert_eq(outcome.status, 0);
    EXPECT_LINES(outcome.out, "version of nothing\n");
    cr_assert_eq(lines_with(outcome.err, "wrong ELF class"), 1, "%s", outcome.err);
    cr_assert_eq(lines_with(outcome.err, ""), 1, "%s", outcome.err);
}

Test(i386, uninstall_removes_both_libraries)
{
    installed_wrapper(I386_LIBRARY);
    char *prefix = text("%s/usr", scratch_directory());
    struct outcome outcome =
        make_in(SOURCE_DIR, "uninstall", text("BUILD=%s PREFIX=%s", BUILD_DIR, prefix));
    cr_assert_eq(outcome.status, 0, "%s%s", outcome.out, outcome.err);
    EXPECT_LINES(
        output_of(WORDS("find", prefix, "-not", "-type", "d", "-o", "-name", "*redisguard*")), "");
}
