/*
 * The memory that the guard takes, as the kernel counts the pages that a process has written to,
 * and the size of its file. cost.c counts its system calls, cost_instructions.c its instructions.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "sockets.h"

enum { RUNS = 11, MANY = 10000, KIB = 1024 };

struct memory {
    long at_first;
    long with_descriptors;
};

static int ascending(const void *one, const void *other)
{
    const struct memory *a = one;
    const struct memory *b = other;
    return (a->at_first > b->at_first) - (a->at_first < b->at_first);
}

/* Where the loader puts things is drawn for each run, and a page more or less with it: the median.
 */
static struct memory bytes_of_its_own(const char *const env[], const struct server *redis,
                                      int descriptors)
{
    struct memory runs[RUNS];
    for (int i = 0; i < RUNS; i++) {
        const char *out = printed_by(
            WORDS(PROGRAMS "cost_memory", text("%d", redis->port), text("%d", descriptors)), env);
        cr_assert(sscanf(out, "%ld %ld", &runs[i].at_first, &runs[i].with_descriptors) == 2, "%s",
                  out);
    }
    qsort(runs, RUNS, sizeof runs[0], ascending);
    return runs[RUNS / 2];
}

/* Measured: nothing. That it can be measured shows in a long list of ports. */
Test(cost_memory, idle_library_takes_at_most_two_pages_more_than_empty_preload)
{
    struct server *redis = start_redis(NULL);
    const char *const *nothing = WORDS("LD_PRELOAD=" EMPTY_PRELOAD);
    const char *const *many = WORDS("LD_PRELOAD=" LIBRARY, "REDISGUARD_PORTS=1,3,5,7,9-65535");
    long empty = bytes_of_its_own(nothing, redis, 0).at_first;
    long guard = bytes_of_its_own(guarded(redis, NULL), redis, 0).at_first;
    cr_expect(guard - empty <= 8L * KIB, "%ld - %ld", guard, empty);
    cr_expect(bytes_of_its_own(many, redis, 0).at_first - guard >= 4L * KIB);
}

static void need_descriptors(int count)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_max < (rlim_t)count)
        cr_skip_test("needs a limit of %d open files", count);
}

Test(cost_memory, each_guarded_descriptor_takes_at_most_64_bytes)
{
    need_descriptors(MANY + 20);
    struct server *redis = start_redis(NULL);
    struct memory guard = bytes_of_its_own(guarded(redis, NULL), redis, MANY);
    double each = (double)(guard.with_descriptors - guard.at_first) / MANY;
    cr_expect(each > 8 && each <= 64, "%.1f", each);
}

Test(cost_memory, stripped_library_is_at_most_64_kib)
{
    char *stripped = text("%s/stripped.so", scratch_directory());
    struct stat status = {0};
    output_of(WORDS("strip", "-o", stripped, LIBRARY));
    cr_assert(stat(stripped, &status) == 0);
    cr_expect(status.st_size > 0 && status.st_size <= 64L * KIB, "%ld", (long)status.st_size);
}
