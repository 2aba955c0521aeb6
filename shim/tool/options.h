/*
 * options.h: the words after `redisguard`, read once. What they may be is judged here, before
 * anything runs; what a value may be, the library's own parser says (shim/lib/config.c).
 */
#ifndef REDISGUARD_TOOL_OPTIONS_H
#define REDISGUARD_TOOL_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "audit/audit.h"

enum mode { MODE_RUN, MODE_ENV, MODE_CHECK, MODE_AUDIT, MODE_TUNE };

enum env_style {
    ENV_PLAIN,   /* NAME=value */
    ENV_SYSTEMD, /* for EnvironmentFile= */
    ENV_DOCKER,  /* for --env-file, which knows no quotes */
    ENV_SH       /* export NAME='value' */
};

enum { SETTINGS_AT_MOST = 16 };

/* A variable that an option sets. */
struct setting {
    const char *variable; /* without REDISGUARD_ */
    const char *value;
};

struct options {
    enum mode mode;
    struct setting settings[SETTINGS_AT_MOST]; /* in the order of the options, each variable once */
    size_t setting_count;
    enum env_style env_style;
    enum audit_format format;
    enum audit_only only;
    bool all;        /* every network namespace */
    bool dry_run;    /* of --tune */
    bool server;     /* of --tune: server ends too */
    int max_notice;  /* s */
    int watch;       /* s between rounds of --audit and --tune; 0: one round */
    char **operands; /* the command, or the pids of --audit and --tune; ends with NULL */
};

/* Mistakes end the program with a line and status 125; --help and --version with 0. Reorders argv
 * where pids stand between options of --audit or --tune. */
struct options options_read(int argc, char *argv[]);

#endif
