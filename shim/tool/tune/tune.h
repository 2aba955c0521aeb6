/*
 * tune.h: `redisguard --tune` sets the guard's times on the connections of running processes.
 */
#ifndef REDISGUARD_TOOL_TUNE_H
#define REDISGUARD_TOOL_TUNE_H

#include <stdbool.h>

struct tune_request {
    char **pids; /* whose connections; none: of everybody in the network namespace */
    bool all;    /* of every network namespace */
    bool dry_run;
    bool server; /* also the connections that a local server has accepted */
    int watch;   /* s between rounds; 0: one round */
};

/* Returns the exit status: 0, 1 where something could not be tuned, 125. */
int tune_connections(const struct tune_request *request);

#endif
