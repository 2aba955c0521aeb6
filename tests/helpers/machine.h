/*
 * What the suites of other machines share: the library built for one, in programs built for it,
 * must do what that of this machine does. Each suite says how a program of its machine is run, and
 * looks at the rest by itself.
 */
#ifndef REDISGUARD_TESTS_SYSTEM_MACHINE_H
#define REDISGUARD_TESTS_SYSTEM_MACHINE_H

#include "sockets.h"

struct machine {
    const char *library;
    const char *programs;      /* their directory, with a slash */
    const char *const *runner; /* the words before a program; none where the kernel runs it */
    const char *preload;       /* the variable for its environment; NULL: the runner sees to it */
};

/* The command that runs one of the machine's programs; words: its name and its arguments. */
const char *const *command_on(const struct machine *machine, const char *const words[]);

/* The guard's variables of TUNED for that server's ports; more: others, or NULL. */
const char *const *environment_on(const struct machine *machine, const struct server *server,
                                  const char *const more[]);

/* The names that its library defines or wants; which: nm's option for that. */
char *symbols_of(const char *library, const char *which);

/* Its header says that it is for this machine, and no symbol has a version. */
void expect_library_for(const struct machine *machine, const char *name);

void expect_tuned_for_good(const struct machine *machine);
void expect_children_cut_off(const struct machine *machine);
void expect_daemon_handed_over(const struct machine *machine);

/* Returns what else there was on standard error: all of it. */
char *expect_logged(const struct machine *machine);

/* programs/rebind_open opens the module without and with RTLD_DEEPBIND. */
void expect_module_guarded(const struct machine *machine, const char *who, const char *file);
void expect_modules_in_a_loop_guarded(const struct machine *machine);
void expect_no_bypass_while_opening(const struct machine *machine);

#endif
