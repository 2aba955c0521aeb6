/*
 * registry_step.c: every instruction of a call into the registry, and of the guard's calls around
 * connect(2), is tried as the instant at which another thread's fork copies the memory; that fork
 * copied the descriptors earlier. For a model of the same, tests/proof/fork_registry.pml.
 *
 * With the trap flag (x86-64) the processor stops after each instruction with SIGTRAP. Its handler
 * forks by a bare system call, and the child, which puts the descriptors back as they were, is cut
 * off as any child is, and judged.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <sys/single_threaded.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fork.h"
#include "fork_ring.h"
#include "guard.h"
#include "registry.h"
#include "unit.h"

TestSuite(registry_step, .timeout = 120);

#if defined(__x86_64__)

enum { NUMBER = 40, ANOTHER = 41, SAVED = 60, NEXT = 61 };

/* What the child may keep at the judged number: nothing that was on record, or nothing that its own
 * records still speak of. */
enum rule { CUT_ALWAYS, CUT_IF_RECORDED };

static enum rule rule;
static int judged = NUMBER;
static uint64_t first; /* the socket behind it when the descriptors were copied */
static struct endpoint peer;
static volatile int points;
static volatile int shared;
static volatile int failed;

static void judge(void)
{
    if (dup2(SAVED, judged) != judged)
        _exit(2);
    bool recorded = registry_holds(judged, NULL);
    fork_sever();
    bool kept = registry_identify(judged) == first;
    _exit(kept && (rule == CUT_ALWAYS || recorded) ? 1 : 0);
}

static void fork_here(int signal)
{
    (void)signal;
    int error = errno;
    int status = 0;
    pid_t child = (pid_t)syscall(SYS_fork);
    if (child == 0)
        judge();
    waitpid(child, &status, 0);
    points++;
    if (!WIFEXITED(status) || WEXITSTATUS(status) > 1)
        failed++;
    else
        shared += WEXITSTATUS(status);
    errno = error;
}

#define TRAP_FLAG(operation)                                                                       \
    __asm__ volatile("pushfq\n\t" operation " (%%rsp)\n\tpopfq" ::: "memory", "cc")

#define EXPECT_CUT_AT_EACH_INSTRUCTION(call)                                                       \
    do {                                                                                           \
        points = shared = failed = 0;                                                              \
        TRAP_FLAG("orq $0x100,");                                                                  \
        call;                                                                                      \
        TRAP_FLAG("andq $~0x100,");                                                                \
        cr_assert(points > 10, "%s: the processor stopped %d times", #call, points);               \
        cr_expect(shared == 0 && failed == 0, "%s: shared at %d of %d instructions, %d failed",    \
                  #call, shared, points, failed);                                                  \
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
    struct sigaction action = {.sa_handler = fork_here};
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
    sigaction(SIGTRAP, &action, NULL);
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
    EXPECT_CUT_AT_EACH_INSTRUCTION(registry_record(NUMBER, replaced, identity, &peer));
}

Test(registry_step, copying_another_recorded_socket_to_number)
{
    begin_with_a_fork_under_way();
    dup2(ANOTHER, NUMBER);
    EXPECT_CUT_AT_EACH_INSTRUCTION(registry_copy(ANOTHER, NUMBER));
}

Test(registry_step, recording_the_same_socket_once_more)
{
    begin_with_a_fork_under_way();
    EXPECT_CUT_AT_EACH_INSTRUCTION(registry_record(NUMBER, first, first, &peer));
}

Test(registry_step, copying_to_another_number)
{
    begin_with_a_fork_under_way();
    dup2(NUMBER, ANOTHER);
    EXPECT_CUT_AT_EACH_INSTRUCTION(registry_copy(NUMBER, ANOTHER));
}

Test(registry_step, recording_number_for_first_time)
{
    begin(CUT_IF_RECORDED);
    EXPECT_CUT_AT_EACH_INSTRUCTION(registry_record(NUMBER, 0, first, &peer));
}

/* In a leaf that has to be allocated, where the record is the highest so far. */
Test(registry_step, recording_high_number_for_first_time)
{
    begin(CUT_IF_RECORDED);
    judged = 2500;
    allow_descriptors(judged + 1);
    cr_assert_eq(dup2(SAVED, judged), judged);
    EXPECT_CUT_AT_EACH_INSTRUCTION(registry_record(judged, 0, first, &peer));
}

Test(registry_step, replacing_twice_while_one_fork_is_under_way)
{
    begin_with_a_fork_under_way();
    dup2(NEXT, NUMBER);
    put_on_record(NUMBER);
    dup2(ANOTHER, NUMBER);
    EXPECT_CUT_AT_EACH_INSTRUCTION(registry_copy(ANOTHER, NUMBER));
}

Test(registry_step, pruning_number_after_it_was_closed)
{
    begin_with_a_fork_under_way();
    close(NUMBER);
    EXPECT_CUT_AT_EACH_INSTRUCTION(registry_prune());
}

Test(registry_step, forgetting_what_redisguard_release_names)
{
    begin_with_a_fork_under_way();
    EXPECT_CUT_AT_EACH_INSTRUCTION(registry_forget(NUMBER, first));
}

/* It may be connected again later, and the child must not share it then. */
Test(registry_step, connect_that_is_refused)
{
    begin_with_a_fork_under_way();
    struct guarded guarded = {GUARD_KNOWN, first};
    EXPECT_CUT_AT_EACH_INSTRUCTION(guard_settle(NUMBER, &peer, guarded, -1, ECONNREFUSED));
}

Test(registry_step, connect_that_dissolves_connection)
{
    begin_with_a_fork_under_way();
    EXPECT_CUT_AT_EACH_INSTRUCTION(guard_end(NUMBER, first));
}

Test(registry_step, connecting_again_at_number)
{
    begin_with_a_fork_under_way();
    dup2(NEXT, NUMBER);
    EXPECT_CUT_AT_EACH_INSTRUCTION(guard_begin(NUMBER, &peer));
}

Test(registry_step, connecting_again_the_same_socket)
{
    begin_with_a_fork_under_way();
    struct guarded guarded = {GUARD_KNOWN, first};
    EXPECT_CUT_AT_EACH_INSTRUCTION(guard_begin(NUMBER, &peer));
    EXPECT_CUT_AT_EACH_INSTRUCTION(guard_settle(NUMBER, &peer, guarded, 0, 0));
}

Test(registry_step, copying_with_guard)
{
    begin_with_a_fork_under_way();
    dup2(ANOTHER, NUMBER);
    EXPECT_CUT_AT_EACH_INSTRUCTION(guard_copy(ANOTHER, NUMBER));
}

#endif
