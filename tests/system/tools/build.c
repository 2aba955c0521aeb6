/*
 * make on a machine that lacks a compiler, a libc to build for, or what a target runs: it names the
 * package, and builds nothing.
 */
#include "install.h"
#include "support.h"

#include <criterion/criterion.h>
#include <string.h>
#include <unistd.h>

static void expect_named(const char *goal, const char *settings, const char *packages)
{
    struct outcome outcome =
        make_in(SOURCE_DIR, goal, text("BUILD=%s/build %s", scratch_directory(), settings));
    cr_assert_eq(outcome.status, 2, "status %d: %s", outcome.status, outcome.err);
    cr_assert(strstr(outcome.err, packages), "no \"%s\" in: %s", packages, outcome.err);
    cr_assert(strstr(outcome.err, "error:") == NULL, "%s", outcome.err);
}

Test(build, make_without_compiler_names_gcc)
{
    expect_named("all", "CC=no-such-cc", "make: there is no no-such-cc: install gcc");
}

/* What a compiler without libc6-dev finds: no header and no start file. */
Test(build, make_without_libc_names_libc6_dev)
{
    expect_named("all", "'CC=cc --sysroot=/no/such'", "install libc6-dev");
}

/* To dpkg nothing is installed; only as root would it be. */
Test(build, targets_name_what_they_lack)
{
    static const char *const targets[][2] = {
        {"fuzz", "clang libclang-rt-14-dev"},
        {"tsan", "gcc libc6-dev libcriterion-dev"},
        {"soak", "spin libcriterion-dev"},
        {"i386", "gcc-i686-linux-gnu libc6-dev-i386-cross"},
        {"arm64", "gcc-aarch64-linux-gnu libc6-dev-arm64-cross"},
    };
    const char *run = geteuid() == 0 ? "setpriv --reuid=65534 --regid=65534 --clear-groups " : "";
    if (run_program(WORDS("sh", "-c", text("%stest -r " SOURCE_DIR "/Makefile", run)), NULL).status)
        cr_skip_test("needs sources that every user may read");
    char *nothing = text("%s/dpkg", scratch_directory());
    output_of(WORDS("sh", "-c", "mkdir \"$0\" && chmod 755 \"$0\" \"$0/..\"", nothing));
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
        struct outcome outcome = run_program(
            WORDS("sh", "-c",
                  text("unset MAKEFLAGS MAKEOVERRIDES MFLAGS MAKELEVEL; DPKG_ADMINDIR=%s exec "
                       "%smake -s -C " SOURCE_DIR " BUILD=%s/build %s",
                       nothing, run, scratch_directory(), targets[i][0])),
            NULL);
        cr_assert_eq(outcome.status, 2, "make %s: status %d: %s%s", targets[i][0], outcome.status,
                     outcome.out, outcome.err);
        cr_assert(strstr(outcome.err, targets[i][1]), "make %s: %s", targets[i][0], outcome.err);
    }
}
