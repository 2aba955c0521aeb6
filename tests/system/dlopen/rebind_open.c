/*
 * dlopen() under the guard gives the same result as without it, for every caller and every kind of
 * name; and the guard guards a module loaded with RTLD_DEEPBIND however the loader found it. Runs
 * programs/rebind_open.c and others, with modules/rebind_*.c.
 */
#include "child.h"
#include "files.h"

#include <criterion/criterion.h>
#include <string.h>

static const char *preloaded = "LD_PRELOAD=" LIBRARY;

static const char *name_of_module(const char *how, const char *name)
{
    return text("%s:%s/tests/system/modules/%s.so", how, BUILD_DIR, name);
}

/* ---- found by RUNPATH and $ORIGIN ---- */

/* Each opened plainly, then unloaded, then with RTLD_DEEPBIND: once bypassed, once guarded. */
static void expect_to_find(const char *who, const char *file)
{
    struct server *server = start_redis(NULL);
    const char *plain = text("%s:plain:%s", who, file), *deep = text("%s:deepbind:%s", who, file);
    const char *const *argv =
        WORDS(built_program("rebind_open"), port_of(server), plain, "close", deep);
    expect(argv, guarded(server, WORDS("REDISGUARD_DEEPBIND=keep")),
           text("%s: opened\n  setsockopt: guarded\nclose: closed\n"
                "%s: opened\n  setsockopt: bypasses\n",
                plain, deep));
    expect(argv, guarded(server, NULL),
           text("%s: opened\n  setsockopt: guarded\nclose: closed\n"
                "%s: opened\n  setsockopt: guarded\n",
                plain, deep));
}

Test(rebind_open, bare_name_is_found_by_runpath_of_program)
{
    expect_to_find("program", "rebind_of_program.so");
}

Test(rebind_open, bare_name_is_found_by_runpath_of_library)
{
    expect_to_find("library", "rebind_of_library.so");
}

Test(rebind_open, origin_is_directory_of_program)
{
    expect_to_find("program", "$ORIGIN/../modules/by_program/rebind_of_program.so");
}

Test(rebind_open, origin_is_directory_of_library)
{
    expect_to_find("library", "$ORIGIN/by_library/rebind_of_library.so");
}

Test(rebind_open, path_is_found_from_anywhere)
{
    expect_to_find("library", built_module("rebind_lazy"));
}

/* ---- at once, or by the next hook ---- */

static void expect_setsockopt(const char *program, const char *file, const char *opener,
                              const char *how)
{
    struct server *server = start_redis(NULL);
    const char *caller = strcmp(opener, "") == 0 ? "program" : "library";
    expect(WORDS(built_program(program), port_of(server), file, caller),
           guarded(server, WORDS("LD_LIBRARY_PATH=" BUILD_DIR "/tests/system/modules",
                                 text("LD_PRELOAD=" LIBRARY ":%s", opener))),
           text("setsockopt: %s\n", how));
}

Test(rebind_open, bare_name_is_rebound_at_once_where_no_caller_has_path)
{
    expect_setsockopt("rebind_at_once", "rebind_now.so", "", "guarded");
    expect_setsockopt("rebind_at_once", "rebind_lazy.so", built_module("rebind_plain_opener"),
                      "guarded");
}

Test(rebind_open, bare_name_is_rebound_at_once_where_callers_path_lacks_it)
{
    expect_setsockopt("rebind_at_once", "rebind_now.so", built_module("rebind_runpath_opener"),
                      "guarded");
    expect_setsockopt("rebind_at_once", "rebind_now.so", built_module("rebind_rpath_opener"),
                      "guarded");
    expect_setsockopt("rebind_at_once_rpath", "rebind_now.so", "", "guarded");
}

/* Only by the next hook: tests above have one run, and find the module guarded. */
Test(rebind_open, bare_name_is_deferred_where_only_callers_path_has_it)
{
    const char *of_library = "rebind_of_library.so";
    expect_setsockopt("rebind_at_once", of_library, built_module("rebind_opener"), "bypasses");
    expect_setsockopt("rebind_at_once", of_library, built_module("rebind_runpath_opener"),
                      "bypasses");
    expect_setsockopt("rebind_at_once", of_library, built_module("rebind_rpath_opener"),
                      "bypasses");
    expect_setsockopt("rebind_at_once_rpath", "rebind_of_program.so", "", "bypasses");
    expect_setsockopt("rebind_at_once", "rebind_of_hwcaps.so", built_module("rebind_hwcaps_opener"),
                      "bypasses");
}

Test(rebind_open, bare_names_opened_in_loop_are_all_rebound)
{
    struct server *server = start_redis(NULL);
    expect(WORDS(built_program("rebind_loop"), port_of(server), "rebind_of_program.so",
                 "rebind_second_of_program.so"),
           guarded(server, NULL),
           "rebind_of_program.so: guarded\nrebind_second_of_program.so: guarded\n");
}

/* An unresolved entry cannot bind to a definition outside its local scope. */
Test(rebind_open, module_is_guarded_though_another_object_defines_these_names)
{
    struct server *server = start_redis(NULL);
    const char *unrelated = name_of_module("program:plain", "rebind_unrelated");
    const char *module = name_of_module("program:deepbind", "rebind_lazy");
    const char *const *argv =
        WORDS(built_program("rebind_open"), port_of(server), unrelated, module);
    expect(argv, guarded(server, WORDS("REDISGUARD_DEEPBIND=keep")),
           text("%s: opened\n%s: opened\n  setsockopt: bypasses\n", unrelated, module));
    expect(argv, guarded(server, NULL),
           text("%s: opened\n%s: opened\n  setsockopt: guarded\n", unrelated, module));
}

/* ---- many dependencies ---- */

/* A module that needs so many others, none of which needs anything. */
static char *module_with_dependencies(int count)
{
    const char *directory = scratch_directory();
    output_of(WORDS(
        "sh", "-ec",
        text("cd %s\n"
             "cc -shared -nostdlib -o needed.so -x c /dev/null\n"
             "for i in $(seq %d); do cp needed.so $i.so; needs=\"$needs $PWD/$i.so\"; done\n"
             "cc -shared -nostdlib -o %d-needed.so -Wl,--no-as-needed $needs -x c /dev/null\n",
             directory, count, count)));
    return text("%s/%d-needed.so", directory, count);
}

static char *warnings_of_opening(const char *module)
{
    char *log = log_path();
    expect(WORDS(built_program("rebind_open"), "0", text("program:deepbind:%s", module)),
           WORDS(preloaded, text("REDISGUARD_LOG=%s", log)),
           text("program:deepbind:%s: opened\n", module));
    return output_of(WORDS("sh", "-c", text("grep warn: %s || true", log)));
}

Test(rebind_open, more_than_64_objects_in_one_scope_are_warned_of)
{
    cr_expect_str_empty(warnings_of_opening(module_with_dependencies(63)));
    char *module = module_with_dependencies(64);
    char *expected = text("%s cannot be rebound (DT_NEEDED: more than 64 dependencies)", module);
    char *warnings = warnings_of_opening(module);
    cr_expect(strstr(warnings, expected), "no \"%s\" in: %s", expected, warnings);
}

/* ---- the same as without the guard ---- */

static char *expect_no_difference(const char *const argv[])
{
    struct outcome without = run_program(argv, NULL);
    cr_assert_eq(without.status, 0, "%s", without.err);
    expect(argv, WORDS(preloaded), without.out);
    return without.out;
}

Test(rebind_open, failing_dlopen_gives_the_same_dlerror)
{
    const char *words = "A file that is long enough to be looked at, and yet no shared object.\n";
    const char *text_file = text("program:deepbind:%s", scratch_file("text.so", words, 0600));
    char *printed = expect_no_difference(WORDS(
        built_program("rebind_open"), "0", "program:plain:no_such.so",
        "program:deepbind:no_such.so", "library:deepbind:no_such.so", "program:plain:/no/such.so",
        "program:deepbind:/no/such.so", "program:deepbind:$ORIGIN/no_such.so",
        "library:plain:$ORIGIN/no_such.so", "library:deepbind:rebind_of_program.so",
        "program:deepbind:rebind_of_library.so", "program:deepbind,noload:rebind_of_program.so",
        name_of_module("program:deepbind,noload", "rebind_lazy"), text_file));
    cr_assert(strstr(printed, "No such file or directory"), "%s", printed);
    cr_assert(strstr(printed, "invalid ELF header"), "%s", printed);
    cr_assert(!strstr(printed, "opened"), "%s", printed);
}

Test(rebind_open, program_itself_can_be_opened)
{
    char *printed = expect_no_difference(WORDS(built_program("rebind_open"), "0",
                                               "program:plain:NULL", "program:deepbind:NULL",
                                               "library:deepbind:NULL", "program:deepbind:"));
    cr_assert(!strstr(printed, "no error"), "%s", printed);
}

Test(rebind_open, noload_finds_loaded_module_until_dlclose)
{
    const char *path = name_of_module("program:deepbind", "rebind_lazy");
    const char *noload = name_of_module("program:deepbind,noload", "rebind_lazy");
    char *printed = expect_no_difference(
        WORDS(built_program("rebind_open"), "0", path, noload, "close", "close", noload,
              "program:deepbind:rebind_of_program.so", "program:plain,noload:rebind_of_program.so",
              "close", "close", "program:plain,noload:rebind_of_program.so"));
    cr_assert(strstr(printed, "no error"), "%s", printed);
}

Test(rebind_open, error_of_dlsym_outlives_hook)
{
    char *printed =
        expect_no_difference(WORDS(built_program("rebind_errors"), "rebind_of_program.so"));
    cr_assert(strstr(printed, "no_such_symbol"), "%s", printed);
}

/* ---- the library itself ---- */

Test(rebind_open, program_forks_after_it_opened_and_closed_library)
{
    expect(WORDS(built_program("rebind_unload"), LIBRARY), NULL, "child: status 0\n");
}

/* ---- again, and at once ---- */

Test(rebind_open, module_that_is_unloaded_and_loaded_again_is_guarded_again)
{
    struct server *server = start_redis(NULL);
    const char *path = name_of_module("program:deepbind", "rebind_relro");
    const char *bare = "program:deepbind:rebind_of_program.so";
    const char *const *argv = WORDS(built_program("rebind_open"), port_of(server), path, "close",
                                    bare, "close", path, "close", bare);
    expect(argv, guarded(server, NULL),
           text("%s: opened\n  setsockopt: guarded\nclose: closed\n"
                "%s: opened\n  setsockopt: guarded\nclose: closed\n"
                "%s: opened\n  setsockopt: guarded\nclose: closed\n"
                "%s: opened\n  setsockopt: guarded\n",
                path, bare, path, bare));
}

Test(rebind_open, many_threads_may_load_and_unload_modules)
{
    struct server *server = start_redis(NULL);
    const char *const *argv = WORDS(built_program("rebind_threads"), port_of(server),
                                    built_module("rebind_lazy"), built_module("rebind_now"),
                                    built_module("rebind_relro"), built_module("rebind_noplt"));
    expect(argv, guarded(server, WORDS("REDISGUARD_DEEPBIND=keep")), "bypassed: always\n");
    expect(argv, guarded(server, NULL), "bypassed: never\n");
}

/* ---- in the midst of it ---- */

static void expect_signals_to_do_no_harm(const char *file)
{
    struct server *server = start_redis(NULL);
    const char *const *argv = WORDS(built_program("rebind_signal"), port_of(server), file);
    expect(argv, guarded(server, WORDS("REDISGUARD_DEEPBIND=keep")), "bypassed: always\n");
    expect(argv, guarded(server, NULL), "bypassed: never\n");
}

Test(rebind_open, signal_handler_may_call_hooks_during_dlopen_by_path)
{
    expect_signals_to_do_no_harm(built_module("rebind_relro"));
}

Test(rebind_open, signal_handler_may_call_hooks_during_dlopen_by_name)
{
    expect_signals_to_do_no_harm("rebind_of_program.so");
}

/* What it has is what SIGSTKSZ was, as long as that was a number. */
Test(rebind_open, deferred_rebind_fits_signal_handlers_small_stack)
{
    struct server *server = start_redis(NULL);
    const char *const *argv =
        WORDS(built_program("rebind_stack"), port_of(server), "rebind_of_program.so");
    expect(argv, guarded(server, WORDS("REDISGUARD_DEEPBIND=keep")), "setsockopt: bypasses\n");
    expect(argv, guarded(server, NULL), "setsockopt: guarded\n");
}

Test(rebind_open, forkpty_child_calls_hooks_though_another_thread_held_loaders_lock)
{
    const char *const *argv = WORDS(built_program("rebind_fork"), "rebind_of_program.so");
    expect(argv, WORDS(preloaded, "REDISGUARD_DEEPBIND=keep"), "forked\n");
    expect(argv, WORDS(preloaded), "forked\n");
}

Test(rebind_open, constructor_may_do_anything_while_its_module_is_opened)
{
    struct server *server = start_redis(NULL);
    const char *path = name_of_module("program:deepbind", "rebind_constructor");
    const char *bare = "program:deepbind:rebind_constructor.so";
    const char *const *argv =
        WORDS(built_program("rebind_open"), port_of(server), path, "close", bare);
    expect(argv, guarded(server, WORDS(text("CONSTRUCTOR_PORT=%d", server->port))),
           text("%s: opened\nclose: closed\n%s: opened\n", path, bare));
}
