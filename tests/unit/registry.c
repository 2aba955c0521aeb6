/*
 * registry.c: the tests of shim/lib/registry.c: which descriptors are on record, checked against
 * real sockets whose numbers go stale.
 */
#include "registry.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fork_ring.h"
#include "unit.h"

static void default_environment(void)
{
    configure(WORDS(NULL));
}

TestSuite(registry, .init = default_environment, .timeout = 20);

static int tcp_socket(void)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    cr_assert(fd >= 0);
    return fd;
}

static bool record(int fd, unsigned number)
{
    struct endpoint endpoint = endpoint_numbered(number);
    return registry_record(fd, registry_recorded(fd), registry_identify(fd), &endpoint);
}

static bool holds(int fd, unsigned number)
{
    struct record found;
    struct endpoint expected = endpoint_numbered(number);
    return registry_holds(fd, &found) && same_endpoint(&found.endpoint, &expected);
}

static int recorded_socket(unsigned number)
{
    int fd = tcp_socket();
    cr_assert(record(fd, number));
    return fd;
}

Test(registry, recorded_socket_is_held_with_its_peer_and_its_opener)
{
    int fd = recorded_socket(1);
    struct record found;
    cr_assert(registry_holds(fd, &found));
    cr_assert(registry_holds(fd, NULL));
    cr_assert(registry_may_hold(fd));
    cr_expect(holds(fd, 1));
    cr_expect_eq(found.opener, getpid());
    cr_expect_eq(found.opened, 0, "there is no log to tell the time to");
}

Test(registry, registry_keeps_opening_time_for_log)
{
    struct timespec before;
    struct timespec after;
    struct record found;
    configure(WORDS("LOG=stderr"));
    clock_gettime(CLOCK_MONOTONIC_COARSE, &before);
    int fd = recorded_socket(1);
    clock_gettime(CLOCK_MONOTONIC_COARSE, &after);
    cr_assert(registry_holds(fd, &found));
    cr_expect(found.opened >= before.tv_sec && found.opened <= after.tv_sec);
}

Test(registry, socket_that_was_not_recorded_is_not_held)
{
    int recorded = recorded_socket(1);
    int other = tcp_socket();
    cr_expect(registry_may_hold(recorded));
    cr_expect(!registry_may_hold(other));
    cr_expect(!registry_holds(other, NULL));
    cr_expect(!registry_tunes(other));
}

Test(registry, no_number_that_cannot_be_descriptor_is_held)
{
    const int numbers[] = {-1, INT_MIN, INT_MAX, 1 << 20, 1 << 30, 1023, 1024};
    for (size_t i = 0; i < COUNT(numbers); i++) {
        registry_forget(numbers[i], registry_identify(numbers[i]));
        cr_expect(!record(numbers[i], 1), "%d", numbers[i]);
        cr_expect(!registry_may_hold(numbers[i]), "%d", numbers[i]);
        cr_expect(!registry_holds(numbers[i], NULL), "%d", numbers[i]);
        cr_expect(!registry_tunes(numbers[i]), "%d", numbers[i]);
    }
}

Test(registry, what_is_no_socket_is_not_recorded)
{
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    const int others[] = {ends[0], open("/dev/null", O_RDWR), open("/", O_PATH), open_capture()};
    for (size_t i = 0; i < COUNT(others); i++) {
        cr_expect(!record(others[i], 1));
        cr_expect(!registry_may_hold(others[i]));
    }
    cr_expect_eq(registry_next(-1), -1);
}

Test(registry, forgotten_socket_is_not_held_and_can_be_recorded_again)
{
    int fd = recorded_socket(1);
    registry_forget(fd, registry_identify(fd));
    cr_expect(!registry_may_hold(fd));
    cr_expect(!registry_holds(fd, NULL));
    cr_expect_eq(registry_next(-1), -1);
    cr_expect(record(fd, 2));
    cr_expect(holds(fd, 2));
    cr_expect_eq(registry_next(-1), fd);
}

/* Another library's constructor may connect before ours has run: a suite that adopts nothing. */
Test(registry_before_start, record_made_before_constructor_belongs_to_this_process)
{
    struct record found;
    int fd = recorded_socket(1);
    int copy = dup(fd);
    registry_copy(fd, copy);
    cr_expect(holds(copy, 1));
    cr_assert(registry_holds(fd, &found));
    cr_expect_eq(found.opener, getpid());
}

static void expect_stale(int fd)
{
    struct endpoint endpoint = endpoint_numbered(9);
    cr_expect(registry_may_hold(fd), "the kernel is not asked");
    cr_expect(!registry_holds(fd, NULL));
    cr_expect(!registry_tunes(fd));
    cr_expect(!registry_renew(fd, registry_identify(fd), &endpoint));
}

Test(registry, closed_number_is_not_held)
{
    int fd = recorded_socket(1);
    close(fd);
    expect_stale(fd);
}

Test(registry, number_that_was_reused_by_file_is_not_held)
{
    int fd = recorded_socket(1);
    close(fd);
    cr_assert_eq(open("/dev/null", O_RDWR), fd);
    expect_stale(fd);
}

Test(registry, number_that_was_reused_by_another_socket_is_not_held)
{
    int fd = recorded_socket(1);
    close(fd);
    cr_assert_eq(tcp_socket(), fd);
    expect_stale(fd);
    cr_expect(record(fd, 2), "until that is recorded itself");
    cr_expect(holds(fd, 2));
}

Test(registry, number_that_stands_for_the_same_socket_again_is_held)
{
    int fd = recorded_socket(1);
    int kept = dup(fd);
    cr_assert_eq(dup2(open("/dev/null", O_RDWR), fd), fd);
    cr_expect(!registry_holds(fd, NULL));
    cr_assert_eq(dup2(kept, fd), fd);
    cr_expect(holds(fd, 1));
}

/* What a child has when its number was closed, and connected again, after the fork had copied the
 * descriptors: they are the old ones, the records the new ones. */
struct overtaken {
    int fd, copy; /* of the first socket */
};

static void expect_the_first_on_record(void *argument)
{
    struct overtaken *overtaken = argument;
    EXPECT(dup2(overtaken->copy, overtaken->fd) == overtaken->fd);
    EXPECT(!registry_holds(overtaken->fd, NULL));
    registry_restore();
    EXPECT(registry_holds(overtaken->fd, NULL));
    EXPECT(registry_next(-1) == overtaken->fd && registry_next(overtaken->fd) == -1);
}

static void connect_again(int fd, unsigned number)
{
    int other = tcp_socket();
    cr_assert_eq(dup2(other, fd), fd);
    cr_assert(record(fd, number));
    close(other);
}

Test(registry, child_restores_record_replaced_during_its_fork)
{
    struct overtaken overtaken = {.fd = recorded_socket(1)};
    overtaken.copy = dup(overtaken.fd);
    fork_ring_begin();
    for (unsigned i = 2; i < 5; i++)
        connect_again(overtaken.fd, i);
    in_child(expect_the_first_on_record, &overtaken);
    registry_forget(overtaken.fd,
                    registry_identify(overtaken.fd)); /* as when the last of these was refused */
    in_child(expect_the_first_on_record, &overtaken);
    fork_ring_end(false);
}

static void expect_the_last_on_record(void *argument)
{
    int fd = *(int *)argument;
    registry_restore();
    EXPECT(holds(fd, 2));
}

Test(registry, child_keeps_record_replaced_before_descriptors_were_copied)
{
    int fd = recorded_socket(1);
    fork_ring_begin();
    connect_again(fd, 2);
    in_child(expect_the_last_on_record, &fd);
    fork_ring_end(false);
}

Test(registry, copy_of_guarded_descriptor_is_held_until_forgotten)
{
    int fd = recorded_socket(1);
    int copy = dup(fd);
    cr_expect(!registry_may_hold(copy));
    registry_copy(fd, copy);
    cr_expect(holds(copy, 1));
    registry_forget(fd, registry_identify(fd));
    cr_expect(holds(copy, 1));
    cr_expect(!registry_may_hold(fd));
}

Test(registry, nothing_is_copied_from_or_to_what_is_another_socket)
{
    int fd = recorded_socket(1);
    int other = tcp_socket();
    int unrecorded = dup(other);
    registry_copy(fd, other);
    registry_copy(other, unrecorded);
    registry_copy(fd, -1);
    registry_copy(-1, other);
    cr_expect(!registry_may_hold(other));
    cr_expect(!registry_may_hold(unrecorded));
    close(fd); /* a stale original */
    registry_copy(fd, other);
    cr_expect(!registry_may_hold(other));
}

static void copy_in_a_child(void *original)
{
    int fd = *(int *)original;
    int copy = dup(fd);
    registry_copy(fd, copy);
    EXPECT(!registry_may_hold(copy));
    registry_adopt();
    registry_copy(fd, copy);
    EXPECT(registry_holds(copy, NULL));
    struct record found;
    EXPECT(registry_holds(copy, &found) && found.opener == getppid());
    EXPECT(record(copy, 2) && registry_holds(copy, &found) && found.opener == getpid());
}

Test(registry, child_copies_nothing_before_records_are_its_own)
{
    int fd = recorded_socket(1);
    in_child(copy_in_a_child, &fd);
}

static void record_first_in_a_vfork_child(int fd)
{
    pid_t child = vfork(); // NOLINT(clang-analyzer-security.insecureAPI.vfork): it is in use
    if (child == 0) {
        record(fd, 1); // NOLINT(clang-analyzer-unix.Vfork)
        _exit(0);
    }
    waitpid(child, NULL, 0);
}

/* What the records are known by is then the pid of a process that is gone. */
Test(registry, copies_are_recorded_after_vfork_child_made_first_record)
{
    int fd = tcp_socket();
    record_first_in_a_vfork_child(fd);
    cr_assert(registry_holds(fd, NULL));
    int copy = dup(fd);
    registry_copy(fd, copy);
    cr_expect(registry_holds(copy, NULL));
}

Test(registry, renewed_record_has_new_peer_and_old_opener)
{
    struct record before;
    struct record after;
    struct endpoint other = endpoint_numbered(2);
    int fd = recorded_socket(1);
    cr_assert(registry_holds(fd, &before));
    cr_expect(registry_renew(fd, registry_identify(fd), &other));
    cr_expect(holds(fd, 2));
    cr_assert(registry_holds(fd, &after));
    cr_expect_eq(after.opener, before.opener);
    cr_expect_eq(after.opened, before.opened);
    registry_forget(fd, registry_identify(fd));
    cr_expect(!registry_renew(fd, registry_identify(fd), &other));
    cr_expect(!registry_may_hold(fd));
}

Test(registry, guard_owns_options_of_tcp_connections_only)
{
    struct endpoint path = {.family = AF_UNIX};
    int by_path = socket(AF_UNIX, SOCK_STREAM, 0);
    cr_assert(
        registry_record(by_path, registry_recorded(by_path), registry_identify(by_path), &path));
    cr_expect(registry_holds(by_path, NULL));
    cr_expect(!registry_tunes(by_path));
    cr_expect(registry_tunes(recorded_socket(2)));
    cr_expect(registry_tunes(recorded_socket(1)));
}

/* As high as this process may go. */
static int highest_descriptor(void)
{
    struct rlimit limit;
    allow_descriptors(1);
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    return limit.rlim_max > 1 << 20 ? (1 << 20) - 1 : (int)limit.rlim_max - 1;
}

Test(registry, high_descriptors_are_held_and_enumerated_in_order)
{
    int highest = highest_descriptor();
    int wanted[] = {60, 1023, 1024, 1025, 2047, 2048, 5000, 9999, 100000, highest};
    int expected[COUNT(wanted)];
    size_t count = 0;
    int original = tcp_socket();
    for (size_t i = 0; i < COUNT(wanted); i++)
        if (wanted[i] <= highest && (count == 0 || wanted[i] > expected[count - 1]))
            expected[count++] = wanted[i];
    for (size_t i = count; i-- > 0;) {
        cr_assert_eq(dup2(original, expected[i]), expected[i]);
        cr_expect(!registry_may_hold(expected[i]));
        cr_expect(record(expected[i], (unsigned)i));
    }
    int found = -1;
    for (size_t i = 0; i < count; i++) {
        cr_expect(holds(expected[i], (unsigned)i), "%d", expected[i]);
        found = registry_next(found);
        cr_expect_eq(found, expected[i]);
    }
    cr_expect_eq(registry_next(found), -1);
    cr_expect_eq(registry_next(INT_MAX), -1);
}

Test(registry, every_recorded_descriptor_is_enumerated_once_and_no_hole_is)
{
    enum { NUMBERS = 4096 };
    static bool recorded[NUMBERS];
    unsigned short seed[3] = {7, 77, 777}; /* always the same holes */
    int original = tcp_socket();
    allow_descriptors(NUMBERS);
    for (int fd = 100; fd < NUMBERS; fd++) {
        bool dense = fd < 300 || (fd >= 2000 && fd < 2200);
        recorded[fd] = dense || nrand48(seed) % 97 == 0;
        if (recorded[fd])
            cr_assert(dup2(original, fd) == fd && record(fd, 1));
    }
    for (int fd = 100; fd < NUMBERS; fd += 3) {
        registry_forget(fd, registry_identify(fd));
        recorded[fd] = false;
    }
    for (int after = -1; after < NUMBERS; after++) {
        int expected = after + 1;
        while (expected < NUMBERS && !recorded[expected])
            expected++;
        cr_assert_eq(registry_next(after), expected < NUMBERS ? expected : -1, "after %d", after);
    }
}

/* Kernels before 4.12 and some sandboxes know no SO_COOKIE. */
Test(registry, without_socket_cookies_sockets_are_told_apart_by_their_inodes)
{
    refuse_option(SYS_getsockopt, SOL_SOCKET, SO_COOKIE, ENOPROTOOPT);
    int fd = recorded_socket(1);
    int copy = dup(fd);
    registry_copy(fd, copy);
    cr_expect(holds(fd, 1));
    cr_expect(holds(copy, 1));
    cr_expect(!record(open("/dev/null", O_RDWR), 1));
    cr_expect(!record(4000, 1));
    close(fd);
    cr_assert_eq(tcp_socket(), fd);
    cr_expect(!registry_holds(fd, NULL));
    cr_assert_eq(dup2(open("/dev/null", O_RDWR), copy), copy);
    cr_expect(!registry_holds(copy, NULL));
}

static void record_without_fstat(void *fd)
{
    refuse_call(SYS_fstat, EPERM);
    EXPECT(record(*(int *)fd, 1));
    EXPECT(holds(*(int *)fd, 1));
}

Test(registry, with_socket_cookies_nothing_else_is_asked_of_kernel)
{
    int fd = tcp_socket();
    in_child(record_without_fstat, &fd);
}

static void record_without_memory(void *original)
{
    int first = dup2(*(int *)original, 1000);
    int second = dup2(*(int *)original, 1030);
    refuse_call(SYS_mmap, ENOMEM);
    EXPECT(record(first, 1));
    EXPECT(!record(second, 2));
    EXPECT(!registry_may_hold(second));
    EXPECT(registry_next(-1) == first && registry_next(first) == -1);
}

Test(registry, without_memory_only_first_thousand_descriptors_are_recorded)
{
    int fd = tcp_socket();
    allow_descriptors(1031);
    in_child(record_without_memory, &fd);
}
