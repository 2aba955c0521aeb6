/*
 * scm_rights.h: a copy of a descriptor that no hook sees, unix(7).
 */
#ifndef REDISGUARD_TESTS_SCM_RIGHTS_H
#define REDISGUARD_TESTS_SCM_RIGHTS_H

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Sends it to oneself, by SCM_RIGHTS. Returns the copy, or -1. */
static inline int sent_to_oneself(int fd)
{
    int pair[2];
    int copy = -1;
    char byte = 0;
    char control[CMSG_SPACE(sizeof fd)] = {0};
    struct iovec data = {&byte, 1};
    struct msghdr message = {.msg_iov = &data,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof control};
    struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(rights), &fd, sizeof fd);
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
        return -1;
    if (sendmsg(pair[0], &message, 0) == 1 && recvmsg(pair[1], &message, 0) == 1)
        memcpy(&copy, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof copy);
    close(pair[0]);
    close(pair[1]);
    return copy;
}

#endif
