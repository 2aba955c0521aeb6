/*
 * unit.h: what the unit tests share: an environment of REDISGUARD_ variables, connections on the
 * loopback, forked children that report, text that was written, and a kernel that refuses.
 *
 * A step that goes wrong in here fails the test by itself, so callers check nothing. Criterion runs
 * each test in a process of its own: what a test changes about its process ends with it.
 */
#ifndef REDISGUARD_TESTS_UNIT_H
#define REDISGUARD_TESTS_UNIT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "config.h"
#include "files.h"
#include "target.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* The part again and again, up to a length. */
char *repeated(const char *part, size_t length);

/* ---- settings: NAME=value without the prefix ---- */

/* What an environment was worth to config_read: of whole entries, or of settings. */
struct reading {
    struct config config;
    char *complaints;
};
struct reading *read_entries(const char *const entries[]);
struct reading *read_settings(const char *const settings[]);
struct reading *read_setting(const char *name, const char *value);

/*
 * Replaces every REDISGUARD_ variable of this process by these. It counts only before
 * anything has called config(): the environment is read once.
 */
void configure(const char *const settings[]);

/* ---- text that was written ---- */

/* A file without a name, empty and never full, and all that was written to it so far. */
int open_capture(void);
char *captured(int capture);

/* Puts a capture in the place of stderr. */
int capture_stderr(void);

/* Sets REDISGUARD_LOG and puts a capture in the place of stderr, which it returns. */
int start_log(const char *where);

/* Logs a line of level info; is such a line among these? */
void log_line(const char *words);
bool log_says(const char *lines, const char *words);

/* ---- sockets ---- */

struct connection {
    int client;
    int server;
};

/* Two connected ends on 127.0.0.1 or ::1; skips the test where the machine has no such address. */
struct connection connect_on_loopback(int family);

/* The word goes from one end to the other, alone: nothing else was there before it. */
bool carries(int from, int to, const char *word);

/* Some endpoint, of which every field follows from the number. */
struct endpoint endpoint_numbered(unsigned number);
bool same_endpoint(const struct endpoint *one, const struct endpoint *other);

/* ---- processes and descriptors ---- */

/*
 * Runs the body in a forked child and waits for it. What EXPECT finds wrong in there, and an end by
 * a signal, fails the test; what is in this file can be used there, Criterion's own assertions not.
 * The child is killed when the test process ends before it.
 */
void in_child(void (*body)(void *argument), void *argument);
pid_t start_child(void (*body)(void *argument), void *argument);
void finish_child(pid_t child);
#define EXPECT(condition) ((condition) ? (void)0 : report_wrong(__FILE__, __LINE__, #condition))
void report_wrong(const char *file, int line, const char *condition);

bool is_open(int fd);
int open_descriptors(void);        /* how many, of the first 4,096 */
void allow_descriptors(int count); /* as many at least, or the test is skipped */
void limit_descriptors(int soft, int hard);
void take_every_descriptor(void);

/*
 * From here on this process and its children are refused a system call with this error; or only
 * where the call's second and third argument are these, such as an option's level and name.
 */
void refuse_call(int call, int error);
void refuse_option(int call, int level, int name, int error);

#endif
