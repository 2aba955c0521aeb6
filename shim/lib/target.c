/*
 * target.c: is this address a Redis endpoint? See target.h. Reads the program's memory only after
 * the kernel has said that it is readable; touches nothing.
 */
#include "target.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/un.h>

#include "config.h"
#include "glob.h"
#include "kernel.h"
#include "line.h"
#include "log.h"
#include "text.h"

enum {
    PROBED_BYTES = 8, /* as many as kernel_can_read looks at */
    SMALLEST_PAGE = 4096,
};

/* The least that the kernel takes for an IPv6 address: without sin6_scope_id (RFC 2133). */
#define SHORTEST_IN6 (offsetof(struct sockaddr_in6, sin6_scope_id))

static uintptr_t page_of(uintptr_t address)
{
    return address / SMALLEST_PAGE;
}

/* Probes eight bytes forward, else the eight that end where a shorter address ends. */
static bool head_is_readable(const void *memory, size_t length)
{
    if (kernel_can_read(memory))
        return true;
    if (length < PROBED_BYTES)
        return kernel_can_read((const void *)((uintptr_t)memory + length - PROBED_BYTES));
    return false;
}

/* A sandbox may refuse the question itself; then nobody's address is looked at. */
static void warn_if_probe_blocked(void)
{
    static const uint64_t readable;
    static atomic_bool said;
    if (log_wants(LOG_LEVEL_WARN) && !kernel_can_read(&readable))
        log_warn_once(&said, "rt_sigprocmask: refused; connections go unguarded");
}

/* The rest of it: an address is smaller than a page, so that its last bytes answer for all. */
static bool rest_is_readable(const void *memory, size_t length)
{
    uintptr_t first = (uintptr_t)memory;
    uintptr_t last = first + length - PROBED_BYTES;
    return length <= PROBED_BYTES || page_of(first) == page_of(last + PROBED_BYTES - 1) ||
           kernel_can_read((const void *)last);
}

static bool is_redis_inet(const struct sockaddr *peer, struct endpoint *endpoint)
{
    struct sockaddr_in in;
    memcpy(&in, peer, PROBED_BYTES); /* family, port and address; the rest is padding */
    endpoint->family = AF_INET;
    endpoint->port = ntohs(in.sin_port);
    memcpy(endpoint->address, &in.sin_addr, sizeof in.sin_addr);
    return config_lists_port(config(), endpoint->port) && rest_is_readable(peer, sizeof in);
}

static void from_inet6(const struct sockaddr_in6 *in6, struct endpoint *endpoint)
{
    bool mapped = IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr);
    endpoint->family = mapped ? AF_INET : AF_INET6;
    endpoint->port = ntohs(in6->sin6_port);
    endpoint->scope = in6->sin6_scope_id;
    memcpy(endpoint->address, in6->sin6_addr.s6_addr + (mapped ? 12 : 0), mapped ? 4 : 16);
}

static bool is_redis_inet6(const struct sockaddr *peer, socklen_t length, struct endpoint *endpoint)
{
    struct sockaddr_in6 in6 = {.sin6_scope_id = 0};
    socklen_t known = length < sizeof in6 ? SHORTEST_IN6 : sizeof in6;
    memcpy(&in6, peer, PROBED_BYTES); /* family, port and flow label */
    if (!config_lists_port(config(), ntohs(in6.sin6_port)) || !rest_is_readable(peer, known))
        return false;
    memcpy(&in6, peer, known);
    from_inet6(&in6, endpoint);
    return true;
}

/* A path ends at its first NUL or where the address does; an abstract name begins with NUL. */
static bool is_redis_unix(const struct sockaddr *peer, socklen_t length, struct endpoint *endpoint)
{
    struct sockaddr_un un;
    if (length > sizeof un || !rest_is_readable(peer, length))
        return false;
    memcpy(&un, peer, length);
    size_t path = text_length_within(un.sun_path, length - offsetof(struct sockaddr_un, sun_path));
    endpoint->family = AF_UNIX;
    endpoint->port = 0;
    return path > 0 && config()->unix_globs != NULL &&
           glob_list_matches(config()->unix_globs, un.sun_path, path);
}

bool target_is_redis(const struct sockaddr *peer, socklen_t length, struct endpoint *endpoint)
{
    sa_family_t family;
    if (length <= sizeof family || length > sizeof(struct sockaddr_storage))
        return false;
    if (!head_is_readable(peer, length)) {
        warn_if_probe_blocked();
        return false;
    }
    memcpy(&family, peer, sizeof family); /* which may be misaligned */
    memset(endpoint, 0, sizeof *endpoint);
    endpoint->family = family;
    switch (family) {
    case AF_INET:
        return length >= sizeof(struct sockaddr_in) && is_redis_inet(peer, endpoint);
    case AF_INET6:
        return length >= SHORTEST_IN6 && is_redis_inet6(peer, length, endpoint);
    case AF_UNIX:
        return is_redis_unix(peer, length, endpoint);
    default:
        return false;
    }
}

bool target_local(int fd, struct endpoint *endpoint)
{
    struct sockaddr_in6 in6 = {.sin6_scope_id = 0};
    struct sockaddr_in in;
    memset(endpoint, 0, sizeof *endpoint);
    if (kernel_getsockname(fd, &in6, sizeof in6) < 0)
        return false;
    if (in6.sin6_family == AF_INET6) {
        from_inet6(&in6, endpoint);
        return true;
    }
    memcpy(&in, &in6, sizeof in);
    endpoint->family = AF_INET;
    endpoint->port = ntohs(in.sin_port);
    memcpy(endpoint->address, &in.sin_addr, sizeof in.sin_addr);
    return in.sin_family == AF_INET;
}

socklen_t target_sockaddr(const struct endpoint *endpoint, struct sockaddr_storage *address)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(endpoint->port)};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(endpoint->port)};
    in6.sin6_scope_id = endpoint->scope;
    memcpy(&in.sin_addr, endpoint->address, sizeof in.sin_addr);
    memcpy(&in6.sin6_addr, endpoint->address, sizeof in6.sin6_addr);
    if (endpoint->family == AF_INET6) {
        memcpy(address, &in6, sizeof in6);
        return sizeof in6;
    }
    memcpy(address, &in, sizeof in);
    return sizeof in;
}

bool target_equal(const struct endpoint *one, const struct endpoint *other)
{
    bool same = one->family == other->family && one->port == other->port;
    for (size_t i = 0; same && i < sizeof one->address; i++)
        same = one->address[i] == other->address[i];
    return same;
}

bool target_is_stream(int fd)
{
    return kernel_socket_option(fd, SO_TYPE) == SOCK_STREAM;
}

bool target_is_unused_unix(int fd)
{
    struct sockaddr_un un;
    return target_is_stream(fd) && kernel_getpeername(fd, &un, sizeof un) == -ENOTCONN &&
           kernel_socket_option(fd, SO_ACCEPTCONN) == 0;
}

static void name_path(struct target_name *name, int fd)
{
    static const char unknown[] = "a Unix-domain socket";
    struct sockaddr_un un;
    memset(&un, 0, sizeof un);
    if (kernel_getpeername(fd, &un, sizeof un) < 0 || un.sun_path[0] == '\0')
        memcpy(name->text, unknown, sizeof unknown);
    else
        memcpy(name->text, un.sun_path, sizeof un.sun_path);
    name->text[sizeof un.sun_path] = '\0';
}

/* Not in line: its kilobyte of stack is given back before the log line takes another. */
static __attribute__((noinline)) void name_address(struct target_name *name,
                                                   const struct endpoint *endpoint)
{
    struct line line = {.length = 0};
    if (endpoint->family == AF_INET6)
        line_ipv6(&line, endpoint->address);
    else
        line_ipv4(&line, endpoint->address);
    line_format(&line, ":%d", endpoint->port);
    memcpy(name->text, line.text, line.length);
    name->text[line.length] = '\0';
}

void target_name(struct target_name *name, const struct endpoint *endpoint, int fd)
{
    if (endpoint->family == AF_UNIX)
        name_path(name, fd);
    else
        name_address(name, endpoint);
}
