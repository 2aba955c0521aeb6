/*
 * complain.h: a line on standard error, and the exit status of redisguard's own failures.
 */
#ifndef REDISGUARD_TOOL_COMPLAIN_H
#define REDISGUARD_TOOL_COMPLAIN_H

#include <stdio.h>
#include <stdlib.h>

/* As env(1) has them. */
enum { EXIT_FAILED = 125, EXIT_CANNOT_EXECUTE = 126, EXIT_NOT_FOUND = 127 };

/* These are macros, since only with a literal format can the compiler see the arguments fit. */
#define complain(...)                                                                              \
    (fputs("redisguard: ", stderr), fprintf(stderr, __VA_ARGS__), (void)fputc('\n', stderr))
#define give_up(...) (complain(__VA_ARGS__), exit(EXIT_FAILED))

#endif
