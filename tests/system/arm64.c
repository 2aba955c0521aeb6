/*
 * The library cross-built for arm64, in arm64 programs that qemu runs. qemu knows neither SO_COOKIE
 * nor seccomp: sockets are told apart by their inode here, and no sandbox can be tried. What is
 * special to the machine is looked at most: the system calls, the jump to dlopen, and how the guard
 * knows that a dlopen is still at work. arm64.mk builds it all.
 */
#include "redisguard.h"
#include "sockets.h"

#include <criterion/criterion.h>
#include <string.h>
#include <unistd.h>

#define ARM64         BUILD_DIR "/arm64/"
#define ARM64_LIBRARY ARM64 "libredisguard.so"
#define ARM64_PROGRAM ARM64 "tests/system/programs/"

/* qemu hands the preload on to the program; in its own environment it would be its own. */
#define IN_ARM64(...)                                                                              \
    WORDS("qemu-aarch64", "-L", "/usr/aarch64-linux-gnu", "-E", "LD_PRELOAD=" ARM64_LIBRARY,       \
          __VA_ARGS__)

static void needs_qemu(void)
{
    if (access("/usr/bin/qemu-aarch64", X_OK) != 0)
        cr_skip_test("needs qemu-aarch64: the package qemu-user");
    if (access(ARM64_LIBRARY, R_OK) != 0)
        cr_skip_test("needs the arm64 library: the package gcc-aarch64-linux-gnu, and make arm64");
}

static const char *const *for_ports_of(const struct server *server, const char *more)
{
    static const char *words[8];
    size_t count = 0;
    const char *const tuned[] = {TUNED, more, NULL};
    words[count++] = text("REDISGUARD_PORTS=%d", server->port);
    for (size_t i = 0; tuned[i] != NULL; i++)
        words[count++] = tuned[i];
    words[count] = NULL;
    return words;
}

static char *symbols_of(const char *library, const char *which)
{
    return output_of(WORDS(
        "sh", "-c", text("nm -D %s --format=posix %s | cut -d' ' -f1 | sort", which, library)));
}

Test(arm64, the_library_exports_and_wants_what_that_of_this_machine_does)
{
    needs_qemu();
    char *header = output_of(WORDS("readelf", "--file-header", ARM64_LIBRARY));
    cr_assert(strstr(header, "AArch64"), "%s", header);
    EXPECT_LINES(symbols_of(ARM64_LIBRARY, "--defined-only"),
                 symbols_of(LIBRARY, "--defined-only"));
    /* Where the machine's stack protector has its guard: a symbol here, thread-local there. */
    EXPECT_LINES(symbols_of(ARM64_LIBRARY, "--undefined-only"),
                 output_of(WORDS("sh", "-c",
                                 text("printf '%%s' '%s__stack_chk_guard\n' | sort",
                                      symbols_of(LIBRARY, "--undefined-only")))));
    char *versions = output_of(WORDS("readelf", "--wide", "--version-info", ARM64_LIBRARY));
    cr_assert_not(strstr(versions, "GLIBC_"), "%s", versions);
}

Test(arm64, a_connection_is_tuned_and_stays_so)
{
    needs_qemu();
    struct server *redis = start_redis(NULL);
    EXPECT_LINES(printed_by(IN_ARM64(ARM64_PROGRAM "sockets", "version", "socket=tcp",
                                     connect_to(redis), "options", "set=KEEPALIVE:0",
                                     "set=USER_TIMEOUT:1", "options", "guards", "ping"),
                            for_ports_of(redis, NULL)),
                 "version " REDISGUARD_VERSION "\nsocket 3\nconnect 0\n" TUNED_OPTIONS
                 " CLOEXEC 1\nset 0\nset 0\n" TUNED_OPTIONS " CLOEXEC 1\nguards 1\nping +PONG\n");
}

Test(arm64, a_forked_child_is_cut_off_from_every_copy_and_reconnects)
{
    needs_qemu();
    struct server *redis = start_redis(NULL);
    EXPECT_LINES(printed_by(IN_ARM64(ARM64_PROGRAM "sockets", "socket=tcp", connect_to(redis),
                                     "dup", "dup2=9", "dup3=10", "dupfd=11", "dupfd-cloexec=12",
                                     "guards", "fork", "ping", "use=3", "ping", "use=4", "ping",
                                     "use=9", "ping", "use=10", "ping", "use=11", "ping",
                                     "socket=tcp", connect_to(redis), "ping", "wait", "ping"),
                            for_ports_of(redis, NULL)),
                 "socket 3\nconnect 0\ndup 4\ndup2 9\ndup3 10\ndupfd 11\ndupfd-cloexec 12\n"
                 "guards 1\nchild\nping -1 Broken pipe\nping -1 Broken pipe\nping -1 Broken pipe\n"
                 "ping -1 Broken pipe\nping -1 Broken pipe\nping -1 Broken pipe\n"
                 "socket 5\nconnect 0\nping +PONG\nparent\nping +PONG\n");
}

Test(arm64, daemon_hands_the_connection_over)
{
    needs_qemu();
    struct server *redis = start_redis(NULL);
    EXPECT_LINES(printed_by(IN_ARM64(ARM64_PROGRAM "sockets", "socket=tcp", connect_to(redis),
                                     "daemon", "ping", "fork", "ping", "wait", "ping"),
                            for_ports_of(redis, NULL)),
                 "socket 3\nconnect 0\ndaemon 0\nping +PONG\nchild\nping -1 Broken pipe\n"
                 "parent\nping +PONG\n");
}

Test(arm64, what_is_guarded_and_cut_off_is_logged)
{
    needs_qemu();
    struct server *redis = start_redis(NULL);
    struct outcome outcome =
        run_program(IN_ARM64(ARM64_PROGRAM "sockets", "socket=tcp", connect_to(redis), "fork"),
                    for_ports_of(redis, "REDISGUARD_LOG=stderr"));
    cr_assert_eq(lines_with(outcome.err, "info: descriptor 3 guarded: 127.0.0.1:"), 1, "%s",
                 outcome.err);
    cr_assert_eq(lines_with(outcome.err, "info: descriptor 3 cut off in this child: "), 1, "%s",
                 outcome.err);
    int makeshift = lines_with(outcome.err, "info: there is no SO_COOKIE here"); /* nor has qemu */
    cr_assert_eq(lines_with(outcome.err, ""), 2 + makeshift, "%s", outcome.err);
}

/* ---- modules that bypass a preload ---- */

static void expect_found_and_guarded(const char *who, const char *file)
{
    needs_qemu();
    struct server *redis = start_redis(NULL);
    const char *plain = text("%s:plain:%s", who, file), *deep = text("%s:deepbind:%s", who, file);
    EXPECT_LINES(printed_by(IN_ARM64(ARM64_PROGRAM "rebind_open", text("%d", redis->port), plain,
                                     "close", deep),
                            for_ports_of(redis, NULL)),
                 text("%s: opened\n  setsockopt: guarded\nclose: closed\n%s: opened\n"
                      "  setsockopt: guarded\n",
                      plain, deep));
}

Test(arm64, a_module_is_found_by_the_runpath_of_the_program_and_guarded)
{
    expect_found_and_guarded("program", "rebind_of_program.so");
}

Test(arm64, a_module_is_found_by_the_origin_of_a_library_and_guarded)
{
    expect_found_and_guarded("library", "$ORIGIN/by_library/rebind_of_library.so");
}

Test(arm64, a_module_is_found_by_its_path_and_guarded)
{
    expect_found_and_guarded("library", ARM64 "tests/system/modules/rebind_lazy.so");
}

Test(arm64, a_signal_handler_may_make_calls_while_a_module_is_opened_by_its_name)
{
    needs_qemu();
    struct server *redis = start_redis(NULL);
    EXPECT_LINES(printed_by(IN_ARM64(ARM64_PROGRAM "rebind_signal", text("%d", redis->port),
                                     "rebind_of_program.so"),
                            for_ports_of(redis, NULL)),
                 "bypassed: never\n");
}
