/*
 * The instructions that the guard adds to calls on unguarded descriptors, and to a start, counted
 * by callgrind. cost.c counts the system calls, cost_memory.c memory and file size.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sockets.h"

enum { TIMES = 1000 };

#define CALLGRIND "valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"

static long instructions_of(const char *const argv[], const char *const env[])
{
    struct outcome outcome = run_program(argv, env);
    const char *collected = strstr(outcome.err, "Collected : ");
    long count = 0;
    cr_assert(outcome.status == 0 && collected != NULL &&
                  sscanf(collected, "Collected : %ld", &count) == 1,
              "%s%s", outcome.out, outcome.err);
    return count;
}

/* All those of programs/cost_loop. */
static long instructions(const char *const env[], const char *what, int times, int port)
{
    return instructions_of(
        WORDS(CALLGRIND, PROGRAMS "cost_loop", text("%d", times), what, text("%d", port)), env);
}

/* What the guard adds to one, beyond what it adds to a program that does it once; rounded, since a
 * whole run varies by some ten, as with the place where its stack begins. */
static long added(const struct server *redis, const char *what)
{
    const char *const *env = guarded(redis, NULL);
    int port = redis->port;
    long bare = instructions(NULL, what, TIMES + 1, port) - instructions(NULL, what, 1, port);
    long with = instructions(env, what, TIMES + 1, port) - instructions(env, what, 1, port);
    cr_assert_gt(bare, TIMES, "the loop has run");
    return (with - bare + TIMES / 2) / TIMES;
}

/* Measured: 42, whatever the option. */
Test(cost_instructions, setsockopt_on_unguarded_socket_adds_at_most_50)
{
    static const char *const options[] = {"reuseaddr", "nodelay", "keepalive",   "keepidle",
                                          "keepintvl", "keepcnt", "user_timeout"};
    struct server *redis = start_redis(NULL);
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        long count = added(redis, options[i]);
        cr_expect(count > 0 && count <= 50, "%s: %ld", options[i], count);
    }
}

Test(cost_instructions, close_of_another_descriptor_adds_at_most_12)
{
    struct server *redis = start_redis(NULL);
    long count = added(redis, "close");
    cr_expect(count > 0 && count <= 12, "%ld", count);
}

Test(cost_instructions, command_to_redis_and_its_reply_add_nothing)
{
    struct server *redis = start_redis(NULL);
    cr_expect_eq(added(redis, "get"), 0);
}

/* Measured: 21,000. An empty preload is the least that any costs. */
Test(cost_instructions, start_adds_at_most_24000_to_empty_preload)
{
    const char *const *empty = WORDS("LD_PRELOAD=" EMPTY_PRELOAD);
    long least = instructions_of(WORDS(CALLGRIND, "/bin/true"), empty);
    long guard = instructions_of(WORDS(CALLGRIND, "/bin/true"), WORDS("LD_PRELOAD=" LIBRARY));
    cr_expect(guard > least && guard - least <= 24000, "%ld - %ld", guard, least);
}

/* What rebinding adds to a run of this program that is guarded. */
static long added_by_rebinding(const char *const argv[])
{
    long kept = instructions_of(argv, WORDS("LD_PRELOAD=" LIBRARY, "REDISGUARD_DEEPBIND=keep"));
    long rebound = instructions_of(argv, WORDS("LD_PRELOAD=" LIBRARY));
    cr_assert_gt(rebound, kept);
    return rebound - kept;
}

/* The modules of php8.2-common and php-redis that need no other, whatever else the machine has.
 * Measured: 8,200, in a clean Debian root too; a library built with -O0 takes 25,400. To read each
 * name in their relocations takes 126,000. PHP warns and goes on without a module that it cannot
 * load: such a run must not count. */
Test(cost_instructions, each_module_of_php_that_is_rebound_adds_at_most_16000)
{
    static const char *const modules[] = {"calendar", "ctype",   "exif",    "ffi",      "fileinfo",
                                          "ftp",      "gettext", "iconv",   "igbinary", "pdo",
                                          "phar",     "posix",   "redis",   "shmop",    "sockets",
                                          "sysvmsg",  "sysvsem", "sysvshm", "tokenizer"};
    enum { COUNT = sizeof modules / sizeof modules[0] };
    const char *argv[COUNT * 2 + 8] = {CALLGRIND, "php", "-n"};
    size_t length = 5;
    char *code = text("%s", "");
    for (int i = 0; i < COUNT; i++) {
        argv[length++] = "-d";
        argv[length++] = text("extension=%s", modules[i]);
        code = text("%sextension_loaded('%s') || exit(1); ", code, modules[i]);
    }
    argv[length++] = "-r";
    argv[length++] = code;
    long added = added_by_rebinding(argv);
    cr_expect(added / COUNT <= 16000, "%ld for %d", added, COUNT);
}

static long added_by_modules(int count)
{
    const char *argv[40] = {CALLGRIND, PROGRAMS "cost_modules"};
    for (int i = 0; i < count; i++)
        argv[i + 4] = text("%s/tests/system/modules/cost_module_%d.so", BUILD_DIR, i + 1);
    return added_by_rebinding(argv);
}

/* Each has a dependency of its own, and one that the program began with. Measured: 130,000 for ten,
 * 437,000 for thirty; where each need is looked for in all that is loaded, 1,163,000. */
Test(cost_instructions, thirtieth_module_adds_about_as_much_as_first)
{
    long ten = added_by_modules(10);
    long thirty = added_by_modules(30);
    cr_expect(thirty / 30 <= 16000, "%ld", thirty);
    cr_expect(thirty <= ten * 4, "%ld for 10, %ld for 30", ten, thirty);
}
