/*
 * command.h: which program a command ends up in: PATH, scripts and their interpreters, and programs
 * that only start another one.
 */
#ifndef REDISGUARD_CHECK_COMMAND_H
#define REDISGUARD_CHECK_COMMAND_H

#include <stdbool.h>

struct command {
    char **argv;
    char *path;          /* of the program that argv[0] names */
    bool is_interpreted; /* argv has words that a script's first line and its name have added */
    bool is_launcher;    /* path starts something that is not known */
};

/* Findings on the way, which goes on until command is an ELF program. Does to our own environment
 * what the launchers would do to theirs. False: the command cannot be run, or the guard is lost. */
bool command_follow(struct command *command);

#endif
