/*
 * What the suites about `redisguard --check` share: commands checked, and the verdict held against
 * what really happens when the command runs under the guard.
 */
#ifndef REDISGUARD_TESTS_SYSTEM_CHECK_H
#define REDISGUARD_TESTS_SYSTEM_CHECK_H

#include "support.h"

/* programs/check_main.c as the Makefile builds it; and built by this compiler with these options.
 */
#define CHECK_MAIN BUILD_DIR "/tests/system/programs/check_main"
char *check_main_built(const char *compiler, const char *const options[]);

/* The program and its library in a directory of the test's own, which everybody may read.
 * Returns the wrapper's path. library: what to take for the library; NULL: none. */
char *installed(const char *directory, const char *library);

/* `wrapper --check -- argv`, which must exit 0 or 1 and agree with its own last word. */
struct outcome checked_by(const char *wrapper, const char *const argv[], const char *const env[]);

/* Its findings hold a line of this level with these words, and its exit status is this. */
void expect_finding(struct outcome outcome, int status, const char *level, const char *words);

/* WRAPPER finds this in the command. */
void expect_check(const char *const argv[], int status, const char *level, const char *words);

/* The same for a command that ends in check_main: under the wrapper it must print "guarded" if the
 * check says that the guard works, else "unguarded". */
void expect_true_check(const char *const argv[], int status, const char *level, const char *words);

/* The command as another user would run it; skips the test unless this is root. */
const char *const *as_nobody(const char *const argv[]);

/* Words, then more words. */
const char *const *joined_words(const char *const words[], const char *const more[]);

#endif
