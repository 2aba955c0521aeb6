/*
 * proof.h: starts a program with REDISGUARD_PROBE=1, and ends it before its main in any case.
 */
#ifndef REDISGUARD_CHECK_PROOF_H
#define REDISGUARD_CHECK_PROOF_H

#include <stdbool.h>

enum proof_end {
    PROOF_EXITED,   /* by itself, before main: status */
    PROOF_KILLED,   /* by a signal, before main: status */
    PROOF_MAIN,     /* was about to enter main: the guard was not there */
    PROOF_SECURE,   /* the kernel runs it in secure mode: the loader would drop LD_PRELOAD */
    PROOF_SILENT,   /* did neither within PROOF_SECONDS */
    PROOF_NO_EXEC,  /* execve failed: status is the error */
    PROOF_NO_FORK,  /* fork failed: status is the error. Nothing was run. */
    PROOF_FILTERED, /* a seccomp filter killed the child for ptrace(2). Nothing was run. */
    PROOF_REFUSED,  /* ptrace(2) failed: status is the error. Nothing was run. */
};

enum { PROOF_SECONDS = 10 };

struct proof {
    enum proof_end end;
    int status;
    char *out, *err; /* all that it printed */
};

/* With our own environment, in our own working directory. */
struct proof proof_run(const char *path, char *const argv[], bool is_musl);

#endif
