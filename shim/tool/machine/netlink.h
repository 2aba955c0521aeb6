/*
 * netlink.h: one question of sock_diag(7), and each message of the answer. tcp_sockets.c and
 * unix_sockets.c ask; it concerns the network namespace that we are in.
 */
#ifndef REDISGUARD_TOOL_NETLINK_H
#define REDISGUARD_TOOL_NETLINK_H

#include <linux/netlink.h>
#include <stddef.h>

/* type: of the request and of the messages of the answer. parts: the payload of the request, in
 * pieces. Returns 0, or an errno: the kernel does not answer. take gets each message of the answer,
 * whole. */
struct netlink_part {
    const void *bytes;
    size_t size;
};
int netlink_dump(unsigned short type, const struct netlink_part *parts, size_t part_count,
                 void (*take)(void *context, const struct nlmsghdr *message), void *context);

/* The payload of the attribute of that type behind the first `header` bytes of a message's payload;
 * NULL: there is none. */
const void *netlink_attribute(const struct nlmsghdr *message, size_t header, unsigned type,
                              size_t *size);

#endif
