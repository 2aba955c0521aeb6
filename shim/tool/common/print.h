/*
 * print.h: text that somebody else chose, a path or a process's name, on standard output. Whatever
 * bytes it holds, a line stays a line, no terminal obeys it, and a JSON document stays JSON.
 */
#ifndef REDISGUARD_TOOL_PRINT_H
#define REDISGUARD_TOOL_PRINT_H

#include <stddef.h>
#include <stdio.h>

/* The bytes of the character that begins here; 0: not valid UTF-8 (RFC 3629), or a control
 * character of ASCII or of C1 (U+0080 to U+009F). */
size_t printable_length(const char *text);

/* For a terminal: a byte that is not printable becomes \xNN. */
void print_escaped(const char *text);
void print_escaped_to(FILE *stream, const char *text);

/* The same in one column a byte: it becomes '?'. */
void print_flat(const char *text);

/* As a JSON string, in its quotes. */
void print_json(const char *text);

#endif
