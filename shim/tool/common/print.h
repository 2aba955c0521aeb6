/*
 * print.h: text that somebody else chose, a path or a process's name, on standard output. Whatever
 * bytes it holds, a line stays a line, no terminal obeys it, and a JSON document stays JSON.
 */
#ifndef REDISGUARD_TOOL_PRINT_H
#define REDISGUARD_TOOL_PRINT_H

#include <stdio.h>

/* For a terminal, as the library's log has it (utf8.h): \x1b, and two backslashes for one. */
void print_escaped(const char *text);
void print_escaped_to(FILE *stream, const char *text);

/* The same in one column a byte: it becomes '?'. */
void print_flat(const char *text);

/* As a JSON string, in its quotes. */
void print_json(const char *text);

/* The time, in quotes, as in the library's log: "2026-11-22T03:31:00Z". */
void print_now(void);

#endif
