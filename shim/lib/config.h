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

enum force { FORCE_OFF, FORCE_OURS, FORCE_TIGHTEN };
enum fork_policy { FORK_SEVER, FORK_CLOSE, FORK_OFF };
enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* Entries of PORTS. The default's ports are far apart: as bits they would take each process more
 * than the one page. */
enum { CONFIG_SHORT_LIST = 4 };

/* What a program needs without a variable set comes first: it takes the memory of one page. */
struct config {
    const char *unix_globs; /* NULL: none */
    const char *log;        /* NULL: nowhere */
    int keepidle;           /* s */
    int keepintvl;          /* s */
    int keepcnt;            /* probes */
    int user_timeout;       /* ms */
    int detect;             /* s, or UNSET */
    int force;              /* enum force */
    int reset_half_open;
    int fork; /* enum fork_policy */
    int cloexec;
    int rebind;
    int log_level; /* enum log_level */
    int strict;
    int probe;
    int trap;
    int disable;
    struct {
        uint64_t device, inode; /* 0, 0: none */
    } journal;                  /* what JOURNAL_STREAM of systemd.exec(5) names */
    int mistakes;               /* how many lines of complaint the environment was worth */
    struct {
        uint16_t first, last; /* 0, 0: none */
    } port_ranges[CONFIG_SHORT_LIST];
    bool has_long_list;  /* of ports, and so no ranges */
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

/* False in a set-user-ID program and the like (getauxval(3), AT_SECURE): whoever runs it must not
 * steer what it does with rights that are not his. Its variables are not read then. */
bool config_trusts_environment(void);

/* Is the descriptor the stream that systemd has connected to the journal? Lines that go there begin
 * with a priority, as sd-daemon(3) has it: <3> for an error to <7> for debug. */
bool config_is_journal(const struct config *config, int fd);

/* Is this one of PORTS? */
bool config_lists_port(const struct config *config, unsigned port);

/* Fills *into from an environment and writes a line on `complaints` for each mistake in it. */
void config_read(struct config *into, char *const environment[], int complaints);

/* What this variable, named without its prefix, may be: for people. NULL: there is none such. */
const char *config_allowed(const char *name);

/* Writes version and effective values, one NAME=value a line: REDISGUARD_PROBE. */
void config_print(const struct config *config, int fd);

#endif
