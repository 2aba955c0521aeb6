/*
 * unix_sockets.h: the connected Unix-domain stream sockets of the network namespace that we are in,
 * from sock_diag(7). Which of them belong to Redis, the caller judges by the name.
 */
#ifndef REDISGUARD_TOOL_UNIX_SOCKETS_H
#define REDISGUARD_TOOL_UNIX_SOCKETS_H

#include <stddef.h>

struct unix_socket {
    unsigned long inode, peer; /* inode numbers; 0: no peer, or one that has not been accepted */
    const char *path;          /* that it is bound to, whatever bytes; NULL: none or abstract */
    size_t unread, unacknowledged; /* bytes; of a stream only unread is told */
};

/* path is gone when take returns. Returns 0, or an errno. */
int unix_sockets_list(void (*take)(void *context, const struct unix_socket *socket), void *context);

#endif
