/*
 * unix_sockets.c: see unix_sockets.h. Knows unix_diag and nothing else.
 */
#include "machine/unix_sockets.h"

#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "machine/netlink.h"

enum { ESTABLISHED = 1 };

struct query {
    void (*take)(void *, const struct unix_socket *);
    void *context;
};

/* Without a zero byte at the end, unless bind(2) was given one; an abstract name begins with it. */
static const char *path_in(const struct nlmsghdr *message, char path[sizeof(struct sockaddr_un)])
{
    size_t size = 0;
    const char *name =
        netlink_attribute(message, sizeof(struct unix_diag_msg), UNIX_DIAG_NAME, &size);
    if (name == NULL || size == 0 || name[0] == '\0' || size >= sizeof(struct sockaddr_un))
        return NULL;
    memcpy(path, name, size);
    path[size] = '\0';
    return path;
}

static void take_message(void *context, const struct nlmsghdr *message)
{
    const struct query *query = context;
    const struct unix_diag_msg *from = NLMSG_DATA(message);
    char path[sizeof(struct sockaddr_un)];
    size_t size = 0;
    if (message->nlmsg_len < NLMSG_LENGTH(sizeof *from) || from->udiag_type != SOCK_STREAM)
        return;
    struct unix_socket socket = {.inode = from->udiag_ino, .path = path_in(message, path)};
    const void *attribute = netlink_attribute(message, sizeof *from, UNIX_DIAG_PEER, &size);
    uint32_t peer = 0;
    if (attribute != NULL && size == sizeof peer)
        memcpy(&peer, attribute, sizeof peer);
    socket.peer = peer;
    struct unix_diag_rqlen queues;
    attribute = netlink_attribute(message, sizeof *from, UNIX_DIAG_RQLEN, &size);
    if (attribute != NULL && size == sizeof queues) {
        memcpy(&queues, attribute, sizeof queues);
        socket.unread = queues.udiag_rqueue;
        socket.unacknowledged = queues.udiag_wqueue;
    }
    query->take(query->context, &socket);
}

int unix_sockets_list(void (*take)(void *context, const struct unix_socket *socket), void *context)
{
    const struct unix_diag_req request = {
        .sdiag_family = AF_UNIX,
        .udiag_states = 1U << ESTABLISHED,
        .udiag_show = UDIAG_SHOW_NAME | UDIAG_SHOW_PEER | UDIAG_SHOW_RQLEN,
    };
    const struct netlink_part part = {&request, sizeof request};
    struct query query = {take, context};
    return netlink_dump(SOCK_DIAG_BY_FAMILY, &part, 1, take_message, &query);
}
