/*
 * The built file as nm(1) and readelf(1) show it: the symbols that it interposes and those that it
 * must not, what it needs and how it is protected. These keep it one file for every libc; musl.c
 * and tests/matrix run it with others.
 */
#include "redisguard.h"
#include "sockets.h"

#include <criterion/criterion.h>
#include <string.h>

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

Test(elf_exports, library_exports_hooks_and_public_functions_only)
{
    EXPECT_LINES(
        defined_symbols(),
        "\n_"
        "Fork\nclose\nconnect\ndaemon\ndlopen\ndup\ndup2\ndup3\nfcntl\nfcntl64\nfork\ngetsockopt\n"
        "redisguard_guards\nredisguard_release\nredisguard_version\nsetsockopt\n");
}

Test(elf_exports, library_does_not_hook_data_path)
{
    static const char *const never[] = {
        "read",       "write",     "readv",    "writev",    "send",        "recv",   "sendto",
        "sendmsg",    "recvfrom",  "recvmsg",  "poll",      "ppoll",       "select", "pselect",
        "epoll_wait", "epoll_ctl", "shutdown", "closefrom", "close_range", "socket", "accept",
        "accept4",    "malloc",    "free",     "vfork",     "execve",
    };
    char *symbols = defined_symbols();
    cr_assert(defines(symbols, "connect"), "%s", symbols);
    for (size_t i = 0; i < sizeof never / sizeof never[0]; i++)
        cr_assert_not(defines(symbols, never[i]), "%s", never[i]);
}

Test(elf_exports, library_needs_no_symbol_version)
{
    char *versions = output_of(WORDS("readelf", "--wide", "--version-info", LIBRARY));
    cr_assert_not(strstr(dynamic_section(), "VERNEED"), "%s", dynamic_section());
    cr_assert_not(strstr(versions, "GLIBC_"), "%s", versions);
}

Test(elf_exports, library_needs_libc_only)
{
    char *dynamic = dynamic_section();
    cr_assert_eq(lines_with(dynamic, "(NEEDED)"), 1, "%s", dynamic);
    cr_assert(strstr(dynamic, "[libc.so.6]"), "%s", dynamic);
    cr_assert_not(strstr(dynamic, "RPATH") || strstr(dynamic, "RUNPATH"), "%s", dynamic);
    cr_assert(strstr(dynamic, "soname: [libredisguard.so]"), "%s", dynamic);
}

/* Those that are wanted in any case are in every glibc since 2.17 and in every musl. */
static const char *const wanted_symbols =
    "__errno_location\n__libc_single_threaded\n__register_atfork\n__stack_chk_fail\n_r_debug\n"
    "dl_iterate_phdr\nenviron\ngetauxval\nmemcpy\nmemset\npthread_atfork\nunsetenv\n";

/* And those that may be missing: scope.c, start.c and fork_ring.c know what to do instead. */
static const char *const optional_symbols =
    "__libc_single_threaded\n__register_atfork\n_r_debug\npthread_atfork\n";

Test(elf_exports, undefined_symbols_are_those_listed)
{
    EXPECT_LINES(
        output_of(
            WORDS("sh", "-c", "nm -D --undefined-only --format=just-symbols " LIBRARY " | sort")),
        wanted_symbols);
    EXPECT_LINES(output_of(WORDS("sh", "-c",
                                 "nm -D --undefined-only --format=posix " LIBRARY
                                 " | sed -n 's/ w.*//p' | sort")),
                 optional_symbols);
}

/* Its own symbols were bound when it was linked: no other library can come between. */
Test(elf_exports, relocations_name_listed_symbols_only)
{
    EXPECT_LINES(output_of(WORDS("sh", "-c",
                                 "readelf --wide --relocs " LIBRARY
                                 " | awk '$3 ~ /^R_/ && NF > 4 { print $5 }' | sort -u")),
                 wanted_symbols);
}

/* Code, what is read-only once it is bound, and memory without a file. */
Test(elf_exports, library_has_three_mappings)
{
    const char *maps = printed_by(WORDS("cat", "/proc/self/maps"), WORDS("LD_PRELOAD=" LIBRARY));
    char *segments = output_of(WORDS("readelf", "--wide", "--segments", LIBRARY));
    cr_expect_eq(lines_with(maps, "libredisguard.so"), 2, "%s", maps);
    cr_expect_eq(lines_with(segments, "  LOAD "), 2, "%s", segments);
}

Test(elf_exports, library_is_bound_now_with_full_relro)
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

/* One object that does not say so takes it from the whole library, and that from the process. */
Test(elf_exports, library_keeps_branch_and_return_protection)
{
#if defined(__x86_64__)
    char *notes = output_of(WORDS("readelf", "--wide", "--notes", LIBRARY));
    cr_assert(strstr(notes, "IBT, SHSTK"), "%s", notes);
#else
    cr_skip_test("the note is x86-64's");
#endif
}
