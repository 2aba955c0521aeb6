/*
 * library_path.h: where libredisguard.so is: beside this program, else where `make install` puts
 * it. Never in the working directory, and never in PATH.
 */
#ifndef REDISGUARD_TOOL_LIBRARY_PATH_H
#define REDISGUARD_TOOL_LIBRARY_PATH_H

#include <limits.h>
#include <stdbool.h>

struct library_path {
    char path[PATH_MAX];
    bool is_found; /* false: path is the last place that was looked at */
};

struct library_path library_path_find(void);

/* What LD_PRELOAD shall hold, in the same struct; mistakes end the program with status 125. */
struct library_path library_path_to_preload(void);

#endif
