/* What modules/rebind_changed.c offers: after its constructor, each pointer leads where its name
 * says. */
#ifndef REDISGUARD_TESTS_REBIND_CHANGED_H
#define REDISGUARD_TESTS_REBIND_CHANGED_H

#include <sys/socket.h>

struct changed {
    int (*close)(int fd);
    int (*add_4242)(int number);
    int (*none)(int fd);
    int (*dup)(int fd);
    int (*connect)(int fd, const struct sockaddr *peer, socklen_t length);
};

extern struct changed rebind_changed;

#endif
