/*
 * processes.h: every process and the sockets behind its descriptors, from one walk through /proc.
 * A descriptor is seen in whichever network namespace its socket is.
 */
#ifndef REDISGUARD_TOOL_PROCESSES_H
#define REDISGUARD_TOOL_PROCESSES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct socket_descriptor {
    pid_t pid;
    pid_t task; /* through whose /proc/TASK/fd it can be looked at */
    int fd;
    unsigned long inode;
};

struct processes_visitor {
    void *context;
    void (*process)(void *context, pid_t pid); /* before its sockets; NULL: not asked for */
    void (*socket)(void *context, const struct socket_descriptor *descriptor);
};

/* What we may not see: never "nothing is there". */
struct processes_unseen {
    size_t count;     /* processes whose descriptors, or some of them, we have no right to see */
    size_t protected; /* the same, though we have every right: a security module's, say */
    bool hidden;      /* /proc, with hidepid, does not even tell which processes there are */
};

/* Of this process alone. False: it holds something that we may not see. */
bool processes_visit_one(const struct processes_visitor *visitor, pid_t pid);

struct processes_unseen processes_visit(const struct processes_visitor *visitor);

/* The inode of the socket behind this descriptor now; 0: none. */
unsigned long processes_socket_at(pid_t task, int fd);

#endif
