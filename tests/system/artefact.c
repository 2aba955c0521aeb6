/*
 * The built file itself, as nm(1) and readelf(1) see it: which symbols it takes over and which
 * never, what it needs, how it is protected; and that the same file works in a program that was
 * built for another libc.
 */
#include "redisguard.h"
#include "sockets.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *dynamic_section(void)
{
    return output_of(WORDS("readelf", "--wide", "--dynamic", LIBRARY));
}

static bool defines(const char *symbols, const char *name)
{
    return strstr(symbols, text("\n%s\n", name)) != NULL;
}

/* One a line, in the order of the C locale. */
static char *defined_symbols(void)
{
    return text("\n%s",
                output_of(WORDS("sh", "-c",
                                "nm -D --defined-only --format=just-symbols " LIBRARY " | sort")));
}

Test(artefact, exports_the_hooks_and_the_public_functions_and_nothing_else)
{
    EXPECT_LINES(defined_symbols(),
                 "\n_Fork\nconnect\ndaemon\ndlopen\ndup\ndup2\ndup3\nfcntl\nfcntl64\nfork\n"
                 "redisguard_guards\nredisguard_release\nredisguard_version\nsetsockopt\n");
}

Test(artefact, does_not_stand_in_the_data_path)
{
    static const char *const never[] = {
        "read",       "write",     "readv",   "writev",    "send",        "recv",     "sendto",
        "sendmsg",    "recvfrom",  "recvmsg", "poll",      "ppoll",       "select",   "pselect",
        "epoll_wait", "epoll_ctl", "close",   "closefrom", "close_range", "shutdown", "socket",
        "accept",     "accept4",   "malloc",  "free",      "getsockopt",  "vfork",    "execve",
    };
    char *symbols = defined_symbols();
    cr_assert(defines(symbols, "connect"), "%s", symbols);
    for (size_t i = 0; i < sizeof never / sizeof never[0]; i++)
        cr_assert_not(defines(symbols, never[i]), "%s", never[i]);
}

Test(artefact, needs_no_version_of_any_symbol)
{
    char *versions = output_of(WORDS("readelf", "--wide", "--version-info", LIBRARY));
    cr_assert_not(strstr(dynamic_section(), "VERNEED"), "%s", dynamic_section());
    cr_assert_not(strstr(versions, "GLIBC_"), "%s", versions);
}

Test(artefact, needs_libc_and_libdl_and_nothing_else)
{
    char *dynamic = dynamic_section();
    cr_assert_eq(lines_with(dynamic, "(NEEDED)"), 2, "%s", dynamic);
    cr_assert(strstr(dynamic, "[libc.so.6]") && strstr(dynamic, "[libdl.so.2]"), "%s", dynamic);
    cr_assert_not(strstr(dynamic, "RPATH") || strstr(dynamic, "RUNPATH"), "%s", dynamic);
    cr_assert(strstr(dynamic, "soname: [libredisguard.so]"), "%s", dynamic);
}

Test(artefact, is_bound_at_once_and_read_only_from_then_on)
{
    char *dynamic = dynamic_section();
    char *segments = output_of(WORDS("readelf", "--wide", "--segments", LIBRARY));
    cr_assert(strstr(dynamic, "NOW"), "%s", dynamic);
    cr_assert_not(strstr(dynamic, "TEXTREL"), "%s", dynamic);
    cr_assert(strstr(segments, "GNU_RELRO"), "%s", segments);
    cr_assert_not(strstr(segments, "RWE"), "%s", segments);
    cr_assert(strstr(segments, "GNU_STACK") && strstr(strstr(segments, "GNU_STACK"), " RW "), "%s",
              segments);
}

/* ---- another libc ---- */

/* The same program, for musl. Needs no libhiredis, which Debian has for glibc only. */
static char *built_for_musl(void)
{
    if (access("/usr/bin/musl-gcc", X_OK) != 0)
        cr_skip_test("needs musl-gcc: the package musl-tools");
    char *program = text("%s/sockets", scratch_directory());
    output_of(WORDS("musl-gcc", "-std=gnu11", "-D_GNU_SOURCE", "-I" SOURCE_DIR "/include", "-o",
                    program, SOURCE_DIR "/tests/system/programs/sockets.c"));
    return program;
}

Test(artefact, guards_a_program_built_for_musl_as_it_is)
{
    char *program = built_for_musl();
    char *interpreter = output_of(WORDS("readelf", "--wide", "--segments", program));
    cr_assert(strstr(interpreter, "/ld-musl-"), "%s", interpreter);
    struct server *redis = start_redis(NULL);
    EXPECT_LINES(printed_by(WORDS(program, "socket=tcp", connect_to(redis), "options", "guards",
                                  "set=KEEPALIVE:0", "options", "fork", "ping", "socket=tcp",
                                  connect_to(redis), "ping", "wait", "ping"),
                            guarded(redis, WORDS(TUNED))),
                 "socket 3\nconnect 0\n" TUNED_OPTIONS " CLOEXEC 1\nguards 1\nset 0\n" TUNED_OPTIONS
                 " CLOEXEC 1\nchild\nping -1 Broken pipe\nsocket 4\nconnect 0\nping +PONG\n"
                 "parent\nping +PONG\n");
}

Test(artefact, in_a_program_built_for_musl_the_other_hooks_work_as_well)
{
    char *program = built_for_musl();
    struct server *redis = start_redis(NULL);
    EXPECT_LINES(
        printed_by(WORDS(program, "version", "socket=tcp", connect_to(redis), "dup", "guards",
                         "dup2=9", "guards", "dup3=10", "guards", "dupfd=11", "guards",
                         "dupfd-cloexec=12", "guards", "daemon", "ping", "release", "fork", "ping"),
                   guarded(redis, NULL)),
        "version " REDISGUARD_VERSION
        "\nsocket 3\nconnect 0\ndup 4\nguards 1\ndup2 9\nguards 1\ndup3 10\n"
        "guards 1\ndupfd 11\nguards 1\ndupfd-cloexec 12\nguards 1\ndaemon 0\nping +PONG\n"
        "release 0\nchild\nping +PONG\nparent\n");
}
