/*
 * registry_threads.c: the tests of shim/lib/registry.c: threads that record at the same time, and a
 * fork that falls into the middle of it.
 */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "registry.h"
#include "unit.h"

enum { THREADS = 4, LEAF = 1024, LEAVES_AT_MOST = 64, FORKS = 200, BASE = 500 };

static int leaves;
static pthread_barrier_t together;
static atomic_bool over;
static atomic_int begun;

static void start(pthread_t threads[THREADS], void *(*body)(void *))
{
    pthread_barrier_init(&together, NULL, THREADS);
    for (intptr_t i = 0; i < THREADS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, body, (void *)i), 0);
}

static void join(pthread_t threads[THREADS])
{
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
}

/* All ask for memory for the same leaf at the same time, and set a bit in the same word. */
static void *record_in_every_leaf(void *number)
{
    int thread = (int)(intptr_t)number;
    struct endpoint endpoint = endpoint_numbered((unsigned)thread);
    for (int leaf = 0; leaf < leaves; leaf++) {
        pthread_barrier_wait(&together);
        int fd = leaf * LEAF + BASE + thread;
        registry_record(fd, registry_recorded(fd), registry_identify(fd), &endpoint);
    }
    return NULL;
}

static void copy_into_every_leaf(void)
{
    int original = socket(AF_INET, SOCK_STREAM, 0);
    allow_descriptors(BASE + THREADS);
    for (leaves = 0; leaves < LEAVES_AT_MOST; leaves++)
        for (int i = 0; i < THREADS; i++)
            if (dup2(original, leaves * LEAF + BASE + i) < 0)
                return;
}

Test(registry, concurrent_records_of_threads_are_all_kept)
{
    pthread_t threads[THREADS];
    copy_into_every_leaf();
    start(threads, record_in_every_leaf);
    join(threads);
    int fd = -1;
    for (int i = 0; i < leaves * THREADS; i++) {
        struct record found;
        struct endpoint expected = endpoint_numbered((unsigned)(i % THREADS));
        fd = registry_next(fd);
        cr_assert_eq(fd, i / THREADS * LEAF + BASE + i % THREADS);
        cr_assert(registry_holds(fd, &found));
        cr_assert(same_endpoint(&found.endpoint, &expected));
    }
    cr_assert_eq(registry_next(fd), -1);
}

static const unsigned peers[] = {0x11, 0xee}; /* no word of the one is a word of the other */

static void *record_again_and_again(void *number)
{
    int fd = BASE + (int)(intptr_t)number;
    atomic_fetch_add(&begun, 1);
    for (unsigned i = 0; !atomic_load(&over); i++) {
        struct endpoint endpoint = endpoint_numbered(peers[i % 2]);
        registry_record(fd, registry_recorded(fd), registry_identify(fd), &endpoint);
    }
    return NULL;
}

static void *renew_again_and_again(void *number)
{
    int fd = BASE + (int)(intptr_t)number;
    struct endpoint endpoint = endpoint_numbered(peers[0]);
    registry_record(fd, registry_recorded(fd), registry_identify(fd), &endpoint);
    atomic_fetch_add(&begun, 1);
    for (unsigned i = 0; !atomic_load(&over); i++) {
        endpoint = endpoint_numbered(peers[i % 2]);
        registry_renew(fd, registry_identify(fd), &endpoint);
    }
    return NULL;
}

static void expect_whole_records(void *unused)
{
    (void)unused;
    for (int fd = BASE; fd < BASE + THREADS; fd++) {
        struct record found;
        struct endpoint one = endpoint_numbered(peers[0]);
        struct endpoint other = endpoint_numbered(peers[1]);
        if (!registry_holds(fd, &found))
            continue;
        EXPECT(same_endpoint(&found.endpoint, &one) || same_endpoint(&found.endpoint, &other));
        EXPECT(found.opener == getppid());
    }
}

/* Taken off the record for the while, it would not be cut off in the child. */
static void expect_every_record(void *unused)
{
    (void)unused;
    for (int fd = BASE; fd < BASE + THREADS; fd++) {
        struct record found;
        EXPECT(registry_holds(fd, &found));
        EXPECT(found.opener == getppid());
        EXPECT(registry_tunes(fd));
    }
}

static void fork_again_and_again(void *(*beside)(void *), void (*expectation)(void *))
{
    pthread_t threads[THREADS];
    allow_descriptors(BASE + THREADS);
    int original = socket(AF_INET, SOCK_STREAM, 0);
    for (int i = 0; i < THREADS; i++)
        cr_assert_eq(dup2(original, BASE + i), BASE + i);
    start(threads, beside);
    while (atomic_load(&begun) < THREADS)
        sched_yield();
    for (int i = 0; i < FORKS; i++)
        in_child(expectation, NULL);
    atomic_store(&over, true);
    join(threads);
}

Test(registry, fork_while_other_threads_record_copies_whole_records_only)
{
    fork_again_and_again(record_again_and_again, expect_whole_records);
}

Test(registry, fork_while_other_threads_renew_finds_connections_on_record)
{
    fork_again_and_again(renew_again_and_again, expect_every_record);
}
