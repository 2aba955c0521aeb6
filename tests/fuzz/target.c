/*
 * Fuzz target of shim/lib/target.c: any address that a program may give to connect(2). The input is
 * two bytes of claimed length, one byte that says at which edge of readable memory the address
 * lies, and the address. Whatever is claimed, nothing beyond readable memory is touched, the answer
 * is yes only for a listed port or path, and the name for the log reads back as the address. The
 * guard reads its configuration from the environment that LLVMFuzzerInitialize makes.
 */
#include "target.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/un.h>
#include <unistd.h>

#include "config.h"
#include "fuzz.h"
#include "glob.h"

enum { HEAD = 3, NO_DESCRIPTOR = -1, NOT_TOUCHED = 0xa5 };

static char *readable; /* one page between two that nobody may touch */
static size_t page;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    setenv(REDISGUARD_PREFIX "PORTS", "6379,7000-7005,65535", 1);
    setenv(REDISGUARD_PREFIX "UNIX", "*redis*.sock:/run/[a-c]?:/s*", 1);
    setenv(REDISGUARD_PREFIX "LOG", "stderr", 1); /* with a log the IPv6 address is read too */
    page = (size_t)sysconf(_SC_PAGESIZE);
    char *pages = mmap(NULL, 3 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    MUST(pages != MAP_FAILED);
    readable = pages + page;
    MUST(mprotect(readable, page, PROT_READ | PROT_WRITE) == 0);
    return 0;
}

/* The given bytes end where readable memory does, or begin where it begins. */
static const struct sockaddr *place(const uint8_t *bytes, size_t length, bool at_the_end)
{
    memset(readable, 0, page);
    char *at = at_the_end ? readable + page - length : readable;
    if (length > 0)
        memcpy(at, bytes, length);
    return (const struct sockaddr *)(const void *)at;
}

static void expect_a_listed_port(const struct endpoint *endpoint, in_port_t port)
{
    MUST(endpoint->port == ntohs(port));
    MUST(config_lists_port(config(), endpoint->port));
}

/* What the log calls it is what libc understands as the same address. */
static void expect_the_name_to_read_back(const struct endpoint *endpoint)
{
    struct target_name name;
    target_name(&name, endpoint, NO_DESCRIPTOR);
    MUST(strlen(name.text) < sizeof name.text);
    char *colon = strrchr(name.text, ':');
    MUST(colon != NULL && strtol(colon + 1, NULL, 10) == endpoint->port);
    bool is_ipv6 = endpoint->family == AF_INET6;
    MUST(is_ipv6 == (name.text[0] == '['));
    MUST(!is_ipv6 || colon[-1] == ']');
    colon[is_ipv6 ? -1 : 0] = '\0';
    uint8_t address[16] = {0};
    MUST(inet_pton(endpoint->family, name.text + is_ipv6, address) == 1);
    MUST(memcmp(address, endpoint->address, sizeof address) == 0);
}

/* Of these the padding need not be there: the kernel then says EFAULT. */
static void expect_an_ipv4_address(const struct endpoint *endpoint, const void *bytes)
{
    struct sockaddr_in in;
    memcpy(&in, bytes, offsetof(struct sockaddr_in, sin_zero));
    MUST(endpoint->family == AF_INET);
    MUST(memcmp(endpoint->address, &in.sin_addr, sizeof in.sin_addr) == 0);
    expect_a_listed_port(endpoint, in.sin_port);
    expect_the_name_to_read_back(endpoint);
}

static void expect_an_ipv6_address(const struct endpoint *endpoint, const void *bytes)
{
    struct sockaddr_in6 in6;
    memcpy(&in6, bytes, offsetof(struct sockaddr_in6, sin6_scope_id));
    bool mapped = IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr);
    MUST(endpoint->family == (mapped ? AF_INET : AF_INET6));
    MUST(memcmp(endpoint->address, in6.sin6_addr.s6_addr + (mapped ? 12 : 0), mapped ? 4 : 16) ==
         0);
    expect_a_listed_port(endpoint, in6.sin6_port);
    expect_the_name_to_read_back(endpoint);
}

static void expect_a_listed_path(const struct endpoint *endpoint, const void *bytes, size_t length)
{
    const char *path = (const char *)bytes + offsetof(struct sockaddr_un, sun_path);
    size_t longest = length - offsetof(struct sockaddr_un, sun_path);
    MUST(endpoint->family == AF_UNIX && endpoint->port == 0);
    MUST(path[0] != '\0' && longest <= sizeof((struct sockaddr_un *)0)->sun_path);
    MUST(glob_list_matches(config()->unix_globs, path, strnlen(path, longest)));
}

static void expect_an_endpoint_of(const struct endpoint *endpoint, const void *bytes, size_t length)
{
    sa_family_t family;
    memcpy(&family, bytes, sizeof family);
    switch (family) {
    case AF_INET:
        MUST(length >= sizeof(struct sockaddr_in));
        expect_an_ipv4_address(endpoint, bytes);
        return;
    case AF_INET6:
        MUST(length >= offsetof(struct sockaddr_in6, sin6_scope_id));
        expect_an_ipv6_address(endpoint, bytes);
        return;
    default:
        MUST(family == AF_UNIX);
        expect_a_listed_path(endpoint, bytes, length);
    }
}

/* For what is all there: must the answer be yes? */
static bool is_listed_ipv4(const void *bytes, size_t length)
{
    struct sockaddr_in in;
    if (length < sizeof in || length > sizeof(struct sockaddr_storage))
        return false;
    memcpy(&in, bytes, sizeof in);
    return in.sin_family == AF_INET && config_lists_port(config(), ntohs(in.sin_port));
}

static bool is_listed_path(const void *bytes, size_t length)
{
    struct sockaddr_un un;
    if (length <= sizeof un.sun_family || length > sizeof un)
        return false;
    memcpy(&un, bytes, length);
    size_t path = strnlen(un.sun_path, length - sizeof un.sun_family);
    return un.sun_family == AF_UNIX && path > 0 &&
           glob_list_matches(config()->unix_globs, un.sun_path, path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < HEAD || size - HEAD > page)
        return 0;
    size_t present = size - HEAD;
    bool at_the_end = (data[2] & 1) != 0;
    /* The claim is near to what is there, or any at all. */
    int claimed = data[2] & 2 ? (int)present + (int8_t)data[0] : data[0] << 8 | data[1];
    socklen_t length = data[2] & 4 ? (socklen_t)-claimed : (socklen_t)claimed;
    const struct sockaddr *peer = place(data + HEAD, present, at_the_end);

    struct endpoint endpoint;
    errno = NOT_TOUCHED;
    bool is_redis = target_is_redis(peer, length, &endpoint);
    MUST(errno == NOT_TOUCHED);
    size_t there = at_the_end ? present : page;
    if (is_redis) {
        MUST(length <= sizeof(struct sockaddr_storage));
        expect_an_endpoint_of(&endpoint, peer, length);
    } else {
        MUST(length > there || !is_listed_ipv4(peer, length));
        MUST(length > there || !is_listed_path(peer, length));
    }
    MUST(!target_is_redis(NULL, length, &endpoint));
    MUST(!target_is_redis((const struct sockaddr *)(const void *)(readable + page), length,
                          &endpoint));
    return 0;
}
