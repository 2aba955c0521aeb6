/*
 * The library cross-built for arm64, in arm64 programs that qemu runs. qemu knows neither SO_COOKIE
 * nor seccomp: the library tells sockets apart by their inode here, and the tests can try no
 * sandbox. They cover what is particular to the machine: the system calls, the jump to dlopen, and
 * how the guard knows that a dlopen() is still on the stack. arm64.mk builds it all.
 */
#include "machine.h"

#include <criterion/criterion.h>
#include <unistd.h>

#define ARM64         BUILD_DIR "/arm64/"
#define ARM64_LIBRARY ARM64 "libredisguard.so"

/* qemu hands the preload on to the program; in its own environment it would be its own. */
static const struct machine arm64 = {
    .library = ARM64_LIBRARY,
    .programs = ARM64 "tests/system/programs/",
    .runner =
        WORDS("qemu-aarch64", "-L", "/usr/aarch64-linux-gnu", "-E", "LD_PRELOAD=" ARM64_LIBRARY),
};

static void needs_qemu(void)
{
    if (access("/usr/bin/qemu-aarch64", X_OK) != 0)
        cr_skip_test("needs qemu-aarch64: the package qemu-user");
    if (access(ARM64_LIBRARY, R_OK) != 0)
        cr_skip_test("needs the arm64 library: the package gcc-aarch64-linux-gnu, and make arm64");
}

TestSuite(arm64, .init = needs_qemu);

Test(arm64, library_has_the_same_symbols_as_native_one)
{
    expect_library_for(&arm64, "AArch64");
    EXPECT_LINES(symbols_of(ARM64_LIBRARY, "--defined-only"),
                 symbols_of(LIBRARY, "--defined-only"));
    /* Where the machine's stack protector has its guard: a symbol here, thread-local there. */
    EXPECT_LINES(symbols_of(ARM64_LIBRARY, "--undefined-only"),
                 output_of(WORDS("sh", "-c",
                                 text("printf '%%s' '%s__stack_chk_guard\n' | sort",
                                      symbols_of(LIBRARY, "--undefined-only")))));
}

Test(arm64, connection_is_tuned_and_stays_so)
{
    expect_tuned_for_good(&arm64);
}

Test(arm64, child_reads_eof_on_every_copy_and_reconnects)
{
    expect_children_cut_off(&arm64);
}

Test(arm64, daemon_keeps_connection)
{
    expect_daemon_handed_over(&arm64);
}

Test(arm64, guarded_and_severed_connections_are_logged)
{
    char *log = expect_logged(&arm64);
    int by_inode = lines_with(log, "debug: no SO_COOKIE: "); /* nor has qemu */
    cr_assert_eq(lines_with(log, ""), 3 + by_inode, "%s", log);
}

/* ---- modules that bypass a preload ---- */

Test(arm64, module_is_found_by_runpath_of_program_and_guarded)
{
    expect_module_guarded(&arm64, "program", "rebind_of_program.so");
}

Test(arm64, module_is_found_by_origin_of_library_and_guarded)
{
    expect_module_guarded(&arm64, "library", "$ORIGIN/by_library/rebind_of_library.so");
}

Test(arm64, module_is_found_by_its_path_and_guarded)
{
    expect_module_guarded(&arm64, "library", ARM64 "tests/system/modules/rebind_lazy.so");
}

Test(arm64, bare_names_opened_in_loop_are_all_rebound)
{
    expect_modules_in_a_loop_guarded(&arm64);
}

Test(arm64, signal_handler_may_call_hooks_during_dlopen_by_name)
{
    expect_no_bypass_while_opening(&arm64);
}
