/*
 * run.h: becomes the command.
 */
#ifndef REDISGUARD_TOOL_RUN_H
#define REDISGUARD_TOOL_RUN_H

/* Looks the command up in PATH, as env(1) does. Comes back only when it cannot be executed, with
 * the exit status that says so. */
int run_command(char *const argv[], char *const environment[]);

#endif
