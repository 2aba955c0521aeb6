/*
 * Python's own tests, as Debian ships them, with and without the guard: what passes without must
 * pass with it. In the guarded run every TCP connection is taken for one to Redis. By default the
 * tests that spend their time waiting are left out; THIRD_PARTY_LONG=1 in the environment runs all.
 */
#include "sockets.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { MOST_WORDS = 128, SECONDS = 200, SECONDS_OF_LONG = 600 };

/* Not for these machines: they reach for devices, and some wait for ever where there are none. */
#define DEVICES                                                                                    \
    "-i", "*VSOCK*", "-i", "*Vsock*", "-i", "*CAN*", "-i", "*ISOTP*", "-i", "*RDS*", "-i",         \
        "*Alg*", "-i", "*Bluetooth*"

struct suite {
    const char *name;
    const char *const *options;   /* of the long run too */
    const char *const *shortened; /* what the short run adds */
};

static bool is_long(void)
{
    const char *wanted = getenv("THIRD_PARTY_LONG");
    return wanted && strcmp(wanted, "1") == 0;
}

/* A loopback of its own for each: two runs of the same tests stand side by side. */
static const char *const *command_of(const struct suite *suite, const char *name,
                                     const char *const more[])
{
    const char **words = calloc(MOST_WORDS + 1, sizeof *words);
    cr_assert(words, "out of memory");
    char *directory = text("%s/%s", scratch_directory(), name);
    const char *const *const lists[] = {
        WORDS("unshare", "-n", "sh", "-c", "/usr/sbin/ip link set lo up && exec \"$@\"", "sh",
              "/usr/bin/python3", "-B", "-m", "test", "--junit-xml", text("%s.xml", directory),
              "--tempdir", directory, suite->name),
        suite->options, is_long() ? NULL : suite->shortened, more};
    size_t count = 0;
    cr_assert_eq(mkdir(directory, 0755), 0);
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        for (const char *const *word = lists[i]; word && *word; word++) {
            cr_assert(count < MOST_WORDS);
            words[count++] = *word;
        }
    return words;
}

static char *log_of(const char *name)
{
    return text("%s/%s.log", scratch_directory(), name);
}

static struct program *start_suite(const struct suite *suite, const char *name,
                                   const char *const more[])
{
    bool is_bare = strcmp(name, "bare") == 0;
    return start_program(command_of(suite, name, more),
                         is_bare ? NULL
                                 : WORDS(GUARDED_EVERYWHERE, "REDISGUARD_LOG_LEVEL=debug",
                                         text("REDISGUARD_LOG=%s", log_of(name))));
}

/* A line for each test. */
static char *results_of(struct program *program, const char *name)
{
    struct outcome outcome = finish_program(program);
    struct outcome results =
        run_program(WORDS("python3", SOURCE_DIR "/tests/system/apps/third_party/results.py",
                          text("%s/%s.xml", scratch_directory(), name)),
                    NULL);
    cr_assert_eq(results.status, 0, "%s\n%s\n%s", results.err, outcome.out, outcome.err);
    return results.out;
}

/* Some are about time, and fail at times on a busy machine: alone, they must pass. */
static void expect_to_pass_alone(const struct suite *suite, const char *test)
{
    static int number;
    char *name = text("alone-%d", ++number);
    char *results = results_of(start_suite(suite, name, WORDS("-m", test)), name);
    cr_assert(strstr(results, text("%s passed\n", test)), "passes without the guard: %s\n%s", test,
              results);
}

static void expect_what_passed_to_pass(const struct suite *suite, const char *bare,
                                       const char *with_guard)
{
    static const char passed[] = " passed\n";
    char *before = text("\n%s", bare);
    char *after = text("\n%s", with_guard);
    char *line = before + 1;
    for (char *end = NULL; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        char *whole = text("\n%.*s", (int)(end + 1 - line), line);
        bool did_pass = strstr(whole, passed) != NULL;
        if (did_pass && strstr(after, whole) == NULL)
            expect_to_pass_alone(suite, text("%.*s", (int)strcspn(line, " "), line));
    }
}

static char *run_with_and_without(const struct suite *suite, int least)
{
    if (!namespaces_permitted())
        cr_skip_test("needs a network namespace: run as root, or under unshare --map-root-user");
    allow_seconds(is_long() ? SECONDS_OF_LONG : SECONDS);
    struct program *bare = start_suite(suite, "bare", NULL);
    struct program *with_guard = start_suite(suite, "guarded", NULL);
    char *without = results_of(bare, "bare");
    char *with = results_of(with_guard, "guarded");
    cr_assert_geq(lines_with(without, " passed"), least, "hardly any test passed:\n%s", without);
    cr_assert_eq(lines_with(with, ""), lines_with(without, ""), "not the same tests");
    expect_what_passed_to_pass(suite, without, with);
    return log_of("guarded");
}

Test(third_party_python, test_socket_passes)
{
    const struct suite suite = {"test_socket", WORDS(DEVICES),
                                WORDS("-i", "*imeout*", "-i", "*interrupted*")};
    char *log = content_of(run_with_and_without(&suite, 500));
    cr_assert_geq(lines_with(log, " guarded: "), 100, "the guard was not there:\n%s", log);
}

Test(third_party_python, test_os_passes)
{
    const struct suite suite = {"test_os", NULL, NULL};
    run_with_and_without(&suite, 200);
}

Test(third_party_python, test_subprocess_passes)
{
    const struct suite suite = {
        "test_subprocess", NULL,
        WORDS("-i", "*timeout*", "-i", "*_dead", "-i", "*NoPoll*", "-i", "*after_stdout_close")};
    run_with_and_without(&suite, 120);
}

Test(third_party_python, test_multiprocessing_fork_passes)
{
    const struct suite suite = {"test_multiprocessing_fork", NULL,
                                WORDS("-m", "*TestProcess.*", "-m", "*Connection*", "-m", "*Queue*",
                                      "-m", "*Remote*", "-m", "*Shared*", "-m", "*Lock*", "-m",
                                      "*Semaphore*", "-m", "*TestCloseFds*", "-m",
                                      "*BadfileDescriptor*", "-m", "*SyncManager*", "-m",
                                      "*TestValue*", "-i", "*timeout*", "-i", "*issue14725")};
    run_with_and_without(&suite, 80);
}
