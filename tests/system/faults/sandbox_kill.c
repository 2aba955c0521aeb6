/*
 * Sandboxes that kill: a seccomp filter ends the program at the first system call that it does not
 * allow. The manual lists the calls that it must allow: they are enough, none of them is idle, and
 * they are those that the source makes. Runs programs/sandbox_kill.c.
 */
#include "child.h"
#include "sockets.h"

#include <criterion/criterion.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MANUAL SOURCE_DIR "/shim/man/redisguard.7"
#define KILLED "killed by Bad system call\n"

enum { WORDS_AT_MOST = 96 };

/* ---- lists of calls ---- */

struct calls {
    const char *names[WORDS_AT_MOST];
    size_t count;
};

static void add_calls(struct calls *calls, const char *list)
{
    char *rest = text("%s", list);
    for (char *name; (name = strsep(&rest, ", \n")) != NULL;)
        if (*name != '\0') {
            cr_assert(calls->count + 1 < WORDS_AT_MOST);
            calls->names[calls->count++] = name;
        }
}

/* What the manual lists under this name; "[a-z]*": under any. */
static char *listed(const char *name)
{
    char *list = output_of(WORDS("sed", "-n", text("/^[.].\" calls: %s$/{n;p}", name), MANUAL));
    cr_assert(*list != '\0', "the manual has no calls: %s", name);
    return list;
}

static bool has(const struct calls *calls, const char *name)
{
    for (size_t i = 0; i < calls->count; i++)
        if (strcmp(calls->names[i], name) == 0)
            return true;
    return false;
}

/* ---- runs ---- */

struct scene {
    const char *mode;  /* of the program */
    const char *own;   /* calls that it makes itself */
    const char *lists; /* of the manual, that it needs; the last has no idle call */
    const char *const *settings;
    const char *printed; /* with the guard */
};

static char *printed_in(const struct server *redis, const struct scene *scene,
                        const struct calls *allowed, const char *const env[])
{
    const char *argv[WORDS_AT_MOST + 4] = {built_program("sandbox_kill"), port_of(redis),
                                           scene->mode};
    for (size_t i = 0; i < allowed->count; i++)
        argv[3 + i] = allowed->names[i];
    struct outcome outcome = run_program(argv, env);
    cr_assert_eq(outcome.status, 0, "%s", outcome.err);
    return outcome.out;
}

static struct calls without(const struct calls *calls, const char *name)
{
    struct calls rest = {.count = 0};
    for (size_t i = 0; i < calls->count; i++)
        if (strcmp(calls->names[i], name) != 0)
            rest.names[rest.count++] = calls->names[i];
    return rest;
}

static void expect_exactly(const struct server *redis, const struct scene *scene)
{
    struct calls own = {.count = 0};
    struct calls allowed = {.count = 0};
    struct calls last = {.count = 0};
    const char *const *env = guarded(redis, scene->settings);
    add_calls(&own, scene->own);
    add_calls(&allowed, scene->own);
    cr_expect(strcmp(printed_in(redis, scene, &own, NULL), KILLED) != 0, "%s without the guard",
              scene->mode);
    EXPECT_LINES(printed_in(redis, scene, &own, env), KILLED);
    char *lists = text("%s", scene->lists);
    for (char *list; (list = strsep(&lists, " ")) != NULL;) {
        add_calls(&allowed, listed(list));
        last.count = 0;
        add_calls(&last, listed(list));
    }
    EXPECT_LINES(printed_in(redis, scene, &allowed, env), scene->printed);
    for (size_t i = 0; i < last.count; i++) {
        struct calls fewer = without(&allowed, last.names[i]);
        if (!has(&own, last.names[i]))
            cr_expect(strcmp(printed_in(redis, scene, &fewer, env), scene->printed) != 0,
                      "%s is idle: %s", last.names[i], scene->mode);
    }
}

#define EXPECT_EXACTLY(redis, mode, own, lists, settings, printed)                                 \
    expect_exactly(redis, &(struct scene){mode, own, lists, settings, printed})

#define NOTHING WORDS("REDISGUARD_FORCE=1")
#define ON      "status 0, keepalive on\n"
#define FORKING "connect, exit_group, clone, recvfrom, wait4, set_robust_list"

Test(sandbox_kill, the_calls_that_the_manual_lists_for_a_connection_are_exactly_those_it_takes)
{
    struct server *redis = start_redis(NULL);
    EXPECT_EXACTLY(redis, "connect", "connect, exit_group", "connection", NOTHING, ON);
}

Test(sandbox_kill, the_calls_that_the_manual_lists_for_a_unix_socket_are_exactly_those_it_takes)
{
    struct server *redis = start_redis(NULL);
    EXPECT_EXACTLY(redis, text("unix=%s", redis->unix_socket), "connect, exit_group",
                   "connection unix", NOTHING, "status 0, keepalive off\n");
}

Test(sandbox_kill, the_calls_that_the_manual_lists_for_a_copy_are_exactly_those_it_takes)
{
    struct server *redis = start_redis(NULL);
    EXPECT_EXACTLY(redis, "copy", "connect, exit_group, dup, dup2, vfork, wait4", "connection copy",
                   NOTHING, ON);
}

Test(sandbox_kill, the_calls_that_the_manual_lists_for_a_fork_are_exactly_those_it_takes)
{
    struct server *redis = start_redis(NULL);
    EXPECT_EXACTLY(redis, "fork", FORKING, "connection fork", NOTHING, ON);
}

Test(sandbox_kill, close_of_a_quiet_connection_takes_no_other_call_than_a_connection)
{
    struct server *redis = start_redis(NULL);
    EXPECT_EXACTLY(redis, "close", "connect, exit_group, poll, close", "connection", NOTHING, ON);
}

Test(sandbox_kill, the_calls_that_the_manual_lists_for_dup2_over_one_are_exactly_those_it_takes)
{
    struct server *redis = start_redis(NULL);
    EXPECT_EXACTLY(redis, "replace", "connect, exit_group, poll, dup2", "connection replace",
                   NOTHING, ON);
}

/* That the server has dropped its end shows that the library went the whole way. */
Test(sandbox_kill, the_calls_that_the_manual_lists_for_a_dead_peer_are_exactly_those_it_takes)
{
    needs_root("to attach a filter to a socket, where only root may");
    allow_seconds(60);
    struct server *redis = start_redis(NULL);
    EXPECT_EXACTLY(redis, "dead", "connect, exit_group, recvfrom, close, socket", "connection dead",
                   NOTHING, ON);
}

/* The directory belongs to another user: then the library calls geteuid(2). */
static char *log_in_directory(void)
{
    char *directory = text("%s/logs", scratch_directory());
    cr_assert_eq(mkdir(directory, 0777), 0);
    if (geteuid() == 0 && chown(directory, 65534, (gid_t)-1) != 0)
        cr_skip_test("needs a second user");
    return text("%s/log", directory);
}

Test(sandbox_kill, the_calls_that_the_manual_lists_for_the_log_are_exactly_those_it_takes)
{
    struct server *redis = start_redis(NULL);
    char *log = log_in_directory();
    EXPECT_EXACTLY(redis, "connect", "connect, exit_group", "connection log", WORDS(LOGGED(log)),
                   ON);
    cr_assert_gt(lines_with(content_of(log), "guarded: "), 0);
}

Test(sandbox_kill, the_calls_that_the_manual_lists_for_a_link_to_the_log_are_exactly_those_it_takes)
{
    struct server *redis = start_redis(NULL);
    char *log = log_in_directory();
    char *link = text("%s/link", scratch_directory());
    cr_assert_eq(symlink(log, link), 0);
    EXPECT_EXACTLY(redis, "connect", "connect, exit_group", "connection log link",
                   WORDS(LOGGED(link)), ON);
    cr_assert_gt(lines_with(content_of(log), "guarded: "), 0);
}

/* What libc and the loader do for the program is the program's own. */
Test(sandbox_kill, the_calls_that_the_manual_lists_are_enough_from_the_first_instruction_on)
{
    struct server *redis = start_redis(NULL);
    struct scene scene = {
        .mode = text("exec=exec " PROGRAMS "sockets socket=tcp %s dup fork wait ping",
                     connect_step(redis)),
    };
    struct calls allowed = {.count = 0};
    add_calls(&allowed,
              "connect, exit_group, clone, recvfrom, wait4, set_robust_list, execve, brk, "
              "mmap, access, openat, newfstatat, fstat, read, pread64, close, mprotect, "
              "arch_prctl, set_tid_address, rseq, prlimit64, getrandom, munmap, getpid, "
              "getppid, geteuid, getuid, getgid, getegid, rt_sigaction, rt_sigprocmask, "
              "write, socket, dup, sendto, poll, lseek");
    cr_assert_str_neq(printed_in(redis, &scene, &allowed, NULL), KILLED);
    char *log = log_in_directory();
    const char *const *env = guarded(redis, WORDS(LOGGED(log)));
    add_calls(&allowed, listed("[a-z]*"));
    char *printed = printed_in(redis, &scene, &allowed, env);
    cr_assert(strstr(printed, "parent\nping +PONG\nstatus 0"), "%s", printed);
    cr_assert_eq(lines_with(content_of(log), ": descriptor "), 4, "%s", content_of(log));
}

/* i386's own names are beside these in the manual. */
Test(sandbox_kill, the_manual_lists_every_call_that_the_source_makes_and_no_other)
{
    EXPECT_LINES(
        output_of(
            WORDS("sh", "-c", "sed -n '/^[.].\" calls: /{n;s/, /\\n/g;p}' " MANUAL " | sort -u")),
        output_of(WORDS("sh", "-c",
                        "cat " SOURCE_DIR "/shim/lib/*.[ch] " SOURCE_DIR
                        "/shim/lib/*/*.[ch] | grep -o 'SYS_[a-z0-9_]*' | sed 's/SYS_//' | "
                        "grep -vx 'mmap2\\|fstat64\\|fstatfs64\\|geteuid32' | sort -u")));
}
