/*
 * Modules loaded with RTLD_DEEPBIND, which bypass a plain preload: the guard gets their calls,
 * however the linker bound these, and changes nothing else in the modules. Runs programs/rebind_*.c
 * with modules/rebind_*.c.
 */
#include "child.h"

#include <criterion/criterion.h>
#include <string.h>

static const char *const guards_all = "setsockopt: guarded\n"
                                      "setsockopt again: guarded\n"
                                      "connect: guarded\n"
                                      "_Fork: guarded\n"
                                      "dup: guarded\n"
                                      "dup2: guarded\n"
                                      "dup3: guarded\n"
                                      "fcntl: guarded\n"
                                      "dlopen: guarded\n";

static const char *const guards_nothing = "setsockopt: bypasses\n"
                                          "setsockopt again: bypasses\n"
                                          "connect: bypasses\n"
                                          "_Fork: bypasses\n"
                                          "dup: bypasses\n"
                                          "dup2: bypasses\n"
                                          "dup3: bypasses\n"
                                          "fcntl: bypasses\n"
                                          "dlopen: bypasses\n";

/* ---- how calls may be bound ---- */

static void expect_only_rebind_to_guard(const char *name)
{
    struct server *server = start_redis(NULL);
    const char *const *argv = WORDS(built_program("rebind_host"), port_of(server),
                                    built_module(name), built_module("rebind_other"));
    expect(argv, guarded(server, WORDS("REDISGUARD_DEEPBIND=keep")), guards_nothing);
    expect(argv, guarded(server, NULL), guards_all);
}

Test(rebind, lazily_bound_module_is_guarded)
{
    expect_only_rebind_to_guard("rebind_lazy");
}

Test(rebind, module_bound_now_is_guarded)
{
    expect_only_rebind_to_guard("rebind_now");
}

Test(rebind, module_without_relro_is_guarded)
{
    expect_only_rebind_to_guard("rebind_norelro");
}

Test(rebind, module_with_full_relro_is_guarded)
{
    expect_only_rebind_to_guard("rebind_relro");
}

Test(rebind, module_without_plt_is_guarded)
{
    expect_only_rebind_to_guard("rebind_noplt");
}

Test(rebind, module_with_only_old_hash_table_is_guarded)
{
    expect_only_rebind_to_guard("rebind_sysv");
}

Test(rebind, module_that_asks_for_no_versions_is_guarded)
{
    expect_only_rebind_to_guard("rebind_unversioned");
}

Test(rebind, addresses_in_read_only_table_are_guarded)
{
    expect_only_rebind_to_guard("rebind_table");
}

Test(rebind, addresses_in_writable_table_are_guarded)
{
    expect_only_rebind_to_guard("rebind_writable_table");
}

Test(rebind, dependency_of_module_is_guarded)
{
    expect_only_rebind_to_guard("rebind_dependent");
}

Test(rebind, module_that_is_found_by_its_bare_name_is_guarded)
{
    struct server *server = start_redis(NULL);
    const char *directory = "LD_LIBRARY_PATH=" BUILD_DIR "/tests/system/modules";
    const char *const *argv =
        WORDS(built_program("rebind_host"), port_of(server), "rebind_relro.so", "rebind_other.so");
    expect(argv, guarded(server, WORDS(directory, "REDISGUARD_DEEPBIND=keep")), guards_nothing);
    expect(argv, guarded(server, WORDS(directory)), guards_all);
}

/* ---- the rest of a module is as it was ---- */

static void expect_the_same_protection(const char *name)
{
    const char *const *argv = WORDS(built_program("rebind_maps"), built_module(name));
    const char *without = run_program(argv, NULL).out;
    cr_assert(strstr(without, "called\n"), "%s", without);
    expect(argv, WORDS("LD_PRELOAD=" LIBRARY), without);
}

Test(rebind, pages_keep_their_protection_and_lazy_got_entries_stay_writable)
{
    expect_the_same_protection("rebind_lazy");
    expect_the_same_protection("rebind_now");
    expect_the_same_protection("rebind_norelro");
    expect_the_same_protection("rebind_relro");
    expect_the_same_protection("rebind_noplt");
    expect_the_same_protection("rebind_table");
    expect_the_same_protection("rebind_writable_table");
}

Test(rebind, module_keeps_connect_of_its_own)
{
    expect(WORDS(built_program("rebind_private"), built_module("rebind_private"), "0"),
           WORDS("LD_PRELOAD=" LIBRARY), "connect: private\n");
}

/* Of the one it can be told by its version that it is not libc's, of the other not. */
static const char *const users_of_a_private_connect[] = {"rebind_private_user",
                                                         "rebind_private_unversioned", NULL};

static void expect_to_keep_its_connect(const char *first, const char *preload)
{
    const char *program = built_program("rebind_private");
    for (const char *const *user = users_of_a_private_connect; *user != NULL; user++) {
        const char *const *argv = WORDS(program, built_module(*user), "0", first);
        expect(argv, preload ? WORDS(text("LD_PRELOAD=%s", preload)) : NULL, "connect: private\n");
        expect(argv,
               WORDS(text("LD_PRELOAD=%s%s" LIBRARY, preload ? preload : "", preload ? ":" : "")),
               "connect: private\n");
    }
}

Test(rebind, module_keeps_its_dependencys_connect_and_gets_our_setsockopt)
{
    struct server *server = start_redis(NULL);
    for (const char *const *user = users_of_a_private_connect; *user != NULL; user++) {
        const char *const *argv =
            WORDS(built_program("rebind_private"), built_module(*user), port_of(server));
        expect(argv, NULL, "connect: private\nsetsockopt: bypasses\n");
        expect(argv, guarded(server, NULL), "connect: private\nsetsockopt: guarded\n");
    }
}

Test(rebind, module_keeps_connect_of_dependency_loaded_earlier)
{
    expect_to_keep_its_connect(built_module("rebind_private"), NULL);
}

Test(rebind, module_keeps_connect_of_dependency_loaded_before_guard)
{
    expect_to_keep_its_connect(NULL, built_module("rebind_private"));
}

/* Unless it is used before, a lazy GOT entry of it does not tell that it will bind to the
 * program's. */
Test(rebind, library_from_program_start_keeps_programs_setsockopt)
{
    const char *program = built_program("rebind_start");
    const char *user = built_module("rebind_start_user");
    const char *directory = "LD_LIBRARY_PATH=" BUILD_DIR "/tests/system/modules";
    const char *const *by_path = WORDS(program, user);
    const char *const *after_others = WORDS(program, user, built_module("nothing"));
    const char *const *by_name = WORDS(program, "rebind_start_user.so");
    expect(by_path, NULL, "setsockopt: the program's\n");
    expect(by_path, WORDS("LD_PRELOAD=" LIBRARY), "setsockopt: the program's\n");
    expect(after_others, WORDS("LD_PRELOAD=" LIBRARY), "setsockopt: the program's\n");
    expect(by_name, WORDS(directory, "LD_PRELOAD=" LIBRARY), "setsockopt: the program's\n");
}

Test(rebind, two_versions_of_library_stay_apart)
{
    const char *program = built_program("rebind_versions");
    const char *user = built_module("rebind_version_user");
    expect(WORDS(program, user, "plain"), NULL, "program 1, module 1\n");
    expect(WORDS(program, user), NULL, "program 1, module 2\n");
    expect(WORDS(program, user), WORDS("LD_PRELOAD=" LIBRARY), "program 1, module 2\n");
}

Test(rebind, pointer_changed_by_constructor_keeps_its_function)
{
    const char *const *argv =
        WORDS(built_program("rebind_changed"), built_module("rebind_changed"));
    const char *printed = "close: 0, and the descriptor is closed\n"
                          "add_4242: 4243\n"
                          "none: NULL\n"
                          "dup: %s\n";
    expect(argv, NULL, text(printed, "the guard's")); /* no guard: then libc's is the program's */
    expect(argv, WORDS("LD_PRELOAD=" LIBRARY, "REDISGUARD_DEEPBIND=keep"), text(printed, "libc's"));
    expect(argv, WORDS("LD_PRELOAD=" LIBRARY), text(printed, "the guard's"));
}

/* ---- beside another preload ---- */

/* The real connect() is the other preload's here, and a module that bypassed it goes on to. */
Test(rebind, functions_after_one_that_another_preload_has_are_rebound)
{
    static const char *const bindings[] = {"rebind_lazy",  "rebind_now",   "rebind_relro",
                                           "rebind_noplt", "rebind_table", "rebind_writable_table"};
    struct server *server = start_redis(NULL);
    char *log = log_path();
    char *expected = text("setsockopt: guarded\nsetsockopt again: guarded\nconnect: bypasses\n%s",
                          strstr(guards_all, "_Fork"));
    for (size_t i = 0; i < sizeof bindings / sizeof bindings[0]; i++)
        expect(
            WORDS(built_program("rebind_host"), port_of(server), built_module(bindings[i]),
                  built_module("rebind_other")),
            guarded(server, WORDS(text("LD_PRELOAD=%s:%s", LIBRARY, built_module("rebind_between")),
                                  text("REDISGUARD_LOG=%s", log))),
            expected);
    char *lines = output_of(WORDS("cat", log));
    cr_assert(
        strstr(lines, "rebind_table.so cannot be rebound (connect: another preload hooks it too)"),
        "%s", lines);
}

/* ---- a sandbox ---- */

Test(rebind, module_works_unguarded_and_logged_where_sandbox_forbids_mprotect)
{
    struct server *server = start_redis(NULL);
    char *log = log_path();
    expect(WORDS(built_program("rebind_seccomp"), port_of(server), built_module("rebind_relro")),
           guarded(server, WORDS(text("REDISGUARD_LOG=%s", log))), "setsockopt: bypasses\n");
    char *warning = text("warn: %s cannot be rebound (setsockopt: E", built_module("rebind_relro"));
    char *lines = output_of(WORDS("cat", log));
    cr_assert(strstr(lines, warning), "no \"%s\" in: %s", warning, lines);
}

Test(rebind, writable_got_entry_is_rebound_where_sandbox_forbids_mprotect)
{
    struct server *server = start_redis(NULL);
    expect(WORDS(built_program("rebind_seccomp"), port_of(server), built_module("rebind_now")),
           guarded(server, NULL), "setsockopt: guarded\n");
}
