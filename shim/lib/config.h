/*
 * config.h: the environment, read once, as one const struct.
 *
 * Every other file asks config() and nobody else reads the environment. A bad value is reported in
 * one line on stderr and replaced by its default; the program goes on.
 */
#ifndef CONFIG_H
#define CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "redisguard.h"

enum fork_policy { FORK_SEVER, FORK_CLOSE, FORK_OFF };
enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* What a program needs without a variable set comes first: it takes the memory of one page. */
struct config {
    const char *unix_globs; /* NULL: none */
    const char *log;        /* NULL: nowhere */
    int keepidle;           /* s */
    int keepintvl;          /* s */
    int keepcnt;            /* probes */
    int user_timeout;       /* ms */
    int detect;             /* s, or UNSET */
    int force;
    int fork; /* enum fork_policy */
    int cloexec;
    int rebind;
    int log_level; /* enum log_level */
    int strict;
    int probe;
    int trap;
    int disable;
    int mistakes;        /* how many lines of complaint the environment was worth */
    uint8_t ports[8192]; /* one bit a port */
    char given_unix_globs[REDISGUARD_UNIX_LENGTH + 1];
    char given_log[REDISGUARD_LOG_LENGTH + 1];
};

/*
 * The configuration of this process. Reads the environment on first use; while another thread, or
 * the function that a signal handler interrupted, is still reading it, the answer is a
 * configuration that guards nothing.
 */
const struct config *config(void);

/* Is this one of PORTS? */
bool config_lists_port(const struct config *config, unsigned port);

/* Fills *into from an environment and writes a line on `complaints` for each mistake in it. */
void config_read(struct config *into, char *const environment[], int complaints);

/* What this variable, named without its prefix, may be: for people. NULL: there is none such. */
const char *config_allowed(const char *name);

/* Writes version and effective values, one NAME=value a line: REDISGUARD_PROBE. */
void config_print(const struct config *config, int fd);

#endif
