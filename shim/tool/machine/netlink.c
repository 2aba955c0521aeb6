/*
 * netlink.c: see netlink.h.
 */
#include "machine/netlink.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum { PARTS_AT_MOST = 4, ANSWER = 1 << 16 };

static int send_request(int netlink, unsigned short type, const struct netlink_part *parts,
                        size_t part_count)
{
    struct nlmsghdr header = {.nlmsg_len = NLMSG_LENGTH(0),
                              .nlmsg_type = type,
                              .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP};
    struct iovec pieces[1 + PARTS_AT_MOST] = {{&header, sizeof header}};
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    struct msghdr message = {.msg_name = &kernel, .msg_namelen = sizeof kernel, .msg_iov = pieces};
    message.msg_iovlen = (__typeof__(message.msg_iovlen))(1 + part_count); /* musl's is an int */
    for (size_t i = 0; i < part_count; i++) {
        pieces[1 + i] = (struct iovec){(void *)(uintptr_t)parts[i].bytes, parts[i].size};
        header.nlmsg_len += (uint32_t)parts[i].size;
    }
    return sendmsg(netlink, &message, 0) < 0 ? errno : 0;
}

/* The errno that ends the answer is in the last message, as a negative number. */
static int error_in(const struct nlmsghdr *message)
{
    int error = 0;
    if (message->nlmsg_len >= NLMSG_LENGTH(sizeof error))
        memcpy(&error, NLMSG_DATA(message), sizeof error);
    return -error;
}

static int take_answer(int netlink, unsigned short type,
                       void (*take)(void *, const struct nlmsghdr *), void *context)
{
    static _Alignas(struct nlmsghdr) char buffer[ANSWER];
    for (;;) {
        ssize_t received = recv(netlink, buffer, sizeof buffer, 0);
        if (received < 0 && errno == EINTR)
            continue;
        if (received <= 0)
            return received < 0 ? errno : EIO;
        unsigned length = (unsigned)received;
        for (const struct nlmsghdr *message = (const struct nlmsghdr *)buffer;
             NLMSG_OK(message, length); message = NLMSG_NEXT(message, length)) {
            if (message->nlmsg_type == NLMSG_DONE || message->nlmsg_type == NLMSG_ERROR)
                return error_in(message);
            if (message->nlmsg_type == type)
                take(context, message);
        }
    }
}

int netlink_dump(unsigned short type, const struct netlink_part *parts, size_t part_count,
                 void (*take)(void *context, const struct nlmsghdr *message), void *context)
{
    int netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    if (netlink < 0)
        return errno;
    int error = send_request(netlink, type, parts, part_count);
    if (error == 0)
        error = take_answer(netlink, type, take, context);
    close(netlink);
    return error;
}

/* NLA_ALIGN() and NLA_HDRLEN are signed. */
static size_t aligned(size_t size)
{
    return (size + 3) / 4 * 4;
}

const void *netlink_attribute(const struct nlmsghdr *message, size_t header, unsigned type,
                              size_t *size)
{
    const char *bytes = (const char *)message;
    struct nlattr attribute;
    for (size_t at = NLMSG_LENGTH(aligned(header)); at + sizeof attribute <= message->nlmsg_len;
         at += aligned(attribute.nla_len)) {
        memcpy(&attribute, bytes + at, sizeof attribute);
        if (attribute.nla_len < sizeof attribute || attribute.nla_len > message->nlmsg_len - at)
            return NULL;
        if ((attribute.nla_type & 0x3fff) == type) { /* NLA_TYPE_MASK */
            *size = attribute.nla_len - sizeof attribute;
            return bytes + at + sizeof attribute;
        }
    }
    return NULL;
}
