/*
 * The tarball that `make dist` makes of the last commit: the same bytes wherever it is built, what
 * is in it, and that it works as it was unpacked. tests/dist makes it.
 */
#include "redisguard.h"
#include "sockets.h"

#include <criterion/criterion.h>
#include <string.h>
#include <unistd.h>

#define NAME "redisguard-" REDISGUARD_VERSION

static void needs_a_clone(void)
{
    if (access(SOURCE_DIR "/.git", F_OK) != 0)
        cr_skip_test("needs the history: a clone");
    if (access("/usr/bin/aarch64-linux-gnu-gcc", X_OK) != 0)
        cr_skip_test("needs the package gcc-aarch64-linux-gnu");
}

/* Returns the tarball, made in an environment of its own, in directories of this name. */
static char *made(const char *directory, const char *environment)
{
    char *place = text("%s/%s", scratch_directory(), directory);
    char *command =
        text("mkdir -p %s/work && umask 0%s && %s TMPDIR=%s/work %s/tests/dist %s", place,
             strchr(directory, '-') ? "77" : "02", environment, place, SOURCE_DIR, place);
    output_of(WORDS("sh", "-c", command));
    return text("%s/" NAME ".tar.gz", place);
}

static char *unpacked(void)
{
    output_of(WORDS("tar", "-xzf", made("one", ""), "-C", scratch_directory()));
    return text("%s/" NAME, scratch_directory());
}

static void expect_nothing_of_this_machine_in(const char *tarball)
{
    const char *all = text("%s/all", scratch_directory());
    output_of(WORDS("sh", "-c", text("mkdir %s && tar -xzf %s -C %s", all, tarball, all)));
    struct outcome found = run_program(WORDS("grep", "-rlF", "-e", "/tmp", "-e", SOURCE_DIR,
                                             text("%s/" NAME "/x86_64/libredisguard.so", all),
                                             text("%s/" NAME "/aarch64/libredisguard.so", all)),
                                       NULL);
    cr_expect(found.status == 1, "%s%s", found.out, found.err);
    char *list = output_of(WORDS("tar", "-tvzf", tarball));
    cr_expect_eq(lines_with(list, " 0/0 "), lines_with(list, ""), "%s", list);
}

Test(dist, is_the_same_file_wherever_and_whenever_it_is_made)
{
    needs_a_clone();
    char *one = made("one", "TZ=UTC LC_ALL=C"),
         *other = made("a-place-with-a-longer-name", "TZ=Asia/Tokyo LC_ALL=C.UTF-8 CFLAGS=-O0");
    output_of(WORDS("cmp", one, other));
    expect_nothing_of_this_machine_in(one);
}

Test(dist, holds_the_library_for_both_machines_and_what_belongs_to_it)
{
    needs_a_clone();
    char *directory = unpacked();
    static const char *const parts[] = {
        "x86_64/libredisguard.so",
        "x86_64/redisguard",
        "aarch64/libredisguard.so",
        "aarch64/redisguard",
        "include/redisguard.h",
        "redisguard.1",
        "examples/supervisord.conf",
        "README.md",
        "LICENSE",
    };
    char *sums = content_of(text("%s/SHA256SUMS", directory));
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        cr_expect(strstr(sums, text("  ./%s\n", parts[i])), "%s is not among\n%s", parts[i], sums);
    output_of(WORDS("sh", "-c",
                    text("cd %s && sha256sum --check --strict --quiet SHA256SUMS", directory)));
    EXPECT_LINES(output_of(WORDS("sh", "-c", text("cd %s && find . -type f | wc -l", directory))),
                 text("%d\n", lines_with(sums, "") + 1));
    char *x86 = output_of(WORDS("readelf", "-h", text("%s/x86_64/libredisguard.so", directory)));
    char *arm = output_of(WORDS("readelf", "-h", text("%s/aarch64/libredisguard.so", directory)));
    cr_expect(strstr(x86, "X86-64") && strstr(arm, "AArch64"));
}

Test(dist, works_as_it_was_unpacked)
{
    needs_a_clone();
    char *wrapper = text("%s/x86_64/redisguard", unpacked());
    struct server *redis = start_redis(NULL);
    EXPECT_LINES(printed_by(WORDS(wrapper, "--ports", text("%d", redis->port), "--",
                                  PROGRAMS "sockets", "socket=tcp", connect_step(redis), "guards"),
                            NULL),
                 "socket 3\nconnect 0\nguards 1\n");
}
