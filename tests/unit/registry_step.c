/*
 * registry_step.c: every instruction of a call into the registry, and of the guard's calls around
 * connect(2), is tried as the instant at which another thread's fork copies the memory; that fork
 * copied the descriptors earlier. For a model of the same, tests/proof/fork_registry.pml.
 *
 * The child puts the descriptors back as they were, is cut off as any child is, and judged. Or
 * another thread makes a whole call at each instruction of this one. tests/system/fork/step.c does
 * the same with whole hooks.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <sys/single_threaded.h>
#include <unistd.h>

#include "fork.h"
#include "fork_ring.h"
#include "guard.h"
#include "registry.h"
#include "step.h"
#include "unit.h"

TestSuite(registry_step, .timeout = 120);

#if defined(__x86_64__)

enum { NUMBER = 40, ANOTHER = 41, SAVED = 60, NEXT = 61 };

/* What the child may keep at the judged number: nothing that was on record, or nothing that its own
 * records still speak of. WHOLE: its descriptors are of the same instant; a record names the peer.
 */
enum rule { CUT_ALWAYS, CUT_IF_RECORDED, WHOLE };

static enum rule rule;
static int judged = NUMBER;
static uint64_t first; /* the socket behind it when the descriptors were copied */
static struct endpoint peer;

static void judge(void)
{
    struct record found;
    if (rule == WHOLE)
        _exit(registry_holds(judged, &found) && !same_endpoint(&found.endpoint, &peer) ? 1 : 0);
    if (dup2(SAVED, judged) != judged)
        _exit(2);
    bool recorded = registry_holds(judged, NULL);
    fork_sever();
    bool kept = registry_identify(judged) == first;
    _exit(kept && (rule == CUT_ALWAYS || recorded) ? 1 : 0);
}

#define EXPECT_WELL_AT_EACH_INSTRUCTION(call)                                                      \
    do {                                                                                           \
        STEP_THROUGH(call);                                                                        \
        if (step_is_child)                                                                         \
            _exit(registry_holds(judged, NULL) ? 0 : 1);                                           \
        cr_assert(step_points > 10, "%s: the processor stopped %d times", #call, step_points);     \
        cr_expect(step_bad == 0 && step_failed == 0,                                               \
                  "%s: wrong at %d of %d instructions, %d failed", #call, step_bad, step_points,   \
                  step_failed);                                                                    \
    } while (0)

static void socket_at(int number)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    cr_assert_eq(dup2(fd, number), number);
    close(fd);
}

static void put_on_record(int number)
{
    cr_assert(registry_record(number, registry_recorded(number), registry_identify(number), &peer));
}

/* Sockets at NUMBER, ANOTHER and NEXT; that at ANOTHER is on record. */
static void begin(enum rule wanted)
{
    configure(WORDS(NULL));
    __libc_single_threaded = 0;
    peer = endpoint_numbered(1);
    rule = wanted;
    socket_at(NUMBER);
    socket_at(ANOTHER);
    socket_at(NEXT);
    cr_assert_eq(dup2(NUMBER, SAVED), SAVED);
    first = registry_identify(NUMBER);
    put_on_record(ANOTHER);
    step_prepare(judge, NULL);
}

/* The one at NUMBER is on record too, and a fork has just copied the descriptors. */
static void begin_with_a_fork_under_way(void)
{
    begin(CUT_ALWAYS);
    put_on_record(NUMBER);
    fork_ring_begin();
}

Test(registry_step, recording_another_socket_at_number)
{
    begin_with_a_fork_under_way();
    dup2(NEXT, NUMBER);
    uint64_t replaced = registry_recorded(NUMBER);
    uint64_t identity = registry_identify(NUMBER);
    EXPECT_WELL_AT_EACH_INSTRUCTION(registry_record(NUMBER, replaced, identity, &peer));
}

Test(registry_step, copying_another_recorded_socket_to_number)
{
    begin_with_a_fork_under_way();
    dup2(ANOTHER, NUMBER);
    EXPECT_WELL_AT_EACH_INSTRUCTION(registry_copy(ANOTHER, NUMBER));
}

Test(registry_step, recording_the_same_socket_once_more)
{
    begin_with_a_fork_under_way();
    EXPECT_WELL_AT_EACH_INSTRUCTION(registry_record(NUMBER, first, first, &peer));
}

Test(registry_step, copying_to_another_number)
{
    begin_with_a_fork_under_way();
    dup2(NUMBER, ANOTHER);
    EXPECT_WELL_AT_EACH_INSTRUCTION(registry_copy(NUMBER, ANOTHER));
}

Test(registry_step, recording_number_for_first_time)
{
    begin(CUT_IF_RECORDED);
    EXPECT_WELL_AT_EACH_INSTRUCTION(registry_record(NUMBER, 0, first, &peer));
}

/* In a leaf that has to be allocated, where the record is the highest so far. */
Test(registry_step, recording_high_number_for_first_time)
{
    begin(CUT_IF_RECORDED);
    judged = 2500;
    allow_descriptors(judged + 1);
    cr_assert_eq(dup2(SAVED, judged), judged);
    EXPECT_WELL_AT_EACH_INSTRUCTION(registry_record(judged, 0, first, &peer));
}

Test(registry_step, replacing_twice_while_one_fork_is_under_way)
{
    begin_with_a_fork_under_way();
    dup2(NEXT, NUMBER);
    put_on_record(NUMBER);
    dup2(ANOTHER, NUMBER);
    EXPECT_WELL_AT_EACH_INSTRUCTION(registry_copy(ANOTHER, NUMBER));
}

Test(registry_step, pruning_number_after_it_was_closed)
{
    begin_with_a_fork_under_way();
    close(NUMBER);
    EXPECT_WELL_AT_EACH_INSTRUCTION(registry_prune());
}

Test(registry_step, forgetting_what_redisguard_release_names)
{
    begin_with_a_fork_under_way();
    EXPECT_WELL_AT_EACH_INSTRUCTION(registry_forget(NUMBER, first));
}

/* It may be connected again later, and the child must not share it then. */
Test(registry_step, connect_that_is_refused)
{
    begin_with_a_fork_under_way();
    struct guarded guarded = {GUARD_KNOWN, first};
    EXPECT_WELL_AT_EACH_INSTRUCTION(guard_settle(NUMBER, &peer, guarded, -1, ECONNREFUSED));
}

Test(registry_step, connect_that_dissolves_connection)
{
    begin_with_a_fork_under_way();
    EXPECT_WELL_AT_EACH_INSTRUCTION(guard_end(NUMBER, first));
}

Test(registry_step, connecting_again_at_number)
{
    begin_with_a_fork_under_way();
    dup2(NEXT, NUMBER);
    EXPECT_WELL_AT_EACH_INSTRUCTION(guard_begin(NUMBER, &peer));
}

Test(registry_step, connecting_again_the_same_socket)
{
    begin_with_a_fork_under_way();
    struct guarded guarded = {GUARD_KNOWN, first};
    EXPECT_WELL_AT_EACH_INSTRUCTION(guard_begin(NUMBER, &peer));
    EXPECT_WELL_AT_EACH_INSTRUCTION(guard_settle(NUMBER, &peer, guarded, 0, 0));
}

Test(registry_step, copying_with_guard)
{
    begin_with_a_fork_under_way();
    dup2(ANOTHER, NUMBER);
    EXPECT_WELL_AT_EACH_INSTRUCTION(guard_copy(ANOTHER, NUMBER));
}

/* A number that another socket had before is given to this one: the record is of either, or none.
 */
Test(registry_step, child_finds_whole_record_or_none)
{
    begin(WHOLE);
    put_on_record(NUMBER);
    dup2(NEXT, NUMBER);
    peer = endpoint_numbered(2);
    uint64_t replaced = registry_recorded(NUMBER);
    uint64_t identity = registry_identify(NUMBER);
    EXPECT_WELL_AT_EACH_INSTRUCTION(registry_record(NUMBER, replaced, identity, &peer));
}

Test(registry_step, beginning_of_another_fork)
{
    begin_with_a_fork_under_way();
    EXPECT_WELL_AT_EACH_INSTRUCTION(fork_prepare());
    EXPECT_WELL_AT_EACH_INSTRUCTION(fork_parent());
}

/* ---- another thread prunes, or records, at each instruction ---- */

static void record_next(void)
{
    dup2(NEXT, NUMBER);
    put_on_record(NUMBER);
}

static void copy_another(void)
{
    registry_adopt(); /* it stands for a thread of this process */
    dup2(ANOTHER, NUMBER);
    registry_copy(ANOTHER, NUMBER);
}

/* NUMBER has been closed; its record says whose it was. */
static void begin_with_a_stale_record(int socket, void (*act)(void))
{
    begin(CUT_ALWAYS);
    dup2(socket, NUMBER);
    put_on_record(NUMBER);
    close(NUMBER);
    step_prepare(NULL, act);
}

Test(registry_step, recording_while_another_thread_prunes)
{
    begin_with_a_stale_record(SAVED, registry_prune);
    dup2(NEXT, NUMBER);
    uint64_t replaced = registry_recorded(NUMBER);
    uint64_t identity = registry_identify(NUMBER);
    EXPECT_WELL_AT_EACH_INSTRUCTION(registry_record(NUMBER, replaced, identity, &peer));
}

Test(registry_step, recording_anew_while_another_thread_prunes)
{
    begin_with_a_stale_record(SAVED, registry_prune);
    registry_prune();
    dup2(NEXT, NUMBER);
    uint64_t identity = registry_identify(NUMBER);
    EXPECT_WELL_AT_EACH_INSTRUCTION(
        registry_record(NUMBER, registry_recorded(NUMBER), identity, &peer));
}

Test(registry_step, copying_while_another_thread_prunes)
{
    begin_with_a_stale_record(ANOTHER, registry_prune);
    dup2(ANOTHER, NUMBER);
    EXPECT_WELL_AT_EACH_INSTRUCTION(registry_copy(ANOTHER, NUMBER));
}

Test(registry_step, pruning_while_another_thread_records)
{
    begin_with_a_stale_record(SAVED, record_next);
    EXPECT_WELL_AT_EACH_INSTRUCTION(registry_prune());
}

Test(registry_step, pruning_while_another_thread_copies_the_same_socket_there)
{
    begin_with_a_stale_record(ANOTHER, copy_another);
    EXPECT_WELL_AT_EACH_INSTRUCTION(registry_prune());
}

#endif
