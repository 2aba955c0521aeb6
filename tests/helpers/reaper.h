/* See reaper.c. Called by support.c and files.c. */
#ifndef REDISGUARD_TESTS_REAPER_H
#define REDISGUARD_TESTS_REAPER_H

#include <sys/types.h>

/* What a reaper tells about its program: first that it runs, then how it ended (waitid(2)). */
struct report {
    pid_t pid;
    int code;
    int status;
};

struct reaper {
    pid_t pid;
    int control; /* reports come out of it; shutdown(SHUT_WR): end everything now */
};

/* run is called in the child that is to become the program, and must not return. */
struct reaper keep_program(void (*run)(void *), void *argument);

/* The tree below the directory is removed when the test process has ended. */
void keep_directory(const char *directory);

#endif
