/*
 * Calls before the guard's constructor has run and after main has returned: libraries and programs
 * that connect and fork there, that remove their environment, descriptors or file system, or that
 * load a second libc. They run as without the guard, and the guard guards them wherever a preload
 * can. Runs programs/lifecycle_*.c.
 */
#include "child.h"

#include <criterion/criterion.h>
#include <string.h>

/* ---- before the guard's constructor, and after main ---- */

static const char *const client_bare =
    "before main: keepalive off\n"
    "before main, in a child: shared, its copy: shared\n"
    "before main: +PONG\n"
    "main\n"
    "after main, the kept one, in a child: shared, its copy: shared\n"
    "after main, the kept one: +PONG\n"
    "after main: keepalive off\n"
    "after main, in a child: shared, its copy: shared\n"
    "after main: +PONG\n";

static const char *const client_guarded =
    "before main: keepalive on\n"
    "before main, in a child: cut off, its copy: cut off\n"
    "before main: +PONG\n"
    "main\n"
    "after main, the kept one, in a child: cut off, its copy: cut off\n"
    "after main, the kept one: +PONG\n"
    "after main: keepalive on\n"
    "after main, in a child: cut off, its copy: cut off\n"
    "after main: +PONG\n";

static const char *client_port(const struct server *server)
{
    return text("EARLY_PORT=%d", server->port);
}

static void expect_only_the_guard_to_guard_a_preloaded_client(const char *preload)
{
    struct server *server = start_redis(NULL);
    const char *alone = text("LD_PRELOAD=%s", built_module("lifecycle_client"));
    expect(WORDS(built_program("lifecycle_idle")), WORDS(alone, client_port(server)), client_bare);
    expect(WORDS(built_program("lifecycle_idle")),
           guarded(server, WORDS(preload, client_port(server))), client_guarded);
}

/* The loader runs the constructor of the last one first, and its destructor last. */
Test(lifecycle, constructor_of_later_preload_runs_first)
{
    expect_only_the_guard_to_guard_a_preloaded_client(
        text("LD_PRELOAD=%s:%s", LIBRARY, built_module("lifecycle_client")));
}

Test(lifecycle, constructor_of_earlier_preload_runs_last)
{
    expect_only_the_guard_to_guard_a_preloaded_client(
        text("LD_PRELOAD=%s:%s", built_module("lifecycle_client"), LIBRARY));
}

Test(lifecycle, constructor_of_needed_library_runs_first)
{
    struct server *server = start_redis(NULL);
    const char *const *argv = WORDS(built_program("lifecycle_needs"));
    expect(argv, WORDS(client_port(server)), client_bare);
    expect(argv, guarded(server, WORDS(client_port(server))), client_guarded);
}

/*
 * The one moment that is too early is .preinit_array, where libc itself has no environment yet
 * (glibc 2.36): what is to be guarded is not known. Then it is, at every other moment; exit(3)
 * calls what atexit(3) was given before the destructors.
 */
Test(lifecycle, connections_before_in_and_after_main_are_guarded)
{
    struct server *server = start_redis(NULL);
    const char *const *argv = WORDS(built_program("lifecycle_main"), port_of(server));
    expect(argv, NULL,
           "preinit: keepalive off, in a child shared\n"
           "main: keepalive off, in a child shared\n"
           "end of a thread: keepalive off, in a child shared\n"
           "atexit: keepalive off, in a child shared\n"
           "destructor: keepalive off, in a child shared\n");
    expect(argv, guarded(server, NULL),
           "preinit: keepalive off, in a child shared\n"
           "main: keepalive on, in a child cut off\n"
           "end of a thread: keepalive on, in a child cut off\n"
           "atexit: keepalive on, in a child cut off\n"
           "destructor: keepalive on, in a child cut off\n");
}

/* ---- without its environment ---- */

static const char *const environment_bare = "keepalive after 0 s\n"
                                            "child: shared\n"
                                            "command: ran\n";

static const char *const environment_guarded = "keepalive after 77 s\n"
                                               "child: " CUT_OFF "\n"
                                               "command: ran\n";

static void expect_guarded_without(const char *how)
{
    struct server *server = start_redis(NULL);
    const char *log = log_path();
    const char *const *argv = WORDS(built_program("lifecycle_environment"), how, port_of(server));
    expect(argv, NULL, environment_bare);
    expect(argv, guarded(server, WORDS("REDISGUARD_KEEPIDLE=77", LOGGED(log))),
           environment_guarded);
    char *lines = output_of(WORDS("cat", log));
    cr_expect(strstr(lines, " guarded: ") != NULL && strstr(lines, " cut off ") != NULL, "%s",
              lines);
}

Test(lifecycle, program_that_clears_its_environment_stays_guarded)
{
    expect_guarded_without("clearenv");
}

Test(lifecycle, program_with_null_environ_stays_guarded)
{
    expect_guarded_without("null");
}

Test(lifecycle, program_that_writes_over_its_environment_stays_guarded)
{
    expect_guarded_without("overwrite");
}

Test(lifecycle, command_that_is_given_no_environment_runs_without_guard)
{
    struct server *server = start_redis(NULL);
    struct outcome outcome = run_program(
        WORDS("env", "-i", built_program("lifecycle_environment"), "nothing", port_of(server)),
        guarded(server, WORDS("REDISGUARD_LOG=stderr")));
    cr_expect_eq(outcome.status, 0);
    cr_expect_str_eq(outcome.out, environment_bare);
    cr_expect_str_empty(outcome.err);
}

/* What is to be guarded is then not known. Nobody crashes over what it had to say about STRICT. */
Test(lifecycle, program_runs_when_environment_is_gone_before_our_constructor)
{
    struct server *server = start_redis(NULL);
    const char *preload = text("LD_PRELOAD=%s:%s", LIBRARY, built_module("lifecycle_forgetful"));
    expect(WORDS(built_program("lifecycle_environment"), "nothing", port_of(server)),
           guarded(server, WORDS(preload, "REDISGUARD_STRICT=1", "REDISGUARD_KEEPCNT=bad")),
           environment_bare);
}

/* ---- without its descriptors ---- */

static void expect_to_keep_out_of_the_file(const char *log)
{
    struct server *server = start_redis(NULL);
    char *file = text("%s/file", scratch_directory());
    struct outcome outcome =
        run_program(WORDS(built_program("lifecycle_environment"), "close", port_of(server), file),
                    guarded(server, WORDS("REDISGUARD_KEEPIDLE=77", LOGGED(log))));
    cr_expect(outcome.status == 0, "status %d, signal %d", outcome.status, outcome.signal);
    cr_expect_str_empty(outcome.out);
    cr_expect_str_empty(outcome.err);
    cr_expect_str_eq(output_of(WORDS("cat", file)), environment_guarded);
}

Test(lifecycle, program_that_reuses_stderrs_number_finds_no_log_line_in_its_file)
{
    expect_to_keep_out_of_the_file("stderr");
}

Test(lifecycle, program_that_closes_every_descriptor_is_still_logged_to_file)
{
    const char *log = log_path();
    expect_to_keep_out_of_the_file(log);
    char *lines = output_of(WORDS("cat", log));
    cr_expect(strstr(lines, " guarded: ") != NULL && strstr(lines, " cut off ") != NULL, "%s",
              lines);
}

/* ---- without its file system ---- */

Test(lifecycle, program_in_empty_chroot_stays_guarded)
{
    if (!namespaces_permitted())
        cr_skip("only root may call chroot(2)");
    struct server *server = start_redis(NULL);
    output_of(WORDS("mkdir", text("%s/empty", scratch_directory())));
    const char *log = text("%s/log/file", scratch_directory());
    struct outcome outcome = run_program(WORDS(built_program("lifecycle_chroot"), port_of(server),
                                               text("%s/empty", scratch_directory())),
                                         guarded(server, WORDS(LOGGED(log))));
    cr_expect(outcome.status == 0, "status %d, signal %d", outcome.status, outcome.signal);
    cr_expect_str_eq(outcome.out, "keepalive on\nchild: " CUT_OFF "\n");
    cr_expect_str_eq(outcome.err, text("redisguard: cannot write to the log \"%s\": "
                                       "no such directory\n",
                                       log));
}

/* ---- opened later ---- */

/* Nothing is listed behind the library then, and what it hooks is libc's all the same. */
Test(lifecycle, library_that_program_opens_itself_passes_calls_on)
{
    expect(WORDS("/usr/bin/python3", "-c",
                 "import ctypes, os, socket\n"
                 "guard = ctypes.CDLL('" LIBRARY "')\n"
                 "copy = guard.dup(0)\n"
                 "print(os.fstat(copy).st_ino == os.fstat(0).st_ino, guard.dup(-1))\n"
                 "on = ctypes.c_int(1)\n"
                 "s = socket.socket()\n"
                 "guard.setsockopt(s.fileno(), socket.SOL_SOCKET, socket.SO_KEEPALIVE,"
                 " ctypes.byref(on), 4)\n"
                 "print(s.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE))"),
           NULL, "True -1\n1\n");
}

/* One that defines connect, and nothing else, is listed behind it. */
Test(lifecycle, library_that_module_brings_before_other_hooks_passes_calls_on)
{
    static const char build[] =
        "cd \"$0\"; echo 'int connect(void) { return 5; }' | cc -shared -xc -o behind.so -; "
        "cc -shared -Wl,--no-as-needed,-rpath," BUILD_DIR " -o both.so " LIBRARY
        " \"$0/behind.so\"";
    output_of(WORDS("sh", "-ec", build, scratch_directory()));
    expect(WORDS("/usr/bin/python3", "-c",
                 text("import ctypes; both = ctypes.CDLL('%s/both.so'); print(both.dup(-1))",
                      scratch_directory())),
           NULL, "-1\n");
}

/* ---- another libc ---- */

/*
 * A namespace of dlmopen(3) has no preload in it: what runs there is not guarded, and not disturbed
 * either.
 */
Test(lifecycle, module_of_dlmopen_is_unchanged_and_program_stays_guarded)
{
    struct server *server = start_redis(NULL);
    const char *const *argv =
        WORDS(built_program("lifecycle_dlmopen"), port_of(server), built_module("rebind_lazy"));
    expect(argv, NULL,
           "there: keepalive off, in a child shared\n"
           "here: keepalive off, in a child shared\n"
           "closed: yes\n");
    expect(argv, guarded(server, NULL),
           "there: keepalive off, in a child shared\n"
           "here: keepalive on, in a child cut off\n"
           "closed: yes\n");
}
