/*
 * answer.c: see answer.h. Reads what the program printed, line by line.
 */
#include "answer.h"

#include <stdlib.h>
#include <string.h>

#include "common/strings.h"
#include "library.h"
#include "redisguard.h"
#include "report.h"

static bool begins(const char *line, const char *start)
{
    return strncmp(line, start, strlen(start)) == 0;
}

/* The next line of *rest; NULL at its end. */
static char *take_line(char **rest)
{
    char *line = strsep(rest, "\n");
    return line == NULL || (*line == '\0' && *rest == NULL) ? NULL : line;
}

/* What PROBE printed for this variable; "" where it is unset. */
static const char *value_of(const struct proof *proof, const char *name)
{
    char *rest = xasprintf("%s", proof->out), *start = xasprintf(REDISGUARD_PREFIX "%s=", name);
    for (char *line; (line = take_line(&rest)) != NULL;)
        if (begins(line, start))
            return line + strlen(start);
    return "";
}

/* ---- what was said on standard error ---- */

/* Complaints of the library, and what glibc's loader says of LD_PRELOAD. */
static void pass_on_complaints(const struct proof *proof)
{
    char *rest = xasprintf("%s", proof->err);
    for (char *line; (line = take_line(&rest)) != NULL;)
        if (begins(line, "redisguard: "))
            warn("configuration", line + strlen("redisguard: "), "mend that variable");
        else if (begins(line, "ERROR: ld.so: "))
            warn("loader", line, "mend LD_PRELOAD");
}

static const char *last_line(const struct proof *proof)
{
    char *rest = xasprintf("%s", proof->err), *last = NULL;
    for (char *line; (line = take_line(&rest)) != NULL;)
        last = *line != '\0' ? line : last;
    return last != NULL ? last : "it said nothing";
}

/* ---- the configuration ---- */

static void judge_configuration(const struct proof *proof)
{
    if (strcmp(value_of(proof, "DISABLE"), "1") == 0)
        fail("configuration", "REDISGUARD_DISABLE=1: the guard does nothing", "unset it");
    if (strcmp(value_of(proof, "FORK"), "off") == 0)
        warn("configuration", "REDISGUARD_FORK=off: forked children share connections",
             "unset it, unless they are meant to");
    if (strcmp(value_of(proof, "TRAP"), "1") == 0)
        warn("configuration", "REDISGUARD_TRAP=1: connections made before a fork are refused",
             "unset it when the search is over");
    if (strcmp(value_of(proof, "DEEPBIND"), "keep") == 0)
        warn("configuration",
             "REDISGUARD_DEEPBIND=keep: modules loaded with RTLD_DEEPBIND, as PHP before 8.5 does "
             "with its extensions, are not guarded",
             "unset it");
}

static void describe_guard(const struct proof *proof, const char *version)
{
    ok("guard", xasprintf("%s, loaded and asked before main: TCP ports %s; Unix sockets %s",
                          version, value_of(proof, "PORTS"), value_of(proof, "UNIX")));
    ok("keepalive", xasprintf("KEEPIDLE %s s, KEEPINTVL %s s, KEEPCNT %s, USER_TIMEOUT %s ms",
                              value_of(proof, "KEEPIDLE"), value_of(proof, "KEEPINTVL"),
                              value_of(proof, "KEEPCNT"), value_of(proof, "USER_TIMEOUT")));
}

/* ---- the end ---- */

static void judge_exit(const struct proof *proof, const char *about)
{
    char *rest = xasprintf("%s", proof->out);
    const char *first = take_line(&rest);
    if (proof->status == REDISGUARD_EXIT_STRICT && strstr(proof->err, "redisguard: ") != NULL) {
        fail("configuration", "REDISGUARD_STRICT=1 ends the program for what is said above",
             "mend those variables");
    } else if (proof->status != 0 || first == NULL || !begins(first, "redisguard ")) {
        fail(about,
             xasprintf("it ended before main with status %d: %s", proof->status, last_line(proof)),
             "see whether it starts without the guard; if it does, install the library again");
    } else {
        describe_guard(proof, first + strlen("redisguard "));
        if (strcmp(first, "redisguard " REDISGUARD_VERSION) != 0)
            warn("library", "it is of another version than this check, " REDISGUARD_VERSION,
                 "install both together");
        judge_configuration(proof);
    }
}

void answer_judge(const struct proof *proof, const char *about)
{
    const char *error = strerror(proof->status);
    pass_on_complaints(proof);
    switch (proof->end) {
    case PROOF_EXITED:
        judge_exit(proof, about);
        break;
    case PROOF_KILLED:
        fail(about,
             xasprintf("signal %d ended it before main: %s", proof->status, last_line(proof)),
             "see whether it starts without the guard; if it does, install the library again");
        break;
    case PROOF_MAIN:
        fail(about, "its loader did not load the library; it was stopped before main",
             "install the library again; LD_PRELOAD=LIBRARY ldd PROGRAM shows whether its loader "
             "takes it");
        break;
    case PROOF_SECURE:
        if (library_is_global())
            warn(about,
                 "the kernel runs it in secure mode: " GLOBAL_PRELOAD
                 " loads the library, which reads no variable there",
                 "check that the defaults suit it");
        else
            fail(about, "the kernel runs it in secure mode: its loader drops LD_PRELOAD",
                 "see which rule gives it privileges: SELinux, AppArmor");
        break;
    case PROOF_SILENT:
        fail(about, xasprintf("it did not come to the guard within %d s", PROOF_SECONDS),
             "a library that it needs waits for something at start: see which");
        break;
    case PROOF_NO_EXEC:
        fail(about, xasprintf("it cannot be executed: %s", error), "install it again");
        break;
    case PROOF_NO_FORK:
        fail(about, xasprintf("not proven: no process can be started: %s", error),
             "raise the limit of processes (ulimit -u; systemd: TasksMax=)");
        break;
    case PROOF_FILTERED:
        fail(about,
             "not proven: ptrace(2), which stops it before main, is killed by a system call filter",
             "systemd: SystemCallFilter=@debug for the check, or check without the filter");
        break;
    case PROOF_REFUSED:
        fail(about,
             xasprintf("not proven: ptrace(2), which stops it before main, is refused: %s", error),
             "check where ptrace is allowed (docker run --cap-add SYS_PTRACE)");
        break;
    }
}
