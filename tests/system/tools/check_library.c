/*
 * `redisguard --check`: the library itself, where it lies, who may read it, what stands beside it
 * in LD_PRELOAD, and the variables that it is given.
 */
#include "check.h"

#include "install.h"
#include "redisguard.h"

#include <criterion/criterion.h>
#include <string.h>

/* ---- the file ---- */

/* The program alone, as `make install` links it for this LIBDIR. */
static char *installed_for(const char *libdir)
{
    char *image = text("%s/image", scratch_directory());
    struct outcome outcome = make_in(
        SOURCE_DIR, "install", text("BUILD=%s DESTDIR=%s LIBDIR=%s", BUILD_DIR, image, libdir));
    cr_assert_eq(outcome.status, 0, "%s%s", outcome.out, outcome.err);
    return text("%s/usr/local/bin/redisguard", image);
}

/* The command is one that the guard works in. */
static void expect_of(const char *wrapper, int status, const char *level, const char *words)
{
    expect_finding(checked_by(wrapper, WORDS("true"), NULL), status, level, words);
}

Test(check_library, it_is_found_where_the_wrapper_finds_it)
{
    char *wrapper = installed("here", LIBRARY);
    expect_of(wrapper, 0, "ok", text("library: %s/here/libredisguard.so", scratch_directory()));
    expect_of(installed_for("/no/such"), 1, "fail", "/no/such/libredisguard.so: No such file");
}

Test(check_library, a_path_that_LD_PRELOAD_cannot_hold_fails)
{
    expect_of(installed("with space", LIBRARY), 1, "fail", "a path with a space or a colon");
    expect_of(installed("with:colon", LIBRARY), 1, "fail", "a path with a space or a colon");
}

Test(check_library, a_file_that_is_no_library_fails)
{
    expect_of(installed("here", scratch_file("text", "text\n", 0644)), 1, "fail", "is no ELF file");
    char *half = text("%s/half", scratch_directory());
    output_of(WORDS("sh", "-c", "head -c 100 " LIBRARY " >\"$1\"", "sh", half));
    expect_of(installed("there", half), 1, "warn", "from LD_PRELOAD cannot be preloaded");
}

Test(check_library, one_that_not_every_user_may_read_is_named)
{
    char *wrapper = installed("here", LIBRARY);
    output_of(WORDS("chmod", "700", text("%s/here", scratch_directory())));
    expect_of(wrapper, 0, "warn", text("%s/here", scratch_directory()));
    output_of(WORDS("chmod", "755", text("%s/here", scratch_directory())));
    output_of(WORDS("chmod", "640", text("%s/here/libredisguard.so", scratch_directory())));
    expect_of(wrapper, 0, "warn", "programs of other users run without the guard");

    const char *const *argv = joined_words(as_nobody(WORDS(wrapper)), WORDS("--check", "true"));
    expect_finding(run_program(argv, NULL), 1, "fail", "this user may not read it");
}

Test(check_library, one_on_a_noexec_mount_cannot_be_loaded)
{
    needs_mounts();
    char *directory = text("%s/mount", scratch_directory());
    char *program = installed_for(directory);
    static const char run[] = "mkdir \"$1\" && mount -t tmpfs -o noexec none \"$1\" && cp " LIBRARY
                              " \"$1\" && exec \"$2\" --check true";
    struct outcome outcome =
        run_program(WORDS("unshare", "-m", "sh", "-c", run, "sh", directory, program), NULL);
    expect_finding(outcome, 1, "fail", "is mounted noexec");
}

Test(check_library, one_of_another_version_is_named)
{
    char *other = text("%s/other.so", scratch_directory());
    output_of(WORDS("sh", "-c",
                    "LC_ALL=C sed 's/redisguard " REDISGUARD_VERSION "/redisguard 9.9.9/' " LIBRARY
                    " >\"$1\"",
                    "sh", other));
    expect_of(installed("here", other), 0, "warn", "of another version than this check");
}

/* ---- LD_PRELOAD ---- */

static void expect_beside(const char *preload, int status, const char *level, const char *words)
{
    expect_finding(checked_by(WRAPPER, WORDS(CHECK_MAIN), WORDS(text("LD_PRELOAD=%s", preload))),
                   status, level, words);
}

Test(check_library, another_copy_in_LD_PRELOAD_is_named)
{
    installed("here", LIBRARY);
    char *copy = text("%s/here/libredisguard.so", scratch_directory());
    expect_beside(copy, 0, "warn", "is another copy: both are loaded");
    output_of(WORDS("ln", "-sf", LIBRARY, copy));
    expect_beside(copy, 0, "ok", "is the same file: it is loaded once");
    expect_beside(LIBRARY ":libm.so.6", 0, "ok", "guard: ");
}

Test(check_library, what_the_loader_says_of_another_preload_is_passed_on)
{
    expect_check(WORDS("env", "LD_PRELOAD=" LIBRARY ":/no/such.so", "true"), 0, "warn",
                 "object '/no/such.so' from LD_PRELOAD cannot be preloaded");
}

/* ---- variables ---- */

static void expect_with(const char *variable, int status, const char *level, const char *words)
{
    expect_finding(checked_by(WRAPPER, WORDS("true"), WORDS(variable)), status, level, words);
}

Test(check_library, the_options_of_the_wrapper_are_in_force)
{
    const char *const *before = WORDS(WRAPPER, "-d18", "--keepcnt", "2", "--check", "--", "true");
    const char *const *behind = WORDS(WRAPPER, "--check", "-d18", "--keepcnt=2", "true");
    const char *keepalive = "KEEPCNT 2, USER_TIMEOUT 18000 ms";
    expect_finding(run_program(before, NULL), 0, "ok", keepalive);
    expect_finding(run_program(behind, NULL), 0, "ok", keepalive);
}

Test(check_library, each_complaint_about_a_variable_is_passed_on)
{
    expect_with("REDISGUARD_KEEPIDLE=0", 0, "warn",
                "REDISGUARD_KEEPIDLE=\"0\" is not a whole number");
    expect_with("REDISGUARD_PROTS=1", 0, "warn", "unknown variable REDISGUARD_PROTS");
    struct outcome strict =
        checked_by(WRAPPER, WORDS("true"), WORDS("REDISGUARD_FORK=x", "REDISGUARD_STRICT=1"));
    expect_finding(strict, 1, "warn", "REDISGUARD_FORK=\"x\" is not");
    expect_finding(strict, 1, "fail", "REDISGUARD_STRICT=1 ends the program");
}

Test(check_library, a_variable_that_takes_the_guard_back_is_named)
{
    expect_with("REDISGUARD_DISABLE=1", 1, "fail", "the guard does nothing");
    expect_with("REDISGUARD_FORK=off", 0, "warn", "forked children share connections");
    expect_with("REDISGUARD_TRAP=1", 0, "warn", "are refused");
    expect_with("REDISGUARD_DEEPBIND=keep", 0, "warn", "are not guarded");
}

Test(check_library, a_variable_that_names_an_unguarded_port_is_named)
{
    expect_with("REDIS_URL=rediss://user:p%40ss@cache.example:10000/0", 0, "warn",
                "REDIS_URL names port 10000, which is not guarded; if that is Redis: --ports "
                "6379,6380,26379,10000");
    expect_with("REDIS_PORT=8500", 0, "warn", "REDIS_PORT names port 8500");
    expect_with("REDIS_PORT=tcp://10.0.0.1:7000", 0, "warn", "names port 7000");
    expect_with("spring.redis.port=7001", 0, "warn", "spring.redis.port names port 7001");
    expect_with("CELERY_BROKER_URL=redis://h:7002/1", 0, "warn", "names port 7002");
    expect_with("DATABASE_URL=redis://h:7003", 0, "warn", "names port 7003");
    expect_with("REDIS_NODES=a:6379,b:7004", 0, "warn", "names port 7004");
    expect_with("REDIS_URL=redis://[::1]:7005", 0, "warn", "names port 7005");
    expect_with("AZURE_REDIS_CONNECTION_STRING=a.example:10000,ssl=True", 0, "warn", "port 10000");
    expect_with("REDIS=a:7006", 0, "warn", "names port 7006");
    expect_with("SENTINELS=redis-sentinel://a:26380", 0, "warn", "names port 26380");
    static const char *const fine[] = {
        "REDIS_URL=redis://h/0", "REDIS_URL=redis://h:6379/7",  "DATABASE_URL=pg://h:5432/x",
        "REDIS_PASSWORD=a:7000", "REDIS_URL=redis://:7000@h/0", "PORT=8080",
        "REDIS_HOST=::1",        "REDIS_URL=redis://[fe80::1]", "REDIS_MASTER_PASSWORD=a:7000"};
    for (size_t i = 0; i < sizeof fine / sizeof fine[0]; i++) {
        char *out = checked_by(WRAPPER, WORDS("true"), WORDS(fine[i])).out;
        cr_assert(strstr(out, "names port") == NULL, "%s:\n%s", fine[i], out);
    }
}

/* A copy of /etc in a mount namespace of the test's own. */
static struct outcome checked_with_global(const char *const argv[])
{
    static const char run[] = "cp -a /etc \"$1\" && echo " LIBRARY " >\"$1/etc/ld.so.preload\" && "
                              "mount --bind \"$1/etc\" /etc && shift && exec \"$@\"";
    const char *const *start =
        joined_words(WORDS("unshare", "-m", "sh", "-c", run, "sh", scratch_directory()), argv);
    return run_program(start, NULL);
}

Test(check_library, the_global_preload_file_is_in_force)
{
    needs_mounts();
    const char *const *check = WORDS(WRAPPER, "--check");
    struct outcome outcome = checked_with_global(joined_words(check, WORDS("true")));
    expect_finding(outcome, 0, "ok", "it is in force for every program");
    outcome = checked_with_global(joined_words(check, WORDS("env", "-i", CHECK_MAIN)));
    expect_finding(outcome, 0, "warn", "/etc/ld.so.preload loads the library all the same");
    expect_finding(outcome, 0, "ok", "guard: ");
    outcome = checked_with_global(WORDS("env", "-i", CHECK_MAIN));
    cr_assert_str_eq(outcome.out, "guarded\n");
}

/* systemd's NoExecPaths= is such a mount. */
Test(check_library, a_loader_that_may_not_be_executed_is_named)
{
    needs_mounts();
    char *loader = text("%s/ld-linux-x86-64.so.2", scratch_directory());
    output_of(WORDS("cp", "/lib64/ld-linux-x86-64.so.2", loader));
    char *program = check_main_built("gcc", WORDS(text("-Wl,--dynamic-linker=%s", loader)));
    static const char run[] =
        "mount --bind \"$1\" \"$1\" && mount -o remount,bind,noexec \"$1\" && "
        "shift && exec \"$@\"";
    struct outcome outcome = run_program(
        WORDS("unshare", "-m", "sh", "-c", run, "sh", loader, WRAPPER, "--check", program), NULL);
    expect_finding(outcome, 1, "fail", "may not be executed: Permission denied");
}

Test(check_library, a_program_on_a_noexec_mount_is_named)
{
    needs_mounts();
    char *program = check_main_built("gcc", WORDS("-O1"));
    static const char run[] = "mount --bind \"$1\" \"$1\" && mount -o remount,bind,noexec \"$1\" "
                              "&& exec \"$2\" --check \"$1\"";
    struct outcome outcome =
        run_program(WORDS("unshare", "-m", "sh", "-c", run, "sh", program, WRAPPER), NULL);
    expect_finding(outcome, 1, "fail", "it lies on a mount with noexec (systemd: NoExecPaths=)");
}

/* Which LD_PRELOAD never reaches. */
Test(check_library, the_global_preload_file_is_in_force_for_set_user_id_programs)
{
    needs_mounts();
    char *program = check_main_built("gcc", WORDS("-O1"));
    output_of(WORDS("chmod", "4755", program));
    const char *const *check =
        joined_words(as_nobody(WORDS(installed("here", LIBRARY))), WORDS("--check", program));
    expect_finding(checked_with_global(check), 0, "warn", "which reads no variable there");
}

Test(check_library, ports_without_end_are_no_trouble)
{
    /* Longer than a pipe is deep: the program must not wait for a reader. */
    char *ports = output_of(WORDS("sh", "-c", "seq -s, 1 2 40000"));
    ports[strcspn(ports, "\n")] = '\0';
    expect_with(text("REDISGUARD_PORTS=%s", ports), 0, "ok", ",39997,39999");
}
