/*
 * target.c: the tests of shim/lib/target.c: which addresses, as given to connect(2), are Redis.
 */
#include "target.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/un.h>
#include <unistd.h>

#include "unit.h"

/* With a log: without one, no more of an address is read than the decision needs. */
static void default_environment(void)
{
    configure(WORDS("LOG=stderr"));
}

TestSuite(target, .init = default_environment, .timeout = 10);

static struct sockaddr_in ipv4(const char *address, unsigned port)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    cr_assert_eq(inet_pton(AF_INET, address, &in.sin_addr), 1);
    return in;
}

static struct sockaddr_in6 ipv6(const char *address, unsigned port)
{
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    cr_assert_eq(inet_pton(AF_INET6, address, &in6.sin6_addr), 1);
    return in6;
}

static bool is_redis(const void *address, size_t length)
{
    struct endpoint endpoint;
    return target_is_redis(address, (socklen_t)length, &endpoint);
}

/* A path without its NUL, as connect(2) allows. */
static bool is_redis_path(const char *path, size_t length)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    memcpy(un.sun_path, path, length);
    memset(un.sun_path + length, '!', sizeof un.sun_path - length); /* is not part of it */
    return is_redis(&un, offsetof(struct sockaddr_un, sun_path) + length);
}

Test(target, ipv4_address_with_listed_port_is_redis_and_no_other_is)
{
    const struct {
        unsigned port;
        bool expected;
    } cases[] = {{6379, true},  {6380, true},   {26379, true}, {6378, false},
                 {6381, false}, {26380, false}, {0, false},    {65535, false},
                 {60184, false} /* 6379 with its bytes swapped */};
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct sockaddr_in in = ipv4("10.1.2.3", cases[i].port);
        struct sockaddr_in6 in6 = ipv6("2001:db8::1", cases[i].port);
        cr_expect_eq(is_redis(&in, sizeof in), cases[i].expected, "port %u", cases[i].port);
        cr_expect_eq(is_redis(&in6, sizeof in6), cases[i].expected, "port %u", cases[i].port);
    }
}

Test(target, without_log_decision_is_the_same)
{
    configure(WORDS(NULL));
    struct sockaddr_in in = ipv4("10.1.2.3", 6379);
    struct sockaddr_in6 in6 = ipv6("2001:db8::1", 6379);
    struct sockaddr_in6 other = ipv6("2001:db8::1", 6378);
    cr_expect(is_redis(&in, sizeof in));
    cr_expect(is_redis(&in6, sizeof in6));
    cr_expect(!is_redis(&other, sizeof other));
    cr_expect(!is_redis((const void *)-1, sizeof in6));
}

Test(target, first_and_last_port_can_be_listed)
{
    configure(WORDS("PORTS=1,65535"));
    struct sockaddr_in first = ipv4("10.1.2.3", 1);
    struct sockaddr_in last = ipv4("10.1.2.3", 65535);
    struct sockaddr_in zero = ipv4("10.1.2.3", 0);
    cr_expect(is_redis(&first, sizeof first));
    cr_expect(is_redis(&last, sizeof last));
    cr_expect(!is_redis(&zero, sizeof zero));
}

static void expect_endpoint(const void *address, size_t length, struct endpoint expected)
{
    struct endpoint endpoint;
    memset(&endpoint, 0x55, sizeof endpoint);
    cr_assert(target_is_redis(address, (socklen_t)length, &endpoint));
    cr_expect_eq(endpoint.family, expected.family);
    cr_expect_eq(endpoint.port, expected.port);
    cr_expect_arr_eq(endpoint.address, expected.address, sizeof endpoint.address);
}

Test(target, endpoint_holds_family_port_and_address)
{
    struct sockaddr_in in = ipv4("10.1.2.3", 6380);
    struct sockaddr_in6 in6 = ipv6("2001:db8::1", 26379);
    struct sockaddr_in6 mapped = ipv6("::ffff:10.1.2.3", 6379);
    struct sockaddr_un un = {.sun_family = AF_UNIX, .sun_path = "/run/redis.sock"};
    expect_endpoint(&in, sizeof in,
                    (struct endpoint){.family = AF_INET, .port = 6380, .address = {10, 1, 2, 3}});
    expect_endpoint(&in6, sizeof in6,
                    (struct endpoint){.family = AF_INET6,
                                      .port = 26379,
                                      .address = {0x20, 1, 0xd, 0xb8, [15] = 1}});
    expect_endpoint(&mapped, sizeof mapped,
                    (struct endpoint){.family = AF_INET, .port = 6379, .address = {10, 1, 2, 3}});
    expect_endpoint(&un, sizeof un, (struct endpoint){.family = AF_UNIX});
}

/* What the kernel itself takes: 16 bytes for IPv4, 24 for IPv6, never more than 128. */
Test(target, address_of_length_that_kernel_refuses_is_not_redis)
{
    struct sockaddr_storage room;
    memset(&room, 0, sizeof room);
    struct sockaddr_in in = ipv4("127.0.0.1", 6379);
    memcpy(&room, &in, sizeof in);
    for (size_t length = 0; length <= sizeof room; length++)
        cr_expect_eq(is_redis(&room, length), length >= 16, "IPv4, %zu bytes", length);
    struct sockaddr_in6 in6 = ipv6("::1", 6379);
    memcpy(&room, &in6, sizeof in6);
    for (size_t length = 0; length <= sizeof room; length++)
        cr_expect_eq(is_redis(&room, length), length >= 24, "IPv6, %zu bytes", length);
    const socklen_t huge[] = {sizeof room + 1, 1 << 20, INT32_MAX, UINT32_MAX};
    for (size_t i = 0; i < COUNT(huge); i++)
        cr_expect(!is_redis(&room, huge[i]), "%u bytes", huge[i]);
}

Test(target, address_of_another_family_is_not_redis)
{
    for (int family = 0; family < 64; family++) {
        struct sockaddr_in6 in6 = ipv6("::1", 6379);
        in6.sin6_family = (sa_family_t)family;
        cr_expect_eq(is_redis(&in6, sizeof in6), family == AF_INET || family == AF_INET6,
                     "family %d", family);
    }
}

/* A page of memory that can be read, between two that cannot; returns where it ends. */
static char *border(void)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *pages = mmap(NULL, 3 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    cr_assert(pages != MAP_FAILED);
    cr_assert_eq(mprotect(pages + page, page, PROT_READ | PROT_WRITE), 0);
    return pages + 2 * page;
}

Test(target, short_address_at_either_edge_of_readable_memory_is_read)
{
    configure(WORDS("UNIX=r*"));
    const struct sockaddr_un un = {.sun_family = AF_UNIX, .sun_path = "redis"};
    char *end = border();
    char *start = end - sysconf(_SC_PAGESIZE);
    for (size_t length = 3; length <= 8; length++) {
        cr_expect(is_redis(memcpy(start, &un, length), length), "%zu at the start", length);
        cr_expect(is_redis(memcpy(end - length, &un, length), length), "%zu at the end", length);
    }
}

Test(target, address_that_ends_where_readable_memory_ends_is_read)
{
    char *end = border();
    struct sockaddr_in in = ipv4("127.0.0.1", 6379);
    struct sockaddr_in6 in6 = ipv6("::1", 6379);
    struct sockaddr_un un = {.sun_family = AF_UNIX, .sun_path = "/run/redis.sock"};
    size_t path_end = offsetof(struct sockaddr_un, sun_path) + strlen(un.sun_path);
    cr_expect(is_redis(memcpy(end - sizeof in, &in, sizeof in), sizeof in));
    cr_expect(is_redis(memcpy(end - sizeof in6, &in6, sizeof in6), sizeof in6));
    cr_expect(is_redis(memcpy(end - 24, &in6, 24), 24));
    cr_expect(is_redis(memcpy(end - sizeof un, &un, sizeof un), sizeof un));
    cr_expect(is_redis(memcpy(end - path_end, &un, path_end), path_end));
}

Test(target, address_that_goes_on_into_unreadable_memory_is_not_read)
{
    char *end = border();
    struct sockaddr_in6 in6 = ipv6("::1", 6379);
    struct sockaddr_un un = {.sun_family = AF_UNIX, .sun_path = "/run/redis.sock"};
    for (size_t readable = 0; readable < sizeof in6; readable++)
        cr_expect(!is_redis(memcpy(end - readable, &in6, readable), sizeof in6) || readable >= 24,
                  "IPv6, %zu bytes", readable);
    for (size_t readable = 0; readable < sizeof un; readable++)
        cr_expect(!is_redis(memcpy(end - readable, &un, readable), sizeof un), "path, %zu bytes",
                  readable);
    struct sockaddr_in in = ipv4("127.0.0.1", 6379);
    for (size_t readable = 0; readable < 8; readable++)
        cr_expect(!is_redis(memcpy(end - readable, &in, readable), sizeof in), "IPv4, %zu bytes",
                  readable);
}

Test(target, pointer_to_nowhere_is_not_read)
{
    const uintptr_t nowhere[] = {1, 4095, UINTPTR_MAX, UINTPTR_MAX - 15, UINTPTR_MAX / 2 + 1};
    for (size_t i = 0; i < COUNT(nowhere); i++)
        for (size_t length = 0; length <= 128; length += 8)
            cr_expect(!is_redis((const void *)nowhere[i], length), "%zx", (size_t)nowhere[i]);
}

Test(target, null_pointer_is_not_read)
{
    for (size_t length = 0; length <= 128; length += 8)
        cr_expect(!is_redis(NULL, length));
}

Test(target, reading_address_keeps_signal_mask_and_errno)
{
    sigset_t before;
    sigset_t after;
    struct sockaddr_in6 in6 = ipv6("::1", 6379);
    memset(&in6.sin6_addr, 0xff, sizeof in6.sin6_addr); /* were it taken for a mask: all signals */
    sigprocmask(SIG_BLOCK, NULL, &before);
    errno = 4321;
    is_redis(&in6, sizeof in6);
    is_redis((const void *)-1, sizeof in6);
    int error = errno;
    sigprocmask(SIG_BLOCK, NULL, &after);
    cr_expect_eq(error, 4321);
    for (int number = 1; number < NSIG; number++)
        cr_expect_eq(sigismember(&before, number), sigismember(&after, number), "%d", number);
}

Test(target, path_is_matched_up_to_its_nul_or_to_end_of_address)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX, .sun_path = "/run/redis.sock\0.old"};
    cr_expect(is_redis(&un, sizeof un));
    cr_expect(is_redis_path("/run/redis.sock", 15));
    cr_expect(!is_redis_path("/run/redis.sock", 14));
    cr_expect(!is_redis_path("/run/php-fpm.sock", 17));
    cr_expect(!is_redis_path("", 0));
}

Test(target, path_may_fill_whole_address)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    memset(un.sun_path, 'r', sizeof un.sun_path);
    memcpy(un.sun_path, "/redis", 6);
    memcpy(un.sun_path + sizeof un.sun_path - 5, ".sock", 5);
    cr_expect(is_redis(&un, sizeof un));
    cr_expect(!is_redis(&un, sizeof un + 1), "the kernel takes no longer one");
}

Test(target, abstract_name_is_never_redis)
{
    configure(WORDS("UNIX=*"));
    cr_expect(is_redis_path("/run/redis.sock", 15));
    cr_expect(!is_redis_path("\0/run/redis.sock", 16));
}

Test(target, path_of_single_byte_can_be_redis)
{
    configure(WORDS("UNIX=r"));
    struct sockaddr_un un = {.sun_family = AF_UNIX, .sun_path = "r"};
    cr_expect(is_redis(&un, sizeof un));
    cr_expect(is_redis_path("r", 1));
}

Test(target, only_stream_sockets_count_as_streams)
{
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    cr_expect(target_is_stream(socket(AF_INET, SOCK_STREAM, 0)));
    cr_expect(target_is_stream(socket(AF_UNIX, SOCK_STREAM, 0)));
    cr_expect(!target_is_stream(socket(AF_INET, SOCK_DGRAM, 0)));
    cr_expect(!target_is_stream(socket(AF_UNIX, SOCK_SEQPACKET, 0)));
    cr_expect(!target_is_stream(ends[0]));
    cr_expect(!target_is_stream(-1));
}

static const char *description(const struct endpoint *endpoint, int fd)
{
    struct target_name name;
    target_name(&name, endpoint, fd);
    return text("%s", name.text);
}

static const char *description_of(const void *address, size_t length)
{
    struct endpoint endpoint;
    cr_assert(target_is_redis(address, (socklen_t)length, &endpoint));
    return description(&endpoint, -1);
}

Test(target, tcp_peer_is_described_by_address_and_port)
{
    struct sockaddr_in in = ipv4("192.168.0.10", 6379);
    struct sockaddr_in6 in6 = ipv6("2001:db8::1:0:0:1", 26379);
    struct sockaddr_in6 mapped = ipv6("::ffff:10.1.2.3", 6380);
    cr_expect_str_eq(description_of(&in, sizeof in), "192.168.0.10:6379");
    cr_expect_str_eq(description_of(&in6, sizeof in6), "[2001:db8::1:0:0:1]:26379");
    cr_expect_str_eq(description_of(&mapped, sizeof mapped), "10.1.2.3:6380");
}

/* A socket that is connected to a listener bound to this address. */
static int connected_to(const struct sockaddr_un *un, socklen_t length)
{
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    int client = socket(AF_UNIX, SOCK_STREAM, 0);
    cr_assert_eq(bind(listener, (const struct sockaddr *)un, length), 0);
    cr_assert_eq(listen(listener, 1), 0);
    cr_assert_eq(connect(client, (const struct sockaddr *)un, length), 0);
    return client;
}

Test(target, unix_peer_is_described_by_path_that_kernel_knows)
{
    const struct endpoint endpoint = {.family = AF_UNIX};
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    const char *path = text("%s/redis.sock", scratch_directory());
    strcpy(un.sun_path, path);
    cr_expect_str_eq(description(&endpoint, connected_to(&un, sizeof un)), path);
    struct sockaddr_un abstract = {.sun_family = AF_UNIX};
    snprintf(abstract.sun_path + 1, 100, "redisguard-unit-%d", getpid());
    cr_expect_str_eq(description(&endpoint, connected_to(&abstract, sizeof abstract)),
                     "a Unix-domain socket");
    cr_expect_str_eq(description(&endpoint, socket(AF_UNIX, SOCK_STREAM, 0)),
                     "a Unix-domain socket");
}
