/*
 * fork_ring.c: the tests of shim/lib/fork_ring.c: what is added while forks are under way, and what
 * each child finds of it.
 */
#include "fork_ring.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <sys/single_threaded.h>

#include "unit.h"

enum { KEPT = 1 << 14 };

/* What libc knows, and does not tell here: the test runner has had a thread. */
static void know_of_several_threads(void)
{
    __libc_single_threaded = 0;
}

static void know_of_one_thread(void)
{
    __libc_single_threaded = 1;
}

TestSuite(fork_ring, .init = know_of_several_threads, .timeout = 10);
TestSuite(fork_ring_alone, .init = know_of_one_thread, .timeout = 10);

static unsigned count_replaced(void)
{
    int fd;
    uint64_t identity;
    unsigned nth = 0;
    while (fork_ring_next(&nth, &fd, &identity))
        ;
    return nth;
}

static void expect_replaced(unsigned *nth, int fd, uint64_t identity)
{
    int found_fd = -1;
    uint64_t found = 0;
    EXPECT(fork_ring_next(nth, &found_fd, &found));
    EXPECT(found_fd == fd && found == identity);
}

static void expect_two_and_end(void *unused)
{
    (void)unused;
    unsigned nth = 0;
    expect_replaced(&nth, 8, 81);
    expect_replaced(&nth, 7, 71);
    EXPECT(count_replaced() == 2);
    fork_ring_end(true);
    fork_ring_add(9, 91);
    EXPECT(count_replaced() == 2);
}

Test(fork_ring, child_finds_replaced_identities_latest_first)
{
    fork_ring_begin();
    fork_ring_add(7, 71);
    fork_ring_add(8, 81);
    in_child(expect_two_and_end, NULL);
    fork_ring_end(false);
}

static void expect_none(void *unused)
{
    (void)unused;
    EXPECT(count_replaced() == 0);
}

Test(fork_ring, child_finds_nothing_replaced_outside_its_fork)
{
    fork_ring_add(7, 71);
    fork_ring_begin();
    fork_ring_add(7, 72);
    fork_ring_end(false);
    fork_ring_add(7, 73);
    fork_ring_begin();
    in_child(expect_none, NULL);
    fork_ring_end(false);
}

static void *fork_once(void *unused)
{
    fork_ring_begin();
    fork_ring_end(false);
    return unused;
}

Test(fork_ring, end_of_another_threads_fork_does_not_end_this_one)
{
    pthread_t thread;
    fork_ring_begin();
    cr_assert_eq(pthread_create(&thread, NULL, fork_once, NULL), 0);
    pthread_join(thread, NULL);
    fork_ring_add(7, 71);
    cr_expect_eq(count_replaced(), 1);
    fork_ring_end(false);
}

/* What a thread of the parent had begun has no end in the child. */
static void expect_that_nobody_forks(void *unused)
{
    (void)unused;
    fork_ring_end(true);
    fork_ring_begin();
    fork_ring_end(false);
    fork_ring_add(7, 71);
    EXPECT(count_replaced() == 0);
}

static void *begin_only(void *unused)
{
    fork_ring_begin();
    return unused;
}

Test(fork_ring, forks_of_other_threads_are_not_under_way_in_child)
{
    pthread_t thread;
    cr_assert_eq(pthread_create(&thread, NULL, begin_only, NULL), 0);
    pthread_join(thread, NULL);
    fork_ring_begin();
    in_child(expect_that_nobody_forks, NULL);
    fork_ring_end(false);
}

static void expect_the_outer_one_to_go_on(void *unused)
{
    (void)unused;
    fork_ring_end(true); /* of the handler's fork; now the interrupted one is made */
    fork_ring_add(8, 81);
    unsigned nth = 0;
    expect_replaced(&nth, 8, 81);
    expect_replaced(&nth, 7, 71);
    fork_ring_end(true);
    fork_ring_add(9, 91);
    EXPECT(count_replaced() == 2);
}

Test(fork_ring, fork_in_signal_handler_keeps_start_of_outer_fork)
{
    fork_ring_begin();
    fork_ring_add(7, 71);
    fork_ring_begin();
    in_child(expect_the_outer_one_to_go_on, NULL);
    fork_ring_end(false);
    fork_ring_end(false);
}

Test(fork_ring_alone, one_thread_replaces_nothing_while_it_forks)
{
    fork_ring_begin();
    fork_ring_add(7, 71);
    cr_expect_eq(count_replaced(), 0);
    fork_ring_end(false);
}

/* As where another library's fork handler starts one. */
Test(fork_ring_alone, fork_that_began_with_one_thread_may_end_with_two)
{
    fork_ring_begin();
    know_of_several_threads();
    fork_ring_end(false);
    fork_ring_add(7, 71);
    cr_expect_eq(count_replaced(), 0);
}

Test(fork_ring, ring_keeps_latest_identities)
{
    fork_ring_begin();
    for (int i = 0; i < KEPT + 5; i++)
        fork_ring_add(i, (uint64_t)i);
    unsigned nth = 0;
    expect_replaced(&nth, KEPT + 4, KEPT + 4);
    cr_expect_eq(count_replaced(), KEPT);
    fork_ring_end(false);
}
