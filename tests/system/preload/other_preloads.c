/*
 * The guard beside other libraries in LD_PRELOAD, which come before or after it, and in programs
 * that are built with a sanitizer. The other library still does its work, and the guard guards each
 * connection that the other library lets through. Runs programs/preload_*.c, hiredis_child.c and
 * commands of Debian.
 */
#include "child.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

/* As LD_PRELOAD takes them: by bare name, or with the loader's own word for the library directory.
 */
#define JEMALLOC       "libjemalloc.so.2"
#define EATMYDATA      "libeatmydata.so"
#define FAKETIME       "/usr/$LIB/faketime/libfaketime.so.1"
#define SOCKET_WRAPPER "libsocket_wrapper.so"
#define TORSOCKS       "/usr/$LIB/torsocks/libtorsocks.so"

static const char *const shared = "child: first command: hello\n"
                                  "child: ended by itself\n"
                                  "parent: same connection\n";

static const char *const cut_off = "child: first command: an error\n"
                                   "child: reconnect: ok\n"
                                   "child: second command: hello\n"
                                   "child: ended by itself\n"
                                   "parent: same connection\n";

static const char *preload(const char *libraries)
{
    return text("LD_PRELOAD=%s", libraries);
}

/* The guard's environment with these libraries instead of it alone; more, if not NULL, is one
 * variable. */
static const char *const *with(const struct server *server, const char *libraries, const char *more)
{
    return guarded(server,
                   more == NULL ? WORDS(preload(libraries)) : WORDS(preload(libraries), more));
}

static const char *guard_before(const char *other)
{
    return text("%s:%s", LIBRARY, other);
}

static const char *guard_behind(const char *other)
{
    return text("%s:%s", other, LIBRARY);
}

/*
 * ---- the other library's work goes on ----
 *
 * redis-cli of Debian is no witness: linked with jemalloc, it hangs under libfaketime and torsocks
 * alone.
 */

static void expect_same(const char *const argv[], const char *const env[], const struct outcome *as)
{
    struct outcome outcome = run_program(argv, env);
    cr_expect(outcome.status == as->status && outcome.signal == as->signal,
              "%s: status %d, signal %d; without the guard %d and %d:\n%s%s", argv[0],
              outcome.status, outcome.signal, as->status, as->signal, outcome.out, outcome.err);
    cr_expect_str_eq(outcome.out, as->out);
    cr_expect_str_eq(outcome.err, as->err);
}

static void expect_as_with_the_other_alone(const struct server *server, const char *other,
                                           const char *more, const char *const argv[])
{
    struct outcome alone = run_program(argv, with(server, other, more));
    expect_same(argv, with(server, guard_before(other), more), &alone);
    expect_same(argv, with(server, guard_behind(other), more), &alone);
}

static void expect_commands_to_run_as_ever(const struct server *server, const char *other,
                                           const char *more)
{
    const char *script = text("echo b a | tr ' ' '\\n' | sort; cat /no/such/file; (exit 3)");
    expect_as_with_the_other_alone(server, other, more, WORDS("sh", "-c", script));
    expect_as_with_the_other_alone(server, other, more, WORDS("env", "-i", "/bin/date", "+%Y"));
}

/* ---- and so does the guard's ---- */

static void expect_to_guard(const struct server *server, const char *libraries, const char *more)
{
    expect(WORDS(built_program("hiredis_child"), port_of(server)), with(server, libraries, more),
           cut_off);
}

static void expect_to_share(const struct server *server, const char *libraries, const char *more)
{
    expect(WORDS(built_program("hiredis_child"), port_of(server)), with(server, libraries, more),
           shared);
}

static void expect_to_get_along(const char *other)
{
    struct server *server = start_redis(NULL);
    expect_to_share(server, other, NULL);
    expect_to_guard(server, guard_before(other), NULL);
    expect_to_guard(server, guard_behind(other), NULL);
    expect_commands_to_run_as_ever(server, other, NULL);
}

Test(other_preloads, jemalloc_works_in_either_order)
{
    expect_to_get_along(JEMALLOC);
}

Test(other_preloads, libeatmydata_works_in_either_order)
{
    expect_to_get_along(EATMYDATA);
}

Test(other_preloads, libfaketime_works_in_either_order)
{
    expect_to_get_along(FAKETIME);
}

Test(other_preloads, libeatmydata_still_swallows_fsync_beside_guard)
{
    struct server *server = start_redis(NULL);
    const char *const *argv = WORDS(built_program("preload_fsync"));
    expect(argv, guarded(server, NULL), "fsync of a pipe: EINVAL\n");
    expect(argv, with(server, EATMYDATA, NULL), "fsync of a pipe: 0\n");
    expect(argv, with(server, guard_before(EATMYDATA), NULL), "fsync of a pipe: 0\n");
    expect(argv, with(server, guard_behind(EATMYDATA), NULL), "fsync of a pipe: 0\n");
}

static void expect_a_log_of_today(const struct server *server, const char *libraries,
                                  const char *name)
{
    const char *log = text("%s/%s", scratch_directory(), name);
    const char *script = text("date +%%Y; %s %d", built_program("hiredis_child"), server->port);
    expect(WORDS("sh", "-c", script),
           guarded(server, WORDS(preload(libraries), "FAKETIME=@2001-02-03 04:05:06", LOGGED(log))),
           text("2001\n%s", cut_off));
    char *lines = content_of(log);
    cr_expect(strstr(lines, " guarded: ") != NULL && strstr(lines, "2001-02-03") == NULL, "%s",
              lines);
}

Test(other_preloads, log_has_real_time_under_libfaketime)
{
    struct server *server = start_redis(NULL);
    expect_a_log_of_today(server, guard_before(FAKETIME), "before");
    expect_a_log_of_today(server, guard_behind(FAKETIME), "behind");
}

Test(other_preloads, one_preload_before_and_one_after_guard_work)
{
    struct server *server = start_redis(NULL);
    expect_to_guard(server, text("%s:%s:%s", JEMALLOC, LIBRARY, EATMYDATA), NULL);
    expect_to_guard(server, text("%s:%s:%s", FAKETIME, LIBRARY, EATMYDATA), NULL);
    expect_to_guard(server, text("%s:%s:%s", EATMYDATA, LIBRARY, JEMALLOC), NULL);
}

Test(other_preloads, guard_named_twice_guards_once)
{
    struct server *server = start_redis(NULL);
    expect_to_guard(server, text("%s:%s", LIBRARY, LIBRARY), NULL);
    char *copy = text("%s/libredisguard.so", scratch_directory());
    output_of(WORDS("cp", LIBRARY, copy));
    expect_to_guard(server, text("%s:%s", LIBRARY, copy), NULL);
}

/* ---- libraries that take connect(2) for themselves ---- */

/*
 * Both find libc's own connect by asking libc, not for the next definition: where they come first,
 * nothing behind them ever hears of a connection. Where the guard comes first, as its wrapper puts
 * it, it does its work and they do theirs.
 */
static void expect_to_guard_from_in_front(const struct server *server, const char *other,
                                          const char *more)
{
    expect_to_share(server, other, more);
    expect_to_guard(server, guard_before(other), more);
    expect_to_share(server, guard_behind(other), more);
    expect_commands_to_run_as_ever(server, other, more);
}

Test(other_preloads, socket_wrapper_without_redirection_works)
{
    expect_to_guard_from_in_front(start_redis(NULL), SOCKET_WRAPPER, NULL);
}

/* Then every socket is a Unix-domain one in that directory, whatever the program was told. */
Test(other_preloads, connection_redirected_by_socket_wrapper_is_unchanged)
{
    struct server inside = {.port = 6379};
    const char *directory = text("SOCKET_WRAPPER_DIR=%s", scratch_directory());
    struct program *server =
        start_program(WORDS("redis-server", "--port", "6379", "--save", "", "--bind", "127.0.0.1"),
                      WORDS(preload(SOCKET_WRAPPER), directory));
    wait_for_line(server, "Ready to accept connections");
    expect_to_share(&inside, SOCKET_WRAPPER, directory);
    expect_to_share(&inside, guard_before(SOCKET_WRAPPER), directory);
    expect_to_share(&inside, guard_behind(SOCKET_WRAPPER), directory);
    expect_commands_to_run_as_ever(&inside, SOCKET_WRAPPER, directory);
    end_program(server);
}

/* No Tor: what is not local is refused at the discard port, and nothing leaves the machine. */
static const char *torsocks_that(const char *says)
{
    return text("TORSOCKS_CONF_FILE=%s",
                scratch_file("torsocks.conf",
                             text("TorAddress 127.0.0.1\nTorPort 9\n"
                                  "OnionAddrRange 127.42.42.0/24\nAllowOutboundLocalhost %s\n",
                                  says),
                             0600));
}

Test(other_preloads, torsocks_that_allows_local_connections_works)
{
    expect_to_guard_from_in_front(start_redis(NULL), TORSOCKS, torsocks_that("1"));
}

/* torsocks would say so with time and pid, which no two runs have in common: hence no log of it. */
Test(other_preloads, torsocks_still_refuses_local_connections)
{
    struct server *server = start_redis(NULL);
    const char *configuration = torsocks_that("0");
    const char *const *argv =
        WORDS("env", "TORSOCKS_LOG_LEVEL=1", built_program("hiredis_child"), port_of(server));
    struct outcome alone = run_program(argv, with(server, TORSOCKS, configuration));
    cr_assert(alone.status == 2, "torsocks let it through:\n%s", alone.out);
    expect_as_with_the_other_alone(server, TORSOCKS, configuration, argv);
}

/* ---- modules that bypass whatever is preloaded ---- */

static void expect_of_a_module(const struct server *server, const char *libraries, const char *more,
                               const char *printed)
{
    expect(WORDS(built_program("preload_deepbind"), port_of(server), built_module("rebind_lazy")),
           with(server, libraries, more), printed);
}

Test(other_preloads, module_that_bypasses_jemalloc_is_guarded_in_either_order)
{
    struct server *server = start_redis(NULL);
    expect_of_a_module(server, JEMALLOC, NULL, "connect: 0\nkeepalive: off\n");
    expect_of_a_module(server, guard_before(JEMALLOC), NULL, "connect: 0\nkeepalive: on\n");
    expect_of_a_module(server, guard_behind(JEMALLOC), NULL, "connect: 0\nkeepalive: on\n");
}

/* It would be refused there; to guard it must not mean to send it there. */
Test(other_preloads, module_that_bypasses_torsocks_still_bypasses_it)
{
    struct server *server = start_redis(NULL);
    const char *configuration = torsocks_that("0");
    expect_of_a_module(server, TORSOCKS, configuration, "connect: 0\nkeepalive: off\n");
    expect_of_a_module(server, guard_behind(TORSOCKS), configuration,
                       "connect: 0\nkeepalive: on\n");
    struct outcome outcome = run_program(
        WORDS(built_program("preload_deepbind"), port_of(server), built_module("rebind_lazy")),
        with(server, guard_before(TORSOCKS), configuration));
    cr_expect(strstr(outcome.out, "connect: 0\n") == outcome.out, "%s%s", outcome.out, outcome.err);
}

/* ---- sanitizers ---- */

static const char *const sanitized_bare = "connected: keepalive off\n"
                                          "threads: 4 of 4 answered\n"
                                          "module: keepalive turned off\n"
                                          "child: shared\n"
                                          "parent: +PONG\n";

static const char *const sanitized = "connected: keepalive on\n"
                                     "threads: 4 of 4 answered\n"
                                     "module: keepalive stays on\n"
                                     "child: " CUT_OFF "\n"
                                     "parent: +PONG\n";

static bool addresses_can_be_fixed(void)
{
    return run_program(WORDS("setarch", "--addr-no-randomize", "true"), NULL).status == 0;
}

/*
 * gcc 12's sanitizers want addresses that a kernel which randomises more than 28 bits of them does
 * not always give them: without it then, where one may ask for that.
 */
static struct outcome run_sanitized(const char *program, const struct server *server,
                                    const char *const env[])
{
    const char *client = built_program(program);
    const char *module = built_module("rebind_lazy");
    const char *port = port_of(server);
    if (addresses_can_be_fixed())
        return run_program(WORDS("setarch", "--addr-no-randomize", client, port, module), env);
    return run_program(WORDS(client, port, module), env);
}

static void expect_no_report(const char *program, const char *const more[])
{
    struct server *server = start_redis(NULL);
    struct outcome bare = run_sanitized(program, server, more);
    cr_assert_str_eq(bare.out, sanitized_bare, "without the guard:\n%s%s", bare.out, bare.err);
    struct outcome outcome = run_sanitized(program, server, guarded(server, more));
    cr_expect(outcome.status == 0, "status %d, signal %d", outcome.status, outcome.signal);
    cr_expect_str_eq(outcome.out, sanitized);
    cr_expect_str_empty(outcome.err);
}

Test(other_preloads, static_address_sanitizer_reports_nothing)
{
    expect_no_report("preload_address", NULL);
}

Test(other_preloads, static_undefined_behaviour_sanitizer_reports_nothing)
{
    expect_no_report("preload_undefined", NULL);
}

Test(other_preloads, static_thread_sanitizer_reports_nothing)
{
    expect_no_report("preload_thread", NULL);
}

Test(other_preloads, shared_thread_sanitizer_reports_nothing)
{
    expect_no_report("preload_shared_thread", NULL);
}

/* gcc's default. Whatever the preload is, it does not let main begin behind one unless told to. */
Test(other_preloads, shared_address_sanitizer_demands_to_come_first)
{
    struct server *server = start_redis(NULL);
    struct outcome outcome = run_sanitized("preload_shared_address", server, guarded(server, NULL));
    cr_expect_eq(outcome.status, 1);
    cr_expect_str_empty(outcome.out);
    cr_expect(strstr(outcome.err, "ASan runtime does not come first") != NULL, "%s", outcome.err);
    expect_no_report("preload_shared_address", WORDS("ASAN_OPTIONS=verify_asan_link_order=0"));
}

Test(other_preloads, shared_address_sanitizer_preloaded_first_reports_nothing)
{
    struct server *server = start_redis(NULL);
    char *sanitizer = output_of(WORDS("gcc", "-print-file-name=libasan.so"));
    sanitizer[strcspn(sanitizer, "\n")] = '\0';
    expect(WORDS(built_program("preload_shared_address"), port_of(server),
                 built_module("rebind_lazy")),
           guarded(server, WORDS(preload(guard_behind(sanitizer)))), sanitized);
}
